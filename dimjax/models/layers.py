"""Layers that several backbones share, and the rule for widths.

Inputs are features [B, H, W, C] in any dtype; outputs are [B, H/stride, W/stride, features] in the
module's compute dtype. Parameters and batch-norm statistics are float32.

    x = ConvNorm(scaled_channels(64, width), kernel=3, stride=2, activation=nn.relu)(x, train)
    x = DepthwiseNorm(kernel=3, activation=nn.relu)(x, train)
    x = SqueezeExcitation(squeezed=8, context_cells=10)(x)

Padding is SAME everywhere. With stride 2 an odd kernel then has one more pixel of padding at the
bottom and the right than at the top and the left: output cell i is centred on input pixel 2i + 1,
half a pixel to the right of and below the middle of the two pixels that it covers. Over a chain of
such layers the halves add up: the receptive field of a cell of stride s is centred (s - 1) / 2
pixels to the right of and below the cell. A 2x2 pool of stride 2 (DarkNet-19) adds nothing. The
shift is the same in chips, tiles and frames, and the location outputs learn it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.ops.batch_norm import normalize
from dimjax.models.ops.convolution import convolve
from dimjax.models.ops.depthwise import depthwise
from dimjax.models.ops.pooling import window_mean

Activation = Callable[[jax.Array], jax.Array]

kernel_init = nn.initializers.he_normal()


def relu(x: jax.Array) -> jax.Array:
    """Apply nn.relu, looked up at each call because jax2onnx replaces it while it traces."""
    return nn.relu(x)


def leaky_relu(x: jax.Array) -> jax.Array:
    """Apply nn.leaky_relu with slope 0.1, looked up at each call like nn.relu."""
    return nn.leaky_relu(x, negative_slope=0.1)


def scaled_channels(count: int, width: float) -> int:
    """Scale a published number of channels, rounded to a multiple of 8 and at least 8."""
    return max(8, 8 * int(count * width / 8 + 0.5))


def stages_up_to(output_stride: int, stages: dict) -> dict:
    """Select the stages, keyed by their stride, of a network with this output stride."""
    return {stride: rows for stride, rows in stages.items() if stride <= output_stride}


def conv(features: int, size: int, stride: int = 1, **kwargs: Any) -> nn.Conv:
    """Create a convolution with a square kernel, bias and padding SAME, computed by `convolve`."""
    kwargs = {"kernel_init": kernel_init, **kwargs}
    return nn.Conv(features, (size, size), stride, conv_general_dilated_cls=_convolve, **kwargs)


def _convolve() -> Callable:
    return convolve


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
        x = conv(self.features, self.kernel, self.stride, use_bias=False, dtype=self.dtype)(x)
        return _norm(x, self.activation, self.epsilon, self.dtype, train)


class BatchNorm(nn.Module):
    """Batch norm with momentum 0.9; parameters and statistics are those of nn.BatchNorm."""

    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H, W, C]; in training each channel has mean 0 and variance 1."""
        shape = x.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        variance = self.variable("batch_stats", "var", jnp.ones, shape)
        if not train:
            factor = scale * jax.lax.rsqrt(variance.value + self.epsilon)
            return ((x - mean.value) * factor + bias).astype(self.dtype)
        y, batch_mean, batch_variance = normalize(x, scale, bias, self.epsilon)
        if not self.is_initializing():
            mean.value = 0.9 * mean.value + 0.1 * batch_mean
            variance.value = 0.9 * variance.value + 0.1 * batch_variance
        return y.astype(self.dtype)


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
    """Channels weighted by their mean over a window (Hu et al. 2018, EfficientNet's variant).

    Attributes:
      squeezed: Channels between the two 1x1 convolutions.
      context_cells: Size of the window in cells. None takes the mean over the whole input, as
        published; a frame then gets other weights than the chips cut from it.
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
        conv1x1 = partial(conv, size=1, dtype=self.dtype)
        weights = nn.silu(conv1x1(self.squeezed, name="reduce")(weights))
        return x * nn.sigmoid(conv1x1(x.shape[-1], name="expand")(weights))


class Classifier(nn.Module):
    """Global mean and a fully connected layer: [B, H, W, C] -> logits [B, classes] float32."""

    classes: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[B, H, W, C] -> [B, classes]."""
        return nn.Dense(self.classes)(x.astype(jnp.float32).mean((1, 2)))


def _norm(x, activation: Activation | None, epsilon: float, dtype, train: bool) -> jax.Array:
    x = BatchNorm(epsilon, dtype)(x, train)
    return x if activation is None else activation(x)
