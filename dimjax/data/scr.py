"""Signal-to-clutter ratio (SCR) of labelled objects, measured in their frames.

The SNR of simulated targets is known. Real targets have none, so recall is sliced by SCR instead.

    labels["scr"] = measure_scr(labels, folder.sequence)
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from dimjax.data.sequences import Sequence

_RING_PX = 6  # width of the background ring around a box


def measure_scr(labels: pd.DataFrame, sequence_of: Callable[[str], Sequence]) -> pd.Series:
    """Measure the SCR of each label; each frame is read once.

    Args:
      labels: Label table.
      sequence_of: Name -> sequence.

    Returns:
      SCR of each row of the table, 0 or more, with the table's index; see `scr`.
    """
    measured = pd.Series(0.0, index=labels.index)
    for name, of_sequence in labels.groupby("sequence"):
        sequence = sequence_of(name)
        for t, rows in of_sequence.groupby("frame"):
            frame = sequence.frame(int(t))
            boxes = rows[["x", "y", "w", "h"]].to_numpy()
            measured[rows.index] = [scr(frame, *box) for box in boxes]
    return measured


def scr(frame: np.ndarray, x: float, y: float, w: float, h: float) -> float:
    """Divide the peak contrast of a box by the standard deviation of its background ring.

    The contrast is the largest absolute difference between a pixel of the box and the mean of the
    ring, so dark objects count as well. The standard deviation is at least that of quantisation,
    1 / sqrt(12) grey levels.

    Args:
      frame: [H, W] grey levels.
      x: Column coordinate of the box centre, pixels.
      y: Row coordinate of the box centre, pixels.
      w: Width of the box, pixels; the part outside the frame is ignored.
      h: Height of the box, pixels.
    """
    box = _slices(frame.shape, x, y, w, h, 0)
    inside = frame[box].astype(float)
    outside = np.ones(frame.shape, bool)
    outside[box] = False
    ring = _slices(frame.shape, x, y, w, h, _RING_PX)
    background = frame[ring][outside[ring]].astype(float)
    background_std = max(float(background.std()), 1 / np.sqrt(12))
    return float(np.abs(inside - background.mean()).max() / background_std)


def _slices(shape, x, y, w, h, margin) -> tuple[slice, slice]:
    """Rows and columns whose pixel centres lie in the enlarged box; at least the pixel at x, y."""
    slices = []
    for centre, size, limit in ((y, h, shape[0]), (x, w, shape[1])):
        low = min(np.ceil(centre - size / 2 - margin - 0.5), np.floor(centre))
        high = max(np.floor(centre + size / 2 + margin - 0.5), np.floor(centre))
        slices.append(slice(max(0, int(low)), min(limit, int(high) + 1)))
    return tuple(slices)
