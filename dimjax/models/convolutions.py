"""Convolutions, each in the form that is fast to train: one place, with measurements.

In: features [B, H, W, C] in any compute dtype. Out: features of the same dtype; padding is SAME.
Each form gives what jax.lax.conv_general_dilated gives, but for rounding.

    y = convolve(x, kernel, (2, 2), "SAME", dimension_numbers=numbers, precision=None)

The figures are measured as those of dimjax.models.forms.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp


def convolve(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, int], padding: Any, **kwargs: Any
) -> jax.Array:
    """jax.lax.conv_general_dilated of x [B, H, W, C] and a kernel [k, k, C, F]; padding "SAME"."""
    if kernel.shape[:2] == (1, 1):
        return _product(x, kernel, strides, kwargs["precision"])
    if jax.default_backend() == "cpu":
        return _on_cpu(x, kernel, tuple(strides), padding, tuple(kwargs.items()))
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
def _on_cpu(x, kernel, strides: tuple[int, int], padding, settings: tuple) -> jax.Array:
    form = _first if kernel.shape[2] <= 4 else jax.lax.conv_general_dilated
    return form(x, kernel, strides, padding, **dict(settings))


def _on_cpu_forward(x, kernel, strides, padding, settings):
    return _on_cpu(x, kernel, strides, padding, settings), (x, kernel)


def _on_cpu_backward(strides, padding, settings, residuals, dy):
    def convolution(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, strides, padding, **dict(settings))

    x, kernel = residuals
    dx, dkernel = jax.vjp(convolution, x, kernel)[1](dy)
    if kernel.shape[3] > 16 and x.dtype == jnp.float32:
        dkernel = _kernel_gradient(x, kernel, dy, strides, padding, settings)
    return dx, dkernel


_on_cpu.defvjp(_on_cpu_forward, _on_cpu_backward)


def _kernel_gradient(x, kernel, dy, strides, padding, settings) -> jax.Array:
    """Gradient of the kernel: a convolution of x as [C, H, W, B] by dy as [H', W', B, F]."""
    # Rows of both are spread, two apart, and every second row of the result is taken. That changes
    # nothing but the library that XLA (jax 0.10.2) calls: of dilated inputs Eigen's, else
    # YNNPACK's, which is slow where the kernel is as large as dy. 20x20 cells of 64 channels to 64,
    # 3x3: 7.5 in place of 12.9 ms; 10x10, 128 to 128: 5.8 and 8.0; 40x40 of 3 to 64, 7x7 of stride
    # 2: 10.3 and 14.6. Up to 16 channels out YNNPACK is as fast or faster: 1.9 to 2.3 ms.
    spread = (2, 1)
    pads = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    room = []
    for factor, step, size, cells, n, (low, _) in zip(
        spread, strides, kernel.shape[:2], dy.shape[1:3], x.shape[1:3], pads, strict=True
    ):
        # What the last place of the kernel sees ends so many pixels behind x.
        behind = step * (cells - 1) + size - low - n
        room.append((factor * low, factor * behind))
    return jax.lax.conv_general_dilated(
        x,
        dy,
        spread,
        room,
        lhs_dilation=spread,
        rhs_dilation=tuple(factor * step for factor, step in zip(spread, strides, strict=True)),
        dimension_numbers=("CHWN", "IHWO", "HWNC"),
        precision=dict(settings)["precision"],
    )


# A first layer, of up to 4 channels: XLA's code for it is fast for some numbers of channels only.
# 64x64 pixels of 3 channels to 32, 3x3: 8.0 ms, 2.5 with a fourth channel of zeros; to 24, 7x7 of
# stride 2: 31 and 2.6 ms. To 16, 3x3: 5.6 ms, 2.1 with two pixels taken as one; to 8: 5.7 and 1.6
# ms with four; to 16, 7x7 of stride 2: 3.6 and 1.3 ms. On a GPU that would only be more work.
def _first(x, kernel, strides: tuple[int, int], padding, **settings) -> jax.Array:
    inputs, outputs = kernel.shape[2:]
    together = 32 // outputs
    if inputs == 3 and 16 < outputs <= 32:
        room = ((0, 0), (0, 0), (0, 1))
        x, kernel = jnp.pad(x, ((0, 0), *room)), jnp.pad(kernel, (*room, (0, 0)))
    elif together > 1 and x.shape[2] % (strides[1] * together) == 0:
        return _columns_together(x, kernel, strides, padding, together)
    return jax.lax.conv_general_dilated(x, kernel, strides, padding, **settings)


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
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return y.reshape(batch, -1, width // stride, outputs)
