"""Max pooling, concatenation and window means."""

from functools import reduce

import jax
import jax.numpy as jnp

from dimjax.models.ops import export_forms
from dimjax.models.ops.export_forms import plainly


@plainly(export_forms.max_pool)
def max_pool(x: jax.Array, size: int, stride: int) -> jax.Array:
    """Maximum of each size x size window of x [B, H, W, C], padding SAME."""
    # As maxima of shifted rows, then columns: nn.max_pool is as fast forward, but on XLA's CPU
    # its gradient (a scatter) takes 5 to 6 times as long: 42 against 8 ms for 64x64 cells, 16
    # channels and 64 chips, of a step of 190.
    for axis in (1, 2):
        cells = -(-x.shape[axis] // stride)
        pads = [(0, 0)] * 4
        (pads[axis],) = jax.lax.padtype_to_pads((x.shape[axis],), (size,), (stride,), "SAME")
        padded = jnp.pad(x, pads, constant_values=-jnp.inf)
        last = stride * (cells - 1) + 1
        shifted = [
            jax.lax.slice_in_dim(padded, first, first + last, stride, axis) for first in range(size)
        ]
        x = reduce(jnp.maximum, shifted)
    return x


@plainly(export_forms.concatenate)
def concatenate(parts: list[jax.Array]) -> jax.Array:
    """Features [B, H, W, C1], [B, H, W, C2], ... side by side: [B, H, W, C1 + C2 + ...]."""
    return jnp.concatenate(parts, axis=-1)


@plainly(export_forms.window_mean)
def window_mean(x: jax.Array, cells: int) -> jax.Array:
    """Mean of x [B, H, W, C] over the cells x cells window round each cell.

    Only cells inside x count. An even window has no centre: it loses a row and a column, so
    that the windows of the central cells of a chip of that size lie inside the chip.
    """
    # As products with band matrices. For 39 cells, 32 channels and 32 chips of 40x40 cells two
    # CPU cores take 7 ms with gradients; reduce_window takes 41 ms, cumulative sums take 45 ms.
    # Only for windows of fewer than 20 cells is reduce_window as fast.
    rows, columns = (_band(n, max(cells - 1, 0) // 2).astype(x.dtype) for n in x.shape[1:3])
    return jnp.einsum("bhwc,gh,vw->bgvc", x, rows, columns)


def _band(size: int, radius: int) -> jax.Array:
    """Matrix [size, size] whose product with a column is its mean over +-radius neighbours."""
    index = jnp.arange(size)
    near = jnp.abs(index[:, None] - index) <= radius
    return near / near.sum(1, keepdims=True)
