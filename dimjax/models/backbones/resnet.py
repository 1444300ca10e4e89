"""ResNet-18 (He et al., Deep residual learning, arXiv:1512.03385, Table 1).

net = ResNet18(output_stride=8)
variables = net.init(key, image, train=False)
features = net.apply(variables, image, train=False)    # [B, H/8, W/8, 128]
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.backbones.base import Backbone
from dimjax.models.layers import Classifier, ConvNorm, scaled_channels, stages_up_to
from dimjax.models.ops.pooling import max_pool

# Table 1, column "18-layer", conv2_x to conv5_x: filters of the blocks, by the stride of their
# output.
STAGES = {
    4: (64, 64),
    8: (128, 128),
    16: (256, 256),
    32: (512, 512),
}


class ResNet18(Backbone):
    """ResNet-18: basic blocks, 1x1 projections where the shape changes (option B), ReLU.

    Output stride 4 keeps conv1, the pool and conv2_x (64 channels), 8 up to conv3_x (128), 16 up to
    conv4_x (256) and 32 all (512).
    """

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> features [B, H/s, W/s, F] or logits [B, classes]."""
        stem = ConvNorm(scaled_channels(64, self.width), 7, 2, dtype=self.dtype, name="conv1")
        x = max_pool(stem(x, train), 3, 2)
        stages = stages_up_to(self.output_stride, STAGES)
        for stage, (stride, rows) in enumerate(stages.items(), start=2):
            for index, filters in enumerate(rows):
                x = BasicBlock(
                    scaled_channels(filters, self.width),
                    stride=2 if index == 0 and stride > 4 else 1,
                    dtype=self.dtype,
                    name=f"conv{stage}_{index + 1}",
                )(x, train)
        return x if self.classes is None else Classifier(self.classes, name="fc")(x)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the shortcut around them (Fig. 5, left).

    With stride 2 the 1x1 projection reads pixel 2i, while the 3x3 convolution, padded SAME, is
    centred on pixel 2i + 1: the two paths are one pixel apart.
    """

    features: int
    stride: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H/stride, W/stride, features]."""
        conv = partial(ConvNorm, self.features, dtype=self.dtype)
        y = conv(3, self.stride, name="first")(x, train)
        y = conv(3, activation=None, name="second")(y, train)
        if x.shape != y.shape:
            x = conv(1, self.stride, activation=None, name="projection")(x, train)
        return nn.relu(x + y)
