"""The loss of an item frame over the epochs of a training, as the review page plots it.

The recorded losses of a round give, for a frame, the mean loss of its chips in each epoch, and for
comparison the median of all examples.

    history = from_losses(lambda round: training_logs[round].read_losses(LOSS_COLUMNS))
    history(item, item.frames[0])                   # LossHistory, or None if not available
"""

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import pandas as pd

from dimjax.ledger import Item, ItemFrame

LOSS_COLUMNS = ("epoch", "sequence", "frame", "total")

Curve = list[tuple[int, float]]  # epoch, loss


class LossHistory(NamedTuple):
    """Losses over the epochs of the training that preceded an item."""

    loss: Curve  # mean over the chips of the frame
    typical: Curve  # median over all examples


HistoryOf = Callable[[Item, ItemFrame], LossHistory | None]


def from_losses(read_losses: Callable[[int], pd.DataFrame | None]) -> HistoryOf:
    """Return a function that looks up the history of an item frame; it reads tables on demand.

    Args:
      read_losses: Round -> table with LOSS_COLUMNS, None as long as the round is not trained.
    """
    lock = threading.Lock()

    @lru_cache(2)
    def read(round: int) -> tuple[pd.Series, Curve]:
        table = read_losses(round)
        if table is None:  # an exception is not cached
            raise LookupError(round)
        table = table.astype({"sequence": "category"})
        by_frame = table.groupby(["sequence", "frame", "epoch"], observed=True).total.mean()
        return by_frame.sort_index(), _curve(table.groupby("epoch").total.median())

    def history(item: Item, item_frame: ItemFrame) -> LossHistory | None:
        try:
            with lock:
                by_frame, typical = read(item.round)
        except LookupError:
            return None
        key = (item.sequence, item_frame.frame)
        if key not in by_frame.index:
            return None
        return LossHistory(_curve(by_frame.loc[key]), typical)

    return history


def _curve(losses: pd.Series) -> Curve:
    return [(int(epoch), float(loss)) for epoch, loss in losses.items()]
