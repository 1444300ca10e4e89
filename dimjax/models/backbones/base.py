"""The attributes that all backbones share.

net = DarkNet19(width=0.5, output_stride=8)
features = net.apply(variables, image, train=False)         # [B, H, W, C] -> [B, H/8, W/8, 128]
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp


class Backbone(nn.Module):
    """A published network without the stages beyond its output stride.

    Attributes:
      width: Factor on all channels.
      output_stride: Pixels per cell, one of 4, 8, 16, 32.
      classes: Number of classes; if set, class logits [B, classes] are returned instead of features
        [B, H/s, W/s, F]. Requires output stride 32.
      dtype: Compute dtype.
    """

    width: float = 1.0
    output_stride: int = 32
    classes: int | None = None
    dtype: Any = jnp.float32
