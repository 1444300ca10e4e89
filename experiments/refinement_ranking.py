"""Ranking of the labels of the first round of a run of experiments/refinement.py.

reviewed = open_round("work/refined")
figures = ranking(reviewed)
figures = with_score(figures, ranking_by(reviewed, record), "out of fold")
"""

import json
from pathlib import Path
from typing import NamedTuple

import objectlab
import pandas as pd
import suspect_scores

from dimjax import ledger
from dimjax.label_noise import planting
from dimjax.runs.context import RoundContext
from dimjax.runs.round_suspects import RefinementResult, find_suspects
from dimjax.runs.workdir import Paths, read_config


class ReviewedRound(NamedTuple):
    """Round 0 after its review, with the errors in the labels that it was trained on."""

    context: RoundContext
    labels: pd.DataFrame
    planted: pd.DataFrame
    items: pd.DataFrame  # frames of the items that were queued for review
    errors: pd.DataFrame  # of the annotator, in the training sequences


def open_round(workdir: Path) -> ReviewedRound:
    """Open round 0 of a run."""
    context = RoundContext(read_config(workdir), Paths(workdir))
    with context.open_ledger() as db:
        labels, planted = context.trained_labels(db)
        items = ledger.item_table(db, 0)
    errors = pd.read_csv(context.folder.path / "errors.csv", keep_default_na=False)
    errors[["true_x", "true_y"]] = errors[["true_x", "true_y"]].apply(pd.to_numeric)
    errors = errors[errors.sequence.isin(context.splits["train"])]
    return ReviewedRound(context, labels, planted, items, errors)


def ranking(reviewed: ReviewedRound) -> dict:
    """Compute the figures of the ranking and of the review."""
    paths = reviewed.context.paths
    result = _find_suspects(reviewed, reviewed.context)
    table = units(reviewed, reviewed.context, result, rival_scores(paths, result))
    table.to_parquet(paths.workdir / "units.parquet")
    labels, items = len(reviewed.items), reviewed.items["item"].nunique()
    return {
        **suspect_scores.figures(table),
        "labels": len(result.labels),
        "errors": int(reviewed.errors.kind.isin(planting.KIND_OF).sum()),
        "shown_share": labels / len(result.labels),
        "labels_per_item": labels / max(items, 1),
        "review": json.loads(paths.reviewed.read_text()),
    }


def ranking_by(reviewed: ReviewedRound, record: RoundContext) -> dict:
    """Compute the figures of the calibrated ranking from another record of the same labels.

    Args:
      reviewed: The round.
      record: Context of the training log and the predictions to use, from out_of_fold.write.
    """
    table = units(reviewed, record, _find_suspects(reviewed, record), {})
    return suspect_scores.figures(table)


def with_score(figures: dict, others: dict, name: str, score: str = "calibrated") -> dict:
    """Add a score of other figures to figures of the same structure, under a new name."""
    if score in others:
        return {**figures, name: others[score]}
    return {
        key: with_score(value, others[key], name, score)
        if isinstance(others.get(key), dict)
        else value
        for key, value in figures.items()
    }


def rival_scores(paths: Paths, result: RefinementResult) -> dict[str, suspect_scores.Rival]:
    """Compute cleanlab's scores of the same labels, if it is installed."""
    if not objectlab.INSTALLED:
        return {}
    detections = pd.read_parquet(paths.predictions)
    detections = detections[detections.sequence.isin(result.labels.sequence.unique())]
    return {"cleanlab": objectlab.rival(result.labels, result.proposals, detections)}


def units(
    reviewed: ReviewedRound,
    record: RoundContext,
    result: RefinementResult,
    rivals: dict[str, suspect_scores.Rival],
) -> pd.DataFrame:
    """Tabulate labels and proposals with their errors and scores, see suspect_scores.units."""
    return suspect_scores.units(
        result,
        reviewed.errors,
        reviewed.context.folder.truth,
        record.paths.training_log.read_losses(),
        rivals,
        record.config.detection.match_px,
    )


def _find_suspects(reviewed: ReviewedRound, record: RoundContext) -> RefinementResult:
    """Rank the labels as if no item had been decided."""
    return find_suspects(record, reviewed.labels, reviewed.planted, reviewed.items.iloc[:0])
