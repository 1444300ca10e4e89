"""Real clips: aircraft, helicopters and drones (targets) and birds (interference), 320x256.

python main.py --config=configs/drone_ir.py --config.data.folder=PATH/TO/drone-ir \
        --config.data.folder=PATH/TO/drone-ir
"""

from ml_collections import config_dict

from configs import default
from dimjax.layouts import DRONE_IR


def get_config():
    """Chips of 64 px from every 8th frame; F1..F4 lie 8 frames apart, since drones hover."""
    config = default.get_config()
    config.data.folder = "../shared/data/drone-ir"
    config.data.stride = 8
    config.data.layout = config_dict.ConfigDict(DRONE_IR._asdict())
    config.data.layout.splits = {"train": "splits/train.txt", "test": "splits/val.txt"}
    config.chips.chip_px = 64
    config.chips.frame_step = 8
    config.model.width = 0.25
    config.detection.match_px = 6.0
    return config
