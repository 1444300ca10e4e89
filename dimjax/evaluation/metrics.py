"""Metrics by centre distance: precision, recall, F1, Pd, false alarms, average precision.

Truths and detections of many images (frames or chips) are plain arrays. One matcher pairs them, and
every figure is computed from its outcome.

    outcome = match(truths, detections, radius_px=3.0)
    curve = sweep(outcome)                         # figures at every threshold
    summary = at_threshold(curve, 0.4, images=200, pixels=200 * 640 * 512)
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Objects(NamedTuple):
    """Truths or detections of one category in many images."""

    image: np.ndarray  # [P] int, number of the image
    xy: np.ndarray  # [P, 2] centre in pixels of the image
    weight: np.ndarray  # [P] truths: 1 counts, 0 is optional; detections: score


class Outcome(NamedTuple):
    """Detections that count, by falling score, and the number of truths."""

    score: np.ndarray  # [D]
    hit: np.ndarray  # [D] bool, matched to a truth that counts
    truth: np.ndarray  # [D] index of the matched truth, -1 for a false alarm
    detection: np.ndarray  # [D] index into the detections
    truths: int


class Curve(NamedTuple):
    """Figures of the detections at or above each score, by falling score."""

    threshold: np.ndarray  # [D]
    precision: np.ndarray  # [D] Eq. (5)
    recall: np.ndarray  # [D] Eq. (6), which is Pd
    f1: np.ndarray  # [D] Eq. (7)
    false_alarms: np.ndarray  # [D] number over all images
    truths: int


def match(truths: Objects, detections: Objects, radius_px: float) -> Outcome:
    """Match detections to truths one to one within each image.

    Detections choose by falling score: each takes the nearest truth that is still free and nearer
    than radius_px. The matches at a high threshold are therefore a subset of those at a low one. A
    detection matched to a truth of weight 0 (hidden, or outside the slice) is left out: it is
    neither a hit nor a false alarm.
    """

    def distance(candidates: np.ndarray, d: int) -> np.ndarray:
        return np.hypot(*(truths.xy[candidates] - detections.xy[d]).T)

    return match_by(truths, detections, distance, radius_px)


def match_by(
    truths: Objects,
    detections: Objects,
    distance: Callable[[np.ndarray, int], np.ndarray],
    limit: float,
) -> Outcome:
    """Match as `match` does, by another distance.

    Args:
      truths: True objects.
      detections: Detected objects.
      distance: Indices of truths [K] and of one detection -> distances [K].
      limit: The distance of a match is smaller than this.
    """
    order = np.argsort(-detections.weight, kind="stable")
    taken = np.full(len(detections.image), -1)
    members = _by_image(truths.image)
    free = np.ones(len(truths.image), bool)
    for d in order:
        candidates = members.get(int(detections.image[d]))
        if candidates is None:
            continue
        distances = np.where(free[candidates], distance(candidates, d), np.inf)
        nearest = distances.argmin()
        if distances[nearest] < limit:
            taken[d] = candidates[nearest]
            free[candidates[nearest]] = False
    counts = truths.weight > 0
    kept = order[(taken[order] < 0) | counts[taken[order]]] if len(counts) else order
    truth = taken[kept]
    return Outcome(detections.weight[kept], truth >= 0, truth, kept, int(np.count_nonzero(counts)))


def restricted(outcome: Outcome, counts: np.ndarray) -> Outcome:
    """Return the outcome if fewer truths count: `match` does not depend on which of them do.

    Args:
      outcome: From match.
      counts: [P] bool, the truths that count.
    """
    kept = ~outcome.hit | counts[outcome.truth] if len(counts) else ~outcome.hit
    arrays = (values[kept] for values in outcome[:-1])
    return Outcome(*arrays, int(np.count_nonzero(counts)))


def sweep(outcome: Outcome) -> Curve:
    """Compute precision, recall, F1 and false alarms at every threshold, Eqs. (5)-(7)."""
    # Detections of equal score are accepted together, so the curve has one point for all of them.
    last = np.append(np.diff(outcome.score) != 0, True)[: len(outcome.score)]
    hits = np.cumsum(outcome.hit)[last]
    accepted = (np.arange(len(outcome.score)) + 1)[last]
    precision = hits / accepted
    recall = hits / outcome.truths if outcome.truths else np.zeros(len(hits))
    f1 = 2 * hits / (accepted + outcome.truths)
    return Curve(outcome.score[last], precision, recall, f1, accepted - hits, outcome.truths)


def at_threshold(curve: Curve, threshold: float, images: int, pixels: int) -> dict[str, float]:
    """Read all figures of the detections at or above a threshold.

    Args:
      curve: From sweep.
      threshold: Smallest score of an accepted detection.
      images: Number of images, with and without truths.
      pixels: Total number of their pixels.

    Returns:
      precision (1 if nothing is accepted), recall (equal to pd), f1, false_alarms_per_frame,
      false_alarms_per_pixel (false detections, not their pixels), truths, threshold.
    """
    accepted = np.count_nonzero(curve.threshold >= threshold)
    if accepted:
        at = {name: float(getattr(curve, name)[accepted - 1]) for name in Curve._fields[:-1]}
    else:
        at = {"precision": 1.0, "recall": 0.0, "f1": 0.0, "false_alarms": 0.0}
    return {
        "precision": at["precision"],
        "recall": at["recall"],
        "f1": at["f1"],
        "pd": at["recall"],
        "false_alarms_per_frame": at["false_alarms"] / images,
        "false_alarms_per_pixel": at["false_alarms"] / pixels,
        "truths": curve.truths,
        "threshold": threshold,
    }


def average_precision(curve: Curve) -> float:
    """Area under the precision-recall curve with precision made monotonic, as COCO's all points."""
    monotonic = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * monotonic))


def confusion(
    truths: Objects,
    truth_category: np.ndarray,
    detections: Objects,
    detection_category: np.ndarray,
    radius_px: float,
) -> np.ndarray:
    """Count truths (rows) against detections (columns) [3, 3]: target, interference, none.

    Objects are matched as in `match`, regardless of their categories.
    """
    outcome = match(truths, detections, radius_px)
    table = np.zeros((3, 3), int)
    hit = outcome.hit
    row = np.where(hit, np.append(truth_category, 2)[outcome.truth], 2)
    np.add.at(table, (row, detection_category[outcome.detection]), 1)
    missed = truths.weight > 0
    missed[outcome.truth[hit]] = False
    np.add.at(table, (truth_category[missed], 2), 1)
    return table


def _by_image(image: np.ndarray) -> dict[int, np.ndarray]:
    """Indices of the objects of each image."""
    order = np.argsort(image, kind="stable")
    if not len(image):
        return {}
    values, starts = np.unique(image[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True))
