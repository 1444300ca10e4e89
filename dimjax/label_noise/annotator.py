"""A careless annotator: labels with the four kinds of error that people make.

    rates = ErrorRates(unlabelled=0.05, position=0.03, category=0.02, background=0.03)
    labels, errors = annotate(truth, frames_of, rates, np.random.default_rng(0))

The kinds are those of the paper's section III.B. Errors are made as people make them: over a few
consecutive frames of one object; dim targets are overlooked most; false labels sit on bright
clutter and follow it. `errors` records what was planted, to score a search for errors against;
training must never see it, nor the truth.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import COLUMNS
from dimjax.errors import InputError
from dimjax.label_noise.clutter import RUN_FRAMES, false_labels

ERROR_COLUMNS = ["sequence", "frame", "kind", "x", "y", "category", "track"]
ERROR_COLUMNS += ["true_x", "true_y", "true_category"]

_SHIFT_PX = (1.0, 4.0)


class ErrorRates(NamedTuple):
    """Share of all labels (of the error-free set) that each kind of error touches."""

    unlabelled: float = 0.0  # a target has no label
    position: float = 0.0  # a label is 1 to 4 pixels off
    category: float = 0.0  # target and interference are confused
    background: float = 0.0  # a label where nothing is, beside the others


def annotate(
    truth: pd.DataFrame,
    frames_of: Callable[[str], np.ndarray],
    rates: ErrorRates,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels as a careless annotator would make them.

    Args:
      truth: Truth table; rows with visible < 0.5 have no label.
      frames_of: Gives the frames [T, H, W] of a sequence by its name; only false labels and
        wrong positions look at them.
      rates: How many errors of each kind.
      rng: Source of all choices.

    Returns:
      Labels (source "annotator"; without errors otherwise equal to the truth's visible rows),
      and the planted errors with ERROR_COLUMNS: x, y, category are what the label says, or for
      kind "unlabelled" what it should say; true_* is what is right, empty for "background".

    Raises:
      InputError: A rate is out of range, or there are too few labels or too little clutter.
    """
    seen = truth[truth.visible >= 0.5].reset_index(drop=True)
    right = seen[list(COLUMNS)].assign(source="annotator")
    quotas = _quotas(rates, right)
    runs = _all_runs(rng, quotas, seen)
    kinds = pd.Series("", index=right.index)
    for kind in runs:
        kinds[[row for run in runs[kind] for row in run]] = kind

    labels = right.copy()
    for run in runs["position"]:
        _shift(labels, run, frames_of, rng)
    other = {"target": "interference", "interference": "target"}
    labels["category"] = labels.category.where(kinds != "category", labels.category.map(other))
    false = false_labels(truth, frames_of, quotas["background"], rng)[list(COLUMNS)]
    errors = _record(labels, right, kinds, false)
    labels = pd.concat([labels[kinds != "unlabelled"], false], ignore_index=True)
    return _sorted(labels), _sorted(errors)


def check_rates(rates: ErrorRates) -> None:
    """Raises InputError where a rate, or the sum of those that share the labels, is not a share."""
    for kind, rate in rates._asdict().items():
        if not 0 <= rate <= 1:
            where, rule = f"error rate `{kind}`", "must lie between 0 and 1"
            raise InputError(where, rule, rate, "Correct the rate.")
    shared = rates.unlabelled + rates.position + rates.category
    if shared > 1:
        rule = "unlabelled + position + category must be 1 at most"
        raise InputError("error rates", rule, shared, "Lower one.")


def _quotas(rates: ErrorRates, labels: pd.DataFrame) -> dict[str, int]:
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


def _all_runs(rng, quotas: dict[str, int], seen: pd.DataFrame) -> dict[str, list[list[int]]]:
    """Runs of rows to spoil, by kind; no row is in two of them."""
    target = (seen.category == "target").to_numpy()
    even = np.ones(len(seen))
    weights = {
        "unlabelled": target / (seen.snr * seen.visible).to_numpy() ** 2,
        "position": even,
        "category": even,
    }
    free, following = even.astype(bool), _next_rows(seen)
    return {
        kind: _take_runs(rng, quotas[kind], weight, free, following)
        for kind, weight in weights.items()
    }


def _next_rows(labels: pd.DataFrame) -> np.ndarray:
    """For each label the row of the same track in the next frame, -1 without one."""
    order = labels.sort_values(["sequence", "track", "frame"], kind="stable")
    same = (order[["sequence", "track"]] == order[["sequence", "track"]].shift(-1)).all(axis=1)
    same &= order.frame.shift(-1) == order.frame + 1
    following = np.full(len(labels), -1)
    following[order.index] = np.where(same, np.roll(order.index, -1), -1)
    return following


def _take_runs(rng, quota: int, weights, free: np.ndarray, following) -> list[list[int]]:
    """Disjoint runs of free rows, `quota` rows in all; takes them out of `free`."""
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
            row, left, quota = following[row], left - 1, quota - 1
        if run:
            runs.append(run)
        if quota == 0:
            break
    return runs


def _shift(labels: pd.DataFrame, run: list[int], frames_of, rng) -> None:
    """Moves the labels of a run by one displacement, mirrored where it would leave the frame."""
    height, width = frames_of(labels.sequence[run[0]]).shape[1:]
    length, angle = rng.uniform(*_SHIFT_PX), rng.uniform(0, 2 * np.pi)
    for axis, limit, step in (("x", width, np.cos(angle)), ("y", height, np.sin(angle))):
        old, by = labels.loc[run, axis], length * step
        labels.loc[run, axis] = (old + by).where((old + by).between(0, limit - 1e-3), old - by)
    labels.loc[run, ["x", "y"]] = labels.loc[run, ["x", "y"]].round(4)


def _record(labels, right, kinds: pd.Series, false: pd.DataFrame) -> pd.DataFrame:
    planted = labels.assign(
        kind=kinds, true_x=right.x, true_y=right.y, true_category=right.category
    )
    invented = false.assign(kind="background", true_x=np.nan, true_y=np.nan, true_category="")
    return pd.concat([planted[kinds != ""], invented], ignore_index=True)[ERROR_COLUMNS]


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(["sequence", "frame", "track"], kind="stable", ignore_index=True)
