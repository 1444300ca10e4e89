"""The detector: any of the six backbones with one and the same head.

In: differential examples [B, H, W, C], H and W multiples of the output stride s; chips and whole
frames alike. Out: [B, H/s, W/s, 7] float32, per cell x, y, w, h (as `coordinates.encode` gives
them), confidence, target and interference (logits).

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
from dimjax.models.backbones.darknet import DarkNet19
from dimjax.models.backbones.efficientnet import EfficientNetB0
from dimjax.models.backbones.googlenet import GoogLeNet
from dimjax.models.backbones.mobilenet import MobileNet
from dimjax.models.backbones.resnet import ResNet18
from dimjax.models.backbones.squeezenet import SqueezeNet
from dimjax.models.layers import ConvNorm, channels, conv, leaky_relu

BACKBONES = {
    "darknet19": DarkNet19,
    "resnet18": ResNet18,
    "googlenet": GoogLeNet,
    "squeezenet": SqueezeNet,
    "mobilenet": MobileNet,
    "efficientnet_b0": EfficientNetB0,
}
OUTPUT_STRIDES = (4, 8, 16, 32)
OUTPUTS = ("x", "y", "w", "h", "confidence", "target", "interference")

_HEAD_CHANNELS = 128
_PRIOR = 0.01


def create_detector(
    backbone: str,
    width: float = 1.0,
    output_stride: int = 8,
    context_px: int | None = None,
    dtype: Any = jnp.float32,
) -> nn.Module:
    """The detector with a backbone, without its parameters.

    The stages of the backbone beyond the output stride are left out: the paper adjusts the number
    of layers to get feature maps of one size (its Fig. 10), and later stages would see much more
    than a chip, at most of the cost.

    Args:
      backbone: One of BACKBONES.
      width: Factor on all channels.
      output_stride: Pixels a cell of the output grid, one of OUTPUT_STRIDES.
      context_px: Size of the window of EfficientNet's squeeze-and-excitation: give the size of
        the chips. None takes the whole input. The other backbones have no such layer.
      dtype: Compute dtype; parameters, batch-norm statistics and outputs are float32.

    Raises:
      InputError: An unknown backbone or output stride, or a width or context that is not positive.
    """
    if backbone not in BACKBONES:
        allowed = f"must be one of {', '.join(BACKBONES)}"
        raise InputError("model.backbone", allowed, repr(backbone), "Name one of these.")
    if output_stride not in OUTPUT_STRIDES:
        allowed = f"must be one of {', '.join(map(str, OUTPUT_STRIDES))} pixels"
        raise InputError("model.output_stride", allowed, repr(output_stride), "Take one of these.")
    if width <= 0:
        raise InputError("model.width", "must be above 0", width, "Give 1.0 for the full width.")
    if context_px is not None and context_px <= 0:
        remedy = "Give the size of the chips, or None for the whole input."
        raise InputError("context_px", "must be above 0", context_px, remedy)
    context = {"context_px": context_px} if backbone == "efficientnet_b0" else {}
    features = BACKBONES[backbone](width, output_stride, dtype=dtype, **context)
    return Detector(features, channels(_HEAD_CHANNELS, width), output_stride, dtype)


class Detector(nn.Module):
    """A backbone, a 3x3 convolution, and a 1x1 convolution to the 7 outputs of each cell."""

    backbone: nn.Module
    head_channels: int
    output_stride: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Outputs [B, H/s, W/s, 7] float32 of x [B, H, W, C]; see the module's docstring."""
        self._check(x.shape)
        x = self.backbone(x, train)
        head = ConvNorm(self.head_channels, 3, 1, leaky_relu, dtype=self.dtype, name="head")
        return conv(
            len(OUTPUTS),
            1,
            kernel_init=nn.initializers.normal(0.01),
            bias_init=_prior_bias,
            dtype=jnp.float32,
            name="outputs",
        )(head(x, train))

    def _check(self, shape):
        height, width = shape[1:3]
        if height % self.output_stride or width % self.output_stride:
            raise InputError(
                "network input",
                f"height and width must be multiples of the output stride {self.output_stride}",
                f"{height} x {width}",
                "Change chips.chip_px or model.output_stride, or pad the image.",
            )


def _prior_bias(key, shape, dtype=jnp.float32) -> jax.Array:
    """Zero but for the confidence, which starts at a probability of 0.01.

    Nearly all cells are empty. From a confidence of 0.5 their loss would swamp that of the few
    targets in the first steps (RetinaNet, arXiv:1708.02002, section 4.1).
    """
    bias = jnp.zeros(shape, dtype)
    return bias.at[OUTPUTS.index("confidence")].set(math.log(_PRIOR / (1 - _PRIOR)))
