"""New tracks that a reviewer clicks in whole frames, as review items.

describe_sequences(db, shapes)                              # the page chooses one of them
clicks = [[0, 41.5, 20.5], [30, 99.0, 22.0]]                # frame, x, y
item = make_item(db, "flight3", clicks, folder.sequence, stride=1)
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import pandas as pd

from dimjax import ledger
from dimjax.data.folders import Shapes
from dimjax.data.labels import CATEGORIES, check_labels
from dimjax.data.sequences import Sequence
from dimjax.errors import InputError
from dimjax.ledger import Item, Ledger
from dimjax.ledger.checks import as_float, as_int
from dimjax.review.web.frames import binning
from dimjax.suspects import track_item

_SUBJECT = "new track"


def describe_sequences(db: Ledger, shapes: Shapes) -> list[dict[str, Any]]:
    """Describe all sequences of a ledger, by name, with the number of their labels."""
    counts = ledger.labels_as_of(db).sequence.value_counts()
    return [
        {
            **{"name": name, "shape": list(shape), "binning": binning(shape)},
            "labels": int(counts.get(name, 0)),
        }
        for name, shape in sorted(shapes.items())
    ]


def make_item(
    db: Ledger, sequence: Any, clicks: Any, sequence_of: Callable[[str], Sequence], stride: int
) -> Item:
    """Make an item of a clicked track; it is not added to the ledger.

    Raises:
      InputError: The sequence is unknown, a click lies outside, or there are labels there already.
    """
    table = _as_table(sequence, clicks)
    check_labels(table, ledger.sequence_shapes(db), _SUBJECT)
    labels = ledger.labels_as_of(db)
    return track_item(table, labels, cache(sequence_of), stride, ledger.match_px(db))


def _as_table(sequence: Any, clicks: Any) -> pd.DataFrame:
    if not isinstance(sequence, str):
        raise InputError(_SUBJECT, "sequence must be a text", repr(sequence), "Name a sequence.")
    rule = "clicks must be lists of frame, x and y, one in each frame"
    is_list = isinstance(clicks, list) and bool(clicks)
    if not is_list or not all(isinstance(one, list) and len(one) == 3 for one in clicks):
        raise InputError(_SUBJECT, rule, repr(clicks), "Click the target.")
    rows = [
        (as_int(_SUBJECT, "frame", t), as_float(_SUBJECT, "x", x), as_float(_SUBJECT, "y", y))
        for t, x, y in clicks
    ]
    table = pd.DataFrame(rows, columns=["frame", "x", "y"])
    table.index = pd.Index([f"frame {frame}" for frame in table.frame], name="place")
    if table.frame.duplicated().any():
        raise InputError(_SUBJECT, rule, repr(clicks), "Click the target once in a frame.")
    return table.assign(sequence=sequence, w=1.0, h=1.0, category=CATEGORIES[0])
