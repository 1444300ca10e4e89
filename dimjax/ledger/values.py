"""What goes into a ledger and comes out of it, as plain values, and the strict checks of them.

In come values from a program or a web page; out come the same with Python's own types, or an
error that names the value.

    Change(label=3, x=44.0, y=20.5)                                     # moves a label
    Change(label=3, removed=True)                                       # takes it away
    Change(None, "flight3", 7, 44.0, 20.5, 3.0, 3.0, "target", "t1")    # a new one
    as_change({"label": 3, "x": 44.0}, "request")                       # from JSON
"""

import contextlib
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

from dimjax.data.labels import CATEGORIES
from dimjax.errors import InputError

KINDS = (
    "unlabelled_target",
    "wrong_position",
    "wrong_category",
    "labelled_background",
    "miss",
    "false_alarm",
)
VERBS = ("accept", "keep", "move", "resize", "category", "delete", "add", "skip")
REVIEWERS = ("person", "oracle", "auto")
STATES = ("open", "skipped", "decided", "stale", "lapsed")

_LARGEST = 2**53
_BOX = ("x", "y", "w", "h")


class Change(NamedTuple):
    """What becomes of one label; a field of None stays as it is."""

    label: int | None = None  # None: a new label, which needs all fields; only track may lack
    sequence: str | None = None  # of a new label only
    frame: int | None = None  # of a new label only
    x: float | None = None  # centre in the frame, pixels
    y: float | None = None
    w: float | None = None  # size, pixels
    h: float | None = None
    category: str | None = None
    track: str | None = None  # of a new label only
    removed: bool = False  # takes the label away; then nothing else is given


class Place(NamedTuple):
    """One frame of an item: where to look, the label concerned, and the suggested fix."""

    frame: int
    x: float  # pixels of the frame
    y: float
    label: int | None = None  # None: there is no label here
    fix: Change | None = None  # None: the labels are right as they are


class Item(NamedTuple):
    """A review item; it may concern several frames of one track, which one decision settles."""

    kind: str  # one of KINDS
    sequence: str
    probability: float  # 0..1, that something is wrong
    reason: str  # in words, one line
    places: tuple[Place, ...]
    score: float = 0.0  # what the probability was made from
    id: int | None = None  # this and all below: filled in by the ledger
    round: int | None = None  # in which it was made
    stage: str | None = None  # that made it
    made_at: float | None = None  # seconds since 1970
    state: str | None = None  # one of STATES

    @property
    def suggestion(self) -> tuple[Change, ...]:
        """The suggested fixes of all places."""
        return tuple(place.fix for place in self.places if place.fix is not None)


class Decision(NamedTuple):
    """What was decided, as a row of the ledger."""

    id: int
    item: int
    verb: str  # one of VERBS, or "undo"
    reviewer: str
    reviewer_kind: str  # one of REVIEWERS
    made_at: float  # seconds since 1970
    round: int  # in which it was made; it counts in the labels of the next
    cancels: int | None  # the decision that an undo undoes
    labels: tuple[int, ...] = ()  # the labels changed, new ones included


class Label(NamedTuple):
    """A label as a decision left it; frame coordinates."""

    id: int
    sequence: str
    frame: int
    x: float
    y: float
    w: float
    h: float
    category: str
    track: str
    source: str  # of round 0, or the kind of the reviewer who changed it last
    decision: int  # 0: the labels of round 0
    removed: bool


class Progress(NamedTuple):
    """How far the review of the current round is."""

    open: int
    skipped: int
    decided: int
    stale: int
    leased: int  # of the open and skipped ones
    per_minute: float  # median pace of the last decisions, NaN before the second
    seconds_left: float  # for the open ones at this pace, NaN if unknown


def as_change(values: Mapping[str, Any], where: str) -> Change:
    """A change from a mapping such as JSON gives it.

    Raises:
      InputError: A key is unknown or a value is not of its type.
    """
    if not isinstance(values, Mapping):
        raise InputError(where, "a change must be a mapping", repr(values), "Correct it.")
    for key in values:
        one_of(where, "a change's key", key, Change._fields)
    return checked_change(Change(**values), where)


def checked_change(change: Change, where: str) -> Change:
    """A change in Python's own types, with neither too few nor too many fields.

    Raises:
      InputError: A value is not of its type, or a field lacks or must not be there.
    """
    if not isinstance(change, Change):
        raise InputError(where, "a change must be a Change", repr(change), "Correct it.")
    checks = {"label": whole, "frame": whole, "sequence": text, "track": text, "category": text}
    plain = {
        field: checks.get(field, number)(where, field, value)
        for field, value in change._asdict().items()
        if field != "removed" and value is not None
    }
    if not isinstance(change.removed, bool):
        raise InputError(
            where, "removed must be true or false", repr(change.removed), "Correct it."
        )
    if "category" in plain:
        one_of(where, "category", plain["category"], CATEGORIES)
    _check_fields(plain.keys(), change.removed, where)
    return Change(**plain, removed=change.removed)


def _check_fields(given: set[str], removed: bool, where: str) -> None:
    found = f"{', '.join(sorted(given)) or 'nothing'}{' and removed' if removed else ''}"
    if removed:
        rule, holds = "a change that removes gives the label and nothing else", given == {"label"}
    elif "label" in given:
        rule = "a change of a label gives any of x, y, w, h, category"
        holds = {"label"} < given <= {"label", *_BOX, "category"}
    else:
        needed = {"sequence", "frame", *_BOX, "category"}
        rule = "a new label needs sequence, frame, x, y, w, h, category"
        holds = needed <= given
    if not holds:
        raise InputError(where, rule, found, "Correct the change.")


def whole(where: str, name: str, value: Any) -> int:
    """A whole number that is not negative."""
    right = isinstance(value, Integral) and not isinstance(value, bool)
    if not right or not 0 <= value <= _LARGEST:
        rule = f"{name} must be a whole number from 0"
        raise InputError(where, rule, repr(value), "Correct it.")
    return int(value)


def number(where: str, name: str, value: Any) -> float:
    """A finite number."""
    plain = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # a whole number may be larger than any float
            plain = float(value)
    if not math.isfinite(plain):
        raise InputError(where, f"{name} must be a finite number", repr(value), "Correct it.")
    return plain


def text(where: str, name: str, value: Any) -> str:
    """A line of printable text."""
    if not isinstance(value, str) or not value.isprintable():
        rule = f"{name} must be a line of printable text"
        raise InputError(where, rule, repr(value), "Correct it.")
    return str(value)


def name_of(where: str, name: str, value: Any) -> str:
    """A line of printable text that is not empty."""
    if not text(where, name, value).strip():
        raise InputError(where, f"{name} must not be empty", repr(value), "Give one.")
    return str(value)


def one_of(where: str, name: str, value: Any, known: Sequence[str]) -> str:
    """One of the known words."""
    if not isinstance(value, str) or value not in known:
        rule = f"{name} must be one of {', '.join(known)}"
        raise InputError(where, rule, repr(value), "Correct it.")
    return str(value)
