"""Which axis of a stack is time, by its pixels: along time, most of them keep their level.

    check_axes(stack, "flight3.npy")                    # raises if it is not the first one

An axis other than the first is taken for time if pixels far apart along it are far more alike, and
neighbours no less, than along the first. Along each axis the median level of each slice is taken
out, and a quarter of the pixels, those that differ most, is ignored: flat frames, jumps and drifts
of the level are no doubt. Nor is a camera that moves: frames far apart then differ as distant rows
and columns do, and neighbouring frames of a fast one differ more than neighbouring pixels.
"""

from typing import Any, NamedTuple

import numpy as np

from dimjax.errors import InputError

AXES_REMEDY = (
    "Set the key stack_axes of the layout, hwt if the last axis is time, thw if the first one is; "
    "or save it as [T, H, W]."
)
_FAR = 0.5  # of the difference of distant pixels along the first axis
_FAR_SHORTEST = 0.7  # if the other axis is the shortest one, as that of time often is
_NEAR = 1.1  # of the difference of neighbours along the first axis
_USED = 0.75  # of the differences, the smallest ones
_SAMPLES = 24  # pairs of neighbours along an axis
_FEWEST = 8
_NAMES = ("first", "second", "last")


class _Changes(NamedTuple):
    """Mean differences of pixels along an axis."""

    near: float  # of neighbours
    far: float  # of pixels half of the axis apart


def check_axes(
    stack: Any, subject: object, remedy: str = AXES_REMEDY, stored: tuple[int, ...] = (0, 1, 2)
) -> None:
    """Raise if another axis than the first of a stack seems to be time.

    Args:
      stack: Array or data set [T, H, W]; an index gives a frame.
      subject: Its file, for the error.
      remedy: Remedy of the error.
      stored: Axes of the file that those of the stack are, for the error.

    Raises:
      InputError: Pixels keep their level along the second or last axis far better.
    """
    if min(stack.shape) < _FEWEST:
        return
    changes = _measure(stack)
    k = min((1, 2), key=lambda axis: changes[axis].far)
    limit = _FAR_SHORTEST if stack.shape[k] < min(stack.shape[0], stack.shape[3 - k]) else _FAR
    first, other = changes[0], changes[k]
    if other.far >= limit * first.far or other.near > _NEAR * first.near:
        return
    name, other_name = _NAMES[stored[0]], _NAMES[stored[k]]
    shape = tuple(stack.shape[stored.index(axis)] for axis in range(3))
    value = f"shape {shape}, in which distant pixels differ by {other.far:.3g} along the "
    value += f"{other_name} axis and by {first.far:.3g} along the {name}"
    raise InputError(subject, f"the {name} axis of a stack must be time", value, remedy)


def _measure(stack: Any) -> list[_Changes]:
    """Measure the changes along each axis on pairs of neighbours, evenly spaced."""
    starts = [np.unique(np.linspace(0, n - 2, _SAMPLES).astype(int)) for n in stack.shape]
    chosen = [np.union1d(first, first + 1) for first in starts]
    frames = [np.asarray(stack[t])[np.ix_(*chosen[1:])] for t in chosen[0].tolist()]
    sample = np.stack(frames).astype(float)
    changes = []
    for axis in range(3):
        others = tuple(it for it in range(3) if it != axis)
        levelled = sample - np.median(sample, axis=others, keepdims=True)
        levelled = np.moveaxis(levelled, axis, 0)
        pairs = np.searchsorted(chosen[axis], starts[axis])
        half = len(pairs) // 2
        near = _typical(levelled[pairs + 1] - levelled[pairs])
        changes.append(
            _Changes(near, _typical(levelled[pairs[half:]] - levelled[pairs[: len(pairs) - half]]))
        )
    return changes


def _typical(differences: np.ndarray) -> float:
    """Mean of the smallest three quarters of the absolute differences."""
    count = max(1, int(_USED * differences.size))
    return float(np.partition(np.abs(differences), count - 1, axis=None)[:count].mean())
