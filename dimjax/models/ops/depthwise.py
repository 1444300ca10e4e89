"""Depthwise convolution as shifted multiply-adds, with its own gradient.

Features are [B, H, W, C] in any compute dtype, padding is SAME. The result equals that of a grouped
convolution up to rounding.

    y = depthwise(x, kernel, stride=2)

Timings in the comments are CPU times of XLA (jax 0.10.2) on one core of an AMD EPYC of 2.6 GHz for
32 chips, without page faults (see dimjax.training.process_settings).
"""

import math
from functools import partial

import jax
import jax.numpy as jnp

from dimjax.models.ops.convolution import linen_convolution
from dimjax.models.ops.export_forms import export_form

_ALL_BUT_CHANNELS = (0, 1, 2)


def _export_depthwise(
    x: jax.Array, kernel: jax.Array, stride: int = 1, bias: jax.Array | None = None
) -> jax.Array:
    params = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
    return linen_convolution(x, params, stride, groups=x.shape[-1])


@export_form(_export_depthwise)
def depthwise(
    x: jax.Array, kernel: jax.Array, stride: int = 1, bias: jax.Array | None = None
) -> jax.Array:
    """Convolve each channel of x [B, H, W, C] with its own kernel [k, k, 1, C], padding SAME.

    Args:
      x: [B, H, W, C].
      kernel: [k, k, 1, C].
      stride: Along both axes.
      bias: [C], added to the result; with it the gradients are those that JAX derives.

    Returns:
      [B, H/stride, W/stride, C] in the dtype of x.
    """
    if bias is None:
        return _depthwise(x, kernel, stride)
    return _multiply_add(x, kernel, stride, bias.astype(jnp.float32))


# k*k shifted multiply-adds: on XLA's CPU backend a grouped convolution (128 channels, 3x3) takes
# about 50 times as long forward. The gradient that JAX derives is as fast for 3x3 kernels, but not
# for 5x5: with stride 2, 16x16 cells and 144 channels that of x takes 7.0 ms, 0.7 ms with this one.
@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _depthwise(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    return _multiply_add(x, kernel, stride, 0.0)


def _forward(x, kernel, stride: int):
    return _multiply_add(x, kernel, stride, 0.0), (x, kernel)


def _backward(stride: int, residuals, dy):
    x, kernel = residuals
    dkernel = _kernel_gradient(x, dy, kernel.shape[0], stride)
    return _input_gradient(dy, kernel, stride, x.shape), dkernel.reshape(kernel.shape)


_depthwise.defvjp(_forward, _backward)


def _multiply_add(x: jax.Array, kernel: jax.Array, stride: int, start) -> jax.Array:
    """Add the products of the shifted x with the kernel's weights to `start`, in float32."""
    total = start
    weights = kernel.reshape(-1, kernel.shape[-1])
    for shifted, weight in zip(_shifts(x, kernel.shape[0], stride), weights, strict=True):
        total += shifted.astype(jnp.float32) * weight
    return total.astype(x.dtype)


def _shifts(x: jax.Array, size: int, stride: int) -> list[jax.Array]:
    """For each weight of the kernel, row by row, its inputs in x: [B, H/stride, W/stride, C]."""
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


def _kernel_gradient(x: jax.Array, dy: jax.Array, size: int, stride: int) -> jax.Array:
    """Gradient of the kernel, [k*k, C] float32: products of dy and the shifted x, summed."""
    if jax.default_backend() != "cpu":
        shifts = _shifts(x, size, stride)
        return jnp.stack([jnp.sum(dy * part, _ALL_BUT_CHANNELS, jnp.float32) for part in shifts])
    # XLA's CPU backend copies the operand of a reduction. Adding eight chips first, and reducing
    # all shifts as one array, gives one loop without copies: 20x20 cells of 128 channels, 3x3, 7.1
    # and 2.3 ms; 10x10 cells of 240 channels, 5x5, 11.5 and 2.6 ms. The barrier keeps the producers
    # of x and dy out of that loop, which would compute them anew for each shift.
    x, dy = jax.lax.optimization_barrier((x, dy))
    group = math.gcd(len(x), 8)

    def split(values: jax.Array) -> jax.Array:
        return values.reshape(-1, group, *values.shape[1:])

    dy, sums = dy.astype(jnp.float32), []
    for shifted in _shifts(x, size, stride):
        products = split(shifted.astype(jnp.float32) * dy)
        sums.append(sum(products[:, chip] for chip in range(group)))
    return jnp.stack(sums).sum((1, 2, 3))


def _input_gradient(dy: jax.Array, kernel: jax.Array, stride: int, shape: tuple) -> jax.Array:
    """Gradient of x [shape]: each phase of the stride has its own shifted multiply-adds."""
    size, reach = kernel.shape[0], (kernel.shape[0] - 1) // stride
    pads = jax.lax.padtype_to_pads(shape[1:3], (size, size), (stride, stride), "SAME")
    rows, columns = (-(-(low + n) // stride) for (low, _), n in zip(pads, shape[1:3], strict=True))
    highs = rows - dy.shape[1], columns - dy.shape[2]
    padded = jnp.pad(dy, ((0, 0), *((reach, high) for high in highs), (0, 0)))

    def phase(i: int, j: int) -> jax.Array:
        total = jnp.zeros((), jnp.float32)
        for row in range(i, size, stride):
            for column in range(j, size, stride):
                top, left = reach - row // stride, reach - column // stride
                part = padded[:, top : top + rows, left : left + columns]
                total += part.astype(jnp.float32) * kernel[row, column, 0]
        return jnp.broadcast_to(total, (len(dy), rows, columns, dy.shape[3])).astype(dy.dtype)

    phases = range(stride)
    dx = jnp.stack([jnp.stack([phase(i, j) for j in phases], axis=3) for i in phases], axis=2)
    dx = dx.reshape(len(dy), stride * rows, stride * columns, -1)
    (top, _), (left, _) = pads
    return dx[:, top : top + shape[1], left : left + shape[2]]
