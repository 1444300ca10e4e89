"""Convolutions in the forms that train fastest on each backend.

Features are [B, H, W, C] in any compute dtype, padding is SAME. Each form equals
jax.lax.conv_general_dilated up to rounding.

    y = convolve(x, kernel, strides=(2, 2), padding="SAME")
    layer = nn.Conv(32, (3, 3), conv_general_dilated_cls=lambda: convolve)

Timings in the comments are measured like those of dimjax.models.ops.depthwise.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import jaxlib

from dimjax.errors import InputError

# The switch of the one form that is tied to versions of XLA, see _row_dilation. It is on only for
# versions that it was measured with; benchmarks/dilated_rows.py measures it again.
MEASURED_JAXLIB = ("0.10", "0.12")
DILATE_ROWS = ".".join(jaxlib.__version__.split(".")[:2]) in MEASURED_JAXLIB

_NHWC = ("NHWC", "HWIO", "NHWC")


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, int],
    padding: str,
    precision: Any = None,
    dimension_numbers: Any = _NHWC,
    **options: Any,
) -> jax.Array:
    """Convolve x with a kernel; a replacement of jax.lax.conv_general_dilated for nn.Conv.

    Args:
      x: [B, H, W, C].
      kernel: [k, k, C, F].
      strides: Along rows and columns.
      padding: "SAME".
      precision: As in jax.lax.conv_general_dilated.
      dimension_numbers: Those of NHWC features and an HWIO kernel.
      **options: Further options of jax.lax.conv_general_dilated; only their defaults are supported.

    Returns:
      [B, H/stride, W/stride, F] in the dtype of x.

    Raises:
      InputError: An argument asks for another convolution: dilated, grouped, or padded otherwise.
    """
    _check_supported(x, kernel, padding, dimension_numbers, options)
    on_cpu = jax.default_backend() == "cpu"
    # On a GPU the compiler of jaxlib 0.11.2 aborted in ResNet-18, fusing products. Those of strided
    # pixels are suspected: DarkNet-19, all of whose products have stride 1, was compiled.
    if kernel.shape[:2] == (1, 1) and (on_cpu or tuple(strides) == (1, 1)):
        return _matrix_product(x, kernel, strides, precision)
    if on_cpu:
        return _convolve_on_cpu(x, kernel, tuple(strides), precision)
    return _convolution(x, kernel, strides, precision)


def linen_convolution(x: jax.Array, params: dict, stride: int, groups: int = 1) -> jax.Array:
    """Convolve x [B, H, W, C] by nn.Conv, padding SAME; the form for detection and export.

    Args:
      x: Its dtype is the compute dtype.
      params: {"kernel"} or {"kernel", "bias"}; the kernel is [k, k, C / groups, F].
      stride: Along both axes.
      groups: Number of groups that the channels of x are split into.
    """
    kernel = params["kernel"]
    layer = nn.Conv(
        kernel.shape[-1],
        kernel.shape[:2],
        stride,
        feature_group_count=groups,
        use_bias="bias" in params,
        dtype=x.dtype,
        parent=None,
    )
    return layer.apply({"params": params}, x)


def _check_supported(x, kernel, padding, dimension_numbers, options: dict) -> None:
    layouts = (
        jax.lax.conv_dimension_numbers(x.shape, kernel.shape, numbers)
        for numbers in (dimension_numbers, _NHWC)
    )
    supported = {"padding": padding == "SAME", "dimension_numbers": len(set(layouts)) == 1}
    supported |= {name: value in (None, 1, (1, 1)) for name, value in options.items()}
    given = {"padding": padding, "dimension_numbers": dimension_numbers, **options}
    for name, is_supported in supported.items():
        if not is_supported:
            rule = "only undilated, ungrouped NHWC convolutions with padding SAME are implemented"
            remedy = "Use jax.lax.conv_general_dilated."
            raise InputError("convolve", rule, f"{name}={given[name]!r}", remedy)


def _matrix_product(x, kernel, strides: tuple[int, int], precision) -> jax.Array:
    """A 1x1 convolution as a product of matrices."""
    # 16x16 cells, 128 to 64 channels: 0.7 ms forward, 1.6 and 0.8 ms for the gradients of kernel
    # and x; as a convolution 0.8, 5.0 and 1.0 ms. The pixels must be one axis, otherwise the
    # kernel's gradient takes 2.8 ms.
    x = x[:, :: strides[0], :: strides[1]]
    product = jnp.matmul(x.reshape(-1, x.shape[-1]), kernel[0, 0], precision=precision)
    return product.reshape(*x.shape[:3], -1)


def _convolution(
    x, kernel, strides: tuple[int, int], precision, row_dilation: int = 1
) -> jax.Array:
    """A convolution; a dilation of the rows of both x and kernel changes no value."""
    rows, columns = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, "SAME")
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (row_dilation * strides[0], strides[1]),
        (tuple(row_dilation * pad for pad in rows), columns),
        lhs_dilation=(row_dilation, 1),
        rhs_dilation=(row_dilation, 1),
        dimension_numbers=_NHWC,
        precision=precision,
    )


def _row_dilation(x: jax.Array, channels: int) -> int:
    """Return the dilation of rows with which a product of this number of channels is faster.

    XLA (jax 0.10.2) dispatches convolutions to YNNPACK, those of dilated inputs to Eigen. YNNPACK
    computes many of them on one thread, Eigen distributes all. Two cores, 32 chips, 3x3, YNNPACK
    and Eigen: 16x16 cells, 64 channels to 128, 6.1 and 3.4 ms; 32x32, 32 to 64, 6.6 and 4.4 ms; but
    16x16, 16 to 32, 0.4 and 0.7 ms. On one core both take equally long, except for gradients of the
    kernel: 20x20 cells of 64 channels to 64, 12.9 and 7.5 ms; 40x40 of 3 to 64, 7x7 of stride 2,
    14.6 and 10.3 ms; up to 16 output channels YNNPACK is as fast or faster: 1.9 and 2.3 ms.
    """
    return 2 if DILATE_ROWS and channels > 16 and x.dtype == jnp.float32 else 1


# The gradients are defined apart from the forward form: those of the forms of a first layer are
# slower than those of the plain convolution (3 channels to 16: 4.7 against 3.3 ms, to 8: 3.6
# against 2.7 ms).
@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _convolve_on_cpu(x, kernel, strides: tuple[int, int], precision) -> jax.Array:
    # XLA's code for a first layer, of up to 4 channels, is fast only for some numbers of channels.
    # With neighbouring columns as channels, 64x64 pixels of 3 channels to 32, 3x3, take 3.0 instead
    # of 8.0 ms in groups of two; to 8, 1.3 instead of 5.6 ms in groups of four; to 16, 7x7 of
    # stride 2, 1.4 instead of 3.8 ms in groups of two. To 64 channels the plain form is faster.
    inputs, outputs = kernel.shape[2:]
    group = max(2, 32 // outputs)
    if inputs <= 4 and outputs <= 32 and x.shape[2] % (strides[1] * group) == 0:
        return _convolve_column_groups(x, kernel, strides, precision, group)
    return _convolution(x, kernel, strides, precision, _row_dilation(x, min(inputs, outputs)))


def _forward(x, kernel, strides, precision):
    return _convolve_on_cpu(x, kernel, strides, precision), (x, kernel)


def _backward(strides, precision, residuals, dy):
    x, kernel = residuals
    inputs, outputs = kernel.shape[2:]
    # With a larger stride the gradient of x is a convolution of dilated inputs anyway.
    x_dilation = _row_dilation(x, min(inputs, outputs)) if strides == (1, 1) else 1
    kernel_dilation = _row_dilation(x, outputs)
    pull_x = jax.vjp(lambda x: _convolution(x, kernel, strides, precision, x_dilation), x)[1]
    pull_kernel = jax.vjp(
        lambda kernel: _convolution(x, kernel, strides, precision, kernel_dilation), kernel
    )[1]
    return *pull_x(dy), *pull_kernel(dy)


_convolve_on_cpu.defvjp(_forward, _backward)


def _convolve_column_groups(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, int], precision, group: int
) -> jax.Array:
    """A convolution that computes each group of neighbouring columns at once, as channels."""
    size, _, inputs, outputs = kernel.shape
    stride, width_in = strides[1], strides[1] * group  # columns of x in one group
    rows, (low, _) = jax.lax.padtype_to_pads(x.shape[1:3], (size, size), strides, "SAME")
    left = -(-low // width_in)  # groups to the left that the kernel reaches
    last = stride * (group - 1) + size - 1 - low  # last input column of a group's last output
    right = max(0, last // width_in)
    wide = left + 1 + right
    shifted = []
    for column in range(group):
        before = left * width_in + stride * column - low
        pad = (before, wide * width_in - before - size)
        shifted.append(jnp.pad(kernel, ((0, 0), pad, (0, 0), (0, 0))))
    kernel = jnp.stack(shifted, axis=3)
    kernel = kernel.reshape(size, wide, width_in * inputs, group * outputs)
    batch, height, width, _ = x.shape
    y = jax.lax.conv_general_dilated(
        x.reshape(batch, height, width // width_in, width_in * inputs),
        kernel,
        (strides[0], 1),
        (rows, (left, right)),
        dimension_numbers=_NHWC,
        precision=precision,
    )
    return y.reshape(batch, -1, width // stride, outputs)
