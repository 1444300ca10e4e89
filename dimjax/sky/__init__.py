"""The sky: simulated infrared sequences with their truth.

`simulate` renders one sequence: drifting clouds, a moving camera, targets, interference and the
noise of a focal plane. `write_folder` writes a data folder of sequences with truth and with the
labels of a careless annotator. `simulate_signal` renders the objects of a sequence alone,
`signal_of` those of a sequence in such a folder. `implants` and `implant_files` add such objects to
real sequences.

    frames, truth = simulate(SkyConfig(frames=50), seed=0)      # [50, 512, 640] uint16, a table
    write_folder("data/sky", SkyConfig(), {"train": 20, "val": 5}, 0, ErrorRates())
"""

from dimjax.sky.folder import check_same_sky, signal_of, write_folder
from dimjax.sky.rendering import Signal, simulate, simulate_signal
from dimjax.sky.settings import VERSION, SkyConfig

__all__ = [
    "VERSION",
    "Signal",
    "SkyConfig",
    "check_same_sky",
    "signal_of",
    "simulate",
    "simulate_signal",
    "write_folder",
]
