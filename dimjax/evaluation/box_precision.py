"""AP50 of COCO: average precision of boxes that overlap by half, for boxes of several sizes.

    box_precision(truth, detections)["8 px"]

The overlap of boxes of 3 px falls below a half if they are a pixel apart; boxes of 16 px, in which
other codes of the field label the same targets, allow 5 px. So AP50 depends on the size of the
boxes more than on the detector, and it can be compared only for the same size.
"""

import numpy as np
import pandas as pd

from dimjax.evaluation.figures import to_objects, with_image_numbers
from dimjax.evaluation.metrics import Curve, Outcome, match_by, sweep
from dimjax.evaluation.slices import must_be_found

SIZES = {"own boxes": None, "3 px": 3.0, "5 px": 5.0, "8 px": 8.0, "16 px": 16.0}
_MIN_IOU = 0.5
_RECALLS = np.linspace(0, 1, 101)


def box_precision(truth: pd.DataFrame, detections: pd.DataFrame) -> dict[str, float | None]:
    """Compute AP50 of the targets for each of SIZES; None without truths.

    The precision is averaged over 101 recalls, as COCO does. Truths with visible < MIN_VISIBLE are
    optional.

    Args:
      truth: Label table.
      detections: With columns sequence, frame, x, y, w, h, category, score, at all scores.
    """
    truth, detections = with_image_numbers(
        truth[truth.category == "target"], detections[detections.category == "target"]
    )
    counts = must_be_found(truth)
    figures = {}
    for name, size in SIZES.items():
        outcome = _match(truth, counts, detections, size)
        figures[name] = _average_precision(sweep(outcome)) if outcome.truths else None
    return figures


def _match(truth, counts: np.ndarray, detections, size: float | None) -> Outcome:
    boxes, others = (
        (table if size is None else table.assign(w=size, h=size))[list("xywh")].to_numpy(float)
        for table in (truth, detections)
    )

    def distance(candidates: np.ndarray, d: int) -> np.ndarray:
        """Order the boxes by their overlap, those that count before optional ones, as COCO does."""
        apart = 1 - _iou(boxes[candidates], others[d])
        return np.where(apart > 1 - _MIN_IOU, 1.0, (apart + ~counts[candidates]) / 4)

    objects = to_objects(truth, counts), to_objects(detections, detections.score)
    return match_by(*objects, distance, np.nextafter(1 - _MIN_IOU, 1))


def _iou(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Intersection over union [K] of boxes [K, 4] and a box [4]: x, y of the centre, w, h."""
    sizes, size = boxes[:, 2:], box[2:]
    reach = (sizes + size) / 2 - np.abs(boxes[:, :2] - box[:2])
    shared = np.minimum(reach, np.minimum(sizes, size)).clip(0).prod(axis=1)
    return shared / (sizes.prod(axis=1) + size.prod() - shared)


def _average_precision(curve: Curve) -> float:
    """Mean over 101 recalls of the highest precision at a recall of at least that."""
    highest = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float(np.append(highest, 0.0)[np.searchsorted(curve.recall, _RECALLS)].mean())
