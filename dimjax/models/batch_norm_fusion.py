"""Batch norm fused into convolutions: the same outputs from fewer operations, for detection.

A trained batch norm multiplies each channel by a factor and adds a constant. The factor is
multiplied into the kernel of the convolution before it; the constant becomes its bias.

    outputs = apply_fused(model, variables, images)     # [B, H, W, C] -> [B, H/s, W/s, 7]

The outputs equal `model.apply(variables, images, train=False)` up to rounding.
"""

from typing import Any

import flax.linen as nn
import jax

from dimjax.models.layers import ConvNorm, DepthwiseNorm
from dimjax.models.ops.convolution import linen_convolution
from dimjax.models.ops.depthwise import depthwise


def apply_fused(model: nn.Module, variables: Any, images: jax.Array) -> jax.Array:
    """Apply a network in evaluation mode with its batch norms fused.

    Args:
      model: Made of ConvNorm, DepthwiseNorm and layers without batch norm.
      variables: {"params", "batch_stats"}. NumPy arrays are fused once, while this is traced.
      images: [B, H, W, C].
    """
    with nn.intercept_methods(_fuse):
        return model.apply(variables, images, train=False)


def _fuse(call, args, kwargs, context) -> Any:
    """Replace ConvNorm and DepthwiseNorm by one convolution; a flax interceptor of all methods."""
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
        y = linen_convolution(x, params, layer.stride)
    else:
        y = depthwise(x, params["kernel"] * factor, layer.stride, bias)
    return y if layer.activation is None else layer.activation(y)
