"""Survey of the frames of a sequence: those that repeat the one before, and flat ones.

A camera of 9 Hz in a video of 30 frames per second is recorded with each frame three or four times,
and a closed shutter (a calibration of the camera, black or white frames) hides the scene. Neither
shows motion, so that clips skip such frames.

    survey = survey_frames(sequence.frame(t) for t in range(len(sequence)))
    survey.repeated, survey.flat                        # frame numbers
    survey.usable                                       # all others, [N] int
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_SAMPLE_STEP = 4  # pixels; the spread is measured on a sample of rows and columns
_FLAT_SHARE = 0.25  # of the spread before and after
_MAX_FLAT_FRAMES = 64  # of a closed shutter; after a change of the scene the spread does not return
_LASTING = 3  # frames before and after a change of the grey levels
# Compression changes a few pixels of a repeated frame.
_REPEATED_SHARE = 0.4  # of the usual share of pixels that change ...
_MAX_REPEATED_SHARE = 0.1  # ... and of all pixels, at most
_MIN_USUAL_SHARE = 0.2  # below it, unchanging pixels do not indicate repeated frames
_USUAL_QUANTILE = 0.9
_MAX_BETWEEN = 0.1  # frames with up to twice that share, per repeated one: they are two groups
_MAX_REPEATS = 8  # longer runs of frames that change little are quiet, unless they are equal


@dataclass(frozen=True)
class Survey:
    """Frames of a sequence that show nothing new."""

    length: int  # frames of the sequence
    repeated: tuple[int, ...] = ()  # equal or nearly equal to the frame before
    flat: tuple[int, ...] = ()  # without a scene
    rescaled: int | None = None  # first frame after a lasting change of the grey levels

    @cached_property
    def usable(self) -> np.ndarray:
        """Numbers of the frames that are neither repeated nor flat [N], or of all frames."""
        usable = np.setdiff1d(np.arange(self.length), [*self.repeated, *self.flat])
        return usable if len(usable) else np.arange(self.length)


def survey_frames(frames: Iterable[np.ndarray]) -> Survey:
    """Find the repeated and the flat frames of a sequence; each frame is read once.

    A frame is flat if all of its pixels are equal, or if its spread of grey levels, from the 10 %
    to the 90 % quantile, falls to less than a quarter of that of the frame before and returns
    within 64 frames.

    A frame is repeated if it equals the one before. It is also repeated if less than 10 % of the
    pixels changed, and less than 0.4 times as many as usual (the 90 % quantile over all frames,
    20 % of the pixels or more), unless this holds for more than 8 frames in a row, or the shares do
    not fall into two groups.
    """
    changed, spread, level = [], [], []
    before = None
    for frame in frames:
        sample = frame[::_SAMPLE_STEP, ::_SAMPLE_STEP]
        low, middle, high = np.percentile(sample, [10, 50, 90], method="lower")
        uniform = low == high and frame.min() == frame.max()
        spread.append(0 if uniform else max(int(high) - int(low), 1))
        level.append(int(middle))
        changed.append(1.0 if before is None else np.mean(frame != before))
        before = frame
    flat = _flat(np.array(spread))
    repeated = _repeated(np.array(changed)) & ~flat
    numbers = (tuple(np.flatnonzero(v).tolist()) for v in (repeated, flat))
    return Survey(len(spread), *numbers, _rescaled(np.array(level), np.array(spread), flat))


def _flat(spread: np.ndarray) -> np.ndarray:
    """Whether each frame is flat, [T], from the spreads of grey levels, 0 in uniform frames."""
    flat = (spread == 0) & spread.any()
    t = 1
    while t < len(spread):
        end = t
        last = spread[t - 1]
        while end < len(spread) and spread[end] < _FLAT_SHARE * last:
            end += 1
        if end < len(spread) and end - t <= _MAX_FLAT_FRAMES:
            flat[t:end] = True
        t = max(end, t) + 1
    return flat


def _rescaled(level: np.ndarray, spread: np.ndarray, flat: np.ndarray) -> int | None:
    """First frame of a lasting change of the level, [T], by a factor of 2 and by the spread."""
    frames = np.flatnonzero(~flat)
    level, spread = level[frames], spread[frames]
    for k in range(_LASTING, len(frames) - _LASTING + 1):
        before, after = level[k - _LASTING : k], level[k : k + _LASTING]
        low, high = sorted((np.median(before), np.median(after)))
        abrupt = abs(int(after[0]) - int(before[-1])) >= 0.5 * (high - low)
        if abrupt and high >= 2 * low + 1 and high - low >= max(spread[k - 1 : k + 1]):
            return int(frames[k])
    return None


def _repeated(changed: np.ndarray) -> np.ndarray:
    """Whether each frame repeats the one before, [T], from the shares of pixels that changed."""
    equal = changed == 0
    usual = np.quantile(changed[1:], _USUAL_QUANTILE) if len(changed) > 1 else 0.0
    if usual < _MIN_USUAL_SHARE:
        return equal
    limit = min(_MAX_REPEATED_SHARE, _REPEATED_SHARE * usual)
    near = changed < limit
    between = (changed >= limit) & (changed < 2 * limit)
    if between.sum() > _MAX_BETWEEN * near.sum():
        return equal
    edges = np.flatnonzero(np.diff(near, prepend=False, append=False))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start > _MAX_REPEATS:
            near[start:end] = False
    return equal | near
