"""The paper's run: DarkNet-19 on 80x80x4 chips of the simulated sky.

    python main.py --config=configs/darknet80.py --workdir=runs/darknet80
    python main.py --config=configs/darknet80.py:paper --workdir=runs/darknet80   # rate 1e-6

About 90,000 chips and 100 epochs: for a GPU. After its first steps the program says what it will
take.
"""

from configs import default


def get_config(settings: str = ""):
    """The default is this run; ":paper" takes the paper's learning rate."""
    config = default.get_config()
    if settings == "paper":
        config.training.optimizer = "adam"
        config.training.learning_rate = 1e-6
    elif settings:
        raise ValueError(f"configs/darknet80.py:{settings}: use nothing or :paper behind it.")
    return config
