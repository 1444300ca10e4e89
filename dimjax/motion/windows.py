"""Evidence windows: the frames from which the evidence of a reference frame is computed.

window = window_of(0, length=24, settings=EvidenceConfig())
window.frames, window.index, window.times       # (0, ..., 7), 0, [0, ..., 7]
"""

import operator
from typing import NamedTuple

import numpy as np

from dimjax.errors import InputError
from dimjax.motion.settings import EvidenceConfig


class Window(NamedTuple):
    """Frames of one evidence window, in ascending order."""

    frames: tuple[int, ...]  # [K] frame numbers
    index: int  # position of the reference frame among them

    @property
    def times(self) -> np.ndarray:
        """Frame times relative to the reference frame [K], in frames, negative before it."""
        return np.array(self.frames) - self.frames[self.index]


def window_of(
    t: int, length: int, settings: EvidenceConfig, subject: object = "sequence"
) -> Window:
    """Return the evidence window of reference frame t.

    Inside a sequence the reference frame has the position that the settings name. Near either end
    the window is shifted by whole strides into the sequence, and the position differs.

    Args:
      t: Reference frame, counted from 0.
      length: Frames of the sequence, at least min_length.
      settings: Number of frames, stride and position.
      subject: Subject of an error.

    Raises:
      InputError: The sequence is too short.
      IndexError: There is no frame t.
    """
    check_length(length, settings, subject)
    t = operator.index(t)
    if not 0 <= t < length:
        raise IndexError(f"{subject}: frames are 0 to {length - 1}; found {t}.")
    last, stride = settings.frames - 1, settings.stride
    strides_before, strides_after = t // stride, (length - 1 - t) // stride
    index = min(reference_index(settings), strides_before)
    index = max(index, last - strides_after)
    first = t - index * stride
    return Window(tuple(range(first, first + last * stride + 1, stride)), index)


def reference_index(settings: EvidenceConfig) -> int:
    """Return the position of the reference frame in a window inside the sequence."""
    last = settings.frames - 1
    return {"first": 0, "middle": settings.frames // 2, "last": last}[settings.reference]


def inner_times(settings: EvidenceConfig) -> np.ndarray:
    """Return the frame times [K] of windows inside a sequence, 0 at the reference frame."""
    return settings.stride * (np.arange(settings.frames) - reference_index(settings))


def min_length(settings: EvidenceConfig) -> int:
    """Return the length of the shortest sequence with a window of each of its frames."""
    return settings.frames * settings.stride


def check_length(length: int, settings: EvidenceConfig, subject: object = "sequence") -> None:
    """Raise an InputError if a sequence is too short for a window of each of its frames."""
    needed = min_length(settings)
    if length < needed:
        rule = f"evidence of {settings.frames} frames, stride {settings.stride}, needs {needed}"
        remedy = "Give a longer sequence, or choose fewer frames or a smaller stride."
        raise InputError(subject, f"{rule} frames or more", length, remedy)
