"""The label changes of a decision: whether they fit the item and the verb, and their result.

changes = requested_changes(item, "move", [Change(label=3, x=44.0)], subject)
check_verb("move", changes, before, subject)
label_after(changes[0], before[0], source="person", decision=12)
"""

from collections.abc import Sequence

from dimjax.errors import InputError
from dimjax.ledger.values import Change, Item, Label, check_change

_NEW = Label(0, "", 0, 0.0, 0.0, 0.0, 0.0, "", "", "", 0, False)
_VERB_OF_FIELD = {"x": "move", "y": "move", "w": "resize", "h": "resize", "category": "category"}


def requested_changes(
    item: Item, verb: str, changes: Sequence[Change] | None, subject: str
) -> tuple[Change, ...]:
    """Return the changes of a decision: the given ones or, for a bare "accept", the suggestion.

    Raises:
      InputError: A change does not belong to the item, or "accept" comes with changes that were
        not suggested.
    """
    if changes is None:
        return item.suggestion if verb == "accept" else ()
    if not isinstance(changes, (list, tuple)):
        raise InputError(subject, "changes must be a list", repr(changes), "Correct it.")
    checked = tuple(check_change(change, subject) for change in changes)
    _check_belongs(item, checked, subject)
    if verb == "accept" and (not checked or not set(checked) <= set(item.suggestion)):
        rule = "accept takes the suggested changes or a part of them"
        remedy = "Use move, resize, category, delete or add for other changes, or keep."
        raise InputError(subject, rule, f"{len(checked)} changes", remedy)
    return checked


def check_verb(
    verb: str, changes: Sequence[Change], before: Sequence[Label | None], subject: str
) -> None:
    """Raise if no change matches the verb.

    Args:
      verb: One of VERBS.
      changes: The changes of the decision.
      before: The current label of each change, None for a new one.
      subject: Subject of the error.
    """
    verbs = set()
    for change, label in zip(changes, before, strict=True):
        verbs |= verbs_of(change, label)
    value = ", ".join(sorted(verbs)) or "no change"
    if verb in ("keep", "skip") and changes:
        raise InputError(subject, f"{verb} changes nothing", value, "Leave the changes out.")
    if verb not in ("accept", "keep", "skip") and verb not in verbs:
        rule = f"at least one change must fit the verb {verb}"
        raise InputError(subject, rule, value, "Correct the verb or the changes.")


def verbs_of(change: Change, label: Label | None) -> set[str]:
    """Return the verbs that describe a change of a label, None for a new one."""
    if label is None:
        return {"add"}
    if change.removed:
        return {"delete"}
    return {
        verb
        for field, verb in _VERB_OF_FIELD.items()
        if getattr(change, field) not in (None, getattr(label, field))
    }


def label_after(change: Change, before: Label | None, source: str, decision: int) -> Label:
    """Apply a change to a label. A new label has the id 0 until it is stored."""
    fields = {key: value for key, value in change._asdict().items() if value is not None}
    fields.pop("label", None)
    return (before or _NEW)._replace(**fields, source=source, decision=decision)


def _check_belongs(item: Item, changes: Sequence[Change], subject: str) -> None:
    labels = {frame.label for frame in item.frames if frame.label is not None}
    for change in changes:
        if change.label is None and change.sequence != item.sequence:
            rule, value = f"a new label must be in {item.sequence}", repr(change.sequence)
            raise InputError(subject, rule, value, "Correct the change.")
        if change.label is not None and change.label not in labels:
            rule = "each change must belong to another label of the item"
            value, remedy = f"label {change.label}", "Change each label of the item at most once."
            raise InputError(subject, rule, value, remedy)
        labels.discard(change.label)
