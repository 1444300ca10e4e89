"""Pooling: the maximum and the mean of windows, padding SAME.

y = max_pool(x, size=3, stride=2)                       # [B, H, W, C] -> [B, H/2, W/2, C]
y = window_mean(x, cells=10)                            # [B, H, W, C] -> [B, H, W, C]
"""

from functools import reduce

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.ops.export_forms import export_form


def _export_max_pool(x: jax.Array, size: int, stride: int) -> jax.Array:
    return nn.max_pool(x, window_shape=(size, size), strides=(stride, stride), padding="SAME")


@export_form(_export_max_pool)
def max_pool(x: jax.Array, size: int, stride: int) -> jax.Array:
    """Compute the maximum of each size x size window of x [B, H, W, C], padding SAME."""
    # As maxima of shifted rows, then columns. nn.max_pool is as fast forward, but on XLA's CPU
    # backend its gradient (a scatter) takes 5 to 6 times as long: 42 against 8 ms for 64x64 cells
    # of 16 channels and 64 chips, in a step of 190 ms.
    for axis in (1, 2):
        cells = -(-x.shape[axis] // stride)
        pads = [(0, 0)] * 4
        (pads[axis],) = jax.lax.padtype_to_pads((x.shape[axis],), (size,), (stride,), "SAME")
        padded = jnp.pad(x, pads, constant_values=-jnp.inf)
        extent = stride * (cells - 1) + 1
        shifted = [
            jax.lax.slice_in_dim(padded, start, start + extent, stride, axis)
            for start in range(size)
        ]
        x = reduce(jnp.maximum, shifted)
    return x


def _export_window_mean(x: jax.Array, cells: int) -> jax.Array:
    size = 2 * _radius(cells) + 1
    for window in ((size, 1), (1, size)):
        x = nn.avg_pool(
            x, window_shape=window, strides=(1, 1), padding="SAME", count_include_pad=False
        )
    return x


@export_form(_export_window_mean)
def window_mean(x: jax.Array, cells: int) -> jax.Array:
    """Compute the mean of x [B, H, W, C] over the cells x cells window around each cell.

    Only cells inside x are counted. An even window has no centre; it loses a row and a column, so
    that the windows of the central cells of a chip of that size lie inside the chip.
    """
    # As products with band matrices. For windows of 39 cells in 32 chips of 40x40 cells and 32
    # channels two CPU cores take 7 ms with gradients, against 41 ms with reduce_window and 45 ms
    # with cumulative sums. Only for windows of fewer than 20 cells is reduce_window as fast.
    rows, columns = (_band(n, _radius(cells)).astype(x.dtype) for n in x.shape[1:3])
    return jnp.einsum("bhwc,gh,vw->bgvc", x, rows, columns)


def _radius(cells: int) -> int:
    """Return the radius of the largest odd window of at most this size; 0 below 3 cells."""
    return max(cells - 1, 0) // 2


def _band(size: int, radius: int) -> jax.Array:
    """Matrix [size, size] whose product with a column is its mean over +-radius neighbours."""
    index = jnp.arange(size)
    near = jnp.abs(index[:, None] - index) <= radius
    return near / near.sum(1, keepdims=True)
