"""What is near what in the same frame.

index, distance = nearest(points, labels, radius_px=3.0)    # tables with frame, x, y
index >= 0                                                  # [N] whether a label is near
"""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree


def nearest(
    table: pd.DataFrame, others: pd.DataFrame, radius_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each row the nearest of other rows in its frame, all of one sequence.

    Args:
      table: N rows with columns frame, x, y.
      others: Rows with the same columns.
      radius_px: Only what is nearer than this counts.

    Returns:
      Positions of the nearest rows among the others [N], -1 for none, and their distances [N] in
      pixels, infinite for none.
    """
    index, distance = np.full(len(table), -1), np.full(len(table), np.inf)
    if len(table) and len(others) and radius_px > 0:
        found, place = cKDTree(_places(others, radius_px)).query(_places(table, radius_px))
        near = found < radius_px
        index[near], distance[near] = place[near], found[near]
    return index, distance


def _places(table: pd.DataFrame, radius_px: float) -> np.ndarray:
    """x, y and, farther apart than the radius, the frame [N, 3]."""
    frame = table.frame.to_numpy() * (2 * radius_px)
    return np.column_stack([table.x.to_numpy(), table.y.to_numpy(), frame])
