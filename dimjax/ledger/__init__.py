"""The ledger: the SQLite file of a run, with its labels, review items and decisions.

It is created with the labels of round 0. Stages add review items, and reviewers decide them. The
labels as of any round can be reconstructed, since decisions are only ever appended: an undo is a
further decision. Acknowledged decisions survive kill -9, and several processes and threads may use
one file.

    shapes = {"flight3": (100, 512, 640)}
    with ledger.create_or_open("runs/demo/ledger.sqlite", labels, shapes, match_px=3.0) as db:
        fix = Change(label=3, x=44.0, y=20.5)
        frame = ItemFrame(frame=7, x=41.5, y=20.5, label=3, fix=fix)
        item = Item("wrong_position", "flight3", 0.9, "3 px off the track", (frame,))
        ledger.add_items(db, [item], stage="refine")
        ledger.decide(db, ledger.lease_items(db, "ann")[0].id, "accept", "ann")
        ledger.begin_round(db, 1)
        ledger.labels_as_of(db, 1)                      # the labels that round 1 trains on
"""

from dimjax.ledger.creation import (
    add_sequences,
    begin_round,
    create_or_open,
    current_round,
    match_px,
    sequence_shapes,
)
from dimjax.ledger.database import Ledger, open_ledger
from dimjax.ledger.decisions import DuplicateLabelError, decide, decide_all, undo, undo_all
from dimjax.ledger.items import add_item, add_items, get_item
from dimjax.ledger.label_history import (
    diff,
    export,
    labels_as_of,
    labels_of_frame,
)
from dimjax.ledger.queue import (
    UnavailableItemError,
    count_decided,
    get_items,
    lease_items,
    progress,
    seconds_until_free,
)
from dimjax.ledger.tables import decision_table, item_table, standing_decisions
from dimjax.ledger.values import (
    KINDS,
    REVIEWER_KINDS,
    STATES,
    VERBS,
    Change,
    Decision,
    Item,
    ItemFrame,
    Label,
    Progress,
    as_change,
)

__all__ = [
    "KINDS",
    "REVIEWER_KINDS",
    "STATES",
    "VERBS",
    "Change",
    "Decision",
    "DuplicateLabelError",
    "Item",
    "ItemFrame",
    "Label",
    "Ledger",
    "Progress",
    "UnavailableItemError",
    "add_item",
    "add_items",
    "add_sequences",
    "as_change",
    "begin_round",
    "count_decided",
    "create_or_open",
    "current_round",
    "decide",
    "decide_all",
    "decision_table",
    "diff",
    "export",
    "get_item",
    "get_items",
    "item_table",
    "labels_as_of",
    "labels_of_frame",
    "lease_items",
    "match_px",
    "open_ledger",
    "progress",
    "seconds_until_free",
    "sequence_shapes",
    "standing_decisions",
    "undo",
    "undo_all",
]
