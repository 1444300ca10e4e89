"""Nearest neighbours in the same sequence and frame.

index, distance = nearest(points, labels, radius_px=3.0)    # tables with sequence, frame, x, y
has_neighbour(points, labels, radius_px=3.0)                # [N] bool
"""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree


def nearest(
    table: pd.DataFrame, others: pd.DataFrame, radius_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest of other rows in the same sequence and frame.

    Args:
      table: N rows with columns sequence, frame, x, y.
      others: Rows with the same columns.
      radius_px: Rows at this distance or farther do not count.

    Returns:
      Positions of the nearest rows in `others` [N], -1 for none, and their distances [N] in
      pixels, infinite for none.
    """
    index, distance = np.full(len(table), -1), np.full(len(table), np.inf)
    if radius_px <= 0:
        return index, distance
    rows_of_others = others.groupby("sequence").indices
    for name, rows in table.groupby("sequence").indices.items():
        candidates = rows_of_others.get(name)
        if candidates is None:
            continue
        tree = cKDTree(_coordinates(others.iloc[candidates], radius_px))
        apart, neighbour = tree.query(_coordinates(table.iloc[rows], radius_px))
        near = apart < radius_px
        index[rows[near]], distance[rows[near]] = candidates[neighbour[near]], apart[near]
    return index, distance


def has_neighbour(table: pd.DataFrame, others: pd.DataFrame, radius_px: float) -> np.ndarray:
    """Test for each row [N] whether another row of its frame is nearer than a radius."""
    return nearest(table, others, radius_px)[0] >= 0


def _coordinates(table: pd.DataFrame, radius_px: float) -> np.ndarray:
    """x, y and the frame [N, 3], with frames farther apart than the radius."""
    frame = table.frame.to_numpy() * (2 * radius_px)
    return np.column_stack([table.x.to_numpy(), table.y.to_numpy(), frame])
