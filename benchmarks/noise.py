"""Chips of noise on the device, for benchmarks that need no data.

chips = noise_chips(count=8192, size=80)
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from dimjax.training import meshes, steps

LEVEL, SIGMA = 8000.0, 8.0  # grey levels


def noise_chips(count: int, size: int) -> steps.Chips:
    """Chips of noise on the device, about two fifths with a label, as in the paper."""
    rng, some = np.random.default_rng(0), min(count, 1024)
    boxes = np.concatenate([rng.uniform(2, size - 2, (some, 1, 2)), np.full((some, 1, 2), 3)], -1)
    chips = steps.Chips(
        frames=rng.normal(LEVEL, SIGMA, (some, 4, size, size)).astype(np.uint16),
        scale=np.tile(np.float32([LEVEL, SIGMA]), (some, 1)),
        boxes=boxes.astype(np.float32),
        category=np.where(rng.uniform(size=(some, 1)) < 0.4, 0, -1).astype(np.int8),
    )
    # The same again and again: what is in them does not matter, where they lie does.
    repeated = jax.jit(
        lambda chips: jax.tree.map(lambda values: values[jnp.arange(count) % some], chips),
        out_shardings=on_all(meshes.make_mesh()),
    )
    return steps.Chips(*jax.block_until_ready(repeated(chips)))


def on_all(mesh: Mesh) -> NamedSharding:
    """Where what all devices hold whole lies."""
    return NamedSharding(mesh, steps.REPLICATED)
