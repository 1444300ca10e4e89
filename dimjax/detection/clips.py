"""Clips of a sequence, batch by batch, where each frame is read and sent to the device once.

A frame is F1 of its own clip and F2, F3 and F4 of three others. In come a sequence and numbers of
reference frames; out come clips on the device, cut from a few frames that stay there.

    for frames in clips_of(sequence, [[0, 1], [2, 3]], stride=1, size=2):
        detect(frames)                                  # [2, 4, H, W], the sequence's uint8 or 16
"""

from collections.abc import Iterable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from dimjax.data.sequences import Sequence, clip_frames


def clips_of(
    sequence: Sequence, batches: Iterable[np.ndarray], stride: int, size: int
) -> Iterator[jax.Array]:
    """The clips of each batch of reference frames, [size, 4, H, W].

    Args:
      sequence: Read in ascending order where the batches ascend.
      batches: Numbers of reference frames, `size` of them or fewer: then the last clip is repeated,
        so that all batches have one shape.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
      size: Clips of a batch. On the device stay 4 * size frames, or 2 * size + 6 * stride.
    """
    height, width = sequence.shape[1:]
    # A batch may need 4 * size frames; a frame is needed again up to 3 * stride frames later, and
    # up to 6 * stride at the end, where clips lie backwards.
    capacity = max(4 * size, 2 * size + 6 * stride)
    shown = jnp.zeros((capacity, height, width), sequence.dtype)
    slots: dict[int, int] = {}  # where in `shown` a frame is, oldest first
    where = f"sequence {sequence.name}"
    for numbers in batches:
        clips = [clip_frames(int(t), len(sequence), stride, where) for t in numbers]
        clips += clips[-1:] * (size - len(clips))
        wanted = {t for clip in clips for t in clip}
        for missing, places in _places(slots, wanted, capacity, size):
            frames = np.stack([sequence.frame(t) for t in missing])
            shown = _put(shown, _filled(frames, size), _filled(places, size))
        yield _gathered(shown, np.array([[slots[t] for t in clip] for clip in clips]))


def _places(slots: dict[int, int], wanted: set[int], capacity: int, size: int) -> Iterator:
    """Enter the wanted frames into slots: up to `size` missing ones at a time, and their places.

    Frames that are not wanted give way, the oldest first.
    """
    missing = sorted(wanted - slots.keys())
    idle = [t for t in slots if t not in wanted][: max(0, len(slots) + len(missing) - capacity)]
    places = [*range(len(slots), capacity), *(slots.pop(t) for t in idle)][: len(missing)]
    slots.update(zip(missing, places, strict=True))
    for start in range(0, len(missing), size):
        part = slice(start, start + size)
        yield missing[part], np.array(places[part])


def _filled(values: np.ndarray, size: int) -> np.ndarray:
    """The last one repeated, since another number of frames would compile anew."""
    return values[np.minimum(np.arange(size), len(values) - 1)]


@partial(jax.jit, donate_argnums=0)
def _put(shown, frames, slots):
    return shown.at[slots].set(frames)


@jax.jit
def _gathered(shown, index):
    return shown[index]
