"""Label noise: wrong labels of known kinds, made from right ones.

`annotate` simulates a careless annotator: it makes the labels of a simulated sky from its truth.
`planting` puts errors of the same kinds into labels before a training, so that the search for
errors can be calibrated. `clutter` places false labels. It does not load JAX.

    labels, errors = annotate(truth, frames_of, ErrorRates(position=0.05), rng)
    planted = planting.plant(labels, frames_of, share=0.02, rng=rng)
    trained = planting.apply(labels, planted)
"""

from dimjax.label_noise.annotator import ErrorRates, annotate, check_rates

__all__ = ["ErrorRates", "annotate", "check_rates"]
