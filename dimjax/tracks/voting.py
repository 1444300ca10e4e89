"""Voting: a track decides the category of its detections.

A single frame hardly separates a bird from a drone; forty frames do.

    share = target_share(table, rows)           # [P]
    category_of(share)                          # [P] "target" or "interference"
"""

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.tracks.track_frames import TrackFrames


def target_share(table: pd.DataFrame, rows: TrackFrames, causal: bool = False) -> np.ndarray:
    """Share of a track's scores that belongs to the target category, in each of its frames [P].

    Args:
      table: Detections of a sequence, with category and score.
      rows: Frames of the tracks.
      causal: Count the detections up to each frame only.
    """
    score = np.append(table.score.to_numpy(), 0.0)[rows.detection]
    is_target = np.append((table.category == CATEGORIES[0]).to_numpy(), False)[rows.detection]
    if causal:
        return rows.sums_so_far(score * is_target) / rows.sums_so_far(score)
    return (rows.sums(score * is_target) / rows.sums(score))[rows.track]


def category_of(share: np.ndarray) -> np.ndarray:
    """Category with the larger share of the scores."""
    return np.array(CATEGORIES, object)[(share < 0.5).astype(int)]
