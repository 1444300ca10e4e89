"""The decision on an item that makes exactly the given changes.

verb, changes = as_decision(item, [Change(label=3, x=44.0, y=20.5)])      # "move", or "accept"
decide(db, item.id, verb, "ann", changes=changes)
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dimjax.ledger import Change, Item


class ReviewDecision(NamedTuple):
    """A verb and its changes, as `ledger.decide` takes them."""

    verb: str
    changes: Sequence[Change] | None = None


def as_decision(item: Item, changes: Iterable[Change]) -> ReviewDecision:
    """Return the decision on an item that makes exactly the given changes.

    The verb is "accept" if all changes are suggested, else the verb of the first that is not.
    Without changes it is "keep", or "accept" if the item suggests background.
    """
    changes = tuple(changes)
    if not changes:
        return ReviewDecision("accept" if suggests_background(item) else "keep")
    unsuggested = [change for change in changes if change not in item.suggestion]
    return ReviewDecision(_verb(unsuggested[0]) if unsuggested else "accept", changes)


def suggests_background(item: Item) -> bool:
    """Whether an item claims that its locations are background, which needs no change."""
    return item.kind == "false_alarm" and not item.suggestion


def _verb(change: Change) -> str:
    if change.removed:
        return "delete"
    if change.label is None:
        return "add"
    if change.x is not None or change.y is not None:
        return "move"
    return "category" if change.category is not None else "resize"
