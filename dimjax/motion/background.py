"""Background of a window of frames, with its local motion taken out.

Clouds drift and the line of sight jitters by fractions of a pixel from frame to frame, and the
difference that this leaves at a sharp edge is brighter than a dim target. To first order it is the
gradient of the background times the displacement (Lucas and Kanade 1981). The displacement is
fitted to each frame by least squares, in boxes of 24 px, which are much larger than a target, with
a constant for changes of brightness. The background of frames that are not aligned is blurred, so
background and fit are computed a second time from the aligned frames.

    residual = still_residuals(filtered)        # filtered - background - its motion
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

BLOCK_PX = 8  # side of a block, pixels
BLOCKS = 3  # side of the box over which displacements are fitted, blocks; odd
ROW_STEP = 2  # a fit uses every second row: neighbours are strongly correlated
MIN_VARIANCE = 0.1  # added to that of gradients, (noise sigmas / pixel) ** 2
MAX_SIGMAS = 6.0  # residuals are clipped to this in a fit
PASSES = 2


class _Grid(NamedTuple):
    """Matrices from columns to block columns and back, for one frame size."""

    mean: jax.Array  # [W, C] mean over a box
    spread: jax.Array  # [C, W] linear interpolation between the centres of blocks
    rows: jax.Array  # [R, 1] number of rows that are used in each box
    height: int


def still_residuals(filtered):
    """Subtract the moving background from each frame of a window.

    Args:
      filtered: [..., K, H, W] frames in noise sigmas, K at least 3.

    Returns:
      [..., K, H, W], of sigma sqrt((K - 1) / K) if the frames differ by white noise alone.
    """
    grid = _grid(*filtered.shape[-2:])
    aligned = filtered
    for _ in range(PASSES):
        still = background(aligned)[..., None, :, :]
        residual = aligned - still
        residual = residual - _motion_residual(residual, still, grid)
        aligned = still + residual
    return residual


def background(frames):
    """Average frames [..., K, H, W] to [..., H, W] without the largest and the smallest value.

    In the mean of all values, a bright target would leave a dark trail in the other frames.
    """
    total, largest, smallest = (f(frames, axis=-3) for f in (jnp.sum, jnp.max, jnp.min))
    return (total - largest - smallest) / (frames.shape[-3] - 2)


def _motion_residual(residual, still, grid: _Grid):
    """Compute the part of residuals [..., K, H, W] that displacements of the background explain."""
    across, down = _gradients(still)
    limited = jnp.clip(residual, -MAX_SIGMAS, MAX_SIGMAS)
    mean_across, mean_down, offset = (_box_mean(v, grid) for v in (across, down, limited))

    def covariance(first, second, means):
        return _box_mean(first * second, grid) - means

    var_across = covariance(across, across, mean_across**2) + MIN_VARIANCE
    var_down = covariance(down, down, mean_down**2) + MIN_VARIANCE
    both = covariance(across, down, mean_across * mean_down)
    with_across = covariance(limited, across, offset * mean_across)
    with_down = covariance(limited, down, offset * mean_down)
    determinant = var_across * var_down - both**2
    x = (var_down * with_across - both * with_down) / determinant
    y = (var_across * with_down - both * with_across) / determinant
    constant = offset - x * mean_across - y * mean_down
    return _field(x, grid) * across + _field(y, grid) * down + _field(constant, grid)


def _gradients(values):
    """Compute central differences along x and y [..., H, W]; half one-sided ones at the borders."""
    return tuple(_difference(values, axis) for axis in (values.ndim - 1, values.ndim - 2))


def _difference(values, axis: int):
    inner = values.shape[axis] - 1
    first, last = (lax.slice_in_dim(values, k, k + 1, axis=axis) for k in (0, inner))
    before = lax.slice_in_dim(values, 0, inner, axis=axis)
    after = lax.slice_in_dim(values, 1, inner + 1, axis=axis)
    before = jnp.concatenate([first, before], axis=axis)
    return (jnp.concatenate([after, last], axis=axis) - before) / 2


def _grid(height: int, width: int) -> _Grid:
    # In jax.numpy, because the sizes are symbolic in an export.
    columns, blocks = jnp.arange(width), jnp.arange(-(-width // BLOCK_PX))
    in_box = jnp.abs(columns[:, None] // BLOCK_PX - blocks) <= BLOCKS // 2
    position = (columns + 0.5) / BLOCK_PX - 0.5
    weight = jnp.maximum(1 - jnp.abs(position - blocks[:, None]), 0)
    first_rows = BLOCK_PX * jnp.arange(-(-height // BLOCK_PX))
    used = -(-jnp.clip(height - first_rows, 0, BLOCK_PX) // ROW_STEP)
    rows = _box_sum(used[:, None])
    mean, spread = in_box / in_box.sum(axis=0), weight / weight.sum(axis=0)
    return _Grid(*(v.astype(jnp.float32) for v in (mean, spread, rows)), height)


def _box_mean(values, grid: _Grid):
    """Average values [..., H, W] over the box around each block, [..., R, C]."""
    height, width = values.shape[-2:]
    count = -(-height // BLOCK_PX)
    missing = count * BLOCK_PX - height
    filled = jnp.pad(values, [(0, 0)] * (values.ndim - 2) + [(0, missing), (0, 0)])
    blocks = filled.reshape(*values.shape[:-2], count, BLOCK_PX, width)[..., ::ROW_STEP, :]
    return (_box_sum(blocks.sum(axis=-2)) / grid.rows) @ grid.mean


def _box_sum(blocks):
    """Sum values of block rows [..., R, W] over the rows of the box around each of them."""
    count, reach = blocks.shape[-2], BLOCKS // 2
    padded = jnp.pad(blocks, [(0, 0)] * (blocks.ndim - 2) + [(reach, reach), (0, 0)])
    return sum(padded[..., k : k + count, :] for k in range(BLOCKS))


def _field(blocks, grid: _Grid):
    """Interpolate values of blocks [..., R, C] bilinearly to pixels [..., H, W]."""
    extended = jnp.concatenate([blocks[..., :1, :], blocks, blocks[..., -1:, :]], axis=-2)
    wide = (extended @ grid.spread)[..., None, :]
    offset = ((np.arange(BLOCK_PX) + 0.5) / BLOCK_PX - 0.5)[:, None].astype(np.float32)
    above, below = np.maximum(-offset, 0), np.maximum(offset, 0)
    rows = (
        wide[..., :-2, :, :] * above
        + wide[..., 1:-1, :, :] * (1 - above - below)
        + wide[..., 2:, :, :] * below
    )
    flat = rows.reshape(*rows.shape[:-3], -1, rows.shape[-1])
    return flat[..., : grid.height, :]
