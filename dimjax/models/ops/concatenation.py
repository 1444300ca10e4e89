"""Concatenation of features along their channels.

y = concatenate([one, three])                           # [B, H, W, C1], [B, H, W, C2]
"""

import jax
import jax.numpy as jnp

from dimjax.models.ops.export_forms import export_form


def _export_concatenate(parts: list[jax.Array]) -> jax.Array:
    # Channels first, like the layers before and after in ONNX: the transposes cancel with theirs.
    parts = [jnp.moveaxis(part, -1, 1) for part in parts]
    return jnp.moveaxis(jnp.concatenate(parts, axis=1), 1, -1)


@export_form(_export_concatenate)
def concatenate(parts: list[jax.Array]) -> jax.Array:
    """Concatenate features [B, H, W, C1], [B, H, W, C2], ... to [B, H, W, C1 + C2 + ...]."""
    return jnp.concatenate(parts, axis=-1)
