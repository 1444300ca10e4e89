"""Evidence windows: the frames from which the evidence of a reference frame is computed.

window = window_of(0, length=24, settings=EvidenceConfig())
window.frames, window.index, window.times       # (0, ..., 7), 0, [0, ..., 7]
window.times_of(0)                              # those of the first velocity band
"""

import operator
from typing import NamedTuple

import numpy as np

from dimjax.errors import InputError
from dimjax.motion.settings import EvidenceConfig, bands


class Window(NamedTuple):
    """Frames of one evidence window, in ascending order."""

    frames: tuple[int, ...]  # [N] frame numbers
    index: int  # position of the reference frame among them
    bands: tuple[tuple[int, ...], ...]  # positions among them of the K frames of each velocity band

    @property
    def times(self) -> np.ndarray:
        """Frame times relative to the reference frame [N], in frames, negative before it."""
        return np.array(self.frames) - self.frames[self.index]

    def times_of(self, band: int) -> np.ndarray:
        """Return the times [K] of the frames of a velocity band."""
        return self.times[list(self.bands[band])]


def window_of(
    t: int, length: int, settings: EvidenceConfig, subject: object = "sequence"
) -> Window:
    """Return the evidence window of reference frame t.

    Inside a sequence the reference frame has the position that the settings name, among the frames
    of each velocity band. Near either end the frames of a band are shifted by whole strides into
    the sequence, and the position differs.

    Args:
      t: Reference frame, counted from 0.
      length: Frames of the sequence, at least min_length.
      settings: Number of frames, strides and position.
      subject: Subject of an error.

    Raises:
      InputError: The sequence is too short.
      IndexError: There is no frame t.
    """
    check_length(length, settings, subject)
    t = operator.index(t)
    if not 0 <= t < length:
        raise IndexError(f"{subject}: frames are 0 to {length - 1}; found {t}.")
    parts = [_frames_of_band(t, length, band) for band in bands(settings)]
    frames = sorted(set().union(*parts))
    positions = tuple(tuple(frames.index(k) for k in part) for part in parts)
    return Window(tuple(frames), frames.index(t), positions)


def inner_window(settings: EvidenceConfig) -> Window:
    """Return the window of a reference frame that is far from both ends of its sequence.

    Its frames are counted from an arbitrary one; its times are those of all such windows.
    """
    reach = min_length(settings)
    return window_of(reach, 2 * reach + 1, settings)


def min_length(settings: EvidenceConfig) -> int:
    """Return the length of the shortest sequence with a window of each of its frames."""
    return max(band.frames * band.stride for band in bands(settings))


def check_length(length: int, settings: EvidenceConfig, subject: object = "sequence") -> None:
    """Raise an InputError if a sequence is too short for a window of each of its frames."""
    for band in bands(settings):
        needed = min_length(band)
        if length < needed:
            rule = f"evidence of {band.frames} frames, stride {band.stride}, needs {needed}"
            remedy = "Give a longer sequence, or choose fewer frames or a smaller stride."
            raise InputError(subject, f"{rule} frames or more", length, remedy)


def _frames_of_band(t: int, length: int, band: EvidenceConfig) -> range:
    last, stride = band.frames - 1, band.stride
    strides_before, strides_after = t // stride, (length - 1 - t) // stride
    index = {"first": 0, "middle": band.frames // 2, "last": last}[band.reference]
    index = min(index, strides_before)
    index = max(index, last - strides_after)
    first = t - index * stride
    return range(first, first + last * stride + 1, stride)
