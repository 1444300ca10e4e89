"""A careless annotator: labels with the four kinds of error that people make.

    rates = ErrorRates(unlabelled=0.05, position=0.03, category=0.02, background=0.03)
    labels, errors = annotate(truth, frames_of, rates, np.random.default_rng(0))

The kinds are those of the paper's section III.B. Errors resemble those of people: an error extends
over a few consecutive frames of one object; dim targets are overlooked most; false labels lie on
bright clutter and follow it. `errors` records every error, to measure a search for errors; training
must never read it, nor the truth.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import COLUMNS, MIN_VISIBLE, OPPOSITE
from dimjax.errors import InputError
from dimjax.label_noise.clutter import RUN_FRAMES, false_labels
from dimjax.settings_rules import SHARE, check_fields

ERROR_COLUMNS = ["sequence", "frame", "kind", "x", "y", "category", "track"]
ERROR_COLUMNS += ["true_x", "true_y", "true_category"]

_SHIFT_PX = (1.0, 4.0)


class ErrorRates(NamedTuple):
    """Number of errors of each kind as a share of all labels of the error-free set."""

    unlabelled: float = 0.0  # a target has no label
    position: float = 0.0  # a label is 1 to 4 pixels off
    category: float = 0.0  # target and interference are confused
    background: float = 0.0  # a label without an object, in addition to the others


def annotate(
    truth: pd.DataFrame,
    frames_of: Callable[[str], np.ndarray],
    rates: ErrorRates,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Label objects as a careless annotator would.

    Args:
      truth: Truth table; rows with visible < MIN_VISIBLE get no label.
      frames_of: Returns the frames [T, H, W] of a sequence by its name; called for false labels
        and wrong positions only.
      rates: Rates of the four kinds of error.
      rng: Source of all random choices.

    Returns:
      Labels (source "annotator"; without errors equal to the truth's visible rows otherwise), and
      the errors with ERROR_COLUMNS: x, y, category are those of the wrong label, or for kind
      "unlabelled" those of the omitted label; true_* are the right values, empty for "background".

    Raises:
      InputError: A rate is out of range, or there are too few labels or too little clutter.
    """
    visible = truth[truth.visible >= MIN_VISIBLE].reset_index(drop=True)
    correct = visible[list(COLUMNS)].assign(source="annotator")
    quotas = _quotas(rates, correct)
    runs = _all_runs(rng, quotas, visible)
    kinds = pd.Series("", index=correct.index)
    for kind in runs:
        kinds[[row for run in runs[kind] for row in run]] = kind

    labels = correct.copy()
    for run in runs["position"]:
        _shift(labels, run, frames_of, rng)
    opposite = labels.category.map(OPPOSITE)
    labels["category"] = labels.category.where(kinds != "category", opposite)
    false = false_labels(truth, frames_of, quotas["background"], rng)[list(COLUMNS)]
    errors = _record(labels, correct, kinds, false)
    labels = pd.concat([labels[kinds != "unlabelled"], false], ignore_index=True)
    return _sorted(labels), _sorted(errors)


def check_rates(rates: ErrorRates) -> None:
    """Raise InputError if a rate, or the sum of those that share the labels, is not a share."""
    check_fields(
        "error rate `{}`", rates._asdict(), dict.fromkeys(rates._fields, SHARE), "Correct the rate."
    )
    shared = rates.unlabelled + rates.position + rates.category
    if shared > 1:
        rule = "unlabelled + position + category must be at most 1"
        raise InputError("error rates", rule, shared, "Lower one of them.")


def _quotas(rates: ErrorRates, labels: pd.DataFrame) -> dict[str, int]:
    """Number of errors of each kind."""
    check_rates(rates)
    quotas = {kind: round(rate * len(labels)) for kind, rate in rates._asdict().items()}
    targets = int((labels.category == "target").sum())
    if quotas["unlabelled"] > targets:
        raise InputError(
            "error rate `unlabelled`",
            f"must leave out no more than the {targets} labelled targets",
            f"{quotas['unlabelled']} ({rates.unlabelled} of {len(labels)} labels)",
            "Lower the rate or simulate more targets.",
        )
    return quotas


def _all_runs(rng, quotas: dict[str, int], visible: pd.DataFrame) -> dict[str, list[list[int]]]:
    """Runs of rows with an error, by kind; no row is in two of them."""
    target = (visible.category == "target").to_numpy()
    even = np.ones(len(visible))
    weights = {
        "unlabelled": target / (visible.snr * visible.visible).to_numpy() ** 2,
        "position": even,
        "category": even,
    }
    free, next_row = even.astype(bool), _next_rows(visible)
    return {
        kind: _take_runs(rng, quotas[kind], weight, free, next_row)
        for kind, weight in weights.items()
    }


def _next_rows(labels: pd.DataFrame) -> np.ndarray:
    """Row of the same track in the next frame for each label, -1 without one."""
    order = labels.sort_values(["sequence", "track", "frame"], kind="stable")
    same = (order[["sequence", "track"]] == order[["sequence", "track"]].shift(-1)).all(axis=1)
    same &= order.frame.shift(-1) == order.frame + 1
    next_row = np.full(len(labels), -1)
    next_row[order.index] = np.where(same, np.roll(order.index, -1), -1)
    return next_row


def _take_runs(
    rng, quota: int, weights: np.ndarray, free: np.ndarray, next_row: np.ndarray
) -> list[list[int]]:
    """Draw disjoint runs of free rows, `quota` rows in all; `free` is updated in place."""
    with np.errstate(divide="ignore"):
        # Gumbel noise turns a sort into a weighted draw without replacement.
        order = np.argsort(-(np.log(weights) + rng.gumbel(size=len(weights))))
    runs = []
    for start in order:
        left = min(quota, int(rng.integers(*RUN_FRAMES)))
        run, row = [], start
        while left and row >= 0 and free[row] and weights[row] > 0:
            free[row] = False
            run.append(int(row))
            row, left, quota = next_row[row], left - 1, quota - 1
        if run:
            runs.append(run)
        if quota == 0:
            break
    return runs


def _shift(labels: pd.DataFrame, run: list[int], frames_of, rng) -> None:
    """Move the labels of a run by one displacement, mirrored if it would leave the frame."""
    height, width = frames_of(labels.sequence[run[0]]).shape[1:]
    length, angle = rng.uniform(*_SHIFT_PX), rng.uniform(0, 2 * np.pi)
    for axis, limit, step in (("x", width, np.cos(angle)), ("y", height, np.sin(angle))):
        old, by = labels.loc[run, axis], length * step
        labels.loc[run, axis] = (old + by).where((old + by).between(0, limit - 1e-3), old - by)
    labels.loc[run, ["x", "y"]] = labels.loc[run, ["x", "y"]].round(4)


def _record(labels, correct, kinds: pd.Series, false: pd.DataFrame) -> pd.DataFrame:
    """Table of all errors, with the right values."""
    wrong = labels.assign(
        kind=kinds, true_x=correct.x, true_y=correct.y, true_category=correct.category
    )
    false = false.assign(kind="background", true_x=np.nan, true_y=np.nan, true_category="")
    return pd.concat([wrong[kinds != ""], false], ignore_index=True)[ERROR_COLUMNS]


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(["sequence", "frame", "track"], kind="stable", ignore_index=True)
