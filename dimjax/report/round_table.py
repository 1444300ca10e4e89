"""The rounds of a run as tables: what each was trained on, what it reached, what its review found.

rounds = read(paths)                        # paths: of the last round
print(as_text(table(rounds)))
kinds(ledger.item_table(book), ledger.decision_table(book))
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.drawing.text_tables import NONE, Table
from dimjax.ledger import KINDS, VERBS
from dimjax.report.tables import basic, rate
from dimjax.runs.workdir import Paths

_COLUMNS = [
    ("round", ""),
    ("epochs", "number"),
    ("images", "chips"),
    *((name, on) for on in ("frames", "chips") for name in ("precision", "recall", "F1")),
    ("mean loss", "last epoch"),
    ("items", "shown"),
    ("items", "worth it"),
    ("labels", "changed"),
    ("labels", "a decision"),
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
    """What is told of a round."""

    number: int
    epochs: int
    images: int  # training chips
    loss: float  # mean over them in the last epoch
    figures: dict  # what dimjax.stages.evaluate wrote
    review: dict | None  # what dimjax.stages.decide wrote; None: the last round has no review


def read(paths: Paths) -> list[Round]:
    """The rounds up to that of the paths."""
    return [_read(paths.of_round(number)) for number in range(paths.number + 1)]


def table(rounds: list[Round]) -> Table:
    """One row a round: the columns of the paper's Table 3, and what the review took and gave."""
    return Table(_COLUMNS, [_row(one) for one in rounds], names=1)


def last_losses(paths: Paths) -> np.ndarray:
    """Total loss of each training chip in the last epoch of a round."""
    last = [("epoch", "==", _lines(paths)[-1]["epoch"])]
    return pd.read_parquet(paths.losses, columns=["total"], filters=last).total.to_numpy()


def kinds(items: pd.DataFrame, decisions: pd.DataFrame) -> Table:
    """How many items of each kind were put up, how they were decided, and what that changed.

    Args:
      items: From ledger.item_table; a row for each place.
      decisions: From ledger.decision_table.
    """
    items = items.drop_duplicates("item")
    standing = decisions[~decisions.undone & (decisions.verb != "undo")]
    changed = items.item.map(standing.groupby("item").labels.sum()).fillna(0).astype(int)
    verbs = [verb for verb in VERBS if (items.verb == verb).any()]
    heads = [("put up", "items"), *((_VERBS[verb], "items") for verb in verbs)]
    heads += [("not decided", "items"), ("labels changed", "number")]
    found = [kind for kind in KINDS if (items.kind == kind).any()]
    rows = []
    for kind in [*found, "all"]:
        own = items.kind.eq(kind) | (kind == "all")
        counts = [own.sum(), *((own & items.verb.eq(verb)).sum() for verb in (*verbs, ""))]
        counts.append(changed[own].sum())
        rows.append([kind.replace("_", " "), *(f"{count:,}" for count in counts)])
    return Table([("kind", ""), *heads], rows, names=1)


def verdict(verb: str) -> str:
    """What was decided, in words."""
    return _VERBS.get(verb, "not decided")


def _lines(paths: Paths) -> list[dict]:
    return [json.loads(line) for line in paths.metrics.read_text().splitlines()]


def _read(paths: Paths) -> Round:
    lines = _lines(paths)
    plan = pd.read_csv(paths.plan, usecols=["split"], keep_default_na=False)
    figures = json.loads(paths.evaluation.read_text())
    review = json.loads(paths.reviewed.read_text()) if paths.reviewed.exists() else None
    images, loss = int(plan.split.eq("train").sum()), lines[-1]["train/total"]
    return Round(paths.number, len(lines), images, loss, figures, review)


def _row(one: Round) -> list[str]:
    texts = [f"{one.number}", f"{one.epochs}", f"{one.images:,}"]
    texts += basic(one.figures["frames"]["categories"]["target"])
    chips = one.figures.get("chips")  # none where the split has no chip
    texts += basic(chips["categories"]["target"]) if chips else [NONE] * 3
    texts.append(rate(one.loss))
    if one.review is None:
        return texts + [NONE] * 4
    names = ("items", "worth_it", "labels_changed")
    texts += [f"{one.review[name]:,}" for name in names]
    decided = one.review["decided"]
    return [*texts, rate(one.review["labels_changed"] / decided) if decided else NONE]
