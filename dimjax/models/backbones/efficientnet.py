"""EfficientNet-B0 (Tan and Le, arXiv:1905.11946, Table 1).

Dropout and stochastic depth are left out; they serve the long training on ImageNet.

    net = EfficientNetB0(output_stride=8, context_px=80)
    variables = net.init(key, chips, train=False)
    features = net.apply(variables, frames, train=False)    # [B, H/8, W/8, 40]
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.backbones.base import Backbone
from dimjax.models.layers import (
    Classifier,
    ConvNorm,
    DepthwiseNorm,
    SqueezeExcitation,
    scaled_channels,
    stages_up_to,
)

# Table 1, stages 2 to 8, by the stride of their output: expansion, kernel size, channels and
# layers. The first layer of each stride above 2 has stride 2.
STAGES = {
    2: ((1, 3, 16, 1),),
    4: ((6, 3, 24, 2),),
    8: ((6, 5, 40, 2),),
    16: ((6, 3, 80, 3), (6, 5, 112, 3)),
    32: ((6, 5, 192, 4), (6, 3, 320, 1)),
}


class EfficientNetB0(Backbone):
    """EfficientNet-B0: MBConv blocks with squeeze-and-excitation, SiLU.

    Output stride 4 keeps the stem and stages 2 and 3 of Table 1 (24 channels), 8 up to stage 4
    (40), 16 up to stage 6 (112), and 32 all, including the 1x1 convolution of stage 9 (1280).

    Attributes:
      context_px: Window of the mean in squeeze-and-excitation; None takes the whole input, as
        published. A network that is trained on chips with the chips' size weights the channels in
        a frame as it does in the middle of a chip.
    """

    context_px: int | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> features [B, H/s, W/s, F] or logits [B, classes]."""
        conv = partial(ConvNorm, activation=nn.silu, epsilon=1e-3, dtype=self.dtype)
        x = conv(scaled_channels(32, self.width), 3, 2, name="stem")(x, train)
        for stride, rows in stages_up_to(self.output_stride, STAGES).items():
            x = self._stage(x, stride, rows, train)
        if self.output_stride == 32:
            x = conv(scaled_channels(1280, self.width), 1, name="top")(x, train)
        return x if self.classes is None else Classifier(self.classes, name="fc")(x)

    def _stage(self, x, stride: int, rows, train: bool):
        """Apply the blocks of one stride; the first of them downsamples x to it."""
        context_cells = None if self.context_px is None else self.context_px // stride
        blocks = [row[:3] for row in rows for _ in range(row[3])]
        for index, (expansion, kernel, filters) in enumerate(blocks):
            x = MBConv(
                scaled_channels(filters, self.width),
                expansion,
                kernel,
                stride=2 if index == 0 and stride > 2 else 1,
                context_cells=context_cells,
                dtype=self.dtype,
                name=f"stride{stride}_block{index + 1}",
            )(x, train)
        return x


class MBConv(nn.Module):
    """Expansion, depthwise convolution, squeeze-and-excitation, projection, and a shortcut."""

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
