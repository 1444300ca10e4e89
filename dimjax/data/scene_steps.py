"""Whether a displacement between two frames is that of the scene, rather than of an object in it.

A bright object that moves may outweigh a faint scene, mostly in small frames. Then the displacement
is another one without the few places that change most, and does not make the rest match better.

    step_of_scene(np.array([1.3, 1.4]), previous, current, measure)   # [0, 0] if the scene stands
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]  # step x, y between two frames, pixels

_LONGEST_SIDE_PX = 256  # larger frames are averaged over squares, which takes far less time
_CHANGE_PX = 9  # side of the squares over which changes are averaged
_OBJECTS_SHARE = 0.05  # of the frame: the places that change most
_AROUND_OBJECT_PX = 4  # that may show it as well
_AROUND_PX = 13  # side of the squares whose mean replaces these places, twice
_AGREEING_PX = 0.5
_SMALL_PX, _LARGE_PX = 1.0, 4.0  # sigmas: structures between them are compared
_BLOCK_PX = 16  # side of the blocks over which the match is summed
_MIN_BLOCKS = 4
_MIN_T = 2.0  # mean gain of the blocks over its standard error


def step_of_scene(
    step: np.ndarray, previous: np.ndarray, current: np.ndarray, measure: Measure
) -> np.ndarray:
    """Return the displacement of most of the frame, given one that may be that of an object.

    Args:
      step: Displacement x, y as it is measured on the whole frames, pixels.
      previous: Frame [H, W], float.
      current: The next frame [H, W], float.
      measure: Measures the displacement between two frames.

    Returns:
      `step`, if it makes most of the frames match better, or is measured without the places that
      change most, too; else the one measured there, if that makes them match better, or 0.
    """
    factor = -(-max(previous.shape) // _LONGEST_SIDE_PX)
    first, second = (_averaged(frame, factor) for frame in (previous, current))
    changed = _strongest_changes(first, second)
    # Without the noise of single pixels, which interpolation reduces.
    first, second = (
        ndimage.gaussian_filter(it, _SMALL_PX) - ndimage.gaussian_filter(it, _LARGE_PX)
        for it in (first, second)
    )
    if _matches_better(first, second, changed, step / factor):
        return step
    rest = measure(*_without(changed, factor, previous, current))
    if np.hypot(*(rest - step)) < _AGREEING_PX:
        return step
    return rest if _matches_better(first, second, changed, rest / factor) else np.zeros(2)


def _averaged(frame: np.ndarray, factor: int) -> np.ndarray:
    height, width = (size // factor for size in frame.shape)
    cut = frame[: height * factor, : width * factor]
    return cut.reshape(height, factor, width, factor).mean(axis=(1, 3))


def _strongest_changes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The places that differ most, [H, W] bool; the rim, of little weight, is none of them."""
    height, width = first.shape
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    change = ndimage.uniform_filter((second - first) ** 2, _CHANGE_PX) * window**2
    return change > np.quantile(change[::2, ::2], 1 - _OBJECTS_SHARE)


def _without(hidden: np.ndarray, factor: int, *frames: np.ndarray) -> list[np.ndarray]:
    """Replace places by the mean of their surroundings, with a soft rim.

    Args:
      hidden: The places, [H // factor, W // factor] bool.
      factor: Side of the squares of pixels that an entry of `hidden` stands for.
      frames: [H, W] each.
    """
    height, width = frames[0].shape
    rows, columns = (np.minimum(np.arange(n) // factor, n // factor - 1) for n in (height, width))
    kept = 1.0 - hidden[np.ix_(rows, columns)]
    number = np.maximum(_mean_around(kept), 1e-3)
    share = np.clip(2 * ndimage.uniform_filter(kept, _CHANGE_PX) - 1, 0, 1)
    return [share * it + (1 - share) * _mean_around(it * kept) / number for it in frames]


def _mean_around(values: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter(ndimage.uniform_filter(values, _AROUND_PX), _AROUND_PX)


def _matches_better(
    first: np.ndarray, second: np.ndarray, hidden: np.ndarray, step: np.ndarray
) -> bool:
    """Whether a step, unlike none, makes most of the frames match outside the hidden places."""
    moved = ndimage.shift(first, step[::-1], order=3, mode="nearest")
    gain = (second - first) ** 2 - (second - moved) ** 2
    gain[ndimage.binary_dilation(hidden, iterations=_AROUND_OBJECT_PX)] = 0
    rim = int(np.ceil(max(2 * _LARGE_PX, np.abs(step).max())))  # may show no scene
    inside = gain[rim:-rim, rim:-rim]
    rows, columns = (size // _BLOCK_PX for size in inside.shape)
    if rows * columns < _MIN_BLOCKS:
        return False
    blocks = inside[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    blocks = blocks.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).sum(axis=(1, 3))
    roots = np.sign(blocks) * np.sqrt(np.abs(blocks))  # so that no single block decides
    return bool(roots.mean() > _MIN_T * roots.std() / np.sqrt(roots.size))
