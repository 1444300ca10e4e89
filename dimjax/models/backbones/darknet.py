"""DarkNet-19 (Redmon and Farhadi, YOLO9000, arXiv:1612.08242, Table 6).

In: image [B, H, W, C]. Out: features [B, H/s, W/s, F], or class logits [B, classes].

    net = DarkNet19(output_stride=8)
    variables = net.init(key, image, train=False)
    features = net.apply(variables, image, train=False)    # [B, H/8, W/8, 256]
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.layers import ConvNorm, channels, conv, kept, leaky_relu
from dimjax.models.ops.pooling import max_pool

# Table 6: filters and kernel size of each convolution, by the stride at which it works. A 2x2
# max pool of stride 2 stands between one stride and the next.
STAGES = {
    1: ((32, 3),),
    2: ((64, 3),),
    4: ((128, 3), (64, 1), (128, 3)),
    8: ((256, 3), (128, 1), (256, 3)),
    16: ((512, 3), (256, 1), (512, 3), (256, 1), (512, 3)),
    32: ((1024, 3), (512, 1), (1024, 3), (512, 1), (1024, 3)),
}


class DarkNet19(nn.Module):
    """DarkNet-19: convolutions with batch norm and leaky ReLU of slope 0.1.

    Layers that remain: at output stride 4 the first 5 convolutions (128 channels), at 8 the
    first 8 (256), at 16 the first 13 (512), at 32 all 18 (1024). The 19th, 1x1 with bias, gives
    the classes, before the global mean.

    Attributes:
      width: Factor on all channels.
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
        # The program darknet divides by sigma + 1e-6, its GPU code by sqrt(variance + 1e-5).
        layer = partial(ConvNorm, activation=leaky_relu, epsilon=1e-5, dtype=self.dtype)
        number = 0
        for stride, rows in kept(STAGES, self.output_stride).items():
            if stride > 1:
                x = max_pool(x, 2, 2)
            for filters, kernel in rows:
                number += 1
                x = layer(channels(filters, self.width), kernel, name=f"conv{number}")(x, train)
        return x if self.classes is None else self._logits(x)

    def _logits(self, x):
        x = conv(self.classes, 1, name="conv19")(x)
        return x.mean((1, 2))
