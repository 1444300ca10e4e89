"""Scores of detections from the network's score and the motion evidence around them.

A network that has seen few sequences does not use the evidence at its inputs as well as a detector
could that thresholds the evidence itself. Therefore each category has a logistic model of both:

    ln(p / (1 - p)) = intercept + slope * ln(s / (1 - s)) + weight * min(e, 9)

with the network's score s and the strength e of the evidence, the largest sum along a path within
3 pixels in noise sigmas. It is fitted on sequences that the network was not trained on, so p is
the probability that a detection is true among all those with a score of at least 0.01.

    description["rescoring"] = fit_rescoring(score, strength, is_true)      # of one category
    rescored(scores, strength, coefficients)
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.special import logit

MIN_SCORE = 0.01  # weaker detections are useless, and there would be one in every cell
MAX_STRENGTH = 9.0  # noise sigmas; above, only the network tells objects from clutter
EPSILON = 1e-6  # scores are kept this far from 0 and 1
REACH_PX = 3

# The model before any label is seen, which keeps the network's scores, and its sigmas.
_UNCHANGED = (0.0, 1.0, 0.0)
_SPREAD = (2.0, 0.5, 0.5)
_LOWEST = (None, 0.1, 0.0)  # a detection with a stronger signal is not less probable


def fit_rescoring(score: np.ndarray, strength: np.ndarray, is_true: np.ndarray) -> list[float]:
    """Fit intercept, slope and weight to detections that are known to be true or false.

    Args:
      score: [D] scores of the network, 0 to 1.
      strength: [D] motion evidence around them, noise sigmas.
      is_true: [D] bool.
    """
    from dimjax.tracks import fit_logistic  # loads pandas, which the benchmark of a GPU may lack

    x = logit(np.clip(np.asarray(score, float), EPSILON, 1 - EPSILON))
    features = np.stack([np.ones_like(x), x, np.minimum(strength, MAX_STRENGTH)], axis=-1)
    return fit_logistic(features, is_true, _UNCHANGED, _SPREAD, _LOWEST)


def rescored(score: jax.Array, strength: jax.Array, coefficients: Sequence) -> jax.Array:
    """Compute the probabilities of detections [...]; 0 for scores below MIN_SCORE.

    Args:
      score: [...] scores of the network, 0 to 1.
      strength: [...] motion evidence around them, noise sigmas.
      coefficients: Intercept, slope and weight, numbers or [...].
    """
    intercept, slope, weight = coefficients
    odds = jnp.clip(score, EPSILON, 1 - EPSILON)
    odds = jnp.log(odds / (1 - odds))
    value = intercept + slope * odds + weight * jnp.minimum(strength, MAX_STRENGTH)
    return jnp.where(score >= MIN_SCORE, jax.nn.sigmoid(value), 0.0)


def strength_at(evidence: jax.Array, xy: jax.Array) -> jax.Array:
    """Find the largest sum along a path, of a bright or a dark target, within 3 pixels [B, N].

    Args:
      evidence: [B, H, W, 4] motion evidence, noise sigmas.
      xy: [B, N, 2] positions in pixels; those outside count as on the border.
    """
    height, width = evidence.shape[1:3]
    sums = jnp.maximum(evidence[..., 0], evidence[..., 1]).astype(jnp.float32)
    size = 2 * REACH_PX + 1
    sums = lax.reduce_window(sums, -jnp.inf, lax.max, (1, size, size), (1, 1, 1), "SAME")
    column, row = jnp.moveaxis(jnp.floor(xy).astype(jnp.int32), -1, 0)
    index = jnp.clip(row, 0, height - 1) * width + jnp.clip(column, 0, width - 1)
    return jnp.take_along_axis(sums.reshape(sums.shape[0], -1), index, axis=1, mode="clip")
