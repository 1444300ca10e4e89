"""How well scores rank label errors: what is right for each label and place is known here.

A unit is a label, or a place that is proposed for a label that lacks. Shifts of less than 2 px
count neither as errors nor as right labels, and no more do second proposals for one error.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import ranking_figures
from ranking_figures import Ranking

from dimjax.label_noise.planting import KIND_OF
from dimjax.suspects import KINDS, MEASURES, PROPOSAL_MEASURES
from dimjax.suspects.fusion import tail_features
from dimjax.tracks import nearest

LEAST_SHIFT_PX = 2.0
OWN = ("calibrated", "mean rank", "last loss")  # of all kinds; the others are single measures
SCORES = (*OWN, "cleanlab")
OUT_OF_FOLD = "out of fold"
RANDOM = "random order"  # of the labels and of those that lack, but of no place where nothing is
LOOKED_AT = np.linspace(0.0, 0.5, 101)  # units to one label, at which the curve has its points
DRAWS = 200  # of the bootstrap


class Rival(NamedTuple):
    """What another way of scoring says; high is bad, NaN is looked at last."""

    labels: pd.DataFrame  # a column for each kind of error of labels, rows as the labels
    proposals: np.ndarray  # [P]


def units(
    found,
    errors: pd.DataFrame,
    truth: pd.DataFrame,
    losses: pd.DataFrame,
    rivals: Mapping[str, Rival],
    match_px: float,
) -> pd.DataFrame:
    """One row for each label and proposal: its error, and every score of it.

    Args:
      found: What dimjax.stages.refine.find found.
      errors: errors.csv of the sky: what the annotator did wrong.
      truth: truth.csv of the sky.
      losses: losses.parquet, for the paper's measure of proposals.
      rivals: Other scores of found.labels and found.proposals, by their names.
      match_px: A proposal nearer than this to a target without a label is that target.

    Returns:
      Table with sequence, frame, is_label, kind (of the error; "" right, "unknown" counts as
      neither), planted, and a score for each kind and for "all" in columns such as calibrated/all.
    """
    labels = _of_labels(found, errors, rivals)
    places = _of_proposals(found, errors, truth, losses, rivals, match_px)
    lost = _lost(found, errors, places, match_px)
    table = pd.concat([labels, places, lost], ignore_index=True)
    return table[~table.planted.astype(bool)].reset_index(drop=True)


def _of_labels(found, errors: pd.DataFrame, rivals: Mapping[str, Rival]) -> pd.DataFrame:
    labels, measures = found.labels, found.measures
    table = labels[["sequence", "frame", "x", "y", "category"]].copy()
    own = errors[errors.kind != "unlabelled"].drop_duplicates(["sequence", "frame", "x", "y"])
    shift = np.hypot(own.x - own.true_x, own.y - own.true_y)
    small = (own.kind == "position") & (shift < LEAST_SHIFT_PX)
    own = own.assign(error=own.kind.map(KIND_OF).where(~small, "unknown"))
    merged = table.merge(own[["sequence", "frame", "x", "y", "error"]], "left")
    table = table.assign(kind=merged.error.fillna("").to_numpy(), is_label=True)
    ranked = found.ranked[found.ranked.label != 0]
    for kind in MEASURES:
        rows = ranked[ranked.kind == kind].set_index("label")
        rows = rows[~rows.index.duplicated()].reindex(labels.index)
        features = tail_features(measures, MEASURES[kind])
        table[f"calibrated/{kind}"] = rows.probability
        table[f"mean rank/{kind}"] = features.mean(axis=1)
        for name, feature in zip(MEASURES[kind], features.T, strict=True):
            table[f"{name}/{kind}"] = feature
        table[f"last loss/{kind}"] = measures.last_loss
        for name, rival in rivals.items():
            table[f"{name}/{kind}"] = rival.labels[kind].to_numpy()
        table["planted"] = rows.planted
    for score in (*OWN, *rivals):
        table[f"{score}/all"] = table[[f"{score}/{kind}" for kind in MEASURES]].max(axis=1)
    return table


def _of_proposals(found, errors, truth, losses, rivals, match_px: float) -> pd.DataFrame:
    places, kind = found.proposals, KINDS[0]
    rows = found.ranked[found.ranked.label == 0].set_index("row").reindex(range(len(places)))
    table = places[["sequence", "frame", "x", "y"]].assign(
        kind="", category="target", is_label=False
    )
    table["planted"] = rows.planted.to_numpy()
    features = tail_features(places, PROPOSAL_MEASURES)
    scores = {
        "calibrated": rows.probability.to_numpy(),
        "mean rank": features.mean(axis=1),
        "last loss": _chip_losses(places, losses),
        **dict(zip(PROPOSAL_MEASURES, features.T, strict=True)),
        **{name: rival.proposals for name, rival in rivals.items()},
    }
    for name, values in scores.items():
        table[f"{name}/{kind}"] = values
        if name in SCORES:
            table[f"{name}/all"] = values
    hidden = truth[(truth.visible < 0.5) & (truth.category == "target")]
    table.loc[_near(table, hidden, match_px) >= 0, "kind"] = "unknown"
    absent = errors[errors.kind == "unlabelled"].reset_index(drop=True)
    index = _near(table, absent, match_px)
    near = pd.Series(scores["calibrated"])[index >= 0]
    strongest = near.groupby(index[index >= 0]).idxmax()
    table.loc[index >= 0, "kind"] = "unknown"
    table.loc[strongest, "kind"] = kind
    return table


def _lost(found, errors, places: pd.DataFrame, match_px: float) -> pd.DataFrame:
    """Unlabelled targets that no proposal is near: they are ranked last by every score."""
    names = found.labels.sequence.unique()
    absent = errors[(errors.kind == "unlabelled") & errors.sequence.isin(names)]
    lost = absent[_near(absent, places, match_px) < 0][["sequence", "frame", "x", "y", "category"]]
    return lost.assign(kind=KINDS[0], is_label=False, planted=False)


def _near(table: pd.DataFrame, others: pd.DataFrame, radius_px: float) -> np.ndarray:
    index = np.full(len(table), -1)
    for name in table.sequence.unique():
        mine = np.flatnonzero(table.sequence == name)
        those = np.flatnonzero(others.sequence == name)
        found, _ = nearest(table.iloc[mine], others.iloc[those], radius_px)
        index[mine[found >= 0]] = those[found[found >= 0]]
    return index


def _chip_losses(places: pd.DataFrame, losses: pd.DataFrame) -> np.ndarray:
    """Mean total loss in the last epoch of the chips that hold each place; NaN if none does."""
    last = losses[losses.epoch == losses.epoch.max()]
    corner = last.id.str.extract(r"/(\d+)\+(\d+)/(\d+)$").astype(int)
    last = last.assign(x0=corner[0], y0=corner[1], size=corner[2])
    pairs = places[["sequence", "frame", "x", "y"]].reset_index(drop=True).reset_index(names="row")
    pairs = pairs.merge(last[["sequence", "frame", "x0", "y0", "size", "total"]])
    inside = (pairs.x >= pairs.x0) & (pairs.x < pairs.x0 + pairs["size"])
    inside &= (pairs.y >= pairs.y0) & (pairs.y < pairs.y0 + pairs["size"])
    return pairs[inside].groupby("row").total.mean().reindex(range(len(places))).to_numpy()


def figures(table: pd.DataFrame) -> dict:
    """AUROC and precision in the top K by kind and score, and shares to be reviewed.

    Args:
      table: From units.

    Returns:
      auroc, precision_at_k: {kind or "all": {score: value}}; reviewed_share_at_80 and _at_90:
      {score: units looked at, to one label}; curve: {score: shares of the errors found at
      LOOKED_AT}; intervals: of SCORES the same but the curve, with [low, high] of 95 % as values.
    """
    known = table[table.kind != "unknown"]
    orders, is_label = _orders(known), known.is_label.to_numpy(bool)
    claimed = [order for order in orders if order.score in SCORES]
    rng = np.random.default_rng(0)
    drawn = [
        _figures(claimed, is_label, copies)
        for copies in ranking_figures.draws(known.sequence, DRAWS, rng)
    ]
    curve = {
        order.score: ranking_figures.found(order.ranking.steps(), LOOKED_AT * is_label.sum())
        for order in orders
        if order.kind == "all"
    }
    return {
        **_figures(orders, is_label, np.ones(len(known))),
        "curve": {score: shares.tolist() for score, shares in curve.items()},
        "intervals": ranking_figures.intervals(drawn),
    }


class _Order(NamedTuple):
    """The order in which one score puts some of the units."""

    kind: str
    score: str
    rows: np.ndarray  # [N] bool, which units
    ranking: Ranking


def _orders(known: pd.DataFrame) -> list[_Order]:
    right, is_label = (known.kind == "").to_numpy(), known.is_label.to_numpy(bool)
    orders = []
    for kind in (*KINDS, "all"):
        columns = [name for name in known if name.endswith(f"/{kind}")]
        error = ~right if kind == "all" else (known.kind == kind).to_numpy()
        rows = error | (right & known[columns].notna().any(axis=1).to_numpy())
        if not rows.any():
            continue
        for name in columns:
            ranking = Ranking(known[name][rows], error[rows])
            orders.append(_Order(kind, name.split("/")[0], rows, ranking))
        if kind == "all":
            rows = rows & (error | is_label)
        orders.append(_Order(kind, RANDOM, rows, Ranking(np.zeros(rows.sum()), error[rows])))
    return orders


def _figures(orders: list[_Order], is_label: np.ndarray, copies: np.ndarray) -> dict:
    """The figures where each unit is there so many times."""
    names = ("auroc", "precision_at_k", "reviewed_share_at_80", "reviewed_share_at_90")
    result: dict[str, dict] = {name: {} for name in names}
    labels = copies[is_label].sum()
    for kind, score, rows, ranking in orders:
        steps = ranking.steps(copies[rows])
        result["auroc"].setdefault(kind, {})[score] = ranking_figures.auroc(steps)
        result["precision_at_k"].setdefault(kind, {})[score] = ranking_figures.precision(steps)
        if kind == "all":
            for share in (80, 90):
                looked = ranking_figures.looked_at(steps, share / 100) / labels
                result[f"reviewed_share_at_{share}"][score] = looked
    return result
