"""Real clips: aircraft, helicopters and drones (targets) and birds (interference), 320x256, 8 bit.

    python main.py --config=configs/drone_ir.py --config.data.folder=DIR --workdir=runs/drone_ir

DIR is a folder like drone-ir: videos/*.mp4, labels/NAME.csv, splits/train.txt and val.txt. The
clips of val.txt are the test split of this run, on which results are reported. 15 % of the training
clips are its validation split, on which the thresholds are chosen.
"""

import os

from ml_collections import config_dict

from configs import default
from dimjax.data.presets import PRESETS


def get_config():
    """Return the default for raw frames 8 apart: differences do not show hovering drones."""
    config = default.get_config()
    config.data.folder = os.path.join(os.environ.get("DIMJAX_DATA", "../shared/data"), "drone-ir")
    config.data.layout = config_dict.ConfigDict(PRESETS["drone-ir"]._asdict())
    config.data.layout.splits = {"train": "splits/train.txt", "test": "splits/val.txt"}
    config.data.stride = 8
    config.chips.chip_px = 64
    config.chips.frame_step = 4
    config.chips.backgrounds_per_label = 1.5
    config.model.input = "sequence"
    config.model.width = 0.5
    config.training.epochs = 8
    config.training.batch_size = 64
    config.training.noise = 10.0  # the codec removed the noise; other cameras have some
    config.training.learning_rate = 3e-3
    config.detection.match_px = 6.0
    config.detection.suppress_px = 8.0
    return config
