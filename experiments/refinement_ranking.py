"""How well a run of experiments/refinement.py ranks the labels of its first round.

figures = ranking(config, "work/refined")
figures = beside(figures, out_of_fold_figures(config, "work/refined", folded, ...))
"""

import json
from pathlib import Path
from typing import NamedTuple

import objectlab
import pandas as pd
import suspect_scores

from dimjax import ledger
from dimjax.data.folders import Folder
from dimjax.data.splits import with_validation
from dimjax.label_noise import planting
from dimjax.runs.workdir import Paths
from dimjax.stages import refine
from dimjax.stages.build import open_book, trained_labels
from dimjax.stages.simulate import data_folder


class Round(NamedTuple):
    """A round 0 that has been reviewed, and what is wrong with the labels that it trained on."""

    paths: Paths
    folder: Folder
    labels: pd.DataFrame
    planted: pd.DataFrame
    items: pd.DataFrame  # that were put up
    errors: pd.DataFrame  # of the annotator, in the training sequences


def open_round(config, workdir: Path) -> Round:
    """Read round 0 of a run."""
    paths = Paths(workdir)
    folder = data_folder(config, paths)
    splits = with_validation(folder.splits, config.data.val_share, config.seed)
    with open_book(config, folder, paths) as book:
        labels, planted = trained_labels(paths, book)
        items = ledger.item_table(book, 0)
    errors = pd.read_csv(folder.path / "errors.csv", keep_default_na=False)
    errors[["true_x", "true_y"]] = errors[["true_x", "true_y"]].apply(pd.to_numeric)
    errors = errors[errors.sequence.isin(splits["train"])]
    return Round(paths, folder, labels, planted, items, errors)


def ranking(config, own: Round) -> dict:
    """The figures of the ranking, and what the review looked at."""
    found = _find(config, own, own.paths)
    table = units(config, own, own.paths, found, rival_scores(own.paths, found))
    table.to_parquet(own.paths.workdir / "units.parquet")
    labels, items = len(own.items), own.items["item"].nunique()
    return {
        **suspect_scores.figures(table),
        "labels": len(found.labels),
        "errors": int(own.errors.kind.isin(planting.KIND_OF).sum()),
        "shown_share": labels / len(found.labels),
        "labels_per_item": labels / max(items, 1),
        "review": json.loads(own.paths.reviewed.read_text()),
    }


def ranking_by(config, own: Round, record: Paths) -> dict:
    """The figures of the calibrated ranking by another record of the same labels.

    Args:
      config: Of the run.
      own: Its round.
      record: Losses, answers and predictions; plan and checkpoints are those of the round.
    """
    table = units(config, own, record, _find(config, own, record), {})
    return suspect_scores.figures(table)


def beside(figures: dict, others: dict, name: str, score: str = "calibrated") -> dict:
    """Figures with a score of other figures among theirs, under a name."""
    if score in others:
        return {**figures, name: others[score]}
    return {
        key: beside(value, others[key], name, score) if isinstance(others.get(key), dict) else value
        for key, value in figures.items()
    }


def rival_scores(paths: Paths, found: refine.Found) -> dict[str, suspect_scores.Rival]:
    """What others say of the same labels: cleanlab, where it is installed."""
    if not objectlab.INSTALLED:
        return {}
    detections = pd.read_parquet(paths.predictions)
    detections = detections[detections.sequence.isin(found.labels.sequence.unique())]
    return {"cleanlab": objectlab.rival(found.labels, found.proposals, detections)}


def units(
    config,
    own: Round,
    record: Paths,
    found: refine.Found,
    rivals: dict[str, suspect_scores.Rival],
) -> pd.DataFrame:
    """See suspect_scores.units."""
    losses, match_px = pd.read_parquet(record.losses), config.detection.match_px
    return suspect_scores.units(found, own.errors, own.folder.truth, losses, rivals, match_px)


def _find(config, own: Round, record: Paths) -> refine.Found:
    """The ranking; nothing counts as reviewed before."""
    return refine.find(config, record, own.folder, own.labels, own.planted, own.items.iloc[:0])
