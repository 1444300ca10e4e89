"""The ledger: the one SQLite file of a run, with labels, review items and decisions.

In come the labels of round 0, the items that stages found, and what reviewers decide; out come
the labels as of any round. Decisions are only ever appended: an undo is one more decision. What
was acknowledged survives kill -9, and any number of processes and threads may use one file.

    with ledger.begin("runs/demo/ledger.sqlite", labels, {"flight3": (100, 512, 640)}) as book:
        place = Place(frame=7, x=41.5, y=20.5, label=3, fix=Change(label=3, x=44.0, y=20.5))
        item = Item("wrong_position", "flight3", 0.9, "3 px off the track", (place,))
        ledger.add_items(book, [item], stage="refine")
        ledger.decide(book, ledger.draw(book, "ann")[0].id, "accept", "ann")
        ledger.begin_round(book, 1)
        ledger.labels_as_of(book, 1)                    # what round 1 is trained on
"""

from dimjax.ledger.creation import (
    add_sequences,
    begin,
    begin_round,
    current_round,
    sequence_shapes,
)
from dimjax.ledger.database import Ledger, open_ledger
from dimjax.ledger.decisions import decide, decision_table, undo
from dimjax.ledger.items import add_items, get_item
from dimjax.ledger.label_history import (
    diff,
    export,
    label_history,
    labels_as_of,
    labels_of_frame,
)
from dimjax.ledger.queue import decided_by, draw, get_items, item_table, progress
from dimjax.ledger.values import (
    KINDS,
    REVIEWERS,
    STATES,
    VERBS,
    Change,
    Decision,
    Item,
    Label,
    Place,
    Progress,
    as_change,
)

__all__ = [
    "KINDS",
    "REVIEWERS",
    "STATES",
    "VERBS",
    "Change",
    "Decision",
    "Item",
    "Label",
    "Ledger",
    "Place",
    "Progress",
    "add_items",
    "add_sequences",
    "as_change",
    "begin",
    "begin_round",
    "current_round",
    "decide",
    "decided_by",
    "decision_table",
    "diff",
    "draw",
    "export",
    "get_item",
    "get_items",
    "item_table",
    "label_history",
    "labels_as_of",
    "labels_of_frame",
    "open_ledger",
    "progress",
    "sequence_shapes",
    "undo",
]
