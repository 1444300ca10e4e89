"""Evaluation of scores that rank labels by how likely they are wrong, against known errors.

A unit is a label, or a location proposed for a missing label. Shifts of less than 2 px count
neither as errors nor as correct labels; neither do second proposals for one error.

    table = units(result, errors, truth, losses, rivals={}, match_px=3.0)
    figures(table)["auroc"]["all"]["calibrated"]
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import ranking_figures
from ranking_figures import Ranking

from dimjax.chips.cutting import lies_in_chip, parse_chip_id
from dimjax.data.labels import MIN_VISIBLE
from dimjax.label_noise.planting import KIND_OF
from dimjax.suspects import KINDS, MEASURES, PROPOSAL_MEASURES
from dimjax.suspects.fusion import tail_features
from dimjax.tracks import nearest

MIN_SHIFT_PX = 2.0
ALL_KIND_SCORES = ("calibrated", "mean rank", "last loss")  # the others are single measures
SCORES = (*ALL_KIND_SCORES, "cleanlab")
OUT_OF_FOLD = "out of fold"
RANDOM = "random order"  # of labels and missing labels, without proposals on background
REVIEWED = np.linspace(0.0, 0.5, 101)  # units reviewed per label, at the points of the curve
DRAWS = 200  # of the bootstrap


class Rival(NamedTuple):
    """Scores of another method; high is bad, NaN is ranked last."""

    labels: pd.DataFrame  # a column for each kind of label error, rows as the labels
    proposals: np.ndarray  # [P]


def units(
    result,
    errors: pd.DataFrame,
    truth: pd.DataFrame,
    losses: pd.DataFrame,
    rivals: Mapping[str, Rival],
    match_px: float,
) -> pd.DataFrame:
    """Tabulate each label and proposal with its error and all its scores.

    Args:
      result: From dimjax.runs.round_suspects.find_suspects.
      errors: errors.csv of the data: the errors of the annotator.
      truth: truth.csv of the data.
      losses: Recorded losses, for the paper's measure of proposals.
      rivals: Scores of result.labels and result.proposals by other methods, by their names.
      match_px: A proposal nearer than this to an unlabelled target is that target.

    Returns:
      Table with sequence, frame, is_label, kind (of the error; "" for a correct label, "unknown"
      if it counts as neither), planted, and a score for each kind and for "all" in columns such as
      calibrated/all.
    """
    labels = _label_units(result, errors, rivals)
    proposals = _proposal_units(result, errors, truth, losses, rivals, match_px)
    unproposed = _unproposed_targets(result, errors, match_px)
    table = pd.concat([labels, proposals, unproposed], ignore_index=True)
    return table[~table.planted.astype(bool)].reset_index(drop=True)


def figures(table: pd.DataFrame) -> dict:
    """Compute AUROC and precision in the top K by kind and score, and the shares to be reviewed.

    Args:
      table: From units.

    Returns:
      auroc, precision_at_k: {kind or "all": {score: value}}; reviewed_share_at_80 and _at_90:
      {score: units reviewed per label}; curve: {score: shares of the errors found at REVIEWED};
      intervals: the same figures for SCORES, without the curve, with [low, high] of 95 % as values.
    """
    judged = table[table.kind != "unknown"]
    orders, is_label = _orders(judged), judged.is_label.to_numpy(bool)
    claimed = [order for order in orders if order.score in SCORES]
    rng = np.random.default_rng(0)
    drawn = [
        _figures(claimed, is_label, copies)
        for copies in ranking_figures.draws(judged.sequence, DRAWS, rng)
    ]
    curve = {
        order.score: ranking_figures.recall_at(order.ranking.steps(), REVIEWED * is_label.sum())
        for order in orders
        if order.kind == "all"
    }
    return {
        **_figures(orders, is_label, np.ones(len(judged))),
        "curve": {score: shares.tolist() for score, shares in curve.items()},
        "intervals": ranking_figures.intervals(drawn),
    }


def _label_units(result, errors: pd.DataFrame, rivals: Mapping[str, Rival]) -> pd.DataFrame:
    table = result.labels[["sequence", "frame", "x", "y", "category"]].copy()
    wrong = errors[errors.kind != "unlabelled"].drop_duplicates(["sequence", "frame", "x", "y"])
    shift = np.hypot(wrong.x - wrong.true_x, wrong.y - wrong.true_y)
    small = (wrong.kind == "position") & (shift < MIN_SHIFT_PX)
    wrong = wrong.assign(error=wrong.kind.map(KIND_OF).where(~small, "unknown"))
    merged = table.merge(wrong[["sequence", "frame", "x", "y", "error"]], "left")
    table = table.assign(kind=merged.error.fillna("").to_numpy(), is_label=True)
    for kind in MEASURES:
        for name, values in _label_scores(result, kind, rivals).items():
            table[f"{name}/{kind}"] = values
        table["planted"] = _ranked(result, kind).planted
    for score in (*ALL_KIND_SCORES, *rivals):
        table[f"{score}/all"] = table[[f"{score}/{kind}" for kind in MEASURES]].max(axis=1)
    return table


def _ranked(result, kind: str) -> pd.DataFrame:
    """Select the rows of a kind from the ranking, in the order of the labels."""
    rows = result.ranked[(result.ranked.label != 0) & (result.ranked.kind == kind)]
    rows = rows.set_index("label")
    return rows[~rows.index.duplicated()].reindex(result.labels.index)


def _label_scores(result, kind: str, rivals: Mapping[str, Rival]) -> dict:
    """Score name -> how likely each label has an error of a kind."""
    features = tail_features(result.measures, MEASURES[kind])
    return {
        "calibrated": _ranked(result, kind).probability,
        "mean rank": features.mean(axis=1),
        **dict(zip(MEASURES[kind], features.T, strict=True)),
        "last loss": result.measures.last_loss,
        **{name: rival.labels[kind].to_numpy() for name, rival in rivals.items()},
    }


def _proposal_units(result, errors, truth, losses, rivals, match_px: float) -> pd.DataFrame:
    proposals, kind = result.proposals, KINDS[0]
    table = proposals[["sequence", "frame", "x", "y"]].assign(
        kind="", category="target", is_label=False
    )
    ranked = result.ranked[result.ranked.label == 0].set_index("row").reindex(range(len(proposals)))
    table["planted"] = ranked.planted.to_numpy()
    probability = ranked.probability.to_numpy()
    for name, values in _proposal_scores(proposals, probability, losses, rivals).items():
        table[f"{name}/{kind}"] = values
        if name in SCORES:
            table[f"{name}/all"] = values
    hidden = truth[(truth.visible < MIN_VISIBLE) & (truth.category == "target")]
    table.loc[nearest(table, hidden, match_px)[0] >= 0, "kind"] = "unknown"
    index = nearest(table, errors[errors.kind == "unlabelled"], match_px)[0]
    matched = index >= 0
    most_probable = pd.Series(probability)[matched].groupby(index[matched]).idxmax()
    table.loc[matched, "kind"] = "unknown"
    table.loc[most_probable, "kind"] = kind
    return table


def _proposal_scores(proposals, probability: np.ndarray, losses, rivals) -> dict[str, np.ndarray]:
    features = tail_features(proposals, PROPOSAL_MEASURES)
    return {
        "calibrated": probability,
        "mean rank": features.mean(axis=1),
        "last loss": _chip_losses(proposals, losses),
        **dict(zip(PROPOSAL_MEASURES, features.T, strict=True)),
        **{name: rival.proposals for name, rival in rivals.items()},
    }


def _unproposed_targets(result, errors: pd.DataFrame, match_px: float) -> pd.DataFrame:
    """Select the unlabelled targets without a proposal nearby, which every score ranks last."""
    names = result.labels.sequence.unique()
    missing = errors[(errors.kind == "unlabelled") & errors.sequence.isin(names)]
    missing = missing[nearest(missing, result.proposals, match_px)[0] < 0]
    columns = ["sequence", "frame", "x", "y", "category"]
    return missing[columns].assign(kind=KINDS[0], is_label=False, planted=False)


def _chip_losses(proposals: pd.DataFrame, losses: pd.DataFrame) -> np.ndarray:
    """Mean total loss in the last epoch of the chips that contain each proposal, NaN for none."""
    last = losses[losses.epoch == losses.epoch.max()]
    chips = pd.DataFrame(
        [parse_chip_id(chip) for chip in last.id],
        columns=["sequence", "frame", "x0", "y0", "chip_px"],
    ).assign(total=last.total.to_numpy())
    points = proposals[["sequence", "frame", "x", "y"]].reset_index(drop=True)
    pairs = points.reset_index(names="row").merge(chips, on=["sequence", "frame"])
    inside = lies_in_chip(pairs[["x", "y"]].to_numpy(), pairs.x0, pairs.y0, pairs.chip_px)
    return pairs[inside].groupby("row").total.mean().reindex(range(len(proposals))).to_numpy()


class _Order(NamedTuple):
    """The order in which one score ranks some of the units."""

    kind: str
    score: str
    rows: np.ndarray  # [N] bool, which units
    ranking: Ranking


def _orders(judged: pd.DataFrame) -> list[_Order]:
    correct, is_label = (judged.kind == "").to_numpy(), judged.is_label.to_numpy(bool)
    orders = []
    for kind in (*KINDS, "all"):
        columns = [name for name in judged if name.endswith(f"/{kind}")]
        error = ~correct if kind == "all" else (judged.kind == kind).to_numpy()
        rows = error | (correct & judged[columns].notna().any(axis=1).to_numpy())
        if not rows.any():
            continue
        for name in columns:
            ranking = Ranking(judged[name][rows], error[rows])
            orders.append(_Order(kind, name.split("/")[0], rows, ranking))
        if kind == "all":
            rows = rows & (error | is_label)
        orders.append(_Order(kind, RANDOM, rows, Ranking(np.zeros(rows.sum()), error[rows])))
    return orders


def _figures(orders: list[_Order], is_label: np.ndarray, copies: np.ndarray) -> dict:
    """Compute the figures with each unit counted `copies` [N] times."""
    names = ("auroc", "precision_at_k", "reviewed_share_at_80", "reviewed_share_at_90")
    result: dict[str, dict] = {name: {} for name in names}
    labels = copies[is_label].sum()
    for kind, score, rows, ranking in orders:
        steps = ranking.steps(copies[rows])
        result["auroc"].setdefault(kind, {})[score] = ranking_figures.auroc(steps)
        result["precision_at_k"].setdefault(kind, {})[score] = ranking_figures.precision(steps)
        if kind == "all":
            for share in (80, 90):
                reviewed = ranking_figures.units_reviewed(steps, share / 100) / labels
                result[f"reviewed_share_at_{share}"][score] = reviewed
    return result
