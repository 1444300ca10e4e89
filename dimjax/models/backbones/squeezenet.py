"""SqueezeNet 1.0, the network of the paper (Iandola et al., arXiv:1602.07360, Table 1).

As published it has biases and no batch norm; its dropout is left out.

In: image [B, H, W, C]. Out: features [B, H/s, W/s, F], or class logits [B, classes].

    net = SqueezeNet(output_stride=8)
    variables = net.init(key, image, train=False)
    features = net.apply(variables, image, train=False)    # [B, H/8, W/8, 512]
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.models.layers import channels, conv, kept
from dimjax.models.ops.pooling import concatenate, max_pool

# Table 1, the fire modules by their stride: s1x1 (squeeze), e1x1 and e3x3 (expand). A 3x3 max
# pool of stride 2 stands before each stride.
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


class SqueezeNet(nn.Module):
    """SqueezeNet 1.0: fire modules, ReLU.

    Layers that remain: at output stride 4 conv1 and fire2 to fire4 (256 channels), at 8 up to
    fire8 (512), at 16 all, up to fire9 (512). The published network ends there: at 32 one more
    3x3 max pool gives the grid of the other backbones, but the classes are taken before it.

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
        pool = partial(max_pool, size=3, stride=2)
        x = conv(channels(96, self.width), 7, 2, dtype=self.dtype, name="conv1")(x)
        x = nn.relu(x)
        for fires in kept(STAGES, self.output_stride).values():
            x = pool(x)
            for name, filters in fires.items():
                scaled = tuple(channels(count, self.width) for count in filters)
                x = Fire(scaled, self.dtype, name=name)(x)
        if self.classes is not None:
            return self._logits(x)
        return pool(x) if self.output_stride == 32 else x

    def _logits(self, x):
        last = conv(self.classes, 1, kernel_init=nn.initializers.normal(0.01), name="conv10")
        return nn.relu(last(x)).mean((1, 2))


class Fire(nn.Module):
    """A squeeze to few channels, then 1x1 and 3x3 expansions side by side (Fig. 1)."""

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
