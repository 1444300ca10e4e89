"""Cleanlab's scores of object labels (ObjectLab, arXiv 2309.00832), for comparison.

    scores = box_scores(labels, detections)     # badness, 0 to 1
    scores.position, scores.category            # [N] of each label
    scores.overlooked                           # [P] of each detection, NaN for none

The scores are computed by cleanlab with its default settings. The similarity of two boxes is 0.9 of
their overlap plus 0.1 of their proximity. A label's position is judged by detections with a score
above 0.5 that overlap it; its category, and missing labels, by detections from 0.95 on. Cleanlab
has no score for a label on background.
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
_MIN_SCORE = 0.5  # cleanlab ignores weaker detections
_SAME_PX = 3.0  # an overlooked detection scores the proposals nearer than this


class BoxScores(NamedTuple):
    """Badness, which is 1 minus cleanlab's quality."""

    position: np.ndarray  # [N]
    category: np.ndarray  # [N]
    overlooked: np.ndarray  # [P]


def rival(labels: pd.DataFrame, proposals: pd.DataFrame, detections: pd.DataFrame) -> Rival:
    """Compute the scores of labels by kind of error, and those of proposed labels.

    Args:
      labels: Table with sequence, frame, x, y, w, h, category.
      proposals: Table with sequence, frame, x, y.
      detections: As labels, with score.
    """
    scores = box_scores(labels, detections)
    columns = {**dict.fromkeys(LABEL_KINDS, np.zeros(len(labels)))}
    columns |= {"wrong_position": scores.position, "wrong_category": scores.category}
    overlooked = ~np.isnan(scores.overlooked)
    detections, badness = detections[overlooked], scores.overlooked[overlooked]
    index, _ = nearest(proposals, detections, _SAME_PX)
    scored = np.full(len(proposals), np.nan)
    scored[index >= 0] = badness[index[index >= 0]]
    return Rival(pd.DataFrame(columns), scored)


def box_scores(labels: pd.DataFrame, detections: pd.DataFrame) -> BoxScores:
    """Compute cleanlab's scores of labels and detections.

    Args:
      labels: Table with sequence, frame, x, y, w, h, category.
      detections: The same, with score.
    """
    from cleanlab.object_detection import rank  # an optional package that loads slowly

    strong = np.flatnonzero(detections.score > _MIN_SCORE)
    # Cleanlab orders the detections of a frame by category.
    strong = strong[np.argsort(_numbers(detections)[strong], kind="stable")]
    of_label, of_detection = _by_frame(labels), _by_frame(detections.iloc[strong])
    frames = sorted(of_label.keys() | of_detection.keys())
    none = np.zeros(0, int)
    label_rows = [of_label.get(frame, none) for frame in frames]
    detection_rows = [strong[of_detection.get(frame, none)] for frame in frames]
    data = {
        "labels": [_labels(labels.iloc[rows]) for rows in label_rows],
        "predictions": [_predictions(detections.iloc[rows]) for rows in detection_rows],
    }
    return BoxScores(
        _badness(rank.compute_badloc_box_scores(**data), label_rows, len(labels)),
        _badness(rank.compute_swap_box_scores(**data), label_rows, len(labels)),
        _badness(rank.compute_overlooked_box_scores(**data), detection_rows, len(detections)),
    )


def _by_frame(table: pd.DataFrame) -> dict[tuple, np.ndarray]:
    """(sequence, frame) -> positions of its rows."""
    return table.groupby(["sequence", "frame"]).indices


def _labels(table: pd.DataFrame) -> dict[str, np.ndarray]:
    return {"bboxes": _boxes(table), "labels": _numbers(table)}


def _predictions(table: pd.DataFrame) -> list[np.ndarray]:
    boxes = np.column_stack([_boxes(table), table.score.to_numpy(float)])
    return [boxes[_numbers(table) == k] for k in range(len(CATEGORIES))]


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
