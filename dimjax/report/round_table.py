"""The rounds of a run as tables: their training, their figures and their review.

rounds = read_rounds(paths)                 # paths: of the last round
print(as_text(as_table(rounds)))
review_table(ledger.item_table(db), ledger.standing_decisions(db))
"""

import math
from typing import NamedTuple

import pandas as pd

from dimjax.chips.planning import PLAN_COLUMNS
from dimjax.data.csv_files import read_columns
from dimjax.drawing.text_tables import NONE, Table
from dimjax.ledger import KINDS, VERBS
from dimjax.report.tables import precision_recall_f1, three_digits
from dimjax.runs.records import read_evaluation, read_review
from dimjax.runs.workdir import Paths
from dimjax.training.training_log import TrainingLog

_COLUMNS = [
    ("round", ""),
    ("epochs", "number"),
    ("images", "chips"),
    *((name, part) for part in ("frames", "chips") for name in ("precision", "recall", "F1")),
    ("mean loss", "last epoch"),
    ("items", "shown"),
    ("items", "with a change"),
    ("labels", "changed"),
    ("labels", "per decision"),
]
_VERBS = {
    "accept": "accepted",
    "keep": "labels kept",
    "move": "label moved",
    "resize": "label resized",
    "category": "category changed",
    "delete": "label deleted",
    "add": "label added",
    "skip": "skipped",
}


class Round(NamedTuple):
    """A round that was trained and evaluated, or that proposed labels for the first training."""

    number: int
    epochs: int
    images: int  # training chips
    loss: float  # mean over them in the last epoch
    figures: dict | None  # evaluation.json; None for a round without a training
    review: dict | None  # review.json; None for the last round, which has no review


def read_rounds(paths: Paths) -> list[Round]:
    """Read the rounds up to that of the paths."""
    return [_read(paths.of_round(number)) for number in range(paths.number + 1)]


def as_table(rounds: list[Round]) -> Table:
    """Tabulate the rounds: the columns of the paper's Table 3, and the work of the review."""
    return Table(_COLUMNS, [_row(one) for one in rounds], text_columns=1)


def review_table(items: pd.DataFrame, decisions: pd.DataFrame) -> Table:
    """Count the review items of each kind by their decision, and the labels changed.

    Args:
      items: Table from ledger.item_table, a row for each frame of an item.
      decisions: Table from ledger.standing_decisions.
    """
    items = items.drop_duplicates("item")
    changed = items.item.map(decisions.groupby("item").labels.sum()).fillna(0).astype(int)
    verbs = [verb for verb in VERBS if (items.verb == verb).any()]
    columns = [("kind", ""), ("queued", "items"), *((_VERBS[verb], "items") for verb in verbs)]
    columns += [("not decided", "items"), ("labels changed", "number")]
    kinds = [kind for kind in KINDS if (items.kind == kind).any()]
    rows = []
    for kind in [*kinds, "all"]:
        chosen = items.kind.eq(kind) | (kind == "all")
        counts = [chosen.sum(), *((chosen & items.verb.eq(v)).sum() for v in (*verbs, ""))]
        counts.append(changed[chosen].sum())
        rows.append([kind.replace("_", " "), *(f"{count:,}" for count in counts)])
    return Table(columns, rows, text_columns=1)


def decision_text(verb: str) -> str:
    """Describe a decision in words."""
    return _VERBS.get(verb, "not decided")


def _read(paths: Paths) -> Round:
    review = read_review(paths) if paths.reviewed.exists() else None
    if not paths.evaluation.exists():
        return Round(paths.number, 0, 0, math.nan, None, review)
    metrics = TrainingLog(paths.round).read_metrics()
    images = read_columns(paths.plan, PLAN_COLUMNS)["split"].count("train")
    figures = read_evaluation(paths)
    return Round(paths.number, len(metrics), images, metrics[-1]["train/total"], figures, review)


def _row(one: Round) -> list[str]:
    cells = [f"{one.number}", f"{one.epochs}", f"{one.images:,}"]
    figures = one.figures or {}
    for part in ("frames", "chips"):  # chips are missing if the split has none
        measured = figures.get(part)
        cells += precision_recall_f1(measured["categories"]["target"]) if measured else [NONE] * 3
    cells.append(three_digits(one.loss) if figures else NONE)
    if one.review is None:
        return cells + [NONE] * 4
    names = ("items", "worth_it", "labels_changed")
    cells += [f"{one.review[name]:,}" for name in names]
    decided = one.review["decided"]
    return [*cells, three_digits(one.review["labels_changed"] / decided) if decided else NONE]
