"""Layers that several backbones share, and the rule for widths.

In: features [B, H, W, C] in any compute dtype. Out: features in the module's dtype, [B, H/stride,
W/stride, features]. Parameters and batch-norm statistics are float32.

    x = ConvNorm(channels(64, width), kernel=3, stride=2, activation=nn.relu)(x, train)
    x = DepthwiseNorm(kernel=3, activation=nn.relu)(x, train)
    x = SqueezeExcitation(squeezed=8, context_cells=10)(x)

Padding is SAME everywhere. With stride 2 an odd kernel then has one pixel more of padding at
the bottom and the right than at the top and the left: output cell i is centred on input pixel
2i + 1, half a pixel right of and below the middle of the two pixels it stands for. Over a chain
of such layers the halves add up, so that the receptive field of a cell of stride s is centred
(s - 1) / 2 pixels right of and below the cell. A 2x2 pool of stride 2 (DarkNet-19) adds nothing.
The shift is the same for chips, tiles and frames, and the location outputs learn it.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models import plain
from dimjax.models.plain import plainly

Activation = Callable[[jax.Array], jax.Array]

kernel_init = nn.initializers.he_normal()


def relu(x: jax.Array) -> jax.Array:
    """nn.relu, looked up when it is called: jax2onnx puts its own in that place."""
    return nn.relu(x)


def leaky_relu(x: jax.Array) -> jax.Array:
    """Leaky ReLU of slope 0.1; nn.leaky_relu is looked up when it is called, as nn.relu is."""
    return nn.leaky_relu(x, negative_slope=0.1)


def channels(count: int, width: float) -> int:
    """A published number of channels times the width, to a multiple of 8 and never under 8."""
    return max(8, 8 * int(count * width / 8 + 0.5))


def kept(stages: dict, output_stride: int) -> dict:
    """The stages, keyed by their stride, that a network of this output stride has."""
    return {stride: rows for stride, rows in stages.items() if stride <= output_stride}


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm and, unless it is None, an activation."""

    features: int
    kernel: int = 3
    stride: int = 1
    activation: Activation | None = relu
    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H/stride, W/stride, features]."""
        x = nn.Conv(
            self.features,
            (self.kernel, self.kernel),
            self.stride,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=kernel_init,
        )(x)
        return _norm(x, self.activation, self.epsilon, self.dtype, train)


class DepthwiseNorm(nn.Module):
    """Depthwise convolution without bias, batch norm and, unless it is None, an activation."""

    kernel: int = 3
    stride: int = 1
    activation: Activation | None = relu
    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H/stride, W/stride, C]."""
        shape = (self.kernel, self.kernel, 1, x.shape[-1])
        kernel = self.param("kernel", kernel_init, shape)
        x = depthwise(x.astype(self.dtype), kernel.astype(self.dtype), self.stride)
        return _norm(x, self.activation, self.epsilon, self.dtype, train)


class SqueezeExcitation(nn.Module):
    """Channels weighted by what the surroundings hold (Hu et al. 2018, in EfficientNet's form).

    Attributes:
      squeezed: Channels between the two 1x1 convolutions.
      context_cells: The mean is over a window of so many cells; None takes the whole input, as
        published, and then a frame gets other weights than the chips cut from it.
      dtype: Compute dtype.
    """

    squeezed: int
    context_cells: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[B, H, W, C] -> [B, H, W, C]."""
        if self.context_cells is None:
            weights = jnp.mean(x, (1, 2), keepdims=True)
        else:
            weights = window_mean(x, self.context_cells)
        conv = partial(nn.Conv, kernel_size=(1, 1), dtype=self.dtype, kernel_init=kernel_init)
        weights = nn.silu(conv(self.squeezed, name="reduce")(weights))
        return x * nn.sigmoid(conv(x.shape[-1], name="expand")(weights))


class Classifier(nn.Module):
    """Global mean and a fully connected layer: [B, H, W, C] -> logits [B, classes] float32."""

    classes: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[B, H, W, C] -> [B, classes]."""
        return nn.Dense(self.classes)(x.astype(jnp.float32).mean((1, 2)))


@plainly(plain.depthwise)
def depthwise(
    x: jax.Array, kernel: jax.Array, stride: int = 1, bias: jax.Array | None = None
) -> jax.Array:
    """Each channel of x [B, H, W, C] convolved with its own kernel [k, k, 1, C], padding SAME."""
    # As k*k shifted multiply-adds: on XLA's CPU a grouped convolution (128 channels, 3x3) takes
    # some 50 times as long forward and 4 times with its gradients.
    size, height, width = kernel.shape[0], *(-(-n // stride) for n in x.shape[1:3])
    pads = jax.lax.padtype_to_pads(x.shape[1:3], (size, size), (stride, stride), "SAME")
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    total = jnp.zeros((), jnp.float32) if bias is None else bias.astype(jnp.float32)
    for row in range(size):
        for column in range(size):
            rows = slice(row, row + stride * (height - 1) + 1, stride)
            columns = slice(column, column + stride * (width - 1) + 1, stride)
            total += padded[:, rows, columns].astype(jnp.float32) * kernel[row, column, 0]
    return total.astype(x.dtype)


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


def _norm(x, activation: Activation | None, epsilon: float, dtype, train: bool) -> jax.Array:
    x = nn.BatchNorm(not train, momentum=0.9, epsilon=epsilon, dtype=dtype)(x)
    return x if activation is None else activation(x)
