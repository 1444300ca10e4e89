"""Simulated reviewers: an oracle that sees the truth, and one that trusts confident suggestions.

Both decide the open items of a ledger in the order of `get_items`, each item at most once, and
return the figures of the review. A review that was killed continues when it is called again and
ends with the same ledger, since each choice depends only on (seed, round, item) and the labels.

    review = oracle(db, folder.truth, error_rate=0.05, seed=3)
    review.items_changed / review.reviewed          # share of the items that were indeed wrong
    review.verbs                                    # {"accept": 161, "keep": 30, "move": 9}
    auto(db, min_probability=0.97).waiting          # items left for a person
    summary(db, "ann")                              # the same figures of any reviewer
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.ledger import (
    Change,
    DuplicateLabelError,
    Item,
    Ledger,
    UnavailableItemError,
    count_decided,
    current_round,
    decide,
    get_item,
    get_items,
    match_px,
    progress,
    sequence_shapes,
    standing_decisions,
)
from dimjax.ledger.checks import as_int, as_name, as_probability
from dimjax.review.decisions import ReviewDecision, as_decision, suggests_background
from dimjax.review.ground_truth import click, correct_changes, truths_by_frame

_INVENTED = (3.0, 3.0, "target")  # w, h and category of an erroneous new label


class Review(NamedTuple):
    """The results of a reviewer in the current round, over all calls."""

    reviewed: int  # items decided or skipped
    items_changed: int  # of these, items whose decision changed a label
    labels_changed: int  # including new and removed labels
    verbs: dict[str, int]  # decisions by verb
    waiting: int  # items that any reviewer may still decide
    stale: int  # items that other decisions have made stale
    refused: int = 0  # in this call: items that the ledger did not let the reviewer decide


def oracle(
    db: Ledger,
    truth: pd.DataFrame,
    error_rate: float = 0.0,
    seed: int = 0,
    budget: int | None = None,
    reviewer: str = "oracle",
) -> Review:
    """Decide the open items of the current round by the truth (see ground_truth.py).

    In error the oracle does the opposite: it keeps labels that it ought to change as suggested,
    accepts wrong suggestions, and adds a target where it ought to confirm background. If there is
    no opposite, or it would duplicate a label, the decision is right.

    Args:
      db: The ledger.
      truth: Truth table, or right labels; sequences that are not in the ledger are ignored.
      error_rate: Share of the items on which the oracle errs, 0..1.
      seed: Seed of the errors and clicks.
      budget: Maximum number of items in this round, over all calls; None: all.
      reviewer: Name of the reviewer in the ledger.

    Raises:
      InputError: An argument is invalid, the truth lacks a column or contains an invalid row, or
        the ledger rejects a change.
    """
    error_rate = as_probability("oracle", "error_rate", error_rate)
    seed, shapes = as_int("oracle", "seed", seed), sequence_shapes(db)
    truths, radius = truths_by_frame(truth, shapes), match_px(db)

    def decisions_on(item: Item) -> list[ReviewDecision]:
        rng = np.random.default_rng([seed, item.round, item.id])
        errs = rng.random() < error_rate
        click_on = partial(click, shape=shapes[item.sequence], rng=rng)
        changes = correct_changes(db, item, truths, radius, click_on)
        return [*(_opposite(item, changes) if errs else ()), as_decision(item, changes)]

    budget = math.inf if budget is None else as_int("oracle", "budget", budget)
    return _review(db, reviewer, "oracle", decisions_on, budget)


def auto(db: Ledger, min_probability: float, reviewer: str = "auto") -> Review:
    """Accept suggestions of at least a calibrated probability, and leave the other items open.

    Raises:
      InputError: An argument is invalid.
    """
    min_probability = as_probability("auto", "min_probability", min_probability)

    def decisions_on(item: Item) -> list[ReviewDecision]:
        suggests = item.suggestion or suggests_background(item)
        accepts = suggests and item.probability >= min_probability
        return [ReviewDecision("accept")] if accepts else []

    return _review(db, reviewer, "auto", decisions_on)


def summary(db: Ledger, reviewer: str) -> Review:
    """Return the results of a reviewer of any kind in the current round."""
    with db.read_transaction():
        decisions, state = standing_decisions(db, current_round(db)), progress(db)
    decisions = decisions[decisions.reviewer == reviewer].drop_duplicates("item", keep="last")
    counts = decisions.verb.value_counts().sort_index()
    return Review(
        reviewed=len(decisions),
        items_changed=int((decisions.labels > 0).sum()),
        labels_changed=int(decisions.labels.sum()),
        verbs={verb: int(count) for verb, count in counts.items()},
        waiting=state.open + state.skipped,
        stale=state.stale,
    )


def _opposite(item: Item, changes: Sequence[Change]) -> list[ReviewDecision]:
    """Return the erroneous decision if certain changes are right, at most one."""
    if item.suggestion:
        suggestion_is_right = set(changes) == set(item.suggestion)
        return [ReviewDecision("keep" if suggestion_is_right else "accept")]
    if changes:
        return [as_decision(item, ())]
    if not suggests_background(item):
        return []
    labels = [Change(None, item.sequence, *frame[:3], *_INVENTED) for frame in item.frames]
    return [ReviewDecision("add", labels)]


def _review(
    db: Ledger,
    reviewer: str,
    kind: str,
    decisions_on: Callable[[Item], Sequence[ReviewDecision]],
    budget: float = math.inf,
) -> Review:
    """Decide the items one by one, since each decision, also of others, may affect the next."""
    as_name(kind, "reviewer", reviewer)
    refused = 0
    for item in get_items(db, states=["open"], round=current_round(db)):
        with db.write_transaction():
            if budget < math.inf and count_decided(db, reviewer) >= budget:
                break
            current = get_item(db, item.id)
            decisions = decisions_on(current) if current.state == "open" else ()
            if decisions and not _decide(db, current, reviewer, kind, decisions):
                refused += 1
    return summary(db, reviewer)._replace(refused=refused)


def _decide(
    db: Ledger, item: Item, reviewer: str, kind: str, decisions: Sequence[ReviewDecision]
) -> bool:
    """Make the first decision that does not duplicate a label; return whether one was made.

    The item stays open if all decisions duplicate a label, or if another reviewer holds it.
    """
    for verb, changes in decisions:
        try:
            decide(db, item.id, verb, reviewer, kind, changes)
            return True
        except UnavailableItemError:
            return False
        except DuplicateLabelError:
            continue
    return False
