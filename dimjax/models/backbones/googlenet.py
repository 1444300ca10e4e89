"""GoogLeNet (Szegedy et al., Going deeper with convolutions, arXiv:1409.4842, Table 1).

The variant of torchvision: batch norm after each convolution instead of biases and local response
normalisation, 3x3 instead of 5x5 convolutions, a last pool of 2x2, no auxiliary classifiers. The
dropout before the classifier is left out.

    net = GoogLeNet(output_stride=8)
    variables = net.init(key, image, train=False)
    features = net.apply(variables, image, train=False)    # [B, H/8, W/8, 480]
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.backbones.base import Backbone
from dimjax.models.layers import Classifier, ConvNorm, scaled_channels, stages_up_to
from dimjax.models.ops.concatenation import concatenate
from dimjax.models.ops.pooling import max_pool

# Table 1, the inception modules by the stride of their output: #1x1, #3x3 reduce, #3x3, #5x5
# reduce, #5x5 and pool proj. A max pool of stride 2 leads to each stride.
STAGES = {
    8: {
        "3a": (64, 96, 128, 16, 32, 32),
        "3b": (128, 128, 192, 32, 96, 64),
    },
    16: {
        "4a": (192, 96, 208, 16, 48, 64),
        "4b": (160, 112, 224, 24, 64, 64),
        "4c": (128, 128, 256, 24, 64, 64),
        "4d": (112, 144, 288, 32, 64, 64),
        "4e": (256, 160, 320, 32, 128, 128),
    },
    32: {
        "5a": (256, 160, 320, 32, 128, 128),
        "5b": (384, 192, 384, 48, 128, 128),
    },
}


class GoogLeNet(Backbone):
    """GoogLeNet in torchvision's variant: inception modules, batch norm, ReLU.

    Output stride 4 keeps the three convolutions before the inception modules (192 channels), 8 all
    up to inception 3b (480), 16 up to 4e (832) and 32 all (1024).
    """

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> features [B, H/s, W/s, F] or logits [B, classes]."""
        conv = partial(ConvNorm, epsilon=1e-3, dtype=self.dtype)
        x = conv(scaled_channels(64, self.width), 7, 2, name="conv1")(x, train)
        x = max_pool(x, 3, 2)
        x = conv(scaled_channels(64, self.width), 1, name="conv2_reduce")(x, train)
        x = conv(scaled_channels(192, self.width), 3, name="conv2")(x, train)
        for stride, modules in stages_up_to(self.output_stride, STAGES).items():
            size = 2 if stride == 32 else 3
            x = max_pool(x, size, 2)
            for name, filters in modules.items():
                scaled = tuple(scaled_channels(count, self.width) for count in filters)
                x = Inception(scaled, self.dtype, name=f"inception{name}")(x, train)
        return x if self.classes is None else Classifier(self.classes, name="fc")(x)


class Inception(nn.Module):
    """Four parallel branches (Fig. 2b); filters in the order of Table 1."""

    filters: tuple[int, int, int, int, int, int]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H, W, 1x1 + 3x3 + 5x5 + pool proj]."""
        conv = partial(ConvNorm, epsilon=1e-3, dtype=self.dtype)
        one, three_reduce, three, five_reduce, five, pooled = self.filters
        branch1 = conv(one, 1, name="1x1")(x, train)
        branch2 = conv(three_reduce, 1, name="3x3_reduce")(x, train)
        branch2 = conv(three, 3, name="3x3")(branch2, train)
        branch3 = conv(five_reduce, 1, name="5x5_reduce")(x, train)
        branch3 = conv(five, 3, name="5x5")(branch3, train)
        branch4 = max_pool(x, 3, 1)
        branch4 = conv(pooled, 1, name="pool_proj")(branch4, train)
        return concatenate([branch1, branch2, branch3, branch4])
