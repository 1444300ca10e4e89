"""SqueezeNet 1.0, the network of the paper (Iandola et al., arXiv:1602.07360, Table 1).

As published it has biases and no batch norm. The dropout is left out.

    net = SqueezeNet(output_stride=8)
    variables = net.init(key, image, train=False)
    features = net.apply(variables, image, train=False)    # [B, H/8, W/8, 512]
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.backbones.base import Backbone
from dimjax.models.layers import conv, scaled_channels, stages_up_to
from dimjax.models.ops.concatenation import concatenate
from dimjax.models.ops.pooling import max_pool

# Table 1, the fire modules by the stride of their output: s1x1 (squeeze), e1x1 and e3x3 (expand).
# A 3x3 max pool of stride 2 leads to each stride.
STAGES = {
    4: {"fire2": (16, 64, 64), "fire3": (16, 64, 64), "fire4": (32, 128, 128)},
    8: {
        "fire5": (32, 128, 128),
        "fire6": (48, 192, 192),
        "fire7": (48, 192, 192),
        "fire8": (64, 256, 256),
    },
    16: {"fire9": (64, 256, 256)},
}


class SqueezeNet(Backbone):
    """SqueezeNet 1.0: fire modules, ReLU.

    Output stride 4 keeps conv1 and fire2 to fire4 (256 channels), 8 up to fire8 (512), and 16 all,
    up to fire9 (512). The published network ends there; for 32 one more 3x3 max pool gives the grid
    of the other backbones, but the class logits are computed before it.
    """

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> features [B, H/s, W/s, F] or logits [B, classes]."""
        pool = partial(max_pool, size=3, stride=2)
        x = conv(scaled_channels(96, self.width), 7, 2, dtype=self.dtype, name="conv1")(x)
        x = nn.relu(x)
        for fires in stages_up_to(self.output_stride, STAGES).values():
            x = pool(x)
            for name, filters in fires.items():
                scaled = tuple(scaled_channels(count, self.width) for count in filters)
                x = Fire(scaled, self.dtype, name=name)(x)
        if self.classes is not None:
            return self._logits(x)
        return pool(x) if self.output_stride == 32 else x

    def _logits(self, x):
        last = conv(self.classes, 1, kernel_init=nn.initializers.normal(0.01), name="conv10")
        return nn.relu(last(x)).mean((1, 2))


class Fire(nn.Module):
    """A squeeze to few channels, then parallel 1x1 and 3x3 expansions (Fig. 1)."""

    filters: tuple[int, int, int]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[B, H, W, C] -> [B, H, W, e1x1 + e3x3]."""
        squeeze, expand1, expand3 = self.filters
        x = nn.relu(conv(squeeze, 1, dtype=self.dtype, name="squeeze")(x))
        one = nn.relu(conv(expand1, 1, dtype=self.dtype, name="expand1x1")(x))
        three = nn.relu(conv(expand3, 3, dtype=self.dtype, name="expand3x3")(x))
        return concatenate([one, three])
