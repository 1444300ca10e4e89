"""How far labelled objects stand out, measured in the frames themselves.

In come labels and the sequences; out goes the SCR of each label. Simulated folders know the SNR
of their targets; for real ones this is what recall can be sliced by.

    labels["scr"] = measure_scr(labels, folder.sequence)
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from dimjax.data.sequences import Sequence

_RING_PX = 6  # width of the ring of background round a box


def measure_scr(labels: pd.DataFrame, sequence_of: Callable[[str], Sequence]) -> pd.Series:
    """Signal-to-clutter ratio of each label; each frame is read once.

    Args:
      labels: Label table.
      sequence_of: Name -> sequence.

    Returns:
      SCR by row of the table, 0 or more, see scr.
    """
    measured = pd.Series(0.0, index=labels.index)
    for name, own in labels.groupby("sequence"):
        sequence = sequence_of(name)
        for t, rows in own.groupby("frame"):
            frame = sequence.frame(int(t))
            boxes = rows[["x", "y", "w", "h"]].to_numpy()
            measured[rows.index] = [scr(frame, *box) for box in boxes]
    return measured


def scr(frame: np.ndarray, x: float, y: float, w: float, h: float) -> float:
    """Peak contrast of a box over the standard deviation of the ring round it.

    The contrast is that of the pixel in the box that is farthest, brighter or darker, from the
    mean of the ring. A ring without any variation counts with its quantisation noise.

    Args:
      frame: [H, W] grey levels.
      x: Centre of the box, pixels.
      y: Likewise.
      w: Width of the box, pixels; a part outside the frame is cut off.
      h: Height.
    """
    box = _slices(frame.shape, x, y, w, h, 0)
    inside = frame[box].astype(float)
    around = np.ones(frame.shape, bool)
    around[box] = False
    ring = _slices(frame.shape, x, y, w, h, _RING_PX)
    background = frame[ring][around[ring]].astype(float)
    spread = max(float(background.std()), 1 / np.sqrt(12))
    return float(np.abs(inside - background.mean()).max() / spread)


def _slices(shape, x, y, w, h, margin) -> tuple[slice, slice]:
    """Pixels whose centres lie within the box and margin; the one at its centre at least."""
    spans = []
    for centre, size, limit in ((y, h, shape[0]), (x, w, shape[1])):
        low = min(np.ceil(centre - size / 2 - margin - 0.5), np.floor(centre))
        high = max(np.floor(centre + size / 2 + margin - 0.5), np.floor(centre))
        spans.append(slice(max(0, int(low)), min(limit, int(high) + 1)))
    return tuple(spans)
