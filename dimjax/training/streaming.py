"""Chips that do not fit the devices: read again in each epoch, always a little ahead of training.

In come examples whose frames stay on the disk and the blocks of steps of an epoch; out come, for
each block, its chips on the devices. Grain's threads read and decode the next steps and send the
next block while this one is trained on. Nothing here is random: the order is that of the blocks,
so that a streamed training is the one that it would be with all chips on the devices.

    chips = Streamed(examples, put=lambda part: on_device(part, mesh))
    for held, index in streamed(chips, blocks):
        ...                                                # held.frames[index]: [S, B, 4, h, w]
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dimjax.chips.examples import Examples, StoredFrames

_NEEDED = ("frames", "scale", "boxes", "category")


class Streamed(NamedTuple):
    """Chips that are sent to the devices block by block."""

    examples: Examples
    put: Callable[[Examples], Any]  # sends examples to the devices

    @property
    def frames(self) -> StoredFrames:
        """[N, 4, h, w]."""
        return self.examples.frames

    @property
    def scale(self) -> np.ndarray:
        """[N, 2]."""
        return self.examples.scale


class _Steps:
    """The fields of the examples of each step: what Grain calls a data source."""

    def __init__(self, examples: Examples, order: np.ndarray):
        self._examples, self._order = examples, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, step: int) -> dict[str, np.ndarray]:
        index = self._order[step]
        return {name: getattr(self._examples, name)[index] for name in _NEEDED}


def streamed(chips: Streamed, blocks: Sequence[np.ndarray]) -> Iterator[tuple[Any, np.ndarray]]:
    """The chips of each block, in the order of the blocks, read ahead of their use.

    Args:
      chips: All of them. What `put` sends holds the fields of _NEEDED alone; it is called in a
        thread, one block ahead.
      blocks: [S, B] numbers of the examples of S steps; the last may hold fewer steps.

    Yields:
      What `put` made of the S * B chips of a block, and the index [S, B] into it.
    """
    import grain  # takes a second, and most trainings do without

    def sent(fields: dict[str, np.ndarray]) -> tuple[Any, np.ndarray]:
        steps, batch_size = fields["scale"].shape[:2]
        flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in fields.items()}
        part = Examples(**{**dict.fromkeys(Examples._fields), **flat})
        return chips.put(part), np.arange(steps * batch_size).reshape(steps, batch_size)

    threads = 2 * (os.cpu_count() or 1)
    most = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + len(blocks[0]))
    steps = grain.MapDataset.source(_Steps(chips.examples, np.concatenate(blocks)))
    sending = steps.to_iter_dataset(most).batch(len(blocks[0])).map(sent)
    ahead = iter(grain.experimental.ThreadPrefetchIterDataset(sending, prefetch_buffer_size=1))
    try:
        yield from ahead
    finally:
        ahead.close()
