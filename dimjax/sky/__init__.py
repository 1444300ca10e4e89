"""The sky: simulated infrared sequences with truth, and a careless annotator's labels of them.

frames, truth = simulate(Sky(frames=50), seed=0)
labels, errors = annotate(truth, lambda name: frames, ErrorRates(position=0.05), rng)
write_folder("data/sky", Sky(), {"train": 20, "val": 5}, seed=0, error_rates=ErrorRates())
"""

from dimjax.label_noise.annotator import ErrorRates, annotate
from dimjax.sky.folder import write_folder
from dimjax.sky.rendering import simulate
from dimjax.sky.settings import VERSION, Sky

__all__ = ["VERSION", "ErrorRates", "Sky", "annotate", "simulate", "write_folder"]
