"""The whole job in minutes on two CPU cores: a small sky, a narrow network.

make demo
"""

from configs import default


def get_config():
    """The default with fewer sequences and a narrow DarkNet-19."""
    config = default.get_config()
    config.sky.sequences = {"train": 24, "val": 3, "test": 4, "new": 0}
    config.sky.settings.frames = 32
    config.sky.settings.targets_per_frame = 6.0
    config.chips.chip_px = 64
    config.chips.frame_step = 2
    config.model.width = 0.25
    config.training.epochs = 12
    config.training.batch_size = 64
    config.training.learning_rate = 3e-3
    return config
