"""The desk: what the page asks for, as functions of plain values.

In come mappings as JSON gives them, each checked, and each with the reviewer's name and the page
that asks; out come mappings. A decision is answered when the ledger has it on the disk.

    desk = Desk(book, frames, stride=1, reviewer="ann")
    desk.begin({"reviewer": "", "page": "4f1c", "take_over": False})
    desk.draw({"reviewer": "ann", "page": "4f1c", "count": 4, ...})["items"]
"""

import math
from collections.abc import Mapping
from typing import Any

from dimjax import ledger
from dimjax.errors import InputError
from dimjax.ledger import Change, Ledger
from dimjax.ledger.values import name_of, text, whole
from dimjax.review.web.frames import Frames
from dimjax.review.web.items import Histories, described
from dimjax.review.web.name_locks import Reviewers

Values = Mapping[str, Any]

_WHERE = "review page"
_LONGEST_NAME = 60
_MOST_ITEMS = 50  # at once


class Desk:
    """All that the page may ask for; threads may share it.

    Args:
      book: The ledger.
      frames: Of its sequences.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
      reviewer: Name of who opens the page first; "" asks on the page.
      history: Loss history of a place, where there is one.
    """

    def __init__(
        self,
        book: Ledger,
        frames: Frames,
        stride: int,
        reviewer: str = "",
        history: Histories | None = None,
    ):
        if reviewer:
            _check_name("--reviewer", reviewer)
        self._book, self._frames, self._stride = book, frames, stride
        self._reviewer, self._history = reviewer, history
        self._shapes = ledger.sequence_shapes(book)
        self._reviewers = Reviewers()

    def begin(self, values: Values) -> dict[str, Any]:
        """Open or reopen a page: its reviewer, what there is to review, and what can be undone.

        The reviewer of the answer is None where the page has to ask for a name.
        """
        _check_keys(values, "reviewer", "page", "take_over")
        if not isinstance(values["take_over"], bool):
            raise _wrong("take_over must be true or false", values["take_over"])
        run = self._book.path.absolute().parent
        answer = {"run": run.name, "workdir": str(self._book.path.parent), "reviewer": None}
        reviewer = text(_WHERE, "reviewer", values["reviewer"]).strip() or self._reviewer
        if not reviewer:
            return answer
        _check_name(_WHERE, reviewer)
        self._reviewers.hold(reviewer, _page(values), values["take_over"])
        round = ledger.current_round(self._book)
        table = ledger.item_table(self._book, round)
        return {
            **answer,
            "reviewer": reviewer,
            "round": round,
            "kinds": [kind for kind in ledger.KINDS if kind in set(table.kind)],
            "sequences": sorted(table.sequence.unique()),
            "decisions": self._standing(reviewer, round),
        }

    def here(self, values: Values) -> dict[str, Any]:
        """Say that the page is still open."""
        self._held(values)
        return {}

    def draw(self, values: Values) -> dict[str, Any]:
        """The next items, how far the review is, and of which round."""
        chosen = ("kinds", "sequences", "skipped", "count")
        reviewer = self._held(values, *chosen)
        for name in ("kinds", "sequences"):
            if not isinstance(values[name], list):
                raise _wrong(f"{name} must be a list", values[name])
        if not isinstance(values["skipped"], bool):
            raise _wrong("skipped must be true or false", values["skipped"])
        if whole(_WHERE, "count", values["count"]) > _MOST_ITEMS:
            raise _wrong(f"count must be {_MOST_ITEMS} at most", values["count"])
        drawn = ledger.draw(self._book, reviewer, **{name: values[name] for name in chosen})
        with self._book.reading():
            items = [self._described(item) for item in drawn]
            filters = (values["kinds"], values["sequences"])
            progress = ledger.progress(self._book, *filters, reviewer)._asdict()
            round = ledger.current_round(self._book)
        progress["leased"] -= len(drawn)  # what is left is in the hands of others
        finite = {k: v if math.isfinite(v) else None for k, v in progress.items()}
        return {"items": items, "progress": finite, "round": round}

    def decide(self, values: Values) -> dict[str, Any]:
        """Settle an item; changes are those of dimjax.ledger, or None for none of one's own."""
        reviewer = self._held(values, "item", "verb", "changes")
        decision = ledger.decide(
            self._book,
            values["item"],
            values["verb"],
            reviewer,
            changes=_changes(values["changes"]),
        )
        return {"decision": decision.id, "item": decision.item, "labels": list(decision.labels)}

    def undo(self, values: Values) -> dict[str, Any]:
        """Undo a decision; its item comes back."""
        reviewer = self._held(values, "decision")
        undone = ledger.undo(self._book, reviewer, whole(_WHERE, "decision", values["decision"]))
        return {"item": self._described(ledger.get_item(self._book, undone.item))}

    def chip(self, item: int, place: int) -> bytes:
        """F1..F4 of a place."""
        found = ledger.get_item(self._book, item)
        return self._frames.chip(found.sequence, _one(found, place))

    def surroundings(self, item: int, place: int) -> bytes:
        """The whole frame of a place."""
        found = ledger.get_item(self._book, item)
        return self._frames.surroundings(found.sequence, _one(found, place))

    def strip(self, item: int) -> bytes:
        """F1 of all places."""
        found = ledger.get_item(self._book, item)
        return self._frames.strip(found.sequence, found.places)

    def _described(self, item: ledger.Item) -> dict[str, Any]:
        return described(self._book, item, self._shapes, self._stride, self._history)

    def _held(self, values: Values, *keys: str) -> str:
        """The reviewer who asks, after a look at the keys."""
        _check_keys(values, "reviewer", "page", *keys)
        _check_name(_WHERE, values["reviewer"])
        self._reviewers.hold(values["reviewer"], _page(values))
        return values["reviewer"]

    def _standing(self, reviewer: str, round: int) -> list[int]:
        """The reviewer's decisions of a round that can be undone, the newest last."""
        table = ledger.decision_table(self._book)
        own = table.reviewer.eq(reviewer) & table["round"].eq(round)
        return table.decision[own & ~table.undone & (table.verb != "undo")].tolist()


def _check_keys(values: Values, *keys: str) -> None:
    if not isinstance(values, Mapping) or set(values) != set(keys):
        found = list(values) if isinstance(values, Mapping) else values
        raise _wrong(f"a request must hold {', '.join(keys)} and nothing else", found)


def _check_name(where: str, reviewer: Any) -> None:
    name_of(where, "reviewer", reviewer)
    if len(reviewer) > _LONGEST_NAME:
        rule = f"reviewer must be {_LONGEST_NAME} letters at most"
        raise InputError(where, rule, len(reviewer), "Shorten it.")


def _page(values: Values) -> str:
    return name_of(_WHERE, "page", values["page"])


def _changes(values: Any) -> list[Change] | None:
    if values is None:
        return None
    if not isinstance(values, list):
        raise _wrong("changes must be a list", values)
    return [ledger.as_change(change, _WHERE) for change in values]


def _one(item: ledger.Item, place: int) -> ledger.Place:
    if not 0 <= place < len(item.places):
        raise _wrong(f"place must be one of the item's {len(item.places)}", place)
    return item.places[place]


def _wrong(rule: str, found: Any) -> InputError:
    return InputError(_WHERE, rule, repr(found), "Load the page again.")
