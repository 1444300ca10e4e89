"""DarkNet-19 (Redmon and Farhadi, YOLO9000, arXiv:1612.08242, Table 6).

net = DarkNet19(output_stride=8)
variables = net.init(key, image, train=False)
features = net.apply(variables, image, train=False)    # [B, H/8, W/8, 256]
"""

from functools import partial

import flax.linen as nn
import jax

from dimjax.models.backbones.base import Backbone
from dimjax.models.layers import ConvNorm, conv, leaky_relu, scaled_channels, stages_up_to
from dimjax.models.ops.pooling import max_pool

# Table 6: filters and kernel size of each convolution, by the stride of its output. A 2x2 max pool
# of stride 2 leads from one stride to the next.
STAGES = {
    1: ((32, 3),),
    2: ((64, 3),),
    4: ((128, 3), (64, 1), (128, 3)),
    8: ((256, 3), (128, 1), (256, 3)),
    16: ((512, 3), (256, 1), (512, 3), (256, 1), (512, 3)),
    32: ((1024, 3), (512, 1), (1024, 3), (512, 1), (1024, 3)),
}


class DarkNet19(Backbone):
    """DarkNet-19: convolutions with batch norm and leaky ReLU of slope 0.1.

    Output stride 4 keeps the first 5 convolutions (128 channels), 8 the first 8 (256), 16 the
    first 13 (512) and 32 all 18 (1024). The 19th, 1x1 with bias, computes the class logits, before
    the global mean.
    """

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> features [B, H/s, W/s, F] or logits [B, classes]."""
        # The darknet program divides by sigma + 1e-6, its GPU code by sqrt(variance + 1e-5).
        layer = partial(ConvNorm, activation=leaky_relu, epsilon=1e-5, dtype=self.dtype)
        number = 0
        for stride, rows in stages_up_to(self.output_stride, STAGES).items():
            if stride > 1:
                x = max_pool(x, 2, 2)
            for filters, kernel in rows:
                number += 1
                features = scaled_channels(filters, self.width)
                x = layer(features, kernel, name=f"conv{number}")(x, train)
        return x if self.classes is None else self._logits(x)

    def _logits(self, x):
        x = conv(self.classes, 1, name="conv19")(x)
        return x.mean((1, 2))
