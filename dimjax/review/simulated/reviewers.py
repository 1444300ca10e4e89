"""The reviewers at work: items in, decisions into the ledger, figures out.

review = oracle(book, folder.truth, budget=200)
review.verbs                                    # {"accept": 161, "keep": 30, "move": 9}
auto(book, at_least=0.97).waiting               # what is left for a person
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.errors import InputError
from dimjax.ledger import (
    Change,
    Item,
    Ledger,
    current_round,
    decide,
    decided_by,
    decision_table,
    get_item,
    get_items,
    progress,
    sequence_shapes,
)
from dimjax.ledger.values import name_of, number, whole
from dimjax.review.simulated.ground_truth import click, right_changes, truths_by_frame

_INVENTED = (3.0, 3.0, "target")  # w, h and category of a label where nothing is

Answer = tuple[str, Sequence[Change] | None]  # verb and changes, as `decide` takes them


class Review(NamedTuple):
    """What a reviewer has made of the current round, in all calls together."""

    shown: int  # items decided or skipped
    worth: int  # of them, those whose decision changed a label
    labels: int  # labels changed; new and removed ones count
    verbs: dict[str, int]  # decisions by verb
    waiting: int  # items that anybody may still decide
    stale: int  # items that other decisions have made stale


def oracle(
    book: Ledger,
    truth: pd.DataFrame,
    match_px: float = 3.0,
    error_rate: float = 0.0,
    seed: int = 0,
    budget: int | None = None,
    reviewer: str = "oracle",
) -> Review:
    """Decide the open items of the current round as somebody who sees the truth (judgement.py).

    In error it does the opposite: it keeps what it ought to change as suggested, accepts what it
    ought not to, labels a target where it ought to confirm that nothing is. Where there is no
    opposite, or the ledger refuses it, it answers rightly.

    Args:
      book: The ledger.
      truth: Truth table, or right labels; sequences that the ledger does not know are left out.
      match_px: A truth must be nearer than this to what is said of it.
      error_rate: Share of items on which it errs, 0..1.
      seed: Of its errors and its clicks.
      budget: How many items it looks at in this round, earlier calls counted; None: all.
      reviewer: Its name in the ledger.

    Raises:
      InputError: An argument is wrong, or the truth lacks a column or holds a wrong row.
    """
    error_rate, match_px = _share("error_rate", error_rate), number("oracle", "match_px", match_px)
    if match_px <= 0:
        raise InputError("oracle", "match_px must be above 0", match_px, "Correct it.")
    seed, shapes = whole("oracle", "seed", seed), sequence_shapes(book)
    truths = truths_by_frame(truth, shapes)

    def answers(item: Item) -> list[Answer]:
        rng = np.random.default_rng([seed, item.round, item.id])
        errs = rng.random() < error_rate
        clicks = partial(click, shape=shapes[item.sequence], rng=rng)
        changes = right_changes(book, item, truths, match_px, clicks)
        return [*(_opposite(item, changes) if errs else ()), as_decision(item, changes)]

    budget = math.inf if budget is None else whole("oracle", "budget", budget)
    return _review(book, reviewer, "oracle", answers, budget)


def auto(book: Ledger, at_least: float, reviewer: str = "auto") -> Review:
    """Accept the suggestions whose probability is at least a calibrated bound; leave the others.

    Raises:
      InputError: An argument is wrong.
    """
    at_least = _share("at_least", at_least)

    def answers(item: Item) -> list[Answer]:
        suggests = item.suggestion or _says_background(item)
        return [("accept", None)] if suggests and item.probability >= at_least else []

    return _review(book, reviewer, "auto", answers)


def summary(book: Ledger, reviewer: str) -> Review:
    """What a reviewer, of whatever kind, has made of the current round."""
    with book.reading():
        table, left, newest = decision_table(book), progress(book), current_round(book)
    own = table[(table.reviewer == reviewer) & (table["round"] == newest)]
    own = own[~own.undone & (own.verb != "undo")].drop_duplicates("item", keep="last")
    verbs = {verb: int(count) for verb, count in own.verb.value_counts().sort_index().items()}
    worth, labels = int((own.labels > 0).sum()), int(own.labels.sum())
    return Review(len(own), worth, labels, verbs, left.open + left.skipped, left.stale)


def as_decision(item: Item, changes: Iterable[Change]) -> Answer:
    """Verb and changes of the decision that makes certain changes, and no others, of an item.

    The verb is "accept" if all are suggested, else that of the first that is not. Without any it
    is "keep", or "accept" where the suggestion is that a place is background.
    """
    changes = tuple(changes)
    if not changes:
        return ("accept" if _says_background(item) else "keep"), None
    own = [change for change in changes if change not in item.suggestion]
    return (_verb(own[0]) if own else "accept"), changes


def _verb(change: Change) -> str:
    if change.removed:
        return "delete"
    if change.label is None:
        return "add"
    if change.x is not None or change.y is not None:
        return "move"
    return "category" if change.category is not None else "resize"


def _says_background(item: Item) -> bool:
    return item.kind == "false_alarm" and not item.suggestion


def _opposite(item: Item, changes: Sequence[Change]) -> list[Answer]:
    """What is done in error where certain changes are right."""
    if item.suggestion:
        taken = set(changes) == set(item.suggestion)
        return [("keep" if taken else "accept", None)]
    if changes:
        return [as_decision(item, ())]
    if not _says_background(item):
        return []
    return [("add", [Change(None, item.sequence, *p[:3], *_INVENTED) for p in item.places])]


def _review(
    book: Ledger,
    reviewer: str,
    kind: str,
    answers: Callable[[Item], Sequence[Answer]],
    budget: float = math.inf,
) -> Review:
    """Decide item by item: others may decide at the same time, and each decision may tell on it."""
    name_of(kind, "reviewer", reviewer)
    for item in get_items(book, states=["open"], round=current_round(book)):
        with book.writing():
            if budget < math.inf and decided_by(book, reviewer) >= budget:
                break
            now = get_item(book, item.id)
            if now.state == "open":
                _decide(book, now, reviewer, kind, answers(now))
    return summary(book, reviewer)


def _decide(book: Ledger, item: Item, reviewer: str, kind: str, answers: Sequence[Answer]) -> None:
    """Decide by the first answer that the ledger takes; else the item stays open.

    It refuses what is in somebody else's hands, and what would leave the same label twice.
    """
    for verb, changes in answers:
        with contextlib.suppress(InputError):
            decide(book, item.id, verb, reviewer, kind, changes)
            return


def _share(name: str, value: float) -> float:
    value = number("reviewer", name, value)
    if not 0 <= value <= 1:
        raise InputError("reviewer", f"{name} must lie in 0..1", value, "Correct it.")
    return value
