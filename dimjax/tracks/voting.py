"""Tracks decide what their detections are: one frame hardly tells a bird from a drone, forty do.

table = vote(link(detections))
"""

import numpy as np
import pandas as pd

from dimjax.tracks.linking import Tracks


def vote(tracks: Tracks) -> pd.DataFrame:
    """Detections with the category of their track and scores that their track backs.

    A score becomes the geometric mean of itself and the mean of its track's, times the share of
    the track's scores that are for its category. Detections in no track stay as they are.

    Args:
      tracks: From dimjax.tracks.link.

    Returns:
      The table of tracks.detections with other categories and scores.
    """
    table = tracks.detections
    target_share = tracks.points.drop_duplicates("track").set_index("track").target_share
    share = table.track.map(target_share).to_numpy(float)
    on_track = ~np.isnan(share)
    is_target = share >= 0.5
    agreed = np.where(is_target, share, 1 - share)
    mean = table.score.groupby(table.track).transform("mean")
    backed = np.sqrt(table.score * mean) * agreed
    category = np.where(is_target, "target", "interference")
    return table.assign(
        category=table.category.where(~on_track, category),
        score=table.score.where(~on_track, backed),
    )
