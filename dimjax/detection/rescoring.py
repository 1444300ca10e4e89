"""Scores of detections from the network's scores, the motion evidence and the clutter around them.

A network that has seen few sequences does not use the evidence at its inputs as well as a detector
could that thresholds the evidence itself, and its scores are too high where clouds have many sharp
edges. Therefore each category c has a logistic model:

    ln(p_c / (1 - p_c)) = w_c . (1, L(s_t), L(s_i), min(e, 9), m - 4.2, d - 0.4)

with the log odds L of the network's scores of a target and of interference, and the strength e of
the evidence, the largest sum along a path within 3 pixels in noise sigmas. The clutter is measured
by the largest sums in cells of 8 pixels: m and d are their mean and their standard deviation in
the 13x13 cells around the detection. The models are fitted on sequences that the network was not
trained on. So p_c is the probability that a detection is one of category c, among all with a score
of at least 0.01, and a detection gets the category whose probability is higher.

    signals = signals_of(scores, surroundings(evidence), xy)        # [B, N, 5], SIGNALS
    weights = fit_rescoring(signals, is_true, "target")             # of one category
    probability = probabilities(signals, [weights, others])         # [B, N, 2]
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

SIGNALS = ("target_score", "interference_score", "strength", "clutter", "clutter_spread")
MIN_SCORE = 0.01  # weaker detections are useless, and there would be one in every cell
MAX_STRENGTH = 9.0  # noise sigmas; above, only the network tells objects from clutter
EPSILON = 1e-6  # scores are kept this far from 0 and 1
REACH_PX = 3
CELL_PX, CELLS = 8, 13  # of the clutter: side of a cell, and of the box around, cells
# Clutter and its spread where there is only noise, and the ranges to which they are limited.
CALM = (4.2, 0.4)
CLUTTER_RANGE, SPREAD_RANGE = (3.0, 7.0), (0.0, 2.0)

_SPREAD = (2.0, 0.5, 0.5, 0.5, 3.0, 3.0)  # sigmas of the prior of the weights
_MIN_SLOPE = 0.1  # a detection with a higher score of its category is not less probable


def fit_rescoring(signals: np.ndarray, is_true: np.ndarray, category: str) -> list[float]:
    """Fit the weights of a category to detections that are known to be true or false.

    Args:
      signals: [D, 5], see SIGNALS.
      is_true: [D] bool.
      category: "target" or "interference". A target with stronger evidence is not less probable.
    """
    from dimjax.tracks import fit_logistic  # loads pandas, which the benchmark of a GPU may lack

    own = SIGNALS.index(f"{category}_score") + 1
    default, lowest = np.eye(len(_SPREAD))[own], [None] * len(_SPREAD)  # keeps the network's score
    lowest[own] = _MIN_SLOPE
    if category == "target":
        lowest[SIGNALS.index("strength") + 1] = 0.0
    features = np.asarray(_features(jnp.asarray(signals, jnp.float32)), float)
    return fit_logistic(features, is_true, default, _SPREAD, lowest)


def probabilities(signals: jax.Array, weights: Sequence[Sequence[float]]) -> jax.Array:
    """Compute the probabilities of both categories [..., 2].

    Args:
      signals: [..., 5], see SIGNALS.
      weights: [2][6] weights of both categories.

    Returns:
      [..., 2]; 0 if the network gives neither category a score of MIN_SCORE.
    """
    odds = _features(signals) @ jnp.asarray(weights, jnp.float32).T
    enough = signals[..., :2].max(axis=-1, keepdims=True) >= MIN_SCORE
    return jnp.where(enough, jax.nn.sigmoid(odds), 0.0)


def signals_of(scores: jax.Array, around: jax.Array | None, xy: jax.Array) -> jax.Array:
    """Collect the signals of detections [B, N, 5].

    Args:
      scores: [B, N, 2] scores of the network.
      around: [B, H, W, 3] from surroundings; None if there is no evidence, whose signals are 0.
      xy: [B, N, 2] positions in pixels; those outside count as on the border.
    """
    if around is None:
        return jnp.pad(scores, ((0, 0), (0, 0), (0, 3)))
    height, width = around.shape[1:3]
    column, row = jnp.moveaxis(jnp.floor(xy).astype(jnp.int32), -1, 0)
    index = jnp.clip(row, 0, height - 1) * width + jnp.clip(column, 0, width - 1)
    flat = around.reshape(around.shape[0], -1, 3)
    return jnp.concatenate(
        [scores, jnp.take_along_axis(flat, index[..., None], axis=1, mode="clip")], axis=-1
    )


def surroundings(evidence: jax.Array) -> jax.Array:
    """Compute strength, clutter and its spread at each pixel [B, H, W, 3].

    Args:
      evidence: [B, H, W, C] motion evidence, noise sigmas. The sums of slow targets do not count.
    """
    from dimjax.motion.filtering import block_max, box_mean, to_pixels  # loads pandas, too

    sums = jnp.maximum(evidence[..., 0], evidence[..., 1]).astype(jnp.float32)
    reach = (1, *[2 * REACH_PX + 1] * 2)
    strength = lax.reduce_window(sums, -jnp.inf, lax.max, reach, (1, 1, 1), "SAME")
    cells = block_max(sums, CELL_PX)
    mean, square = (box_mean(values, 1, CELLS) for values in (cells, cells**2))
    spread = jnp.sqrt(jnp.maximum(square - mean**2, 0))
    clutter = (to_pixels(values, CELL_PX, *sums.shape[1:]) for values in (mean, spread))
    return jnp.stack([strength, *clutter], axis=-1)


def _features(signals: jax.Array) -> jax.Array:
    """Transform signals [..., 5] to the features of the logistic models [..., 6]."""
    scores = jnp.clip(signals[..., :2], EPSILON, 1 - EPSILON)
    odds = jnp.log(scores / (1 - scores))
    strength = jnp.minimum(signals[..., 2:3], MAX_STRENGTH)
    clutter = jnp.clip(signals[..., 3:4], *CLUTTER_RANGE) - CALM[0]
    spread = jnp.clip(signals[..., 4:5], *SPREAD_RANGE) - CALM[1]
    return jnp.concatenate([jnp.ones_like(strength), odds, strength, clutter, spread], axis=-1)
