"""Slices of truths by the ratio of their signal to noise, or to the background around them.

    ratio = ratio_of(truth)             # None if the table has neither snr nor scr
    ratio.name, ratio.values            # "snr", [P]
    for low, high in SLICES:
        inside = in_range(ratio.values, low, high)

SNR is the effective one, snr times visible: the share of the amplitude that clouds let through.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import MIN_VISIBLE

SLICES = tuple(pairwise((0.0, 2.0, 3.0, 4.0, 5.0, 8.0, np.inf)))
BRIGHT = (5.0, np.inf)  # the range that most goals are set for


class Ratio(NamedTuple):
    """A ratio of each truth."""

    name: str  # "snr", in sigmas of the noise of one frame, or "scr", in sigmas of a ring
    values: np.ndarray  # [P]


def ratio_of(truth: pd.DataFrame) -> Ratio | None:
    """Return the effective SNR of truths, without a column snr their SCR, without both None."""
    if "snr" in truth:
        visible = truth.visible.clip(0, 1) if "visible" in truth else 1.0
        return Ratio("snr", (truth.snr * visible).to_numpy(float))
    return Ratio("scr", truth.scr.to_numpy(float)) if "scr" in truth else None


def in_range(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Whether each value [P] lies in low <= value < high; NaN does not."""
    return (low <= values) & (values < high)


def range_record(low: float, high: float) -> dict:
    """Bounds of a slice for JSON, which has no infinity: high is None without an upper bound."""
    return {"low": low, "high": None if np.isinf(high) else high}


def must_be_found(truth: pd.DataFrame) -> np.ndarray:
    """Whether each truth [P] counts: no cloud hides more than half of it."""
    if "visible" in truth:
        return (truth.visible >= MIN_VISIBLE).to_numpy(copy=True)
    return np.ones(len(truth), bool)
