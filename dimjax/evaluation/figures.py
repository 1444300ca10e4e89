"""All figures of an evaluation, as one dict that JSON can hold, from tables.

    figures = evaluate(truth, detections, frames, frame_pixels, 3.0, thresholds)
    figures["categories"]["target"]["f1"]

A detection is compared with truths of its own category only: a detection of a target on
interference is a false alarm of the target category. Truths with visible < MIN_VISIBLE (behind a
cloud) are optional: their detections are neither hits nor false alarms.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES, MIN_VISIBLE
from dimjax.evaluation.metrics import (
    Curve,
    Objects,
    Outcome,
    at_threshold,
    average_precision,
    confusion,
    match,
    sweep,
)
from dimjax.evaluation.thresholds import accepted, choose_threshold

AP_RADII_PX = (1.0, 2.0, 3.0)
RATIOS = ("snr", "scr")  # targets are sliced by these columns of the truth, if present
RATIO_EDGES = (0.0, 3.0, 5.0, 8.0, np.inf)
_CURVE_POINTS = 200


def evaluate(
    truth: pd.DataFrame,
    detections: pd.DataFrame,
    frames: Mapping[str, int],
    frame_pixels: Mapping[str, int],
    match_px: float,
    thresholds: Mapping[str, float],
) -> dict:
    """Compute all figures of a set of images.

    Args:
      truth: Label table; the columns snr, scr and visible are used if present.
      detections: With columns sequence, frame, x, y, category, score, at all scores.
      frames: Sequence -> number of its frames in which detections were made.
      frame_pixels: Sequence -> pixels of one frame.
      match_px: A detection nearer to a truth than this is a hit.
      thresholds: Category -> smallest accepted score.

    Returns:
      match_px, images, pixels; categories: for each category the figures of
      metrics.at_threshold, ap by radius, and its curve; snr and scr: the same figures of targets
      in slices of that ratio, the last slice from 5 on; confusion: counts [3, 3], truth by
      detection.
    """
    truth, detections = _with_image_numbers(truth, detections)
    images = sum(frames.values())
    pixels = sum(frames[name] * frame_pixels[name] for name in frames)
    figures = {"match_px": match_px, "images": images, "pixels": pixels, "categories": {}}
    for category in CATEGORIES:
        objects = _objects(truth, detections, category)
        curve = sweep(match(*objects, match_px))
        figures["categories"][category] = {
            **at_threshold(curve, thresholds[category], images, pixels),
            "ap": {f"{r:g}": average_precision(sweep(match(*objects, r))) for r in AP_RADII_PX},
            "curve": _thinned(curve, images),
        }
    for ratio in RATIOS:
        if ratio in truth:
            in_slice = partial(_objects, truth, detections, "target", ratio)
            figures[ratio] = _slices(in_slice, match_px, thresholds["target"], images, pixels)
    table = _confusion(truth, accepted(detections, thresholds), match_px)
    figures["confusion"] = table.tolist()
    return figures


def choose_thresholds(
    truth: pd.DataFrame, detections: pd.DataFrame, match_px: float
) -> dict[str, float]:
    """Choose a threshold of high F1 for each category, see dimjax.evaluation.thresholds."""
    truth, detections = _with_image_numbers(truth, detections)
    names = pd.Index(pd.concat([truth.sequence, detections.sequence]).unique())
    chosen = {}
    for category in CATEGORIES:
        truths, candidates = _objects(truth, detections, category)
        outcome = match(truths, candidates, match_px)
        of_category = detections.sequence[detections.category == category]
        counted = truth.sequence[truth.category == category][truths.weight > 0]
        count = np.bincount(names.get_indexer(counted), minlength=len(names))
        sequence = names.get_indexer(of_category.iloc[outcome.detection])
        chosen[category] = choose_threshold(outcome, sequence, count)
    return chosen


def best_f1(truth: pd.DataFrame, detections: pd.DataFrame, category: str, match_px: float) -> float:
    """Highest F1 of a category over all thresholds; 0 without a hit."""
    objects = _objects(*_with_image_numbers(truth, detections), category)
    return float(sweep(match(*objects, match_px)).f1.max(initial=0.0))


def outcome_of(
    truth: pd.DataFrame, detections: pd.DataFrame, category: str, match_px: float
) -> tuple[Outcome, pd.DataFrame, pd.DataFrame]:
    """Match one category; also returns the truths and detections that the outcome indexes."""
    truth, detections = _with_image_numbers(truth, detections)
    truth = truth[truth.category == category]
    detections = detections[detections.category == category]
    return match(*_objects(truth, detections, category), match_px), truth, detections


def _with_image_numbers(
    truth: pd.DataFrame, detections: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with a column image, the number of each frame of each sequence."""
    keys = pd.concat([truth[["sequence", "frame"]], detections[["sequence", "frame"]]])
    image = keys.groupby(["sequence", "frame"], sort=False).ngroup().to_numpy()
    return truth.assign(image=image[: len(truth)]), detections.assign(image=image[len(truth) :])


def _objects(
    truth, detections, category: str, ratio: str = "", low=0.0, high=np.inf
) -> tuple[Objects, Objects]:
    """Truths and detections of a category; truths outside low <= ratio < high are optional."""
    truth = truth[truth.category == category]
    detections = detections[detections.category == category]
    counts = _counts(truth)
    if ratio:
        counts &= truth[ratio].between(low, high, inclusive="left").to_numpy()
    return _to_objects(truth, counts.astype(float)), _to_objects(detections, detections.score)


def _to_objects(table: pd.DataFrame, weight) -> Objects:
    return Objects(table.image.to_numpy(), table[["x", "y"]].to_numpy(), np.asarray(weight))


def _counts(truth: pd.DataFrame) -> np.ndarray:
    """Whether each truth must be found: no cloud hides it [rows]."""
    if "visible" in truth:
        return (truth.visible >= MIN_VISIBLE).to_numpy(copy=True)
    return np.ones(len(truth), bool)


def _slices(
    in_slice: Callable[[float, float], tuple[Objects, Objects]],
    match_px: float,
    threshold: float,
    images: int,
    pixels: int,
) -> list[dict]:
    slices = [*zip(RATIO_EDGES[:-1], RATIO_EDGES[1:], strict=True), (5.0, np.inf)]
    rows = []
    for low, high in slices:
        curve = sweep(match(*in_slice(low, high), match_px))
        figures = at_threshold(curve, threshold, images, pixels)
        rows.append({"low": low, "high": None if np.isinf(high) else high, **figures})
    return rows


def _confusion(truth: pd.DataFrame, detections: pd.DataFrame, match_px: float) -> np.ndarray:
    return confusion(
        _to_objects(truth, _counts(truth).astype(float)),
        truth.category.map(CATEGORIES.index).to_numpy(int),
        _to_objects(detections, detections.score),
        detections.category.map(CATEGORIES.index).to_numpy(int),
        match_px,
    )


def _thinned(curve: Curve, images: int) -> dict[str, list[float]]:
    """The curve at up to _CURVE_POINTS thresholds, the densest at high ones.

    Most detections are weak, below all thresholds in use.
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
