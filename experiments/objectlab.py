"""Cleanlab's scores of labels of objects (ObjectLab, arXiv 2309.00832), for comparison.

    scores = box_scores(labels, detections)     # badness, 0 to 1
    scores.position, scores.category            # [N] of each label
    scores.overlooked                           # [P] of each detection, NaN where it has none

They are cleanlab's own, with its own settings: two boxes are as alike as 0.9 of their overlap and
0.1 of their nearness say; a label's place is judged by detections above 0.5 that touch it, its
category, and what lacks, by those from 0.95 on. A label where nothing is has no score.
"""

import importlib.util
from typing import NamedTuple

import numpy as np
import pandas as pd
from suspect_scores import Rival

from dimjax.data.labels import CATEGORIES
from dimjax.suspects import LABEL_KINDS
from dimjax.tracks import nearest

INSTALLED = importlib.util.find_spec("cleanlab") is not None
_LEAST_SCORE = 0.5  # cleanlab does not look at weaker detections
_SAME_PX = 3.0  # a place this near to an overlooked detection is meant by it


class BoxScores(NamedTuple):
    """Badness: 1 minus cleanlab's quality."""

    position: np.ndarray  # [N]
    category: np.ndarray  # [N]
    overlooked: np.ndarray  # [P]


def rival(labels: pd.DataFrame, places: pd.DataFrame, detections: pd.DataFrame) -> Rival:
    """The scores by kind of error, of labels and of places that lack one.

    Args:
      labels: Table with sequence, frame, x, y, w, h, category.
      places: Table with sequence, frame, x, y.
      detections: As labels, with score.
    """
    scores = box_scores(labels, detections)
    columns = {**dict.fromkeys(LABEL_KINDS, np.zeros(len(labels)))}
    columns |= {"wrong_position": scores.position, "wrong_category": scores.category}
    overlooked = ~np.isnan(scores.overlooked)
    detections, badness = detections[overlooked], scores.overlooked[overlooked]
    found = np.full(len(places), np.nan)
    for name in places.sequence.unique():
        mine = np.flatnonzero(places.sequence == name)
        those = np.flatnonzero(detections.sequence == name)
        index, _ = nearest(places.iloc[mine], detections.iloc[those], _SAME_PX)
        found[mine[index >= 0]] = badness[those[index[index >= 0]]]
    return Rival(pd.DataFrame(columns), found)


def box_scores(labels: pd.DataFrame, detections: pd.DataFrame) -> BoxScores:
    """Cleanlab's scores of labels and detections.

    Args:
      labels: Table with sequence, frame, x, y, w, h, category.
      detections: The same, with score.
    """
    from cleanlab.object_detection import rank  # takes a second, and is an extra

    strong = np.flatnonzero(detections.score > _LEAST_SCORE)
    # Cleanlab keeps the detections of a frame in the order of their categories.
    strong = strong[np.argsort(_numbers(detections)[strong], kind="stable")]
    of_label, of_detection = _by_frame(labels), _by_frame(detections.iloc[strong])
    frames = sorted(of_label.keys() | of_detection.keys())
    none = np.zeros(0, int)
    given = [of_label.get(frame, none) for frame in frames]
    seen = [strong[of_detection.get(frame, none)] for frame in frames]
    data = {
        "labels": [_labels(labels.iloc[rows]) for rows in given],
        "predictions": [_predictions(detections.iloc[rows]) for rows in seen],
    }
    return BoxScores(
        _badness(rank.compute_badloc_box_scores(**data), given, len(labels)),
        _badness(rank.compute_swap_box_scores(**data), given, len(labels)),
        _badness(rank.compute_overlooked_box_scores(**data), seen, len(detections)),
    )


def _by_frame(table: pd.DataFrame) -> dict[tuple, np.ndarray]:
    """(sequence, frame) -> positions of its rows."""
    return table.groupby(["sequence", "frame"]).indices


def _labels(own: pd.DataFrame) -> dict[str, np.ndarray]:
    return {"bboxes": _boxes(own), "labels": _numbers(own)}


def _predictions(own: pd.DataFrame) -> list[np.ndarray]:
    boxes = np.column_stack([_boxes(own), own.score.to_numpy(float)])
    return [boxes[_numbers(own) == k] for k in range(len(CATEGORIES))]


def _boxes(table: pd.DataFrame) -> np.ndarray:
    """Left, top, right and bottom [N, 4]."""
    x, y, w, h = (table[column].to_numpy(float) for column in "xywh")
    return np.column_stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def _numbers(table: pd.DataFrame) -> np.ndarray:
    return table.category.map(CATEGORIES.index).to_numpy(int)


def _badness(quality: list[np.ndarray], rows: list[np.ndarray], count: int) -> np.ndarray:
    badness = np.full(count, np.nan)
    badness[np.concatenate(rows)] = 1 - np.concatenate(quality)
    return badness
