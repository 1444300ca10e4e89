"""The whole job in minutes on two CPU cores: a small, calm sky and a narrow network.

    make demo

The network sees differential images and the motion evidence of 8 consecutive frames: the light of a
dim target in all of them, summed along straight paths. F1..F4 are 2 frames apart, so that slow
targets move too. There are many short sequences, because a network learns more from different
clouds than from more frames of the same ones. Compared with the simulator's defaults the camera is
steadier, the clouds are fainter, targets are more frequent and interference is rarer. The training
sequences hold more interference than the others: from as few birds, a network learns to take them
for targets. Targets move at half a pixel per frame or more: stationary ones are visible neither in
differential images nor in the sums along paths, and need config.model.input = "sequence".
"""

from configs import default


def get_config():
    """Return the default with fewer and shorter sequences and DarkNet-19 at half width."""
    config = default.get_config()
    config.data.stride = 2
    config.sky.sequences = {"train": 64, "val": 8, "test": 8, "new": 0}
    config.sky.settings.frames = 24
    config.sky.settings.targets_per_frame = 10.0
    config.sky.settings.speed_px = (0.5, 6.0)
    config.sky.settings.interference_per_frame = 1.0
    config.sky.training.interference_per_frame = 4.0
    config.sky.settings.cloud_counts = (150.0, 400.0)
    config.sky.settings.drift_px = (0.0, 0.1)
    config.sky.settings.pan_px = 0.05
    config.sky.settings.jitter_px = (0.01, 0.05)
    config.chips.chip_px = 64
    config.chips.frame_step = 4
    config.model.input = "difference+evidence"
    config.model.width = 0.5
    config.loss.location_weight = 10.0  # with 1 an error of a pixel, 1/8 cell, hardly counts
    config.training.epochs = 18
    config.training.batch_size = 64
    config.training.learning_rate = 3e-3
    return config
