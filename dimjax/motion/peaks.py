"""Peaks of evidence maps: positions, strengths and signs of possible targets.

peaks = find_peaks(evidence, count=300)                 # of one map [H, W, C]
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dimjax.motion.filtering import box_mean, to_pixels

_RADIUS_PX = 5  # two peaks of a map are farther apart than this, along x or y
_BLOCK_PX = 8
_BLOCKS = 3  # side of the box of the local mean, blocks
_NOISE_MEAN = 2.75  # mean of a map without targets or clouds, noise sigmas
_MAX_SIGMAS = 5.0  # values are clipped to this in the local mean
_SMOOTHING = 0.05  # weight of the mean of neighbours, which breaks ties
_CENTROID_PX = 2  # the centroid extends this far to each side of a peak, pixels
_CENTROID_FLOOR = 3.5  # subtracted from the weights of the centroid, noise sigmas


class Peaks(NamedTuple):
    """Strongest peaks of a map, by falling strength."""

    x: jax.Array  # [N] pixels
    y: jax.Array  # [N] pixels
    strength: jax.Array  # [N] noise sigmas; 0 or less is no peak
    sign: jax.Array  # [N] int8, 1 bright or -1 dark


def normalized(evidence):
    """Subtract the excess of the local mean over that of noise from both signs [H, W, 2]."""
    signs = jnp.moveaxis(evidence[..., :2], -1, 0)
    mean = box_mean(jnp.minimum(signs, _MAX_SIGMAS), _BLOCK_PX, _BLOCKS)
    mean = to_pixels(mean, _BLOCK_PX, *signs.shape[-2:])
    return jnp.moveaxis(signs - jnp.maximum(mean - _NOISE_MEAN, 0), 0, -1)


@partial(jax.jit, static_argnames="count")
def find_peaks(evidence, count: int) -> Peaks:
    """Find the strongest local maxima of an evidence map [H, W, C], bright or dark.

    Args:
      evidence: Map from evidence_of.
      count: Number of peaks, N; at most H * W.
    """
    height, width = evidence.shape[:2]
    bright, dark = jnp.moveaxis(normalized(evidence), -1, 0)
    strongest = jnp.maximum(bright, dark)
    value = _smoothed(strongest)
    maximum, size = value, 2 * _RADIUS_PX + 1
    for window in ((size, 1), (1, size)):
        maximum = lax.reduce_window(maximum, -jnp.inf, lax.max, window, (1, 1), "SAME")
    strength, index = lax.top_k(jnp.where(value >= maximum, strongest, 0).ravel(), count)
    row, column = index // width, index % width
    # Of equal values within the radius of each other, the first one is the peak.
    within = jnp.maximum(*(jnp.abs(v[:, None] - v) for v in (row, column))) <= _RADIUS_PX
    duplicate = jnp.any(jnp.tril(within, -1), axis=1)
    dx, dy = _centroids(strongest, row, column)
    sign = jnp.where(bright >= dark, 1, -1).astype(jnp.int8)[row, column]
    return Peaks(column + 0.5 + dx, row + 0.5 + dy, jnp.where(duplicate, 0, strength), sign)


def _smoothed(values):
    padded = jnp.pad(values, 1, mode="edge")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    both = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    return (1 - _SMOOTHING) * values + _SMOOTHING * both


def _centroids(values, row, column):
    """Compute the displacement x, y [N] from each pixel to the centroid around it."""
    offsets = np.arange(-_CENTROID_PX, _CENTROID_PX + 1)
    padded = jnp.pad(values, _CENTROID_PX)
    rows = row[:, None, None] + _CENTROID_PX + offsets[:, None]
    columns = column[:, None, None] + _CENTROID_PX + offsets
    weight = jnp.maximum(padded[rows, columns] - _CENTROID_FLOOR, 1e-6)
    total = weight.sum(axis=(1, 2))
    return (weight.sum(axis=1) @ offsets) / total, (weight.sum(axis=2) @ offsets) / total
