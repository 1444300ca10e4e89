"""Voting: a track decides the category of its detections.

A single frame hardly separates a bird from a drone; forty frames do.

    table = vote(link(detections))
"""

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.tracks.linking import Tracks


def vote(tracks: Tracks) -> pd.DataFrame:
    """Give detections the category of their track, and scores that the track supports.

    A new score is sqrt(s * m) * a, with the detection's score s, the mean score m of its track and
    the share a of the track's scores that belongs to the track's category. Detections without a
    track keep category and score.

    Args:
      tracks: From dimjax.tracks.link.

    Returns:
      tracks.detections with new categories and scores.
    """
    table = tracks.detections
    target_share = tracks.points.drop_duplicates("track").set_index("track").target_share
    share = table.track.map(target_share).to_numpy(float)
    on_track = ~np.isnan(share)
    is_target = share >= 0.5
    mean = table.score.groupby(table.track).transform("mean")
    supported = np.sqrt(table.score * mean) * np.where(is_target, share, 1 - share)
    category = np.where(is_target, *CATEGORIES)
    return table.assign(
        category=table.category.where(~on_track, category),
        score=table.score.where(~on_track, supported),
    )
