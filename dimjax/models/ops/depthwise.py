"""Depthwise convolutions as shifted multiply-adds, with a gradient of their own.

Features are [B, H, W, C] in any compute dtype; padding is SAME. The result equals that of a grouped
convolution but for rounding.

    y = depthwise(x, kernel, stride=2)

The figures are CPU time of XLA (jax 0.10.2) on one core of an AMD EPYC of 2.6 GHz, for 32 chips,
without the cost of fresh memory (see main.py).
"""

import math
from functools import partial

import jax
import jax.numpy as jnp

from dimjax.models.ops import export_forms
from dimjax.models.ops.export_forms import plainly

_PIXELS = (0, 1, 2)  # axes that are not the channels


@plainly(export_forms.depthwise)
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
