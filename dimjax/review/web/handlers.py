"""The handlers of the page's requests, as functions of plain values.

Each takes a mapping parsed from JSON, which it validates, and returns a mapping. Requests name the
reviewer and the page. A decision is on the disk before its handler returns.

    handlers = Handlers(db, frames, stride=1, reviewer="ann")
    handlers.open_page({"reviewer": "", "page": "4f1c", "take_over": False})
    handlers.next_items({"reviewer": "ann", "page": "4f1c", "count": 4, ...})["items"]
"""

import math
import shlex
import threading
from collections.abc import Mapping
from typing import Any

from dimjax import ledger
from dimjax.errors import InputError, program
from dimjax.ledger import Change, Item, ItemFrame, Ledger
from dimjax.ledger.checks import as_int, as_name, as_text
from dimjax.ledger.queue import LEASE_SECONDS, extend_lease
from dimjax.ledger.values import as_reviewer
from dimjax.review.web import new_tracks
from dimjax.review.web.frames import Frames
from dimjax.review.web.history import HistoryOf
from dimjax.review.web.items import describe_item
from dimjax.review.web.name_locks import NameLocks

Values = Mapping[str, Any]

_SUBJECT = "review page"
_MAX_NAME_LENGTH = 60
_MAX_ITEMS = 50  # in one request
_BULK_VERBS = ("accept", "skip")


class Handlers:
    """The handlers of all requests; threads may share them.

    Args:
      db: The ledger.
      frames: Frames of the ledger's sequences.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
      reviewer: Name of the reviewer who opens the page first; "": the page asks.
      history: Loss history of an item frame, if available.
    """

    def __init__(
        self,
        db: Ledger,
        frames: Frames,
        stride: int,
        reviewer: str = "",
        history: HistoryOf | None = None,
    ):
        if reviewer:
            _check_reviewer("--reviewer", reviewer)
        self._db, self._frames, self._stride = db, frames, stride
        self._reviewer, self._history = reviewer, history
        self._shapes = ledger.sequence_shapes(db)
        self._names = NameLocks()
        self._openings: dict[str, int] = {}  # page -> how often it was opened
        self._opening = threading.Lock()

    def open_page(self, values: Values) -> dict[str, Any]:
        """Open or reopen a page: return its reviewer, the filters, and the undoable decisions.

        The reviewer in the response is None if the page has to ask for a name.
        """
        _check_keys(values, "reviewer", "page", "take_over")
        if not isinstance(values["take_over"], bool):
            raise _invalid("take_over must be true or false", values["take_over"])
        run = self._db.path.absolute().parent
        command = f"{program()} --workdir={shlex.quote(str(self._db.path.parent))}"  # goes on
        response = {"run": run.name, "command": command, "reviewer": None}
        reviewer = as_text(_SUBJECT, "reviewer", values["reviewer"]).strip() or self._reviewer
        if not reviewer:
            return response
        _check_reviewer(_SUBJECT, reviewer)
        with self._opening:
            self._names.acquire(reviewer, _page(values), values["take_over"])
            opening = self._openings.get(values["page"], 0) + 1
            self._openings[values["page"]] = opening
        round = ledger.current_round(self._db)
        items = ledger.item_table(self._db, round)
        decisions = ledger.standing_decisions(self._db, round)
        return {
            **response,
            "reviewer": reviewer,
            "opening": opening,
            "round": round,
            "kinds": [kind for kind in ledger.KINDS if kind in set(items.kind)],
            "sequences": sorted(items.sequence.unique()),
            "decisions": decisions.decision[decisions.reviewer == reviewer].tolist(),
        }

    def keep_alive(self, values: Values) -> dict[str, Any]:
        """Keep the reviewer's name for a page that is still open."""
        self._reviewer_of(values)
        return {}

    def release(self, values: Values) -> dict[str, Any]:
        """Free the name and the leases of a page that is closed, unless it was opened again."""
        _check_keys(values, "reviewer", "page", "opening")
        as_int(_SUBJECT, "opening", values["opening"])
        with self._opening:
            if values["opening"] == self._openings.get(_page(values)):
                reviewer = self._reviewer_of(values, "opening")
                ledger.lease_items(self._db, reviewer, count=0)
                self._names.release(reviewer, values["page"])
        return {}

    def next_items(self, values: Values) -> dict[str, Any]:
        """Lease the next items; return them with the progress of the review and its round."""
        filters = ("kinds", "sequences", "skipped", "count")
        reviewer = self._reviewer_of(values, *filters)
        selection = _selection(values)
        if not isinstance(values["skipped"], bool):
            raise _invalid("skipped must be true or false", values["skipped"])
        if as_int(_SUBJECT, "count", values["count"]) > _MAX_ITEMS:
            raise _invalid(f"count must be at most {_MAX_ITEMS}", values["count"])
        leased = ledger.lease_items(self._db, reviewer, **{name: values[name] for name in filters})
        with self._db.read_transaction():
            items = [self._describe(item) for item in leased]
            progress = ledger.progress(self._db, *selection, reviewer)._asdict()
            round = ledger.current_round(self._db)
        progress["leased"] -= len(leased)  # the others are leased to other reviewers
        progress["seconds_until_free"] = ledger.seconds_until_free(self._db, reviewer)
        finite = {key: value if math.isfinite(value) else None for key, value in progress.items()}
        return {"items": items, "progress": finite, "round": round}

    def decide(self, values: Values) -> dict[str, Any]:
        """Decide an item, with changes as in dimjax.ledger, or None for no changes."""
        reviewer = self._reviewer_of(values, "item", "verb", "changes")
        decision = ledger.decide(
            self._db,
            values["item"],
            values["verb"],
            reviewer,
            changes=_changes(values["changes"]),
        )
        return {"decision": decision.id, "item": decision.item, "labels": list(decision.labels)}

    def decide_all(self, values: Values) -> dict[str, Any]:
        """Accept or skip all open items of a selection; those of other reviewers stay open."""
        reviewer = self._reviewer_of(values, "verb", "kinds", "sequences")
        if values["verb"] not in _BULK_VERBS:
            raise _invalid(f"verb must be one of {', '.join(_BULK_VERBS)}", values["verb"])
        with self._db.write_transaction():
            selection = (*_selection(values), ledger.current_round(self._db))
            items = ledger.get_items(self._db, ("open",), *selection)
            decisions = ledger.decide_all(self._db, items, values["verb"], reviewer)
        refused = len(items) - len(decisions)
        return {"decisions": [decision.id for decision in decisions], "refused": refused}

    def undo(self, values: Values) -> dict[str, Any]:
        """Undo a decision of the reviewer and all made as one with it; return the first item."""
        reviewer = self._reviewer_of(values, "decision")
        decision = as_int(_SUBJECT, "decision", values["decision"])
        cancellations = ledger.undo_all(self._db, reviewer, decision)
        item = self._describe(ledger.get_item(self._db, cancellations[-1].item))
        return {"item": item, "undone": sorted(undo.cancels for undo in cancellations)}

    def list_sequences(self, values: Values) -> dict[str, Any]:
        """Return all sequences, in the order of their numbers, as new_tracks describes them."""
        self._reviewer_of(values)
        return {"sequences": new_tracks.describe_sequences(self._db, self._shapes)}

    def new_track(self, values: Values) -> dict[str, Any]:
        """Make an item of a track that was clicked in some frames; lease it to the reviewer."""
        reviewer = self._reviewer_of(values, "sequence", "clicks")
        clicked = values["sequence"], values["clicks"]
        item = new_tracks.make_item(self._db, *clicked, self._frames.open, self._stride)
        with self._db.write_transaction():
            added = ledger.add_item(self._db, item, stage="click")
            extend_lease(self._db, added, reviewer, LEASE_SECONDS)
        return {"item": self._describe(ledger.get_item(self._db, added))}

    def frame(self, sequence: int, frame_index: int) -> bytes:
        """Return a whole frame of a sequence, numbered as in list_sequences."""
        names = sorted(self._shapes)
        if sequence >= len(names) or frame_index >= self._shapes[names[sequence]][0]:
            raise _invalid("the frame must exist", (sequence, frame_index))
        return self._frames.whole(names[sequence], frame_index)

    def chip(self, item: int, frame_index: int) -> bytes:
        """Return F1..F4 at an item frame."""
        shown = ledger.get_item(self._db, item)
        return self._frames.chip(shown.sequence, _item_frame(shown, frame_index))

    def surroundings(self, item: int, frame_index: int) -> bytes:
        """Return the whole frame of an item frame."""
        shown = ledger.get_item(self._db, item)
        return self._frames.whole(shown.sequence, _item_frame(shown, frame_index).frame)

    def strip(self, item: int) -> bytes:
        """Return F1 of all frames of an item."""
        shown = ledger.get_item(self._db, item)
        return self._frames.strip(shown.sequence, shown.frames)

    def _describe(self, item: Item) -> dict[str, Any]:
        return describe_item(self._db, item, self._shapes, self._stride, self._history)

    def _reviewer_of(self, values: Values, *keys: str) -> str:
        """Validate the keys of a request and return its reviewer, whose name the page holds."""
        _check_keys(values, "reviewer", "page", *keys)
        _check_reviewer(_SUBJECT, values["reviewer"])
        self._names.acquire(values["reviewer"], _page(values))
        return values["reviewer"]


def _check_keys(values: Values, *keys: str) -> None:
    if not isinstance(values, Mapping) or set(values) != set(keys):
        value = list(values) if isinstance(values, Mapping) else values
        raise _invalid(f"a request must contain {', '.join(keys)} and nothing else", value)


def _check_reviewer(subject: str, reviewer: Any) -> None:
    as_reviewer(subject, reviewer, "person")
    _check_length(subject, "reviewer", reviewer)


def _check_length(subject: str, name: str, text: str) -> None:
    if len(text) > _MAX_NAME_LENGTH:
        rule = f"{name} must have at most {_MAX_NAME_LENGTH} characters"
        raise InputError(subject, rule, len(text), "Shorten it.")


def _page(values: Values) -> str:
    _check_length(_SUBJECT, "page", as_name(_SUBJECT, "page", values["page"]))
    return values["page"]


def _selection(values: Values) -> tuple[list, list]:
    for name in ("kinds", "sequences"):
        if not isinstance(values[name], list):
            raise _invalid(f"{name} must be a list", values[name])
    return values["kinds"], values["sequences"]


def _changes(values: Any) -> list[Change] | None:
    if values is None:
        return None
    if not isinstance(values, list):
        raise _invalid("changes must be a list", values)
    return [ledger.as_change(change, _SUBJECT) for change in values]


def _item_frame(item: Item, frame_index: int) -> ItemFrame:
    if not 0 <= frame_index < len(item.frames):
        raise _invalid(f"the item has {len(item.frames)} frames", frame_index)
    return item.frames[frame_index]


def _invalid(rule: str, value: Any) -> InputError:
    return InputError(_SUBJECT, rule, repr(value), "Load the page again.")
