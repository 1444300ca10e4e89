"""The file of a round's mined items: one row for each frame of each item.

write_mined(paths.mined, mined, queued)
read_mined(paths.mined)[["sequence", "frame", "x", "y"]]
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dimjax.data.csv_files import read_own_table, write_csv
from dimjax.ledger.values import Item
from dimjax.mining.settings import Mined

COLUMNS = ("shown", "kind", "category", "probability", "score", "sequence", "frame", "x", "y")


def write_mined(path: Path, mined: Mined, queued: Sequence[Item]) -> None:
    """Write the locations of all mined items.

    The column shown is 1 for items in `queued`, those that were queued for review. The category is
    that of the suggested label, "" without a suggestion.
    """
    in_queue = set(queued)
    rows = [
        (item in in_queue, item.kind, frame.fix.category if frame.fix else "", item.probability,
         item.score, item.sequence, frame.frame, frame.x, frame.y)
        for item in itertools.chain(*mined)
        for frame in item.frames
    ]  # fmt: skip
    write_csv(pd.DataFrame(rows, columns=COLUMNS).astype({"shown": int}), path)


def read_mined(path: Path) -> pd.DataFrame:
    """Read the table that write_mined wrote."""
    texts = ("kind", "category", "sequence")
    return read_own_table(path, texts, [name for name in COLUMNS if name not in texts])
