"""Grey levels of uint8 or uint16 from numbers of other types, by one rule per type.

    levels = grey_levels(stack, "flight3.npy")
    levels.dtype, levels.convert(stack[0])

| numbers                      | grey level                                      |
| ---------------------------- | ----------------------------------------------- |
| uint8, uint16                | unchanged                                       |
| bool                         | 0 and 1                                         |
| int8, int16                  | plus 128 or 32768                               |
| other integers, span < 65536 | minus the smallest of the stack                 |
| floats                       | (number - lowest) / step, rounded and clipped   |

The step of floats is a 16th of the noise: the median over up to 16 pairs of neighbouring frames,
evenly spaced, of the median absolute difference. Equal pairs and those with a frame of one number
do not count. The lowest number is the smallest of the stack. If its numbers span more than 65535
steps, the step is larger, up to half of the noise.

If they span still more, those beyond the usual range are clipped: bright or black frames, defective
pixels. It is that from the 0.1 % to the 99.9 % quantile of a frame, from the lowest to the highest
of these frames without flat ones and a tenth of the rest at each end, and an eighth of it on both
sides. It lies in the middle of 65535 steps of a 16th of the noise or, if it is wider, has 65535.
Without noise, the 65535 steps reach 100 usual ranges to both sides, as far as there are numbers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dimjax.errors import InputError

_STEPS_PER_NOISE = 16
_FEWEST_PER_NOISE = 2  # below it, the noise would be that of rounding
_LEVELS = 2**16
_PAIRS = 16
_QUANTILES = (0.001, 0.1, 0.9, 0.999)  # usual range of a frame, and range that tells flat ones
_MARGIN = 0.125  # of the usual range, on each side
_MARGIN_WITHOUT_NOISE = 100.0
_FLAT_SHARE = 0.25  # of the range of the median frame; frames below it are flat
_FEWEST_FRAMES = 4  # of which an extreme one can be told


class GreyLevels(NamedTuple):
    """A rule for the numbers of a stack."""

    dtype: np.dtype  # uint8 or uint16
    convert: Callable[[np.ndarray], np.ndarray]  # numbers of a frame -> new array of this type


class Stack(NamedTuple):
    """Frames that are read when they are indexed."""

    shape: tuple[int, int, int]  # T, H, W
    dtype: np.dtype
    read: Callable[[int], np.ndarray]

    def __getitem__(self, frame: int) -> np.ndarray:
        return self.read(frame)


def grey_levels(stack: Any, subject: object) -> GreyLevels:
    """Choose the rule for a stack, which is read once if it is neither uint8 nor int16, ....

    Args:
      stack: Array or file [T, H, W]; an index gives a frame.
      subject: Subject of an error.

    Raises:
      InputError: Numbers are not finite, span too many integers or are no real numbers.
    """
    kind = np.dtype(stack.dtype).newbyteorder("=")
    if kind.kind == "b":
        return GreyLevels(np.dtype(np.uint8), lambda frame: np.array(frame, dtype=np.uint8))
    if kind in (np.uint8, np.uint16):
        return GreyLevels(kind, lambda frame: np.array(frame, dtype=kind))
    if kind in (np.int8, np.int16):
        unsigned = np.dtype(f"u{kind.itemsize}")
        offset = 1 << (8 * kind.itemsize - 1)
        return GreyLevels(
            unsigned, lambda frame: (frame.astype(np.int32) + offset).astype(unsigned)
        )
    if kind.kind not in "iuf":
        remedy = "Save it as 8 or 16 bit unsigned grey levels."
        raise InputError(subject, "frames must contain real numbers", kind, remedy)
    low, high = _extremes(stack, subject)
    if kind.kind in "iu":
        if high - low >= _LEVELS:
            remedy = "Save it as 16 bit unsigned grey levels."
            rule = "integers must span fewer than 65536 grey levels"
            raise InputError(subject, rule, f"{low:g} to {high:g}", remedy)
        return GreyLevels(np.dtype(np.uint16), lambda frame: (frame - low).astype(np.uint16))
    low, step = _steps(stack, float(low), float(high), subject)  # float16 would overflow
    return GreyLevels(np.dtype(np.uint16), lambda frame: _in_steps(frame, low, step))


def _in_steps(frame: np.ndarray, low: float, step: float) -> np.ndarray:
    levels = np.rint((np.asarray(frame, dtype=float) - low) / step)
    return np.clip(levels, 0, _LEVELS - 1).astype(np.uint16)


def _extremes(stack: Any, subject: object) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for t in range(stack.shape[0]):
        frame = np.asarray(stack[t])
        if not np.isfinite(frame).all():
            count = int((~np.isfinite(frame)).sum())
            rule, value = "all numbers must be finite", f"{count} that are not in frame {t}"
            raise InputError(subject, rule, value, "Replace NaN and infinity first.")
        low, high = min(low, frame.min()), max(high, frame.max())
    return low, high


def _steps(stack: Any, low: float, high: float, subject: object) -> tuple[float, float]:
    """Return the number of grey level 0, and the step, of floats from low to high.

    Raises:
      InputError: The noise is less than two steps.
    """
    noise, usual = _noise_and_range(stack)
    span, most = high - low, _LEVELS - 1
    if noise and span <= most * noise / _FEWEST_PER_NOISE:
        return low, max(noise / _STEPS_PER_NOISE, span / most)
    margin = (_MARGIN if noise else _MARGIN_WITHOUT_NOISE) * (usual[1] - usual[0])
    start, end = max(low, usual[0] - margin), min(high, usual[1] + margin)
    if start == end:
        return low, span / most or 1.0
    step = max(noise / _STEPS_PER_NOISE, (end - start) / most)
    # The precision of the numbers is no noise.
    precise = noise > 4 * np.finfo(stack.dtype).eps * max(map(abs, usual))
    if precise and noise < _FEWEST_PER_NOISE * step:
        rule = f"floats must usually span at most {most // _FEWEST_PER_NOISE} times their noise"
        value = f"{usual[0]:g} to {usual[1]:g} with a noise of {noise:g}"
        remedy = "Clip the numbers, or take their root or logarithm."
        raise InputError(subject, rule, value, remedy)
    return max(low, start - (most * step - (end - start)) / 2), step


def _noise_and_range(stack: Any) -> tuple[float, tuple[float, float]]:
    """Measure the noise and the usual range of floats, see above, on pairs of frames."""
    noises, quantiles = [], []
    for t in np.unique(np.linspace(0, max(stack.shape[0] - 2, 0), _PAIRS).astype(int)).tolist():
        pair = [np.asarray(stack[k], dtype=float) for k in (t, t + 1) if k < stack.shape[0]]
        quantiles += [np.quantile(frame, _QUANTILES) for frame in pair]
        if (pair[0] != pair[-1]).any() and all(np.ptp(frame) for frame in pair):
            noises.append(np.median(np.abs(pair[0] - pair[1])))
    lowest, low, high, highest = np.array(quantiles).T
    used = high - low >= _FLAT_SHARE * np.median(high - low)
    count = int(used.sum())
    left_out = max(1, count // 10) if count >= _FEWEST_FRAMES else 0
    usual = np.sort(lowest[used])[left_out], np.sort(highest[used])[count - 1 - left_out]
    return float(np.median(noises or [0.0])), (float(usual[0]), float(usual[1]))
