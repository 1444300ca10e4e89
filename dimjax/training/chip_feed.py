"""Feed chips to the devices: resident for all epochs, or streamed block by block.

Chips whose frames fit an accelerator stay there. Those of stored frames are read again in each
epoch: Grain's threads read and decode the chips of the next steps and send the next block while
this one is trained on. A CPU takes each block from the memory that the chips are in. The order is
that of the blocks and nothing else is random, so streamed and resident training give identical
results.

Programs are compiled for the number of chips that they get: that of a block if chips are streamed,
and few round numbers if they are resident, after padding. Trainings of other numbers share them.

    chips = chips_of(examples, mesh)                   # Chips on an accelerator, else Streamed
    for fed, index in feed(chips, blocks):             # blocks: [S, B] numbers of examples
        batch = fed.take(index[0])                     # frames [B, 4, h, w], ...
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from dimjax.chips.examples import Examples, StoredPixels
from dimjax.training.meshes import REPLICATED, on_mesh


class Chips(NamedTuple):
    """The fields of examples that the devices need; on the devices.

    Rows may follow that belong to no example, and that no index reaches.
    """

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
    def frames(self) -> np.ndarray | StoredPixels:
        """[N, 4, h, w]."""
        return self.examples.frames

    @property
    def evidence(self) -> np.ndarray | StoredPixels | None:
        """[N, h, w, 3]."""
        return self.examples.evidence

    @property
    def scale(self) -> np.ndarray:
        """[N, 2]."""
        return self.examples.scale


def on_device(examples: Examples, mesh: Mesh, spare_bytes: float = 0.0) -> Chips:
    """Put examples on every device of the mesh, padded to one of few sizes.

    Args:
      examples: Examples whose frames are in memory.
      mesh: Devices.
      spare_bytes: Largest size of the padding of frames and evidence; they are not padded if it
        would be larger.
    """
    count = len(examples)
    size = padded_size(count)
    fields = Chips(*(getattr(examples, name) for name in Chips._fields))
    if size == count or (size - count) * examples.nbytes / count > spare_bytes:
        return on_mesh(fields, mesh)
    return jax.tree.map(lambda values: _padded(values, size, mesh), fields)


def padded_size(count: int) -> int:
    """Round a number up to a multiple of a power of two, with less than an eighth of waste."""
    unit = _unit(count)
    return -(-count // unit) * unit


def _unit(count: int) -> int:
    """Return the power of two of which a number holds 8 to 15."""
    return 2 ** max(0, count.bit_length() - 4)


def _padded(values: np.ndarray, size: int, mesh: Mesh) -> jax.Array:
    """Put values [N, ...] on the devices, with zeros below them [size, ...].

    They are written in parts, so that there is no second copy of them on the host or the devices.
    """
    everywhere, unit = NamedSharding(mesh, REPLICATED), _unit(len(values))
    padded = _zeros((size, *values.shape[1:]), values.dtype, everywhere)
    for start in range(0, size, unit):
        part = values[start : start + unit]
        if len(part) < unit:
            part = np.concatenate([part, np.zeros((unit - len(part), *part.shape[1:]), part.dtype)])
        padded = _with_rows(padded, on_mesh(part, mesh), start)
    return padded


def _zeros(shape: tuple[int, ...], dtype: np.dtype, sharding: NamedSharding) -> jax.Array:
    return jax.jit(lambda: jnp.zeros(shape, dtype), out_shardings=sharding)()


@partial(jax.jit, donate_argnums=0)
def _with_rows(values: jax.Array, rows: jax.Array, start: int) -> jax.Array:
    return jax.lax.dynamic_update_slice_in_dim(values, rows, start, axis=0)


def chips_of(examples: Examples, mesh: Mesh, spare_bytes: float = 0.0) -> Chips | Streamed:
    """Put examples on the accelerators of a mesh; stream them if they are stored, or to a CPU.

    Args:
      examples: Examples.
      mesh: Devices.
      spare_bytes: Largest size of the padding; see on_device.
    """
    if isinstance(examples.frames, StoredPixels) or jax.default_backend() == "cpu":
        return Streamed(examples, mesh)
    return on_device(examples, mesh, spare_bytes)


def resident_bytes(*splits: Examples | None) -> int:
    """Size of the frames and the evidence of the splits that are in memory."""
    given = [one for one in splits if one is not None]
    return sum(one.nbytes for one in given if not isinstance(one.frames, StoredPixels))


def feed(
    chips: Chips | Streamed, blocks: Sequence[np.ndarray]
) -> Iterator[tuple[Chips, np.ndarray]]:
    """Yield the chips of each block on the devices, and the index [S, B] into them.

    Args:
      chips: Chips from chips_of.
      blocks: [S, B] numbers of the examples of S steps; the last block may hold fewer steps.
    """
    if not isinstance(chips, Streamed):
        return ((chips, block) for block in blocks)
    if isinstance(chips.frames, StoredPixels):
        return _stream(chips, blocks)
    fields = _Steps(chips.examples, blocks)
    return (_sent(fields[number], chips.mesh) for number in range(len(blocks)))


class _Steps:
    """The fields of the examples of each step, or block: a data source in the sense of Grain."""

    def __init__(self, examples: Examples, order: Sequence[np.ndarray]):
        self._examples, self._order = examples, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, step: int) -> dict[str, np.ndarray]:
        index = self._order[step]
        fields = {name: getattr(self._examples, name) for name in Chips._fields}
        return {name: values[index] for name, values in fields.items() if values is not None}


def _sent(fields: dict[str, np.ndarray], mesh: Mesh) -> tuple[Chips, np.ndarray]:
    """Send the fields [S, B, ...] of a block to the devices; return its chips, and the index."""
    steps, batch_size = fields["scale"].shape[:2]
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in fields.items()}
    return on_mesh(Chips(**flat), mesh), np.arange(steps * batch_size).reshape(steps, -1)


def _stream(chips: Streamed, blocks: Sequence[np.ndarray]) -> Iterator[tuple[Chips, np.ndarray]]:
    """Yield the S * B chips of each block, read and sent ahead of their use."""
    import grain  # takes a second to import, and most trainings do not need it

    threads = 2 * (os.cpu_count() or 1)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + len(blocks[0]))
    steps = grain.MapDataset.source(_Steps(chips.examples, np.concatenate(blocks)))
    sent = steps.to_iter_dataset(options).batch(len(blocks[0])).map(partial(_sent, mesh=chips.mesh))
    ahead = iter(grain.experimental.ThreadPrefetchIterDataset(sent, prefetch_buffer_size=1))
    try:
        yield from ahead
    finally:
        ahead.close()
