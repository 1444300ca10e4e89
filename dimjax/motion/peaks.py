"""Peaks of evidence maps: places, strengths and signs of what may be targets.

peaks = find_peaks(evidence, count=300)                 # of one map [H, W, 3]
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_RADIUS_PX = 5  # between two peaks of a map there are more than that, along x or y
_BLOCK_PX = 8
_BLOCKS = 3  # side of the box of the local mean of a map, blocks
_NOISE_MEAN = 2.75  # of a map without targets or clouds, noise sigmas
_MAX_SIGMAS = 5.0  # a value counts with this at most in the local mean
_SMOOTHING = 0.05  # share of the mean of neighbours that decides between equal values
_CENTROID_PX = 2  # reach of the centroid round a peak to each side, pixels
_CENTROID_FLOOR = 3.5  # subtracted from the values that the centroid weighs, noise sigmas


class Peaks(NamedTuple):
    """The strongest peaks of a map, by falling strength."""

    x: jax.Array  # [N] pixels
    y: jax.Array  # [N] pixels
    strength: jax.Array  # [N] noise sigmas; 0 or less: no peak
    sign: jax.Array  # [N] int8, 1 bright or -1 dark


def normalized(evidence):
    """Bright and dark evidence [H, W, 2] less what its local mean exceeds that of noise by."""
    signs = jnp.moveaxis(evidence[..., :2], -1, 0)
    mean = _local_mean(jnp.minimum(signs, _MAX_SIGMAS))
    return jnp.moveaxis(signs - jnp.maximum(mean - _NOISE_MEAN, 0), 0, -1)


@partial(jax.jit, static_argnames="count")
def find_peaks(evidence, count: int) -> Peaks:
    """Find the strongest local maxima of an evidence map [H, W, 3], bright or dark.

    Args:
      evidence: As from evidence_of.
      count: Number of peaks, N; at most the pixels of the map.
    """
    height, width = evidence.shape[:2]
    bright, dark = jnp.moveaxis(normalized(evidence), -1, 0)
    strongest = jnp.maximum(bright, dark)
    value = _smoothed(strongest)
    around, size = value, 2 * _RADIUS_PX + 1
    for window in ((size, 1), (1, size)):
        around = lax.reduce_window(around, -jnp.inf, lax.max, window, (1, 1), "SAME")
    score, index = lax.top_k(jnp.where(value >= around, strongest, 0).ravel(), count)
    row, column = index // width, index % width
    # Equal values within the radius of each other: the first one stays.
    near = jnp.maximum(*(jnp.abs(v[:, None] - v) for v in (row, column))) <= _RADIUS_PX
    again = jnp.any(jnp.tril(near, -1), axis=1)
    dx, dy = _centroids(strongest, row, column)
    sign = jnp.where(bright >= dark, 1, -1).astype(jnp.int8)[row, column]
    return Peaks(column + 0.5 + dx, row + 0.5 + dy, jnp.where(again, 0, score), sign)


def _smoothed(values):
    padded = jnp.pad(values, 1, mode="edge")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    both = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    return (1 - _SMOOTHING) * values + _SMOOTHING * both


def _local_mean(values):
    """Mean [..., H, W] over the box round the block that each pixel lies in."""
    for axis in (-2, -1):
        size = values.shape[axis]
        blocks = np.arange(-(-size // _BLOCK_PX))
        near = np.abs(np.arange(size) // _BLOCK_PX - blocks[:, None]) <= _BLOCKS // 2
        counts = jnp.asarray(near.sum(axis=1), jnp.float32)
        values = jnp.moveaxis(values, axis, -1)
        widths = [(0, 0)] * (values.ndim - 1) + [(0, -size % _BLOCK_PX)]
        sums = jnp.pad(values, widths).reshape(*values.shape[:-1], -1, _BLOCK_PX).sum(axis=-1)
        reach = _BLOCKS // 2
        padded = jnp.pad(sums, widths[:-1] + [(reach, reach)])
        box = sum(padded[..., k : k + len(blocks)] for k in range(_BLOCKS)) / counts
        values = jnp.moveaxis(jnp.repeat(box, _BLOCK_PX, axis=-1)[..., :size], -1, axis)
    return values


def _centroids(values, row, column):
    """Displacement x, y [N] of the centroid round each of the given pixels."""
    offsets = np.arange(-_CENTROID_PX, _CENTROID_PX + 1)
    padded = jnp.pad(values, _CENTROID_PX)
    rows = row[:, None, None] + _CENTROID_PX + offsets[:, None]
    columns = column[:, None, None] + _CENTROID_PX + offsets
    weight = jnp.maximum(padded[rows, columns] - _CENTROID_FLOOR, 1e-6)
    total = weight.sum(axis=(1, 2))
    return (weight.sum(axis=1) @ offsets) / total, (weight.sum(axis=2) @ offsets) / total
