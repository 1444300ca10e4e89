"""The sky of the experiments: that of configs/demo.py, which two cores learn in minutes.

config.sky.settings.update({**CALM, "frames": 16})

All targets have an SNR of 4 or more: dimmer ones would neither be labelled nor detected in four
frames.
"""

from configs import demo

_DEMO = demo.get_config().sky.settings.to_dict()
CALM = {**_DEMO, "snr": (4.0, 15.0)}
