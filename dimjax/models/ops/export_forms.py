"""Layers in the form that exchange formats know: one pool, one convolution, one mean.

Some layers are written as many small steps, since XLA compiles those to faster code. ONNX has one
operator for each, and its runtimes are fast with that only. In come features, out come the same
features; which form is traced is chosen where the network is called:

    with written_plainly():
        outputs = model.apply(variables, images, train=False)

What is compiled already stays as it is: jit does not see the choice.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import flax.linen as nn
import jax
import jax.numpy as jnp

_plainly = ContextVar("plainly", default=False)


@contextmanager
def written_plainly() -> Iterator[None]:
    """Within, layers are traced in their plain form."""
    token = _plainly.set(True)
    try:
        yield
    finally:
        _plainly.reset(token)


def plainly(plain: Callable) -> Callable[[Callable], Callable]:
    """Decorator of a layer's function: `plain` is its plain form, of the same arguments."""

    def decorate(fast: Callable) -> Callable:
        @wraps(fast)
        def either(*args, **kwargs):
            return (plain if _plainly.get() else fast)(*args, **kwargs)

        return either

    return decorate


def max_pool(x: jax.Array, size: int, stride: int) -> jax.Array:
    """Maximum of each size x size window of x [B, H, W, C], padding SAME."""
    return nn.max_pool(x, window_shape=(size, size), strides=(stride, stride), padding="SAME")


def depthwise(
    x: jax.Array, kernel: jax.Array, stride: int = 1, bias: jax.Array | None = None
) -> jax.Array:
    """Each channel of x [B, H, W, C] convolved with its own kernel [k, k, 1, C], padding SAME."""
    params = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
    return convolution(x, params, stride, groups=x.shape[-1])


def concatenate(parts: list[jax.Array]) -> jax.Array:
    """Features [B, H, W, C1], [B, H, W, C2], ... side by side: [B, H, W, C1 + C2 + ...]."""
    # Channels first, as the layers before and after have it in ONNX: the turns there and back
    # cancel with theirs.
    parts = [jnp.moveaxis(part, -1, 1) for part in parts]
    return jnp.moveaxis(jnp.concatenate(parts, axis=1), 1, -1)


def window_mean(x: jax.Array, cells: int) -> jax.Array:
    """Mean of x [B, H, W, C] over the cells x cells window round each cell; odd windows only."""
    size = 2 * (max(cells - 1, 0) // 2) + 1
    for window in ((size, 1), (1, size)):
        x = nn.avg_pool(
            x, window_shape=window, strides=(1, 1), padding="SAME", count_include_pad=False
        )
    return x


def convolution(x: jax.Array, params: dict, stride: int, groups: int = 1) -> jax.Array:
    """Convolution of x [B, H, W, C], padding SAME, with a kernel [k, k, C / groups, F].

    Args:
      x: Its type is the compute dtype.
      params: {"kernel"} or {"kernel", "bias"}.
      stride: Of both axes.
      groups: Channels of x are split into so many.
    """
    kernel = params["kernel"]
    layer = nn.Conv(
        kernel.shape[-1],
        kernel.shape[:2],
        stride,
        feature_group_count=groups,
        use_bias="bias" in params,
        dtype=x.dtype,
        parent=None,
    )
    return layer.apply({"params": params}, x)
