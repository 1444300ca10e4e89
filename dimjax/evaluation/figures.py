"""All figures of an evaluation, as one dict that JSON can hold, from tables.

    figures = evaluate(truth, detections, frames, frame_pixels, 3.0, thresholds)
    figures["categories"]["target"]["f1"]

A detection is compared with truths of its own category only: a detection of a target on
interference is a false alarm of the target category. Truths with visible < MIN_VISIBLE (behind a
cloud) are optional: their detections are neither hits nor false alarms.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.evaluation.metrics import (
    Curve,
    Objects,
    Outcome,
    at_threshold,
    average_precision,
    confusion,
    match,
    restricted,
    sweep,
)
from dimjax.evaluation.slices import (
    BRIGHT,
    SLICES,
    Ratio,
    in_range,
    must_be_found,
    range_record,
    ratio_of,
)
from dimjax.evaluation.thresholds import accepted, choose_threshold

AP_RADII_PX = (1.0, 2.0, 3.0)
ANYTHING = "anything"  # stands for both categories as one
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
      thresholds: Category -> smallest accepted score; and for ANYTHING, of the scores as objects.

    Returns:
      match_px, images, pixels; categories: for each category the figures of
      metrics.at_threshold, ap by radius, its curve and, if the truths have a ratio, the same
      figures from BRIGHT on (from_5); snr or scr: the figures of targets in slices of that ratio,
      the last slice from 5 on; anything: figures of detections of either category, at its own
      threshold, or without one of those accepted; confusion: counts [3, 3], truth by detection.
    """
    images = sum(frames.values())
    pixels = sum(frames[name] * frame_pixels[name] for name in frames)
    figures = {"match_px": match_px, "images": images, "pixels": pixels, "categories": {}}
    for category in CATEGORIES:
        matched = _match_at_radii(truth, detections, category, {*AP_RADII_PX, match_px})
        at = partial(_figures, matched, match_px, thresholds[category], images, pixels)
        curve = _thinned(sweep(matched.outcomes[match_px]), images)
        figures["categories"][category] = {**at(matched.counts), "curve": curve}
        if matched.ratio is None:
            continue
        figures["categories"][category]["from_5"] = at(_inside(matched, *BRIGHT))
        if category == "target":
            figures[matched.ratio.name] = [
                {**range_record(*bounds), **at(_inside(matched, *bounds))}
                for bounds in (*SLICES, BRIGHT)
            ]
    chosen = accepted(detections, thresholds)
    threshold = thresholds.get(ANYTHING)
    candidates = chosen if threshold is None else detections
    outcome, _, _ = outcome_of(truth, candidates, ANYTHING, match_px)
    anything = at_threshold(sweep(outcome), threshold or 0.0, images, pixels)
    figures["anything"] = {**anything, "threshold": threshold}
    figures["confusion"] = _confusion(truth, chosen, match_px).tolist()
    return figures


def choose_thresholds(
    truth: pd.DataFrame, detections: pd.DataFrame, match_px: float
) -> dict[str, float]:
    """Choose a threshold of high F1 for each category and ANYTHING, see evaluation.thresholds."""
    names = pd.Index(pd.concat([truth.sequence, detections.sequence]).unique())
    chosen = {}
    for category in (*CATEGORIES, ANYTHING):
        outcome, truths, candidates = outcome_of(truth, detections, category, match_px)
        counted = truths.sequence[must_be_found(truths)]
        count = np.bincount(names.get_indexer(counted), minlength=len(names))
        sequence = names.get_indexer(candidates.sequence.iloc[outcome.detection])
        chosen[category] = choose_threshold(outcome, sequence, count)
    return chosen


def best_f1(truth: pd.DataFrame, detections: pd.DataFrame, category: str, match_px: float) -> float:
    """Highest F1 of a category over all thresholds; 0 without a hit."""
    outcome, _, _ = outcome_of(truth, detections, category, match_px)
    return float(sweep(outcome).f1.max(initial=0.0))


def outcome_of(
    truth: pd.DataFrame, detections: pd.DataFrame, category: str, match_px: float
) -> tuple[Outcome, pd.DataFrame, pd.DataFrame]:
    """Match one category, or ANYTHING; also return the truths and detections that it indexes.

    Detections count by their score, for ANYTHING by their object_score if they have one.
    """
    truth, detections = with_image_numbers(truth, detections)
    weight = "score"
    if category != ANYTHING:
        truth = truth[truth.category == category]
        detections = detections[detections.category == category]
    elif "object_score" in detections:
        weight = "object_score"
    outcome = match(
        to_objects(truth, must_be_found(truth)),
        to_objects(detections, detections[weight]),
        match_px,
    )
    return outcome, truth, detections


def with_image_numbers(
    truth: pd.DataFrame, detections: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables with a column image, the number of each frame of each sequence."""
    keys = pd.concat([truth[["sequence", "frame"]], detections[["sequence", "frame"]]])
    image = keys.groupby(["sequence", "frame"], sort=False).ngroup().to_numpy()
    return truth.assign(image=image[: len(truth)]), detections.assign(image=image[len(truth) :])


def to_objects(table: pd.DataFrame, weight) -> Objects:
    """Return the rows of a table with image numbers as objects of some weights [P]."""
    return Objects(table.image.to_numpy(), table[["x", "y"]].to_numpy(), np.asarray(weight, float))


class _Matched(NamedTuple):
    """A category matched at several radii."""

    outcomes: dict[float, Outcome]  # by radius, pixels
    counts: np.ndarray  # [P] bool, truths that must be found
    ratio: Ratio | None  # of the truths


def _match_at_radii(truth, detections, category: str, radii: set[float]) -> _Matched:
    outcomes = {}
    for radius in radii:
        outcomes[radius], truths, _ = outcome_of(truth, detections, category, radius)
    return _Matched(outcomes, must_be_found(truths), ratio_of(truths))


def _inside(matched: _Matched, low: float, high: float) -> np.ndarray:
    """Whether each truth [P] must be found and has a ratio in a range."""
    return matched.counts & in_range(matched.ratio.values, low, high)


def _figures(
    matched: _Matched,
    match_px: float,
    threshold: float,
    images: int,
    pixels: int,
    counts: np.ndarray,
) -> dict:
    """Figures at a threshold, and ap by radius, if only some truths count [P]."""
    curves = {r: sweep(restricted(outcome, counts)) for r, outcome in matched.outcomes.items()}
    return {
        **at_threshold(curves[match_px], threshold, images, pixels),
        "ap": {f"{radius:g}": average_precision(curves[radius]) for radius in AP_RADII_PX},
    }


def _confusion(truth: pd.DataFrame, detections: pd.DataFrame, match_px: float) -> np.ndarray:
    truth, detections = with_image_numbers(truth, detections)
    return confusion(
        to_objects(truth, must_be_found(truth)),
        truth.category.map(CATEGORIES.index).to_numpy(int),
        to_objects(detections, detections.score),
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
