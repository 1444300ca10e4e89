"""Feed chips to the devices: resident for all epochs, or streamed from the disk block by block.

Chips whose frames fit the devices stay there. Those of stored frames are read again in each epoch:
Grain's threads read and decode the chips of the next steps and send the next block while this one
is trained on. The order is that of the blocks and nothing else is random, so streamed and resident
training give identical results.

    chips = chips_of(examples, mesh)                   # Chips, or Streamed if the frames are stored
    for fed, index in feed(chips, blocks):             # blocks: [S, B] numbers of examples
        batch = fed.take(index[0])                     # frames [B, 4, h, w], ...
"""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from dimjax.chips.examples import Examples, StoredPixels
from dimjax.training.meshes import on_mesh


class Chips(NamedTuple):
    """The fields of examples that the devices need; on the devices."""

    frames: jax.Array  # [N, 4, h, w] uint8 or uint16, grey levels
    scale: jax.Array  # [N, 2] level and noise sigma, grey levels
    boxes: jax.Array  # [N, M, 4] x, y, w, h, pixels
    category: jax.Array  # [N, M] int8, -1 where there is no label
    evidence: jax.Array | None = None  # [N, h, w, C] float16, noise sigmas

    def take(self, index: jax.Array) -> "Chips":
        """Return the chips at an index [B]."""
        return jax.tree.map(lambda values: values[index], self)


class Streamed(NamedTuple):
    """Chips that are sent to the devices of a mesh block by block."""

    examples: Examples
    mesh: Mesh

    @property
    def frames(self) -> StoredPixels:
        """[N, 4, h, w]."""
        return self.examples.frames

    @property
    def evidence(self) -> StoredPixels | None:
        """[N, h, w, 3]."""
        return self.examples.evidence

    @property
    def scale(self) -> np.ndarray:
        """[N, 2]."""
        return self.examples.scale


def on_device(examples: Examples, mesh: Mesh) -> Chips:
    """Put examples on every device of the mesh."""
    return on_mesh(Chips(*(getattr(examples, name) for name in Chips._fields)), mesh)


def chips_of(examples: Examples, mesh: Mesh) -> Chips | Streamed:
    """Put examples on the devices of a mesh; if their frames are stored, stream them."""
    if isinstance(examples.frames, StoredPixels):
        return Streamed(examples, mesh)
    return on_device(examples, mesh)


def feed(
    chips: Chips | Streamed, blocks: Sequence[np.ndarray]
) -> Iterator[tuple[Chips, np.ndarray]]:
    """Yield the chips of each block on the devices, and the index [S, B] into them.

    Args:
      chips: Chips from chips_of.
      blocks: [S, B] numbers of the examples of S steps; the last block may hold fewer steps.
    """
    if isinstance(chips, Streamed):
        return _stream(chips, blocks)
    return ((chips, block) for block in blocks)


class _Steps:
    """The fields of the examples of each step: a data source in the sense of Grain."""

    def __init__(self, examples: Examples, order: np.ndarray):
        self._examples, self._order = examples, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, step: int) -> dict[str, np.ndarray]:
        index = self._order[step]
        fields = {name: getattr(self._examples, name) for name in Chips._fields}
        return {name: values[index] for name, values in fields.items() if values is not None}


def _stream(chips: Streamed, blocks: Sequence[np.ndarray]) -> Iterator[tuple[Chips, np.ndarray]]:
    """Yield the S * B chips of each block, read and sent ahead of their use."""
    import grain  # takes a second to import, and most trainings do not need it

    def send(fields: dict[str, np.ndarray]) -> tuple[Chips, np.ndarray]:
        steps, batch_size = fields["scale"].shape[:2]
        flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in fields.items()}
        return on_mesh(Chips(**flat), chips.mesh), np.arange(steps * batch_size).reshape(steps, -1)

    threads = 2 * (os.cpu_count() or 1)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + len(blocks[0]))
    steps = grain.MapDataset.source(_Steps(chips.examples, np.concatenate(blocks)))
    sent = steps.to_iter_dataset(options).batch(len(blocks[0])).map(send)
    ahead = iter(grain.experimental.ThreadPrefetchIterDataset(sent, prefetch_buffer_size=1))
    try:
        yield from ahead
    finally:
        ahead.close()
