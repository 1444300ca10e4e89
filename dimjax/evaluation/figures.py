"""Evaluation: tables of truths and detections in, one dict of figures out, ready for JSON.

    figures = evaluate(truth, detections, shapes, match_px=3.0, thresholds={"target": 0.4, ...})
    figures["categories"]["target"]["f1"]

A detection counts for its own category alone: a target's box on interference is a false alarm of
the target. Truths with visible < 0.5 (behind a cloud) may be found or not.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.evaluation.metrics import (
    Curve,
    Outcome,
    Points,
    at_threshold,
    average_precision,
    confusion,
    match,
    sweep,
)
from dimjax.evaluation.thresholds import choose_threshold

AP_RADII_PX = (1.0, 2.0, 3.0)
RATIOS = ("snr", "scr")  # by which targets are sliced, where the truth has such a column
RATIO_EDGES = (0.0, 3.0, 5.0, 8.0, np.inf)
LEAST_VISIBLE = 0.5
_CURVE_POINTS = 200


def evaluate(
    truth: pd.DataFrame,
    detections: pd.DataFrame,
    frames: Mapping[str, int],
    frame_pixels: Mapping[str, int],
    match_px: float,
    thresholds: Mapping[str, float],
) -> dict:
    """All figures of a set of images.

    Args:
      truth: Label table; columns snr, scr and visible are used where they are there.
      detections: With columns sequence, frame, x, y, category, score, at any score.
      frames: Sequence -> number of its frames that were searched.
      frame_pixels: Sequence -> pixels of one frame.
      match_px: A detection nearer to a truth than this is a hit.
      thresholds: Category -> score from which on a detection is accepted.

    Returns:
      match_px, images, pixels; categories: for each category the figures of
      metrics.at_threshold, ap by radius, and its curve; snr and scr: the same figures by slices
      of that ratio of the targets, and from 5 on; confusion: counts [3, 3], truth by detection.
    """
    truth, found = _numbered(truth, detections)
    images = sum(frames.values())
    pixels = sum(frames[name] * frame_pixels[name] for name in frames)
    figures = {"match_px": match_px, "images": images, "pixels": pixels, "categories": {}}
    for category in CATEGORIES:
        truths, own = _points(truth, found, category)
        curve = sweep(match(truths, own, match_px))
        figures["categories"][category] = {
            **at_threshold(curve, thresholds[category], images, pixels),
            "ap": {f"{r:g}": average_precision(sweep(match(truths, own, r))) for r in AP_RADII_PX},
            "curve": _thinned(curve, images),
        }
    for ratio in RATIOS:
        if ratio in truth:
            of_slice = partial(_points, truth, found, "target", ratio)
            slices = _slices(of_slice, match_px, thresholds["target"], images, pixels)
            figures[ratio] = slices
    figures["confusion"] = _confusion(truth, found, match_px, thresholds).tolist()
    return figures


def choose_thresholds(
    truth: pd.DataFrame, detections: pd.DataFrame, match_px: float
) -> dict[str, float]:
    """For each category a threshold of high F1, see dimjax.evaluation.thresholds."""
    truth, found = _numbered(truth, detections)
    names = pd.Index(pd.concat([truth.sequence, found.sequence]).unique())
    chosen = {}
    for category in CATEGORIES:
        truths, own = _points(truth, found, category)
        outcome = match(truths, own, match_px)
        there = found.sequence[found.category == category].iloc[outcome.detection]
        wanted = truth.sequence[truth.category == category][truths.weight > 0]
        count = np.bincount(names.get_indexer(wanted), minlength=len(names))
        chosen[category] = choose_threshold(outcome, names.get_indexer(there), count)
    return chosen


def best_f1(truth: pd.DataFrame, detections: pd.DataFrame, category: str, match_px: float) -> float:
    """The highest F1 of a category at any threshold; 0 without a hit."""
    truth, found = _numbered(truth, detections)
    return float(sweep(match(*_points(truth, found, category), match_px)).f1.max(initial=0.0))


def outcome_of(
    truth: pd.DataFrame, detections: pd.DataFrame, category: str, match_px: float
) -> tuple[Outcome, pd.DataFrame, pd.DataFrame]:
    """The matcher's outcome for a category, with the truths and detections that it indexes."""
    truth, found = _numbered(truth, detections)
    truth, found = truth[truth.category == category], found[found.category == category]
    return match(*_points(truth, found, category), match_px), truth, found


def _numbered(truth: pd.DataFrame, detections: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with a column image, one number to each frame."""
    keys = pd.concat([truth[["sequence", "frame"]], detections[["sequence", "frame"]]])
    image = keys.groupby(["sequence", "frame"], sort=False).ngroup().to_numpy()
    return truth.assign(image=image[: len(truth)]), detections.assign(image=image[len(truth) :])


def _points(truth, found, category: str, ratio: str = "", low=0.0, high=np.inf):
    """Truths and detections of a category; truths outside low <= ratio < high do not count."""
    truth, found = truth[truth.category == category], found[found.category == category]
    counts = _counts(truth)
    if ratio:
        counts &= truth[ratio].between(low, high, inclusive="left").to_numpy()
    return (
        Points(truth.image.to_numpy(), truth[["x", "y"]].to_numpy(), counts.astype(float)),
        Points(found.image.to_numpy(), found[["x", "y"]].to_numpy(), found.score.to_numpy()),
    )


def _counts(truth: pd.DataFrame) -> np.ndarray:
    """Which truths have to be found: those that no cloud hides [rows] bool."""
    visible = "visible" in truth
    return (
        (truth.visible >= LEAST_VISIBLE).to_numpy(copy=True)
        if visible
        else np.ones(len(truth), bool)
    )


def _slices(points_of, match_px, threshold, images, pixels) -> list[dict]:
    slices = [*zip(RATIO_EDGES[:-1], RATIO_EDGES[1:], strict=True), (5.0, np.inf)]
    rows = []
    for low, high in slices:
        curve = sweep(match(*points_of(low, high), match_px))
        figures = at_threshold(curve, threshold, images, pixels)
        rows.append({"low": low, "high": None if np.isinf(high) else high, **figures})
    return rows


def _confusion(truth, found, match_px, thresholds) -> np.ndarray:
    accepted = found[found.score >= found.category.map(thresholds).astype(float)]
    return confusion(
        Points(truth.image.to_numpy(), truth[["x", "y"]].to_numpy(), _counts(truth).astype(float)),
        truth.category.map(CATEGORIES.index).to_numpy(int),
        Points(
            accepted.image.to_numpy(), accepted[["x", "y"]].to_numpy(), accepted.score.to_numpy()
        ),
        accepted.category.map(CATEGORIES.index).to_numpy(int),
        match_px,
    )


def _thinned(curve: Curve, images: int) -> dict[str, list[float]]:
    """The curve at no more than _CURVE_POINTS thresholds, closest together at high ones.

    Nearly all detections are weak ones that no threshold in use accepts.
    """
    count = len(curve.f1)
    points = np.unique(np.geomspace(1, max(count, 1), _CURVE_POINTS).astype(int))[:count] - 1
    return {
        "threshold": curve.threshold[points].tolist(),
        "precision": curve.precision[points].tolist(),
        "recall": curve.recall[points].tolist(),
        "f1": curve.f1[points].tolist(),
        "false_alarms_per_frame": (curve.false_alarms[points] / images).tolist(),
    }
