"""Chips of noise on the devices, for benchmarks that need no data.

chips = noise_chips(count=8192, size=80)
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

from dimjax.training import meshes
from dimjax.training.chip_feed import Chips

LEVEL, SIGMA = 8000.0, 8.0  # grey levels


def noise_chips(count: int, size: int) -> Chips:
    """Create chips of noise on all devices; about two fifths have a label, as in the paper."""
    rng, distinct = np.random.default_rng(0), min(count, 1024)
    centres = rng.uniform(2, size - 2, (distinct, 1, 2))
    boxes = np.concatenate([centres, np.full((distinct, 1, 2), 3)], -1)
    chips = Chips(
        frames=rng.normal(LEVEL, SIGMA, (distinct, 4, size, size)).astype(np.uint16),
        scale=np.tile(np.float32([LEVEL, SIGMA]), (distinct, 1)),
        boxes=boxes.astype(np.float32),
        category=np.where(rng.uniform(size=(distinct, 1)) < 0.4, 0, -1).astype(np.int8),
    )
    # Repeated: the position of a chip in memory affects the speed, its content does not.
    repeat = jax.jit(
        lambda chips: jax.tree.map(lambda values: values[jnp.arange(count) % distinct], chips),
        out_shardings=NamedSharding(meshes.make_mesh(), meshes.REPLICATED),
    )
    return Chips(*jax.block_until_ready(repeat(chips)))
