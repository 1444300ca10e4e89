"""Real clips: aircraft, helicopters and drones (targets) and birds (interference), 320x256.

    python main.py --config=configs/drone_ir.py --config.data.folder=PATH/TO/drone-ir \
        --workdir=runs/drone_ir
"""

from configs import default


def get_config():
    """Chips of 64 px from every 8th frame; F1..F4 lie 8 frames apart, since drones hover."""
    config = default.get_config()
    config.data.folder = "../shared/data/drone-ir"
    config.data.stride = 8
    config.data.layout.sequences = "videos/*.mp4"
    config.data.layout.labels = "labels/{sequence}.csv"
    config.data.layout.label_format = "boxes"
    config.data.layout.category = {"IR_BIRD_*": "interference", "*": "target"}
    config.data.layout.surplus_rows = "drop"
    config.data.layout.splits = {"train": "splits/train.txt", "test": "splits/val.txt"}
    config.chips.chip_px = 64
    config.chips.frame_step = 8
    config.model.width = 0.25
    config.detection.match_px = 6.0
    return config
