"""Background of a window of frames, with its local motion taken out.

Clouds drift and the line of sight jitters by fractions of a pixel from frame to frame, and what a
sharp edge leaves in a difference is brighter than a dim target. To first order it is the gradient
of the background times the displacement (Lucas and Kanade 1981): both are fitted by least squares
to each frame, in boxes of 24 px that are much larger than a target, with a constant for what
becomes brighter or darker. Since the background of frames that do not lie on each other is
blurred, all is repeated with the aligned frames.

    residual = filtered_frames - background, less the motion:   still_residuals(filtered)
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

_BLOCK_PX = 8  # side of a block, pixels
_BLOCKS = 3  # side of the box over which displacements are fitted, blocks; odd
_ROW_STEP = 2  # a fit uses every second row: neighbours are strongly correlated
_MIN_VARIANCE = 0.1  # added to that of gradients, (noise sigmas / pixel) ** 2
_MAX_SIGMAS = 6.0  # a residual counts with this at most in a fit
_PASSES = 2


class _Grid(NamedTuple):
    """Matrices from columns to block columns and back, for one frame size."""

    mean: np.ndarray  # [W, C] mean over a box
    spread: np.ndarray  # [C, W] linear interpolation between the centres of blocks
    rows: np.ndarray  # [R, 1] number of rows that are used in each box
    height: int


def still_residuals(filtered):
    """Return what each frame of a window holds beyond the background that moves.

    Args:
      filtered: [..., K, H, W] frames in noise sigmas, K at least 3.

    Returns:
      [..., K, H, W], sigma sqrt((K - 1) / K) where the frames differ by white noise alone.
    """
    grid = _grid(*filtered.shape[-2:])
    aligned = filtered
    for _ in range(_PASSES):
        still = background(aligned)[..., None, :, :]
        residual = aligned - still
        residual = residual - _moved(residual, still, grid)
        aligned = still + residual
    return residual


def background(frames):
    """Mean [..., H, W] over frames [..., K, H, W] without the largest and the smallest value.

    With the mean of all, a bright target would leave a dark trail in the other frames.
    """
    total, largest, smallest = (of(frames, axis=-3) for of in (jnp.sum, jnp.max, jnp.min))
    return (total - largest - smallest) / (frames.shape[-3] - 2)


def _moved(residual, still, grid: _Grid):
    """The part of residuals [..., K, H, W] that displacements of the background explain."""
    across, down = _gradients(still)
    limited = jnp.clip(residual, -_MAX_SIGMAS, _MAX_SIGMAS)
    mean_across, mean_down, offset = (_box_mean(v, grid) for v in (across, down, limited))

    def covariance(first, second, means):
        return _box_mean(first * second, grid) - means

    var_across = covariance(across, across, mean_across**2) + _MIN_VARIANCE
    var_down = covariance(down, down, mean_down**2) + _MIN_VARIANCE
    both = covariance(across, down, mean_across * mean_down)
    with_across = covariance(limited, across, offset * mean_across)
    with_down = covariance(limited, down, offset * mean_down)
    determinant = var_across * var_down - both**2
    x = (var_down * with_across - both * with_down) / determinant
    y = (var_across * with_down - both * with_across) / determinant
    constant = offset - x * mean_across - y * mean_down
    return _field(x, grid) * across + _field(y, grid) * down + _field(constant, grid)


def _gradients(values):
    """Central differences along x and y [..., H, W]; at the rims half of the one-sided ones."""
    return tuple(_difference(values, axis) for axis in (values.ndim - 1, values.ndim - 2))


def _difference(values, axis: int):
    inner = values.shape[axis] - 1
    first, last = (lax.slice_in_dim(values, k, k + 1, axis=axis) for k in (0, inner))
    before = lax.slice_in_dim(values, 0, inner, axis=axis)
    after = lax.slice_in_dim(values, 1, inner + 1, axis=axis)
    before = jnp.concatenate([first, before], axis=axis)
    return (jnp.concatenate([after, last], axis=axis) - before) / 2


def _grid(height: int, width: int) -> _Grid:
    columns, blocks = np.arange(width), np.arange(-(-width // _BLOCK_PX))
    near = np.abs(columns[:, None] // _BLOCK_PX - blocks) <= _BLOCKS // 2
    position = (columns + 0.5) / _BLOCK_PX - 0.5
    weight = np.maximum(1 - np.abs(position - blocks[:, None]), 0)
    used = np.zeros((-(-height // _BLOCK_PX), _BLOCK_PX))
    used.reshape(-1)[:height:_ROW_STEP] = 1
    rows = np.convolve(used.sum(axis=1), np.ones(_BLOCKS), "same")
    mean, spread = near / near.sum(axis=0), weight / weight.sum(axis=0)
    return _Grid(*(v.astype(np.float32) for v in (mean, spread, rows[:, None])), height)


def _box_mean(values, grid: _Grid):
    """Means [..., R, C] of values [..., H, W] over the boxes round all blocks."""
    height, width = values.shape[-2:]
    missing = -height % _BLOCK_PX
    filled = jnp.pad(values, [(0, 0)] * (values.ndim - 2) + [(0, missing), (0, 0)])
    blocks = filled.reshape(*values.shape[:-2], -1, _BLOCK_PX, width)[..., ::_ROW_STEP, :]
    sums = blocks.sum(axis=-2)
    count, reach = sums.shape[-2], _BLOCKS // 2
    padded = jnp.pad(sums, [(0, 0)] * (sums.ndim - 2) + [(reach, reach), (0, 0)])
    boxes = sum(padded[..., k : k + count, :] for k in range(_BLOCKS))
    return (boxes / grid.rows) @ grid.mean


def _field(blocks, grid: _Grid):
    """Bilinear interpolation [..., H, W] of values of blocks [..., R, C]."""
    ends = [blocks[..., :1, :], blocks, blocks[..., -1:, :]]
    wide = (jnp.concatenate(ends, axis=-2) @ grid.spread)[..., None, :]
    offset = ((np.arange(_BLOCK_PX) + 0.5) / _BLOCK_PX - 0.5)[:, None].astype(np.float32)
    above, below = np.maximum(-offset, 0), np.maximum(offset, 0)
    rows = (
        wide[..., :-2, :, :] * above
        + wide[..., 1:-1, :, :] * (1 - above - below)
        + wide[..., 2:, :, :] * below
    )
    flat = rows.reshape(*rows.shape[:-3], -1, rows.shape[-1])
    return flat[..., : grid.height, :]
