"""What a decision changes: which changes fit an item and a verb, and what they make of labels.

In come the changes that a reviewer gave; out come the labels after them, or an error that says
which does not fit.

    changes = wanted_changes(item, "move", [Change(label=3, x=44.0)], where)
    check_verb("move", changes, before, where)
    label_after(changes[0], before[0], source="person", decision=12)
"""

from collections.abc import Sequence

from dimjax.errors import InputError
from dimjax.ledger.values import Change, Item, Label, checked_change

_NEW = Label(0, "", 0, 0.0, 0.0, 0.0, 0.0, "", "", "", 0, False)
_VERB_OF = {"x": "move", "y": "move", "w": "resize", "h": "resize", "category": "category"}


def wanted_changes(
    item: Item, verb: str, changes: Sequence[Change] | None, where: str
) -> tuple[Change, ...]:
    """The changes that a decision makes: those given, or those suggested for "accept".

    Raises:
      InputError: They are not the item's to make, or "accept" is given others than suggested.
    """
    if changes is None:
        return item.suggestion if verb == "accept" else ()
    if not isinstance(changes, (list, tuple)):
        raise InputError(where, "changes must be a list", repr(changes), "Correct it.")
    wanted = tuple(checked_change(change, where) for change in changes)
    _check_own(item, wanted, where)
    if verb == "accept" and (not wanted or not set(wanted) <= set(item.suggestion)):
        rule = "accept takes the suggested changes or a part of them"
        remedy = "Use move, resize, category, delete or add for changes of your own, else keep."
        raise InputError(where, rule, f"{len(wanted)} changes", remedy)
    return wanted


def check_verb(
    verb: str, changes: Sequence[Change], before: Sequence[Label | None], where: str
) -> None:
    """Refuse changes of which none fits the verb; before has each change's label, None if new."""
    done = set()
    for change, label in zip(changes, before, strict=True):
        done |= _deeds(change, label)
    found = ", ".join(sorted(done)) or "no change"
    if verb in ("keep", "skip") and changes:
        raise InputError(where, f"{verb} changes nothing", found, "Leave the changes out.")
    if verb not in ("accept", "keep", "skip") and verb not in done:
        rule = f"the changes must hold one that fits the verb {verb}"
        raise InputError(where, rule, found, "Correct the verb or the changes.")


def label_after(change: Change, before: Label | None, source: str, decision: int) -> Label:
    """What a change makes of a label; a new one has yet to get its id."""
    given = {key: value for key, value in change._asdict().items() if value is not None}
    given.pop("label", None)
    return (before or _NEW)._replace(**given, source=source, decision=decision)


def _check_own(item: Item, changes: Sequence[Change], where: str) -> None:
    own = {place.label for place in item.places if place.label is not None}
    for change in changes:
        if change.label is None and change.sequence != item.sequence:
            rule, found = f"a new label must be in {item.sequence}", repr(change.sequence)
            raise InputError(where, rule, found, "Correct the change.")
        if change.label is not None and change.label not in own:
            rule = "a change must be of a label of the item, one for each"
            found, remedy = f"label {change.label}", "Change only what the item shows."
            raise InputError(where, rule, found, remedy)
        own.discard(change.label)


def _deeds(change: Change, label: Label | None) -> set[str]:
    """The verbs that a change is an example of."""
    if label is None:
        return {"add"}
    if change.removed:
        return {"delete"}
    return {
        verb
        for field, verb in _VERB_OF.items()
        if getattr(change, field) not in (None, getattr(label, field))
    }
