"""Recall at fixed numbers of false alarms per frame, with intervals over sequences.

    rows = recall_at(truth, detections, {"flight3": 120}, "target", 3.0, (0.1, 0.65))
    rows[0]["recall"], rows[0]["low"], rows[0]["high"]

Two detectors are compared at the same number of false alarms, whatever their scores mean: the
threshold is the lowest score at which all false alarms of the category, over all frames, stay
within the number that is allowed. Detections of equal score are accepted together.

The interval holds 95 % of the recalls of 200 sets of sequences drawn with replacement, each with
its own threshold: the frames of a sequence are alike, those of different sequences are not.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.evaluation.figures import outcome_of
from dimjax.evaluation.slices import SLICES, in_range, must_be_found, range_record, ratio_of

_DRAWS = 200
_PERCENTILES = (2.5, 97.5)
_ROUNDING = 1e-9  # 0.7 * 10 is 6.999... in floating point: seven false alarms are allowed


class Events(NamedTuple):
    """Hits and false alarms by sequence.

    A rank is the number of different scores above that of a detection: the N highest scores
    accept the ranks below N.
    """

    scores: np.ndarray  # [K] different scores, falling
    false_alarms: list[np.ndarray]  # [S] ascending ranks of the false alarms of each sequence
    hits: list[list[np.ndarray]]  # [L][S] those of the hits, of all truths and of each slice
    truths: np.ndarray  # [L, S] truths that count
    frames: np.ndarray  # [S]


def recall_at(
    truth: pd.DataFrame,
    detections: pd.DataFrame,
    frames: Mapping[str, int],
    category: str,
    match_px: float,
    false_alarms_per_frame: tuple[float, ...],
) -> list[dict]:
    """Compute the recall of a category at given numbers of false alarms per frame.

    Args:
      truth: Label table; the columns snr, scr and visible are used if present.
      detections: With columns sequence, frame, x, y, category, score, at all scores.
      frames: Sequence -> number of its frames in which detections were made.
      category: One of CATEGORIES, or ANYTHING: all truths and detections, of any category.
      match_px: A detection nearer to a truth than this is a hit.
      false_alarms_per_frame: Allowed numbers of false alarms.

    Returns:
      For each number: false_alarms_per_frame; threshold, None if no detection is accepted; truths;
      recall, None without truths; low and high, None for fewer than two sequences; slices: truths,
      recall, low and high of each of SLICES with its range, if the truths have a ratio.
    """
    events = _events(truth, detections, frames, category, match_px)
    return [
        recall_row(allowed, events.truths, partial(_recall, events, allowed))
        for allowed in false_alarms_per_frame
    ]


def recall_row(
    allowed: float, truths: np.ndarray, at: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> dict:
    """Make the row of one number of false alarms per frame, with intervals; see recall_at.

    Args:
      allowed: False alarms per frame.
      truths: [L, S] truths that count, in each sequence: all of them and, if they have a ratio,
        those of each of SLICES.
      at: Function of weights [D, S], how often each sequence is in each of D sets. It returns the
        thresholds of the sets [D] and their recalls [D, L], NaN without truths.
    """
    (threshold,), (recalls,) = at(np.ones((1, truths.shape[1])))
    figures = zip(recalls, *_bounds(at, truths), strict=True)
    rows = [
        {"truths": int(count.sum())}
        | dict(zip(("recall", "low", "high"), map(_or_none, values), strict=True))
        for count, values in zip(truths, figures, strict=True)
    ]
    of_slices = zip(SLICES[: len(rows) - 1], rows[1:], strict=True)
    return {
        "false_alarms_per_frame": allowed,
        "threshold": _or_none(threshold),
        **rows[0],
        "slices": [{"range": range_record(*bounds), **row} for bounds, row in of_slices],
    }


def _bounds(at: Callable, truths: np.ndarray) -> np.ndarray:
    """Bounds [2, L] of the intervals, NaN where no draw has truths or there is one sequence."""
    length, count = truths.shape
    bounds = np.full((2, length), np.nan)
    if count > 1:
        draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), _DRAWS)
        _, recalls = at(draws)
        known = ~np.isnan(recalls).all(axis=0)
        bounds[:, known] = np.nanpercentile(recalls[:, known], _PERCENTILES, axis=0)
    return bounds


def _events(truth, detections, frames: Mapping[str, int], category: str, match_px: float) -> Events:
    names = pd.Index(list(frames))
    outcome, truth, detections = outcome_of(truth, detections, category, match_px)
    scores, rank = np.unique(-outcome.score, return_inverse=True)
    sequence = names.get_indexer(detections.sequence.iloc[outcome.detection])
    counts, ratio = must_be_found(truth), ratio_of(truth)
    groups = [counts]
    if ratio is not None:
        groups += [counts & in_range(ratio.values, *bounds) for bounds in SLICES]
    of_truth = names.get_indexer(truth.sequence)

    def ranks(kept: np.ndarray) -> list[np.ndarray]:
        return [rank[kept & (sequence == s)] for s in range(len(names))]

    hits = [ranks(outcome.hit & np.append(group, False)[outcome.truth]) for group in groups]
    truths = [np.bincount(of_truth[group], minlength=len(names)) for group in groups]
    count = np.array([frames[name] for name in names])
    return Events(-scores, ranks(~outcome.hit), hits, np.array(truths), count)


def _recall(events: Events, allowed: float, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall of sets of sequences, each at its own threshold.

    Args:
      events: Hits and false alarms.
      allowed: False alarms per frame.
      weights: [D, S] how often each sequence is in each set.

    Returns:
      Thresholds [D], NaN if no detection is accepted, and recalls [D, L], NaN without truths.
    """
    limit = allowed * (weights @ events.frames) + _ROUNDING
    accepted = np.zeros(len(weights), int)
    above = np.full(len(weights), len(events.scores) + 1)  # one more than can be accepted
    while (above - accepted > 1).any():
        middle = (accepted + above) // 2
        fits = _count(events.false_alarms, weights, middle) <= limit
        accepted, above = np.where(fits, middle, accepted), np.where(fits, above, middle)
    hits = np.array([_count(ranks, weights, accepted) for ranks in events.hits])
    truths = events.truths @ weights.T
    thresholds = np.append(events.scores, np.nan)[accepted - 1]
    return thresholds, np.where(truths > 0, hits / np.maximum(truths, 1), np.nan).T


def _count(ranks: list[np.ndarray], weights: np.ndarray, accepted: np.ndarray) -> np.ndarray:
    """Number of events [D] among the accepted scores [D] of each set."""
    counts = np.array([np.searchsorted(of_sequence, accepted) for of_sequence in ranks])
    return (weights * counts.T).sum(axis=1)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
