"""The default sky at the demo's size: clouds, drift, jitter, standing targets and interference.

    python main.py --config=configs/sky.py --workdir=runs/sky

Harder than configs/demo.py, whose sky is calm: the clouds have sharper contrasts and drift, the
camera pans and jitters, targets may stand still, and there are two interferences in each frame to
eight targets; ten in the training sequences, more of them birds, so that interference can be
learnt: a bird is taken for a target in frame after frame. Targets that hardly move within 8 frames
are shown by a second window of 22 frames.
"""

from configs import demo
from dimjax.sky import SkyConfig


def get_config():
    """Return the demo's configuration with the default sky."""
    config = demo.get_config()
    calm = ("speed_px", "cloud_counts", "drift_px", "pan_px", "jitter_px", "interference_per_frame")
    settings = SkyConfig()._asdict()
    config.sky.settings.update({name: settings[name] for name in calm})
    config.sky.settings.targets_per_frame = 8.0
    config.sky.training.interference_per_frame = 10.0
    config.sky.training.birds = 0.28
    config.evidence.slow_stride = 3
    return config
