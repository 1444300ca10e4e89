"""Metrics by centre distance: precision, recall, F1, Pd, false alarms, average precision.

In come truths and detections as plain arrays over many images (frames or chips); one matcher
pairs them, and every figure is read from its result.

    outcome = match(truths, found, radius_px=3.0)
    curve = sweep(outcome)                         # figures at every threshold
    summary = at_threshold(curve, 0.4, images=200, pixels=200 * 640 * 512)
"""

from typing import NamedTuple

import numpy as np


class Points(NamedTuple):
    """Truths or detections of one category over many images."""

    image: np.ndarray  # [P] int, which image
    xy: np.ndarray  # [P, 2] centre in pixels of the image
    weight: np.ndarray  # [P] truths: 1 counts, 0 may be found or not; detections: score


class Outcome(NamedTuple):
    """Detections that count, by falling score, and how many truths there were."""

    score: np.ndarray  # [D]
    hit: np.ndarray  # [D] bool, matched to a truth that counts
    truth: np.ndarray  # [D] index of the matched truth, -1 for a false alarm
    detection: np.ndarray  # [D] index into the detections that were given
    truths: int


class Curve(NamedTuple):
    """Figures when all detections of at least a score are accepted, by falling score."""

    threshold: np.ndarray  # [D]
    precision: np.ndarray  # [D] Eq. (5)
    recall: np.ndarray  # [D] Eq. (6), which is Pd
    f1: np.ndarray  # [D] Eq. (7)
    false_alarms: np.ndarray  # [D] number over all images
    truths: int


def match(truths: Points, found: Points, radius_px: float) -> Outcome:
    """Pair detections with truths, one to one, within each image.

    The strongest detection chooses first and takes the nearest truth that is still free and
    nearer than radius_px. So the pairs at a high threshold are a part of those at a low one. A
    detection that takes a truth of weight 0 (hidden, or outside the slice that is looked at) is
    left out: it is neither right nor wrong.
    """
    order = np.argsort(-found.weight, kind="stable")
    taken = np.full(len(found.image), -1)
    members = _by_image(truths.image)
    free = np.ones(len(truths.image), bool)
    for d in order:
        near = members.get(int(found.image[d]))
        if near is None:
            continue
        distance = np.hypot(*(truths.xy[near] - found.xy[d]).T)
        distance[~free[near]] = np.inf
        nearest = distance.argmin()
        if distance[nearest] < radius_px:
            taken[d] = near[nearest]
            free[near[nearest]] = False
    counts = truths.weight > 0
    kept = order[(taken[order] < 0) | counts[taken[order]]] if len(counts) else order
    return Outcome(
        found.weight[kept], taken[kept] >= 0, taken[kept], kept, int(np.count_nonzero(counts))
    )


def sweep(outcome: Outcome) -> Curve:
    """Precision, recall, F1 and false alarms at every threshold, Eqs. (5)-(7)."""
    # Detections of equal score are accepted together, so only the last of them is a point.
    last = np.append(np.diff(outcome.score) != 0, True)[: len(outcome.score)]
    hits = np.cumsum(outcome.hit)[last]
    accepted = (np.arange(len(outcome.score)) + 1)[last]
    precision = hits / accepted
    recall = hits / outcome.truths if outcome.truths else np.zeros(len(hits))
    f1 = 2 * hits / (accepted + outcome.truths)
    return Curve(outcome.score[last], precision, recall, f1, accepted - hits, outcome.truths)


def at_threshold(curve: Curve, threshold: float, images: int, pixels: int) -> dict[str, float]:
    """All figures when detections of at least a threshold are accepted.

    Args:
      curve: From sweep.
      threshold: Score from which on a detection is accepted.
      images: Number of images, with and without truths.
      pixels: Their pixels in all.

    Returns:
      precision (1 if nothing is accepted), recall (the same as pd), f1, false_alarms_per_frame,
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
    """Area under precision against recall, precision made falling (as in COCO, all points)."""
    falling = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * falling))


def confusion(
    truths: Points, truth_category, found: Points, found_category, radius_px
) -> np.ndarray:
    """Counts [3, 3] of truth (rows) against detection (columns): target, interference, none.

    The same matcher pairs them, whatever their categories.
    """
    outcome = match(truths, found, radius_px)
    table = np.zeros((3, 3), int)
    hit = outcome.hit
    np.add.at(
        table,
        (
            np.where(hit, np.append(truth_category, 2)[outcome.truth], 2),
            found_category[outcome.detection],
        ),
        1,
    )
    counts = truths.weight > 0
    missed = counts.copy()
    missed[outcome.truth[hit]] = False
    np.add.at(table, (truth_category[missed], 2), 1)
    return table


def _by_image(image: np.ndarray) -> dict[int, np.ndarray]:
    order = np.argsort(image, kind="stable")
    if not len(image):
        return {}
    values, starts = np.unique(image[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True))
