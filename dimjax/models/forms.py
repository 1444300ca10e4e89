"""What the layers compute, each in the form that is fast to train: one place, with measurements.

In: features [B, H, W, C] in any compute dtype. Out: features of the same dtype; padding is SAME.
Each form gives what the textbook's gives, but for rounding; the plain forms, which exchange formats
know, stand in dimjax.models.plain; convolutions in dimjax.models.convolutions.

    y = depthwise(x, kernel, stride=2)
    y = max_pool(x, size=3, stride=2)
    y, mean, variance = normalize(x, scale, bias, epsilon=1e-5)

The figures are CPU time of XLA (jax 0.10.2) on one core of an AMD EPYC of 2.6 GHz, for 32 chips,
without the cost of fresh memory (see main.py).
"""

import math
from functools import partial, reduce

import jax
import jax.numpy as jnp

from dimjax.models import plain
from dimjax.models.plain import plainly

_PIXELS = (0, 1, 2)  # axes that are not the channels


@plainly(plain.depthwise)
def depthwise(
    x: jax.Array, kernel: jax.Array, stride: int = 1, bias: jax.Array | None = None
) -> jax.Array:
    """Each channel of x [B, H, W, C] convolved with its own kernel [k, k, 1, C], padding SAME."""
    if bias is None:
        return _depthwise(x, kernel, stride)
    return _shifted_sum(x, kernel, stride, bias.astype(jnp.float32))


# As k*k shifted multiply-adds: on XLA's CPU a grouped convolution (128 channels, 3x3) takes some
# 50 times as long forward. The gradient derived from them is as fast for 3x3 kernels, but not for
# 5x5: with stride 2, 16x16 cells and 144 channels x's takes 7.0 ms, the one below 0.7 ms.
@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _depthwise(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    return _shifted_sum(x, kernel, stride, 0.0)


def _depthwise_forward(x, kernel, stride: int):
    return _shifted_sum(x, kernel, stride, 0.0), (x, kernel)


def _depthwise_backward(stride: int, residuals, dy):
    x, kernel = residuals
    dkernel = _depthwise_kernel_gradient(x, dy, kernel.shape[0], stride)
    return _spread(dy, kernel, stride, x.shape), dkernel.reshape(kernel.shape)


_depthwise.defvjp(_depthwise_forward, _depthwise_backward)


def _depthwise_kernel_gradient(x: jax.Array, dy: jax.Array, size: int, stride: int) -> jax.Array:
    """For each place of the kernel the sum over pixels of dy and what it sees of x: [k*k, C]."""
    if jax.default_backend() != "cpu":
        parts = _shifted(x, size, stride)
        return jnp.stack([jnp.sum(dy * part, _PIXELS, jnp.float32) for part in parts])
    # XLA's CPU code copies what it gives to a reduction. Eight chips are summed before, all places
    # as one array, which makes one loop without copies: 20x20 cells of 128 channels, 3x3, 7.1 and
    # 2.3 ms; 10x10 of 240, 5x5, 11.5 and 2.6 ms. The barrier keeps what x and dy are computed from
    # out of that loop, which would compute it anew for each place.
    x, dy = jax.lax.optimization_barrier((x, dy))
    together = math.gcd(len(x), 8)

    def split(values: jax.Array) -> jax.Array:
        return values.reshape(-1, together, *values.shape[1:])

    dy, sums = dy.astype(jnp.float32), []
    for part in _shifted(x, size, stride):
        products = split(part.astype(jnp.float32) * dy)
        sums.append(sum(products[:, chip] for chip in range(together)))
    return jnp.stack(sums).sum((1, 2, 3))


def _shifted(x: jax.Array, size: int, stride: int) -> list[jax.Array]:
    """For each place of the kernel, row by row, what it sees of x: [B, H/stride, W/stride, C]."""
    height, width = (-(-n // stride) for n in x.shape[1:3])
    pads = jax.lax.padtype_to_pads(x.shape[1:3], (size, size), (stride, stride), "SAME")
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    return [
        padded[
            :,
            row : row + stride * (height - 1) + 1 : stride,
            column : column + stride * (width - 1) + 1 : stride,
        ]
        for row in range(size)
        for column in range(size)
    ]


def _shifted_sum(x: jax.Array, kernel: jax.Array, stride: int, start) -> jax.Array:
    total = start
    weights = kernel.reshape(-1, kernel.shape[-1])
    for part, weight in zip(_shifted(x, kernel.shape[0], stride), weights, strict=True):
        total += part.astype(jnp.float32) * weight
    return total.astype(x.dtype)


def _spread(dy: jax.Array, kernel: jax.Array, stride: int, shape: tuple) -> jax.Array:
    """Gradient of x [shape]: every phase of the stride has its own shifted multiply-adds."""
    size, reach = kernel.shape[0], (kernel.shape[0] - 1) // stride
    pads = jax.lax.padtype_to_pads(shape[1:3], (size, size), (stride, stride), "SAME")
    rows, columns = (-(-(low + n) // stride) for (low, _), n in zip(pads, shape[1:3], strict=True))
    behind = rows - dy.shape[1], columns - dy.shape[2]
    padded = jnp.pad(dy, ((0, 0), *((reach, after) for after in behind), (0, 0)))

    def phase(i: int, j: int) -> jax.Array:
        total = jnp.zeros((), jnp.float32)
        for row in range(i, size, stride):
            for column in range(j, size, stride):
                top, left = reach - row // stride, reach - column // stride
                part = padded[:, top : top + rows, left : left + columns]
                total += part.astype(jnp.float32) * kernel[row, column, 0]
        return jnp.broadcast_to(total, (len(dy), rows, columns, dy.shape[3])).astype(dy.dtype)

    steps = range(stride)
    whole = jnp.stack([jnp.stack([phase(i, j) for j in steps], axis=3) for i in steps], axis=2)
    whole = whole.reshape(len(dy), stride * rows, stride * columns, -1)
    (top, _), (left, _) = pads
    return whole[:, top : top + shape[1], left : left + shape[2]]


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalize(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Batch norm in training.

    Args:
      x: [B, H, W, C].
      scale: [C] float32.
      bias: [C] float32.
      epsilon: Added to the variance.

    Returns:
      The normalised x, float32, and mean and variance [C] of each channel, float32. No gradient
      flows through the last two.
    """
    return _normalize_forward(x, scale, bias, epsilon)[0]


# The gradient derived from the forward form passes over x and dy more often: 64x64 cells of 32
# channels take 8.2 ms forward and back, with the one below 5.3 ms; 16x16 of 128, 2.0 and 1.0 ms.
def _normalize_forward(x, scale, bias, epsilon: float):
    as_float = x.astype(jnp.float32)
    mean = as_float.mean(_PIXELS)
    variance = jnp.maximum(0.0, jnp.square(as_float).mean(_PIXELS) - jnp.square(mean))
    inverse = jax.lax.rsqrt(variance + epsilon)
    y = (as_float - mean) * (inverse * scale) + bias
    return (y, mean, variance), (x, mean, inverse, scale)


def _normalize_backward(epsilon: float, residuals, gradients):
    x, mean, inverse, scale = residuals
    dy, as_float = gradients[0], x.astype(jnp.float32)
    count = x.size // x.shape[-1]
    dbias = dy.sum(_PIXELS)
    dscale = ((dy * as_float).sum(_PIXELS) - mean * dbias) * inverse
    slope = scale * inverse
    from_variance = slope * inverse * dscale / count
    dx = dy * slope - (as_float - mean) * from_variance - slope * dbias / count
    return dx.astype(x.dtype), dscale, dbias


normalize.defvjp(_normalize_forward, _normalize_backward)


@plainly(plain.max_pool)
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


@plainly(plain.concatenate)
def concatenate(parts: list[jax.Array]) -> jax.Array:
    """Features [B, H, W, C1], [B, H, W, C2], ... side by side: [B, H, W, C1 + C2 + ...]."""
    return jnp.concatenate(parts, axis=-1)


@plainly(plain.window_mean)
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
