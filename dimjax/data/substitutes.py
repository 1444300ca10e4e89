"""Pixels that are replaced by the nearest changing ones in their row or column.

between_changing(still).fill(frame)                 # [H, W]
"""

from typing import NamedTuple

import numpy as np

WIDEST_PX = 3  # of still pixels side by side; wider areas are bars, or a scene that is clipped


class Substitutes(NamedTuple):
    """Pixels and the two that each is interpolated from, as places in the flattened frame."""

    pixels: np.ndarray  # [N]
    neighbours: np.ndarray  # [N, 2]
    weights: np.ndarray  # [N, 2], of sum 1

    def values(self, frame: np.ndarray) -> np.ndarray:
        """Interpolate the values of the pixels [N] from their neighbours in a frame [H, W]."""
        return (frame.reshape(-1)[self.neighbours] * self.weights).sum(axis=1)

    def fill(self, frame: np.ndarray) -> np.ndarray:
        """Return a frame [H, W] with the pixels replaced, of the frame's type."""
        if not len(self.pixels):
            return frame
        filled = frame.copy()
        filled.reshape(-1)[self.pixels] = np.rint(self.values(frame))
        return filled

    def only(self, chosen: np.ndarray) -> "Substitutes":
        """Keep some of the pixels, [N] bool."""
        return Substitutes(*(values[chosen] for values in self))


def between_changing(still: np.ndarray) -> Substitutes:
    """Find the still pixels in gaps of at most 3 px between changing ones.

    Args:
      still: Whether a pixel never changes, [H, W].

    Returns:
      These pixels, with the changing ones at both ends of the gap in their row, or of that in their
      column if it is narrower. A gap at the border of the frame has one end.
    """
    width = still.shape[1]
    in_rows, in_columns = _ends(still), _Ends(*(places.T for places in _ends(still.T)))
    y, x = np.nonzero(still & (np.minimum(in_rows.gap, in_columns.gap) <= WIDEST_PX))
    along_row = (in_rows.gap <= in_columns.gap)[y, x]
    first, last = (
        np.where(along_row, y * width + row[y, x], column[y, x] * width + x)
        for row, column in zip(in_rows[:2], in_columns[:2], strict=True)
    )
    pixels = y * width + x
    weight = (pixels - first) / np.where(last == first, 1, last - first)
    weights = np.stack([1 - weight, weight], axis=1)
    return Substitutes(pixels, np.stack([first, last], axis=1), weights)


class _Ends(NamedTuple):
    """Changing pixels at the ends of the gap that a pixel lies in, along one axis, [H, W]."""

    first: np.ndarray
    last: np.ndarray
    gap: np.ndarray  # pixels between them


def _ends(still: np.ndarray) -> _Ends:
    """Find the ends of the gaps in the rows; those without an end are endless."""
    width = still.shape[1]
    place = np.arange(width)
    first = np.maximum.accumulate(np.where(still, -1, place), axis=1)
    last = np.minimum.accumulate(np.where(still, width, place)[:, ::-1], axis=1)[:, ::-1]
    gap = np.where((first < 0) & (last >= width), width + WIDEST_PX, last - first - 1)
    first, last = np.where(first < 0, last, first), np.where(last >= width, first, last)
    return _Ends(first, last, gap)
