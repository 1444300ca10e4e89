"""The values that a ledger stores and returns, and strict checks of label changes.

Change(label=3, x=44.0, y=20.5)                                     # moves a label
Change(label=3, removed=True)                                       # removes it
Change(None, "flight3", 7, 44.0, 20.5, 3.0, 3.0, "target", "t1")    # adds a label
as_change({"label": 3, "x": 44.0}, "request")                       # from JSON
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dimjax.data.labels import CATEGORIES
from dimjax.errors import InputError
from dimjax.ledger.checks import as_choice, as_float, as_int, as_name, as_text

KINDS = (
    "unlabelled_target",
    "wrong_position",
    "wrong_category",
    "labelled_background",
    "miss",
    "false_alarm",
)
VERBS = ("accept", "keep", "move", "resize", "category", "delete", "add", "skip")
SIMULATED_REVIEWERS = ("oracle", "auto")
REVIEWER_KINDS = ("person", *SIMULATED_REVIEWERS)
STATES = ("open", "skipped", "decided", "stale", "lapsed")

_BOX = ("x", "y", "w", "h")


class Change(NamedTuple):
    """A change of one label. Fields that are None stay unchanged."""

    label: int | None = None  # None: a new label, which needs all fields except track
    sequence: str | None = None  # of a new label only
    frame: int | None = None  # of a new label only
    x: float | None = None  # centre in the frame, pixels
    y: float | None = None
    w: float | None = None  # size, pixels
    h: float | None = None
    category: str | None = None
    track: str | None = None  # of a new label only
    removed: bool = False  # removes the label; then no other field is set


class ItemFrame(NamedTuple):
    """One frame of a review item: the location, the label concerned, and the suggested fix."""

    frame: int
    x: float  # pixels of the frame
    y: float
    label: int | None = None  # None: no label here
    fix: Change | None = None  # None: the labels are right


class Item(NamedTuple):
    """A review item. Its frames belong to one track, and one decision settles all of them."""

    kind: str  # one of KINDS
    sequence: str
    probability: float  # 0..1, that a label is wrong or missing
    reason: str  # one line of text
    frames: tuple[ItemFrame, ...]
    score: float = 0.0  # the quantity that the probability was calibrated from
    id: int | None = None  # this and all fields below: filled in by the ledger
    round: int | None = None  # the round that made it
    stage: str | None = None  # the stage that made it
    made_at: float | None = None  # seconds since 1970
    state: str | None = None  # one of STATES

    @property
    def suggestion(self) -> tuple[Change, ...]:
        """The suggested fixes of all frames."""
        return tuple(frame.fix for frame in self.frames if frame.fix is not None)


class Decision(NamedTuple):
    """A decision, as a row of the ledger."""

    id: int
    item: int
    verb: str  # one of VERBS, or "undo"
    reviewer: str
    reviewer_kind: str  # one of REVIEWER_KINDS
    made_at: float  # seconds since 1970
    round: int  # the round that it was made in; it takes effect in the next
    cancels: int | None  # the decision that an undo cancels
    labels: tuple[int, ...] = ()  # ids of the changed labels, including new ones


class Label(NamedTuple):
    """A version of a label, in frame coordinates."""

    id: int
    sequence: str
    frame: int
    x: float
    y: float
    w: float
    h: float
    category: str
    track: str
    source: str  # of round 0, or the kind of reviewer that changed the label last
    decision: int  # the decision that wrote this version; 0: the labels of round 0
    removed: bool


class Progress(NamedTuple):
    """Progress of the review of the current round, in items."""

    open: int
    skipped: int
    decided: int
    stale: int
    leased: int  # among the open and skipped items
    per_minute: float  # median rate of the latest decisions, NaN before the second decision
    seconds_left: float  # for the open items at this rate, NaN if unknown


def as_change(values: Mapping[str, Any], subject: str) -> Change:
    """Return the change that a mapping describes, as parsed from JSON.

    Raises:
      InputError: A key is unknown, or a value has the wrong type.
    """
    if not isinstance(values, Mapping):
        raise InputError(subject, "a change must be a mapping", repr(values), "Correct it.")
    for key in values:
        as_choice(subject, "a change's key", key, Change._fields)
    return check_change(Change(**values), subject)


def check_change(change: Change, subject: str) -> Change:
    """Return a change in Python's own types after a check of its fields.

    Raises:
      InputError: A value has the wrong type, a field is missing, or a field must not be set.
    """
    if not isinstance(change, Change):
        raise InputError(subject, "a change must be a Change", repr(change), "Correct it.")
    converters = {
        **dict.fromkeys(("label", "frame"), as_int),
        **dict.fromkeys(("sequence", "track", "category"), as_text),
        **dict.fromkeys(_BOX, as_float),
    }
    fields = {
        name: converters[name](subject, name, value)
        for name, value in change._asdict().items()
        if name != "removed" and value is not None
    }
    if not isinstance(change.removed, bool):
        rule = "removed must be true or false"
        raise InputError(subject, rule, repr(change.removed), "Correct it.")
    if "category" in fields:
        as_choice(subject, "category", fields["category"], CATEGORIES)
    _check_fields(fields.keys(), change.removed, subject)
    return Change(**fields, removed=change.removed)


def _check_fields(names: set[str], removed: bool, subject: str) -> None:
    if removed:
        rule, holds = "a change that removes gives the label and nothing else", names == {"label"}
    elif "label" in names:
        rule = "a change of a label gives any of x, y, w, h, category"
        holds = {"label"} < names <= {"label", *_BOX, "category"}
    else:
        required = {"sequence", "frame", *_BOX, "category"}
        rule = "a new label needs sequence, frame, x, y, w, h, category"
        holds = required <= names
    if not holds:
        value = f"{', '.join(sorted(names)) or 'nothing'}{' and removed' if removed else ''}"
        raise InputError(subject, rule, value, "Correct the change.")


def as_reviewer(subject: str, name: Any, kind: str) -> str:
    """Return the name of a reviewer of a kind; a person has none of the other kinds' names."""
    as_name(subject, "reviewer", name)
    as_choice(subject, "reviewer kind", kind, REVIEWER_KINDS)
    if kind == "person" and name.strip().casefold() in SIMULATED_REVIEWERS:
        rule = f"{' and '.join(SIMULATED_REVIEWERS)} are the names of simulated reviewers"
        raise InputError(subject, rule, repr(name), "Choose another name.")
    return str(name)
