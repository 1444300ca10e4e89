"""Grey levels of uint8 or uint16 from numbers of other types, by one rule per type.

    levels = grey_levels(stack, "flight3.npy")
    levels.dtype, levels.convert(stack[0])

| numbers                      | grey level                                      |
| ---------------------------- | ----------------------------------------------- |
| uint8, uint16                | unchanged                                       |
| int8, int16                  | plus 128 or 32768                               |
| other integers, span < 65536 | minus the smallest of the stack                 |
| floats                       | (number - smallest) / step, rounded             |

The step of floats is a 16th of the noise, the median of the absolute difference between the first
two frames; or larger, so that 65535 steps suffice.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dimjax.errors import InputError

_STEPS_PER_NOISE = 16
_LEVELS = 2**16


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
    low, high = float(low), float(high)  # in float16 the number of levels would be infinite
    step = max(float(_noise(stack)) / _STEPS_PER_NOISE, (high - low) / (_LEVELS - 1)) or 1.0
    return GreyLevels(
        np.dtype(np.uint16), lambda frame: np.rint((frame.astype(float) - low) / step).astype("u2")
    )


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


def _noise(stack: Any) -> float:
    if stack.shape[0] < 2:
        return 0.0
    first, second = (np.asarray(stack[t], dtype=float) for t in (0, 1))
    return float(np.median(np.abs(first - second)))
