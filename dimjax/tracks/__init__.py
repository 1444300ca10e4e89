"""Tracks: detections linked over frames, and their agreement with labels.

Pure functions of tables: `link` turns a table of detections into a table of track points, by a
Kalman filter with a constant-velocity model, one-to-one assignment, track confirmation, smoothing
and the joining of track ends to track starts. `score` judges each detection with its track,
`agreement` compares labels with tracks, and `nearest` and `has_neighbour` compare tables by
distance.

    tracks = link(detections, LinkingConfig(strong=(0.69, 0.5)))
    tracks.detections.track                     # name of each detection's track, "" without one
    tracks.points                               # position of each track in each frame, gaps too
    score(tracks)                               # detections with the scores their tracks support
    score(link(detections, causal=True))        # the same from the past of each frame only
    agreement(labels, tracks.points)            # distance of each label from its track
    link(detections, motions={"flight3": camera_shifts(flight3)})    # if the camera moves
"""

from dimjax.tracks.agreement import agreement
from dimjax.tracks.appearance import APPEARANCE, measure_appearance
from dimjax.tracks.arrays import DetectionArrays
from dimjax.tracks.category_fit import Combination, fit_category_model, fit_combination
from dimjax.tracks.category_model import CategoryModel
from dimjax.tracks.label_tracks import labelled_windows, link_labels
from dimjax.tracks.linking import Linker, Motions, Tracks, follow_and_join, link
from dimjax.tracks.logistic import fit_logistic
from dimjax.tracks.nearest import has_neighbour, nearest
from dimjax.tracks.points import POINT_TYPES
from dimjax.tracks.score_model import UNTRAINED, ScoreModel, fit_score_model
from dimjax.tracks.settings import LinkingConfig, linking_of
from dimjax.tracks.track_scores import lone_score, score

__all__ = [
    "APPEARANCE",
    "CategoryModel",
    "Combination",
    "DetectionArrays",
    "Linker",
    "LinkingConfig",
    "POINT_TYPES",
    "ScoreModel",
    "Motions",
    "Tracks",
    "UNTRAINED",
    "agreement",
    "fit_category_model",
    "fit_combination",
    "fit_logistic",
    "fit_score_model",
    "follow_and_join",
    "has_neighbour",
    "labelled_windows",
    "link",
    "link_labels",
    "linking_of",
    "lone_score",
    "measure_appearance",
    "nearest",
    "score",
]
