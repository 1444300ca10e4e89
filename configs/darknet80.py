"""The paper's run: DarkNet-19 on 80x80x4 chips of the simulated sky.

    python main.py --config=configs/darknet80.py --workdir=runs/darknet80
    python main.py --config=configs/darknet80.py:paper --workdir=runs/darknet80   # rate 1e-6

About 90,000 chips and 100 epochs: for a GPU. The progress bar shows the time left of each epoch.
"""

from configs import default


def get_config(settings: str = ""):
    """Return the default configuration, with the paper's learning rate if settings are "paper"."""
    config = default.get_config()
    if settings == "paper":
        config.training.optimizer = "adam"
        config.training.learning_rate = 1e-6
    elif settings:
        raise ValueError(f"configs/darknet80.py:{settings}: append :paper or nothing.")
    return config
