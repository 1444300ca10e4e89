"""The detector: any of the six backbones with the same head.

Inputs are differential examples [B, H, W, C], chips or whole frames, with H and W multiples of the
output stride s. Outputs are [B, H/s, W/s, 7] float32: x, y, w, h of each cell, encoded by
dimjax.coordinates, and the logits of confidence, target and interference.

    detector = create_detector("darknet19", width=0.5)
    variables = detector.init(key, chips, train=False)
    outputs = detector.apply(variables, frames, train=False)
    outputs, changes = detector.apply(variables, chips, train=True, mutable=["batch_stats"])
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dimjax.errors import InputError
from dimjax.models.backbones import BACKBONES
from dimjax.models.layers import ConvNorm, conv, leaky_relu, scaled_channels
from dimjax.models.ops.concatenation import concatenate
from dimjax.models.ops.pooling import max_pool

OUTPUT_STRIDES = (4, 8, 16, 32)
OUTPUTS = ("x", "y", "w", "h", "confidence", "target", "interference")

_HEAD_CHANNELS = 128
_PRIOR = 0.01


def create_detector(
    backbone: str,
    width: float = 1.0,
    output_stride: int = 8,
    context_px: int | None = None,
    skipped_channels: int = 0,
    dtype: Any = jnp.float32,
) -> nn.Module:
    """Create a detector, without its parameters.

    The stages of the backbone beyond the output stride are left out. The paper adjusts the number
    of layers to get feature maps of one size (its Fig. 10), and later stages would see far more
    than a chip and take most of the computation.

    Args:
      backbone: One of BACKBONES.
      width: Factor on all channels.
      output_stride: Pixels per cell of the output grid, one of OUTPUT_STRIDES.
      context_px: Window of EfficientNet's squeeze-and-excitation in pixels: the size of the chips
        in training, or None for the whole input. The other backbones have no such layer.
      skipped_channels: Number of last input channels, 0 for none, whose extremes in each cell go
        past the backbone to the head. Their values must be bounded or logarithmic.
      dtype: Compute dtype; parameters, batch-norm statistics and outputs are float32.

    Raises:
      InputError: An unknown backbone or output stride, or a width or context that is not positive.
    """
    _check_settings(backbone, width, output_stride, context_px)
    context = {"context_px": context_px} if backbone == "efficientnet_b0" else {}
    features = BACKBONES[backbone](width, output_stride, dtype=dtype, **context)
    channels = scaled_channels(_HEAD_CHANNELS, width)
    return Detector(features, channels, output_stride, skipped_channels, dtype)


class Detector(nn.Module):
    """A backbone, a 3x3 convolution, and a 1x1 convolution to the 7 outputs of each cell.

    The extremes of the skipped channels join the features before each of the two convolutions. A
    target that stands out by few sigmas of the motion evidence is thus ranked by them, which
    pooled features hold only roughly.
    """

    backbone: nn.Module
    head_channels: int
    output_stride: int
    skipped_channels: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H/s, W/s, 7] float32; see the module's docstring."""
        self._check_size(x.shape)
        extremes = self._extremes(x) if self.skipped_channels else None
        features = _joined(self.backbone(x, train), extremes)
        head = ConvNorm(self.head_channels, 3, 1, leaky_relu, dtype=self.dtype, name="head")
        return conv(
            len(OUTPUTS),
            1,
            kernel_init=nn.initializers.normal(0.01),
            bias_init=_prior_bias,
            dtype=jnp.float32,
            name="outputs",
        )(_joined(head(features, train), extremes))

    def _extremes(self, x: jax.Array) -> jax.Array:
        """[B, H, W, C] -> [B, H/s, W/s, 2 N], maxima and negated minima of the last N channels."""
        skipped = x[..., x.shape[-1] - self.skipped_channels :]
        both = jnp.concatenate([skipped, -skipped], axis=-1)
        return max_pool(both, self.output_stride, self.output_stride)

    def _check_size(self, shape):
        height, width = shape[1:3]
        if height % self.output_stride or width % self.output_stride:
            raise InputError(
                "network input",
                f"height and width must be multiples of the output stride {self.output_stride}",
                f"{height} x {width}",
                "Change chips.chip_px or model.output_stride, or pad the image.",
            )


def _joined(features: jax.Array, extremes: jax.Array | None) -> jax.Array:
    """Append the extremes of the skipped channels, if there are any, to features."""
    if extremes is None:
        return features
    return concatenate([features, extremes.astype(features.dtype)])


def _check_settings(backbone: str, width: float, output_stride: int, context_px: int | None):
    if backbone not in BACKBONES:
        rule = f"must be one of {', '.join(BACKBONES)}"
        raise InputError("model.backbone", rule, repr(backbone), "Name one of these.")
    if output_stride not in OUTPUT_STRIDES:
        rule = f"must be one of {', '.join(map(str, OUTPUT_STRIDES))} pixels"
        raise InputError("model.output_stride", rule, repr(output_stride), "Take one of these.")
    if width <= 0:
        raise InputError("model.width", "must be above 0", width, "Give 1.0 for the full width.")
    if context_px is not None and context_px <= 0:
        remedy = "Give the size of the chips, or None for the whole input."
        raise InputError("context_px", "must be above 0", context_px, remedy)


def _prior_bias(key, shape, dtype=jnp.float32) -> jax.Array:
    """Initialise the biases with 0, that of the confidence with the logit of 0.01.

    Nearly all cells are empty. With an initial confidence of 0.5 their loss would swamp that of
    the few targets in the first steps (RetinaNet, arXiv:1708.02002, section 4.1).
    """
    bias = jnp.zeros(shape, dtype)
    return bias.at[OUTPUTS.index("confidence")].set(math.log(_PRIOR / (1 - _PRIOR)))
