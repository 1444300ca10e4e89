"""The bound of detection: how many targets some frames hold, if all but the targets is known.

    places = noise_places(band) * height * width        # of dimjax.motion
    rows = bound_at(truth, {"test-0000": 24}, places, (0.1, 0.65))      # truth with a deflection
    rows[0]["recall"], rows[0]["low"], rows[0]["high"]

A target of deflection d (dimjax.motion.deflections) is found with probability Q(t - d) at a
threshold t, Q the tail of the normal distribution. Where to search is not known: noise is a false
alarm as often as one of the independent places of a frame exceeds t. An interference is a false
alarm as often as its own deflection makes it exceed t. So a detector that tells interference from
targets can find more than this bound, and so can one that sees more frames than the window.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from dimjax.evaluation.recall import recall_row
from dimjax.evaluation.slices import SLICES, in_range, must_be_found, ratio_of

_STEPS = 60  # of the bisection
_TAIL = 40.0  # sigmas beyond which Q is 0


class _Objects(NamedTuple):
    """Deflections of objects, and the frames that they are in."""

    targets: np.ndarray  # [N] noise sigmas
    targets_in: np.ndarray  # [N, S] 1 in the sequence of a target
    groups: np.ndarray  # [L, N] 1 for a target in the group: of all, and of each of SLICES
    interference: np.ndarray  # [M] noise sigmas
    interference_in: np.ndarray  # [M, S] 1 in the sequence of an interference
    frames: np.ndarray  # [S]
    places: float  # independent places of a frame


def bound_at(
    truth: pd.DataFrame,
    frames: Mapping[str, int],
    places: float,
    false_alarms_per_frame: tuple[float, ...],
) -> list[dict]:
    """Compute the bound of the recall of targets at given numbers of false alarms per frame.

    Args:
      truth: Truth of simulated sequences with a column deflection, noise sigmas.
      frames: Sequence -> number of its frames.
      places: Number of independent places of a frame at which noise can be a false alarm.
      false_alarms_per_frame: Allowed numbers of false alarms.

    Returns:
      Rows as from recall_at; the thresholds are in noise sigmas. The recall is the mean of the
      probabilities that the targets are found, their false alarms a mean as well.
    """
    objects = _arrange(truth[must_be_found(truth)], frames, places)
    truths = objects.groups @ objects.targets_in
    return [
        recall_row(allowed, truths, partial(_recall, objects, allowed))
        for allowed in false_alarms_per_frame
    ]


def _arrange(truth: pd.DataFrame, frames: Mapping[str, int], places: float) -> _Objects:
    is_target = (truth.category == "target").to_numpy()
    sequences = (truth.sequence.to_numpy()[:, None] == list(frames)).astype(int)
    ratio = ratio_of(truth[is_target]).values
    slices = [np.ones(len(ratio), bool), *(in_range(ratio, *edges) for edges in SLICES)]
    deflection = truth.deflection.to_numpy()
    return _Objects(
        deflection[is_target],
        sequences[is_target],
        np.array(slices, int),
        deflection[~is_target],
        sequences[~is_target],
        np.array(list(frames.values())),
        places,
    )


def _recall(objects: _Objects, allowed: float, weights: np.ndarray):
    """Thresholds [D] and recalls [D, L] of sets of sequences, see recall_row."""
    thresholds = _thresholds(objects, allowed, weights)
    found = norm.sf(thresholds[:, None] - objects.targets)  # [D, N]
    times = weights @ objects.targets_in.T
    hits, truths = (found * times) @ objects.groups.T, times @ objects.groups.T
    return thresholds, np.where(truths > 0, hits / np.maximum(truths, 1), np.nan)


def _thresholds(objects: _Objects, allowed: float, weights: np.ndarray) -> np.ndarray:
    """Thresholds [D] at which there are `allowed` false alarms in a mean frame of each set."""
    times = weights @ objects.interference_in.T  # [D, M]
    count = weights @ objects.frames
    low = np.full(len(weights), -_TAIL)
    high = np.full(len(weights), objects.interference.max(initial=0.0) + _TAIL)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        on_interference = (times * norm.sf(middle[:, None] - objects.interference)).sum(axis=1)
        exceeds = objects.places * norm.sf(middle) + on_interference / count > allowed
        low, high = np.where(exceeds, middle, low), np.where(exceeds, high, middle)
    return high
