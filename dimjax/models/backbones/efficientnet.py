"""EfficientNet-B0 (Tan and Le, arXiv:1905.11946, Table 1).

Dropout and stochastic depth are left out: they serve ImageNet's long training.

In: image [B, H, W, C]. Out: features [B, H/s, W/s, F], or class logits [B, classes].

    net = EfficientNetB0(output_stride=8, context_px=80)
    variables = net.init(key, chips, train=False)
    features = net.apply(variables, frames, train=False)    # [B, H/8, W/8, 40]
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.layers import (
    Classifier,
    ConvNorm,
    DepthwiseNorm,
    SqueezeExcitation,
    channels,
    kept,
)

# Table 1, stages 2 to 8, by the stride at which they work: expansion, kernel size, channels and
# layers. The first layer of each stride above 2 has stride 2.
STAGES = {
    2: ((1, 3, 16, 1),),
    4: ((6, 3, 24, 2),),
    8: ((6, 5, 40, 2),),
    16: ((6, 3, 80, 3), (6, 5, 112, 3)),
    32: ((6, 5, 192, 4), (6, 3, 320, 1)),
}


class EfficientNetB0(nn.Module):
    """EfficientNet-B0: MBConv blocks with squeeze-and-excitation, SiLU.

    Layers that remain: at output stride 4 the stem and stages 2 and 3 of Table 1 (24 channels),
    at 8 up to stage 4 (40), at 16 up to stage 6 (112), at 32 all, stage 9's 1x1 convolution
    included (1280).

    Attributes:
      width: Factor on all channels.
      output_stride: Pixels a cell, one of 4, 8, 16, 32.
      classes: Return logits of so many classes in place of features; for output stride 32.
      dtype: Compute dtype.
      context_px: Squeeze-and-excitation takes the mean over a window of this size; None takes
        the whole input, as published. Trained on chips with the chips' size, the network
        weights the channels on a frame as it does in the middle of a chip.
    """

    width: float = 1.0
    output_stride: int = 32
    classes: int | None = None
    dtype: Any = jnp.float32
    context_px: int | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Features [B, H/s, W/s, F], or logits [B, classes], of x [B, H, W, C]."""
        conv = partial(ConvNorm, activation=nn.silu, epsilon=1e-3, dtype=self.dtype)
        x = conv(channels(32, self.width), 3, 2, name="stem")(x, train)
        for stride, rows in kept(STAGES, self.output_stride).items():
            x = self._stage(x, stride, rows, train)
        if self.output_stride == 32:
            x = conv(channels(1280, self.width), 1, name="top")(x, train)
        return x if self.classes is None else Classifier(self.classes, name="fc")(x)

    def _stage(self, x, stride: int, rows, train: bool):
        """The blocks that work at one stride; the first of them brings x to it."""
        context_cells = None if self.context_px is None else self.context_px // stride
        blocks = [row[:3] for row in rows for _ in range(row[3])]
        for index, (expansion, kernel, filters) in enumerate(blocks):
            x = MBConv(
                channels(filters, self.width),
                expansion,
                kernel,
                stride=2 if index == 0 and stride > 2 else 1,
                context_cells=context_cells,
                dtype=self.dtype,
                name=f"stride{stride}_block{index + 1}",
            )(x, train)
        return x


class MBConv(nn.Module):
    """Expansion, depthwise convolution, squeeze-and-excitation, projection, and the shortcut."""

    features: int
    expansion: int
    kernel: int
    stride: int = 1
    context_cells: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H/stride, W/stride, features]."""
        shared = {"activation": nn.silu, "epsilon": 1e-3, "dtype": self.dtype}
        count = x.shape[-1]
        y = x
        if self.expansion > 1:
            y = ConvNorm(self.expansion * count, 1, **shared, name="expand")(y, train)
        y = DepthwiseNorm(self.kernel, self.stride, **shared, name="depthwise")(y, train)
        y = SqueezeExcitation(count // 4, self.context_cells, self.dtype, name="excite")(y)
        shared["activation"] = None
        y = ConvNorm(self.features, 1, **shared, name="project")(y, train)
        return x + y if x.shape == y.shape else y
