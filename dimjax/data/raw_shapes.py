"""Evidence on the shape of raw frames: a pixel is like the one below it, a row later in a file.

    other_shape(np.memmap("a.raw", "<u2", shape=(100, 512, 640)))   # "rows of 320 pixels, ..."

Rows end where pixels are alike, but far less so a few columns aside. Frames whose noise exceeds all
structures tell nothing.
"""

import numpy as np
from scipy import fft

_LEAST_WIDTH_PX = 16
_MOST_WIDTHS = 4  # rows are searched up to this many times as long as they are stated
_MOST_VALUES = 1 << 20  # of a frame that are compared
_FACTOR = 1.5  # between the differences at the stated row length, or aside, and at the other one
_HALF = 0.95  # of the difference at twice the length, if rows seem to be half as long


def other_shape(stack: np.ndarray) -> str | None:
    """Return which rows or numbers the frames seem to have instead of those stated, None if none.

    Args:
      stack: Frames [T, H, W] of integers or floats, as they are read.
    """
    frame = stack[len(stack) // 2]
    width = frame.shape[1]
    values = np.asarray(frame).ravel()[:_MOST_VALUES].astype(np.float64)
    last = min(_MOST_WIDTHS * max(frame.shape), len(values) // 2)
    if width < 2 * _LEAST_WIDTH_PX or last <= width or not np.isfinite(values).all():
        return None
    difference = _differences(values, last)
    if stack.dtype.itemsize == 1 and difference[1] > _FACTOR * difference[2]:
        return "numbers of 16 bit, since every second byte is alike"
    rows = np.arange(_LEAST_WIDTH_PX, last - last // 8)
    best = int(rows[difference[rows].argmin()])
    half = width // 2
    if (
        width % 2 == 0
        and _is_row(difference, half)
        and difference[half] < _HALF * difference[width]
    ):
        best = half
    elif not _is_row(difference, best) or difference[width] < _FACTOR * difference[best]:
        return None
    return f"rows of {best} pixels, since those of {width} are not alike"


def _is_row(difference: np.ndarray, length: int) -> bool:
    """Whether pixels are alike at a distance in the file, but not a few columns aside."""
    aside = max(8, length // 8)
    return (
        min(difference[length - aside], difference[length + aside]) > _FACTOR * difference[length]
    )


def _differences(values: np.ndarray, last: int) -> np.ndarray:
    """Root of the mean square difference of values 0 to `last` places apart, [last + 1]."""
    values = values - values.mean()
    size = fft.next_fast_len(len(values) + last)
    products = fft.irfft(np.abs(fft.rfft(values, size)) ** 2, size)[: last + 1]
    sums = np.concatenate([[0.0], np.cumsum(values**2)])
    places = np.arange(last + 1)
    squares = sums[len(values) - places] + sums[-1] - sums[places]
    return np.sqrt(np.maximum(squares - 2 * products, 0) / (len(values) - places))
