"""Clips of a sequence, batch by batch; each frame is read and sent to the device only once.

A frame is F1 of its own clip and F2, F3 and F4 of three others. The frames stay in a buffer on the
device as long as clips need them, and the clips are gathered from there.

    for frames in clips_of(sequence, [[0, 1], [2, 3]], stride=1, size=2):
        detect(frames)                                  # [2, 4, H, W], uint8 or uint16
"""

from collections.abc import Iterable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from dimjax.data.alignment import align
from dimjax.data.scene_motion import relative_to
from dimjax.data.sequences import Sequence


def clips_of(
    sequence: Sequence, batches: Iterable[np.ndarray], stride: int, size: int
) -> Iterator[jax.Array]:
    """Yield the clips of each batch of reference frames, [size, 4, H, W].

    The motion of the camera is taken out if the sequence has it.

    Args:
      sequence: Sequence; it is read in ascending order if the batches are ascending.
      batches: Numbers of reference frames, at most `size` in each batch. In a smaller batch the
        last clip is repeated, so that all batches have one shape.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4; negative if these come before F1.
      size: Clips in a batch. The buffer on the device holds max(4 * size, 2 * size + 6 * |stride|)
        frames.

    Raises:
      InputError: The sequence is too short for clips of this stride, or has no such frame.
    """
    height, width = sequence.shape[1:]
    # A batch may need 4 * size frames. A frame is needed again up to 3 * stride frames later; at
    # the end of the sequence, where clips run backwards, up to 6 * stride frames later.
    capacity = max(4 * size, 2 * size + 6 * abs(stride))
    buffer = jnp.zeros((capacity, height, width), sequence.dtype)
    slots: dict[int, int] = {}  # frame -> its slot in the buffer, oldest first
    for numbers in batches:
        clips = [sequence.clip_frames(int(t), stride) for t in numbers]
        clips += clips[-1:] * (size - len(clips))
        needed = {t for clip in clips for t in clip}
        for missing, free in _assign_slots(slots, needed, capacity, size):
            frames = np.stack([sequence.frame(t) for t in missing])
            buffer = _store(buffer, _pad(frames, size), _pad(free, size))
        gathered = _gather(buffer, np.array([[slots[t] for t in clip] for clip in clips]))
        if sequence.motion is None:
            yield gathered
        else:
            motion = sequence.motion()[np.array(clips)]
            yield _aligned(gathered, relative_to(motion, motion[:, :1]).astype(np.float32))


def _assign_slots(slots: dict[int, int], needed: set[int], capacity: int, size: int) -> Iterator:
    """Assign slots to the needed frames that are missing.

    Yields at most `size` missing frames at a time, with their slots [k]. Frames that are not needed
    are evicted, the oldest first.
    """
    missing = sorted(needed - slots.keys())
    evicted = [t for t in slots if t not in needed][: max(0, len(slots) + len(missing) - capacity)]
    free = [*range(len(slots), capacity), *(slots.pop(t) for t in evicted)][: len(missing)]
    slots.update(zip(missing, free, strict=True))
    for start in range(0, len(missing), size):
        part = slice(start, start + size)
        yield missing[part], np.array(free[part])


def _pad(values: np.ndarray, size: int) -> np.ndarray:
    """Repeat the last value up to one length: another length would be compiled again."""
    return values[np.minimum(np.arange(size), len(values) - 1)]


@partial(jax.jit, donate_argnums=0)
def _store(buffer, frames, slots):
    return buffer.at[slots].set(frames)


@jax.jit
def _gather(buffer, index):
    return buffer[index]


@jax.jit
def _aligned(clips, motion):
    """Align clips [B, 4, H, W] by their motion [B, 4, M] from F1, rounded to their type."""
    to_first = jax.vmap(jax.vmap(align, (0, 0, None)), (0, 0, 0))
    values = jnp.rint(to_first(clips, motion, clips[:, 0]))
    return jnp.clip(values, 0, jnp.iinfo(clips.dtype).max).astype(clips.dtype)
