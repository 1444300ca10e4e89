"""Scores that tracks support: a detection is judged with the detections before and after it.

table = score(link(detections))                 # also rows for gaps in confirmed tracks
table = score(link(detections, causal=True))    # the score of each row from frames up to its own

The score of a row is a monotone map of a log-likelihood ratio L, the sum of two:

    score = (1 + L / (|L| + 10)) / 2

- the evidence of the track around the frame (dimjax.tracks.likelihood.track_evidence), or the
  ratio of the detection itself less 1 without a track;
- the ratio of the detection itself, or minus the cost of a missed detection in a gap.

If there is a model of categories, L is replaced by the log odds that there is an object and that
it is of the category of its track: an object of doubtful category ranks below a certain one. The
object_score is that of L itself: whether there is an object of either category.

It is 0.5 at even odds, 0.75 at L = 10, 0.95 at L = 90, and keeps long tracks apart where a
probability would round to 1.
"""

import numpy as np
import pandas as pd
from scipy.special import logit

from dimjax.data.labels import CATEGORIES
from dimjax.tracks.categories import category_of
from dimjax.tracks.linking import Tracks
from dimjax.tracks.score_model import ScoreModel

_LONE_COST = 1.0  # a target is seldom detected only once
_STANDING_PX = 0.5  # interference that is slower, pixels per frame, is of the sensor
_EPSILON = 1e-9  # probabilities of categories are kept this far from 1
_EVEN_SCALE = 10.0  # log-likelihood ratio with the score 0.75


def score(tracks: Tracks) -> pd.DataFrame:
    """Give detections the category and the score of their track, and fill gaps in tracks.

    Args:
      tracks: From dimjax.tracks.link.

    Returns:
      tracks.detections with new categories and scores and the columns object_score and detected,
      and below them a row for each frame of a confirmed track without a detection, in which
      detected is False, but for interference that stands.
    """
    table, model = tracks.detections, tracks.settings.scores
    points = tracks.points[["track", "frame", "evidence", "target_probability"]]
    keys = table[["track", "frame"]]
    of_track = keys.merge(points, how="left", on=["track", "frame"]).set_index(table.index)
    own = model.log_likelihood_ratio(table.score.to_numpy())
    lone = own - _LONE_COST + own
    ratio = (of_track.evidence + own).fillna(pd.Series(lone, table.index)).to_numpy()
    probability = of_track.target_probability.fillna(table.target_probability)
    probability = probability.fillna((table.category == CATEGORIES[0]).astype(float)).to_numpy()
    # Interference stands and flickers: its track never lowers its score.
    ratio = np.where(probability < 0.5, np.maximum(ratio, lone), ratio)
    gaps = tracks.points[~tracks.points.detected & tracks.points.confirmed]
    # Standing interference flickers: where it is not detected it is mostly off.
    stands = np.hypot(gaps.vx, gaps.vy) < _STANDING_PX
    gaps = gaps[~stands | (gaps.target_probability >= 0.5)]
    of_gap = gaps.evidence.to_numpy() - model.missed_detection_cost
    objects = scores = [_score_of(ratio), _score_of(of_gap)]
    if tracks.settings.categories is not None:
        scores = [
            _score_of(_of_category(ratio, probability)),
            _score_of(_of_category(of_gap, gaps.target_probability.to_numpy())),
        ]
    scored = table.assign(
        category=category_of(probability), score=scores[0], object_score=objects[0], detected=True
    )
    filled = gaps.assign(score=scores[1], object_score=objects[1])
    filled = filled.reindex(columns=[name for name in scored if name in filled])
    if filled.empty:
        return scored
    return pd.concat([scored, filled], ignore_index=True)


def _of_category(ratio: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Log odds that there is an object, and that it is of the category of its track.

    With the odds R = exp(ratio) of an object and G of its category, both are true at the odds
    1 / (1 / R + 1 / (R G) + 1 / G).
    """
    likely = np.maximum(probability, 1 - probability)
    of_category = logit(np.clip(likely, 0.5, 1 - _EPSILON))
    return -np.logaddexp(np.logaddexp(-ratio, -ratio - of_category), -of_category)


def lone_score(model: ScoreModel, score: float) -> float:
    """Return the score that `score` gives to a detection without a track."""
    own = model.log_likelihood_ratio(score)
    return float(_score_of(own - _LONE_COST + own))


def _score_of(ratio: np.ndarray | float) -> np.ndarray | float:
    """Map log-likelihood ratios to scores from 0 to 1."""
    return (1 + ratio / (np.abs(ratio) + _EVEN_SCALE)) / 2
