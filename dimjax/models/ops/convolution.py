"""Convolutions, each in the form that is fast to train: one place, with measurements.

In: features [B, H, W, C] in any compute dtype. Out: features of the same dtype; padding is SAME.
Each form gives what jax.lax.conv_general_dilated gives, but for rounding.

    y = convolve(x, kernel, (2, 2), "SAME", dimension_numbers=numbers, precision=None)

The figures are measured as those of dimjax.models.ops.depthwise.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

_NHWC = ("NHWC", "HWIO", "NHWC")


def convolve(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, int], padding: Any, **kwargs: Any
) -> jax.Array:
    """jax.lax.conv_general_dilated of x [B, H, W, C] and a kernel [k, k, C, F]; padding "SAME"."""
    if kernel.shape[:2] == (1, 1):
        return _product(x, kernel, strides, kwargs["precision"])
    if jax.default_backend() == "cpu":
        return _on_cpu(x, kernel, tuple(strides), padding, kwargs["precision"])
    return jax.lax.conv_general_dilated(x, kernel, strides, padding, **kwargs)


def _product(x: jax.Array, kernel: jax.Array, strides: tuple[int, int], precision) -> jax.Array:
    """A 1x1 convolution as a product of matrices."""
    # 16x16 cells, 128 to 64 channels: 0.7 ms forward, 1.6 and 0.8 ms for the gradients of kernel
    # and x; as a convolution 0.8, 5.0 and 1.0 ms. The pixels must be one axis, else the kernel's
    # gradient takes 2.8 ms.
    x = x[:, :: strides[0], :: strides[1]]
    product = jnp.matmul(x.reshape(-1, x.shape[-1]), kernel[0, 0], precision=precision)
    return product.reshape(*x.shape[:3], -1)


# The gradients stand apart from the forward form: those of a first layer's forms are slower than
# those of the convolution itself (3 channels to 16: 3.3 ms, to 8: 2.7; in these forms 4.7 and 3.6).
@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _on_cpu(x, kernel, strides: tuple[int, int], padding, precision) -> jax.Array:
    if kernel.shape[2] <= 4:
        return _first(x, kernel, strides, padding, precision)
    if not _suits_eigen(x, kernel):
        return _convolution(x, kernel, strides, padding, precision)
    return _by_eigen(x, kernel, strides, _pads(x, kernel, strides, padding), precision)


def _on_cpu_forward(x, kernel, strides, padding, precision):
    return _on_cpu(x, kernel, strides, padding, precision), (x, kernel)


def _on_cpu_backward(strides, padding, precision, residuals, dy):
    def convolution(x, kernel):
        return _convolution(x, kernel, strides, padding, precision)

    x, kernel = residuals
    dx, dkernel = jax.vjp(convolution, x, kernel)[1](dy)
    pads = _pads(x, kernel, strides, padding)
    if _suits_eigen(x, kernel) and strides == (1, 1):
        turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
        dx = _by_eigen(dy, turned, strides, [pad[::-1] for pad in pads], precision)
    if kernel.shape[3] > 16 and x.dtype == jnp.float32:
        dkernel = _kernel_gradient(x, kernel, dy, strides, pads, precision)
    return dx, dkernel


_on_cpu.defvjp(_on_cpu_forward, _on_cpu_backward)


def _pads(x, kernel, strides, padding) -> list[tuple[int, int]]:
    return jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)


def _convolution(x, kernel, strides, padding, precision) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=_NHWC, precision=precision
    )


# XLA (jax 0.10.2) gives convolutions to YNNPACK, those of spread inputs to Eigen. The first keeps
# many on one thread, the second shares all. On two cores, 32 chips, 3x3: 16x16 cells, 64 channels
# to 128, 6.1 ms and 3.4; 32x32, 32 to 64, 6.6 and 4.4; 8x8, 128 to 256, 3.4 and 3.2; but 16x16, 16
# to 32, 0.4 and 0.7. On one core both take as long, but for 32x32: 6.3 and 7.4.
def _suits_eigen(x, kernel) -> bool:
    return min(kernel.shape[2:]) > 16 and x.dtype == jnp.float32


def _by_eigen(
    x, kernel, strides, pads, precision, kernel_dilation=(1, 1), numbers=_NHWC
) -> jax.Array:
    """A convolution whose rows are spread, two apart, which changes nothing but the library."""
    rows, columns = pads
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (2 * strides[0], strides[1]),
        [tuple(2 * n for n in rows), columns],
        lhs_dilation=(2, 1),
        rhs_dilation=(2 * kernel_dilation[0], kernel_dilation[1]),
        dimension_numbers=numbers,
        precision=precision,
    )


def _kernel_gradient(x, kernel, dy, strides, pads, precision) -> jax.Array:
    """Gradient of the kernel: a convolution of x as [C, H, W, B] by dy as [H', W', B, F]."""
    # One core, YNNPACK and Eigen: 20x20 cells of 64 channels to 64, 3x3, 12.9 and 7.5 ms; 10x10,
    # 128 to 128, 8.0 and 5.8; 40x40 of 3 to 64, 7x7 of stride 2, 14.6 and 10.3. Up to 16 channels
    # out the first is as fast or faster: 1.9 to 2.3 ms.
    room = []
    for step, size, cells, n, (low, _) in zip(
        strides, kernel.shape[:2], dy.shape[1:3], x.shape[1:3], pads, strict=True
    ):
        # What the last place of the kernel sees ends so many pixels behind x.
        room.append((low, step * (cells - 1) + size - low - n))
    return _by_eigen(x, dy, (1, 1), room, precision, strides, ("CHWN", "IHWO", "HWNC"))


# A first layer, of up to 4 channels: XLA's code for it is fast for some numbers of channels only.
# So neighbouring columns are taken as one of more channels. 64x64 pixels of 3 channels to 32, 3x3:
# 8.0 ms, 3.0 with two columns as one; to 8: 5.6 and 1.3 ms with four; to 16, 7x7 of stride 2: 3.8
# and 1.4 ms with two. To 64 the convolution itself is the faster. On a GPU that would be more work.
def _first(x, kernel, strides: tuple[int, int], padding, precision) -> jax.Array:
    outputs = kernel.shape[3]
    together = max(2, 32 // outputs)
    if outputs <= 32 and x.shape[2] % (strides[1] * together) == 0:
        return _columns_together(x, kernel, strides, padding, together)
    return _convolution(x, kernel, strides, padding, precision)


def _columns_together(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, int], padding, together: int
) -> jax.Array:
    """A convolution that gives so many neighbouring columns at once, as channels."""
    size, _, inputs, outputs = kernel.shape
    stride, folded = strides[1], strides[1] * together  # columns of x that one wide column holds
    rows, (low, _) = jax.lax.padtype_to_pads(x.shape[1:3], (size, size), strides, padding)
    left = -(-low // folded)  # wide columns on each side that the kernel reaches
    last = stride * (together - 1) + size - 1 - low  # column that the last of them sees last
    right = max(0, last // folded)
    wide = left + 1 + right
    shifted = []
    for column in range(together):
        before = left * folded + stride * column - low
        room = (before, wide * folded - before - size)
        shifted.append(jnp.pad(kernel, ((0, 0), room, (0, 0), (0, 0))))
    kernel = jnp.stack(shifted, axis=3)
    kernel = kernel.reshape(size, wide, folded * inputs, together * outputs)
    batch, height, width, _ = x.shape
    y = jax.lax.conv_general_dilated(
        x.reshape(batch, height, width // folded, folded * inputs),
        kernel,
        (strides[0], 1),
        (rows, (left, right)),
        dimension_numbers=_NHWC,
    )
    return y.reshape(batch, -1, width // stride, outputs)
