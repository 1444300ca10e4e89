"""Scores that tracks support: a detection is judged with the detections before and after it.

table = score(link(detections))                 # also rows for gaps in confirmed tracks
table = score(link(detections, causal=True))    # the score of each row from frames up to its own

The score of a row is a monotone map of a log-likelihood ratio L, the sum of two:

    score = (1 + L / (|L| + 10)) / 2

- the evidence of the track around the frame (dimjax.tracks.likelihood.track_evidence), or the
  ratio of the detection itself less 1 without a track;
- the ratio of the detection itself, or minus the cost of a missed detection in a gap.

It is 0.5 at even odds, 0.75 at L = 10, 0.95 at L = 90, and keeps long tracks apart where a
probability would round to 1.
"""

import numpy as np
import pandas as pd

from dimjax.tracks.linking import Tracks
from dimjax.tracks.score_model import ScoreModel

_LONE_COST = 1.0  # a target is seldom detected only once
_EVEN_SCALE = 10.0  # log-likelihood ratio with the score 0.75


def score(tracks: Tracks) -> pd.DataFrame:
    """Give detections the category and the score of their track, and fill gaps in tracks.

    Args:
      tracks: From dimjax.tracks.link.

    Returns:
      tracks.detections with new categories and scores and a column detected, and below them a row
      for each frame of a confirmed track without a detection, in which detected is False.
    """
    table, model = tracks.detections, tracks.settings.scores
    points = tracks.points[["track", "frame", "category", "evidence"]]
    keys = table[["track", "frame"]]
    of_track = keys.merge(points, how="left", on=["track", "frame"]).set_index(table.index)
    own = model.log_likelihood_ratio(table.score.to_numpy())
    lone = pd.Series(own - _LONE_COST, table.index)
    ratio = of_track.evidence.fillna(lone) + own
    category = of_track.category.where(of_track.category.notna(), table.category)
    scored = table.assign(category=category, score=_score_of(ratio.to_numpy()), detected=True)
    gaps = tracks.points[~tracks.points.detected & tracks.points.confirmed]
    filled = gaps.assign(score=_score_of(gaps.evidence.to_numpy() - model.missed_detection_cost))
    filled = filled.reindex(columns=[name for name in scored if name in filled])
    if filled.empty:
        return scored
    return pd.concat([scored, filled], ignore_index=True)


def lone_score(model: ScoreModel, score: float) -> float:
    """Return the score that `score` gives to a detection without a track."""
    own = model.log_likelihood_ratio(score)
    return float(_score_of(own - _LONE_COST + own))


def _score_of(ratio: np.ndarray | float) -> np.ndarray | float:
    """Map log-likelihood ratios to scores from 0 to 1."""
    return (1 + ratio / (np.abs(ratio) + _EVEN_SCALE)) / 2
