"""Batch norm folded into the convolutions: the same outputs from fewer steps, for detection.

A trained batch norm is a factor and a summand for each channel. The factor goes into the kernel of
the convolution before it, the summand becomes that convolution's bias.

In: a detector, its variables and images [B, H, W, C]. Out: [B, H/s, W/s, 7], what
`model.apply(variables, images, train=False)` gives, but for rounding.

    outputs = apply_folded(model, variables, images)
"""

from typing import Any

import flax.linen as nn
import jax

from dimjax.models.layers import ConvNorm, DepthwiseNorm
from dimjax.models.ops.depthwise import depthwise
from dimjax.models.ops.export_forms import convolution


def apply_folded(model: nn.Module, variables: Any, images: jax.Array) -> jax.Array:
    """Outputs of a network in evaluation mode, its batch norms folded.

    Args:
      model: Of ConvNorm, DepthwiseNorm and layers without batch norm.
      variables: {"params", "batch_stats"}. NumPy arrays are folded at once, when this is traced.
      images: [B, H, W, C].
    """
    with nn.intercept_methods(_without_norm):
        return model.apply(variables, images, train=False)


def _without_norm(call, args, kwargs, context) -> Any:
    """What flax calls in place of each method of each module."""
    layer = context.module
    if context.method_name != "__call__" or not isinstance(layer, ConvNorm | DepthwiseNorm):
        return call(*args, **kwargs)
    x = args[0].astype(layer.dtype)
    params, statistics = layer.variables["params"], layer.variables["batch_stats"]["BatchNorm_0"]
    norm = params["BatchNorm_0"]
    factor = norm["scale"] * (statistics["var"] + layer.epsilon) ** -0.5
    bias = norm["bias"] - statistics["mean"] * factor
    if isinstance(layer, ConvNorm):
        params = {"kernel": params["Conv_0"]["kernel"] * factor, "bias": bias}
        y = convolution(x, params, layer.stride)
    else:
        y = depthwise(x, params["kernel"] * factor, layer.stride, bias)
    return y if layer.activation is None else layer.activation(y)
