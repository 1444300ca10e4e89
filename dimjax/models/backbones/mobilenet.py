"""MobileNet v1 (Howard et al., arXiv:1704.04861, Table 1).

The table's last depthwise convolution is printed with stride 2, which its own sizes contradict
(7x7 in, 7x7 out); it has stride 1 here as everywhere. The dropout is left out.

In: image [B, H, W, C]. Out: features [B, H/s, W/s, F], or class logits [B, classes].

    net = MobileNet(output_stride=8)
    variables = net.init(key, image, train=False)
    features = net.apply(variables, image, train=False)    # [B, H/8, W/8, 256]
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.layers import Classifier, ConvNorm, DepthwiseNorm, channels, kept

# Table 1: filters of the 1x1 convolution of each depthwise separable pair, by the stride at
# which it works. The first depthwise convolution of each stride above 2 has stride 2.
STAGES = {
    2: (64,),
    4: (128, 128),
    8: (256, 256),
    16: (512, 512, 512, 512, 512, 512),
    32: (1024, 1024),
}


class MobileNet(nn.Module):
    """MobileNet v1: depthwise separable convolutions, batch norm and ReLU after both halves.

    Layers that remain: at output stride 4 the first convolution and 3 pairs (128 channels), at
    8 it and 5 pairs (256), at 16 it and 11 pairs (512), at 32 all 13 pairs (1024).

    Attributes:
      width: Factor on all channels, the paper's alpha.
      output_stride: Pixels a cell, one of 4, 8, 16, 32.
      classes: Return logits of so many classes in place of features; for output stride 32.
      dtype: Compute dtype.
    """

    width: float = 1.0
    output_stride: int = 32
    classes: int | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Features [B, H/s, W/s, F], or logits [B, classes], of x [B, H, W, C]."""
        # The paper gives no epsilon; 1e-3 is that of its authors' TensorFlow code.
        conv = partial(ConvNorm, epsilon=1e-3, dtype=self.dtype)
        depthwise = partial(DepthwiseNorm, epsilon=1e-3, dtype=self.dtype)
        x = conv(channels(32, self.width), 3, 2, name="conv1")(x, train)
        number = 0
        for stride, rows in kept(STAGES, self.output_stride).items():
            for index, filters in enumerate(rows):
                number += 1
                step = 2 if index == 0 and stride > 2 else 1
                x = depthwise(3, step, name=f"depthwise{number}")(x, train)
                x = conv(channels(filters, self.width), 1, name=f"pointwise{number}")(x, train)
        return x if self.classes is None else Classifier(self.classes, name="fc")(x)
