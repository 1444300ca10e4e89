"""The loss of a place over the epochs of a training, as the review page draws it.

In comes the losses.parquet of a round; out come, for a frame, the mean loss of its chips in each
epoch, and the median of all examples to compare it with.

    history = from_losses(lambda round: f"runs/demo/rounds/{round}/losses.parquet")
    history(item, item.places[0])                   # History, or None where there is none
"""

import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dimjax.ledger import Item, Place

Curve = list[tuple[int, float]]  # epoch, loss


class History(NamedTuple):
    """Losses over the epochs of the training that came before an item."""

    loss: Curve  # mean of the chips of the place's frame
    typical: Curve  # median of all examples


def from_losses(
    path_of: Callable[[int], str | Path],
) -> Callable[[Item, Place], History | None]:
    """The history of any place, from the tables of the rounds; read when first asked for.

    Args:
      path_of: Round -> losses.parquet, with epoch, sequence, frame and total.
    """
    lock = threading.Lock()

    @lru_cache(2)
    def read(path: str) -> tuple[pd.Series, Curve]:
        table = pd.read_parquet(path, columns=["epoch", "sequence", "frame", "total"])
        table = table.astype({"sequence": "category"})
        by_frame = table.groupby(["sequence", "frame", "epoch"], observed=True).total.mean()
        return by_frame.sort_index(), _curve(table.groupby("epoch").total.median())

    def history(item: Item, place: Place) -> History | None:
        path = Path(path_of(item.round))
        if not path.exists():
            return None
        with lock:
            by_frame, typical = read(str(path))
        if (item.sequence, place.frame) not in by_frame.index:
            return None
        return History(_curve(by_frame.loc[(item.sequence, place.frame)]), typical)

    return history


def _curve(losses: pd.Series) -> Curve:
    return [(int(epoch), float(loss)) for epoch, loss in losses.items()]
