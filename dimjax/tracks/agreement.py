"""Agreement of labels with tracks that were linked from detections.

table = agreement(labels, tracks.points[tracks.points.confirmed])
labels[table.residual_px > 2.0]                             # labels that lie off their track
"""

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.tracks.nearest import nearest


def agreement(labels: pd.DataFrame, points: pd.DataFrame, gate_px: float = 6.0) -> pd.DataFrame:
    """Assign each label to the track it lies on, and measure how well it fits.

    Args:
      labels: Label table; its index may hold the labels' ids.
      points: Track points of the same sequences, possibly of others too.
      gate_px: A label is assigned to the nearest track that passes closer than this in its frame.

    Returns:
      Table with the index of the labels: track (its name, "" if none is near), residual_px
      (distance of the label from the smoothed track), residual_sigmas (the same in units of the
      track's sigma_px) and other_probability (probability that the track is of the category
      opposite to the label's) and reason (of the track's category), see POINT_TYPES. The numbers
      are NaN without a track.
    """
    index, distance = nearest(labels, points, gate_px)
    on_track = index >= 0
    point = points.iloc[index[on_track]].set_axis(labels.index[on_track])
    is_target = labels.category[on_track] == CATEGORIES[0]
    columns = {
        "track": point.track,
        "reason": point.reason,
        "residual_px": distance[on_track],
        "residual_sigmas": distance[on_track] / point.sigma_px,
        "other_probability": np.where(
            is_target, 1 - point.target_probability, point.target_probability
        ),
    }
    table = pd.DataFrame(columns, index=point.index).reindex(labels.index)
    texts = {name: table[name].fillna("").astype("str") for name in ("track", "reason")}
    return table.assign(**texts)
