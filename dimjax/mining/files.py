"""The file of what a round mined: a row for each place of each item, put up for review or not.

write_mined(paths.mined, mined, shown)
read_mined(paths.mined)[["sequence", "frame", "x", "y"]]
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dimjax.data.csv_files import write_csv
from dimjax.ledger.values import Item
from dimjax.mining.settings import Mined

COLUMNS = ("shown", "kind", "category", "probability", "score", "sequence", "frame", "x", "y")


def write_mined(path: Path, mined: Mined, shown: Sequence[Item]) -> None:
    """Write the places of all that was mined; `shown` are the items that were put up.

    The category is that of the suggested label, "" where none is suggested.
    """
    put_up = set(shown)
    rows = [
        (item in put_up, item.kind, place.fix.category if place.fix else "", item.probability,
         item.score, item.sequence, place.frame, place.x, place.y)
        for item in itertools.chain(*mined)
        for place in item.places
    ]  # fmt: skip
    write_csv(pd.DataFrame(rows, columns=COLUMNS).astype({"shown": int}), path)


def read_mined(path: Path) -> pd.DataFrame:
    """The table that write_mined wrote."""
    texts = dict.fromkeys(("kind", "category", "sequence"), "str")
    return pd.read_csv(path, dtype=texts, keep_default_na=False)
