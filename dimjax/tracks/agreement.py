"""How labels agree with tracks that were linked from detections.

table = agreement(labels, tracks.points[tracks.points.confirmed])
labels[table.residual_px > 2.0]                             # those off their tracks
"""

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.tracks.nearest import nearest


def agreement(labels: pd.DataFrame, points: pd.DataFrame, gate_px: float = 6.0) -> pd.DataFrame:
    """For each label the track that it lies on, and how well it fits.

    Args:
      labels: Label table; its index may hold their ids.
      points: Track points, of the same and other sequences.
      gate_px: A label lies on the nearest track that passes nearer than this in its frame.

    Returns:
      Table with the index of the labels: track (its name, "" if none is near), residual_px (from
      the label to the smoothed track), residual_sigmas (the same in units of the track's
      sigma_px) and other_share (the share of the track's scores that speaks for another category
      than the label's). The numbers are NaN where there is no track.
    """
    place = np.full(len(labels), -1)
    residual = np.full(len(labels), np.nan)
    for name in labels.sequence.unique():
        mine = np.flatnonzero(labels.sequence == name)
        those = np.flatnonzero(points.sequence == name)
        index, distance = nearest(labels.iloc[mine], points.iloc[those], gate_px)
        near = index >= 0
        place[mine[near]], residual[mine[near]] = those[index[near]], distance[near]
    on = points.iloc[place[place >= 0]].set_axis(labels.index[place >= 0])
    share = np.where(
        labels.category[place >= 0] == CATEGORIES[0], 1 - on.target_share, on.target_share
    )
    columns = {
        "track": on.track,
        "residual_px": residual[place >= 0],
        "residual_sigmas": residual[place >= 0] / on.sigma_px,
        "other_share": share,
    }
    table = pd.DataFrame(columns, index=on.index).reindex(labels.index)
    return table.assign(track=table.track.fillna("").astype("str"))
