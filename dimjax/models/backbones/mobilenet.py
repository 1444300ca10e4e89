"""MobileNet v1 (Howard et al., arXiv:1704.04861, Table 1).

The table prints stride 2 for the last depthwise convolution, which contradicts its own sizes (7x7
to 7x7); here it has stride 1, as in other implementations. The dropout is left out.

    net = MobileNet(output_stride=8)
    variables = net.init(key, image, train=False)
    features = net.apply(variables, image, train=False)    # [B, H/8, W/8, 256]
"""

from functools import partial

import flax.linen as nn
import jax

from dimjax.models.backbones.base import Backbone
from dimjax.models.layers import Classifier, ConvNorm, DepthwiseNorm, scaled_channels, stages_up_to

# Table 1: filters of the 1x1 convolution of each depthwise separable pair, by the stride of its
# output. The first depthwise convolution of each stride above 2 has stride 2.
STAGES = {
    2: (64,),
    4: (128, 128),
    8: (256, 256),
    16: (512, 512, 512, 512, 512, 512),
    32: (1024, 1024),
}


class MobileNet(Backbone):
    """MobileNet v1: depthwise separable convolutions, batch norm and ReLU after both halves.

    Output stride 4 keeps the first convolution and 3 pairs (128 channels), 8 has 5 pairs (256), 16
    has 11 (512) and 32 all 13 (1024). The width is the paper's alpha.
    """

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> features [B, H/s, W/s, F] or logits [B, classes]."""
        # The paper gives no epsilon; 1e-3 is from its authors' TensorFlow code.
        conv = partial(ConvNorm, epsilon=1e-3, dtype=self.dtype)
        depthwise = partial(DepthwiseNorm, epsilon=1e-3, dtype=self.dtype)
        x = conv(scaled_channels(32, self.width), 3, 2, name="conv1")(x, train)
        number = 0
        for stride, rows in stages_up_to(self.output_stride, STAGES).items():
            for index, filters in enumerate(rows):
                number += 1
                step = 2 if index == 0 and stride > 2 else 1
                x = depthwise(3, step, name=f"depthwise{number}")(x, train)
                features = scaled_channels(filters, self.width)
                x = conv(features, 1, name=f"pointwise{number}")(x, train)
        return x if self.classes is None else Classifier(self.classes, name="fc")(x)
