"""Losses of examples in evaluation mode, as a table.

query = make_loss_query(model, mode="difference", stride=8, location_weight=10.0, ...)
table = losses_table(examples, chips_of(examples, mesh), query, variables, batch_size=256)
table.nlargest(20, "total")                         # the examples with the highest loss
"""

from collections.abc import Callable

import jax
import numpy as np
import pandas as pd

from dimjax.chips.examples import Examples
from dimjax.training.chip_feed import Chips, Streamed, feed
from dimjax.training.training_log import example_columns


def losses_table(
    data: Examples, chips: Chips | Streamed, query: Callable, variables, batch_size: int
) -> pd.DataFrame:
    """Tabulate the loss of each example.

    Args:
      data: Examples.
      chips: The same examples, from dimjax.training.chip_feed.chips_of.
      query: Loss query from dimjax.training.steps.make_loss_query.
      variables: {"params", "batch_stats"}.
      batch_size: Examples in a call.

    Returns:
      Table with id, sequence, frame and the losses location, confidence, category, total.
    """
    size = min(batch_size, len(data))
    starts = np.arange(0, len(data), size)[:, None, None]
    blocks = list(np.minimum(starts + np.arange(size), len(data) - 1))
    parts = [query(variables, fed, index[0]) for fed, index in feed(chips, blocks)]
    parts = jax.device_get(parts)
    columns = {name: np.concatenate([p[name] for p in parts])[: len(data)] for name in parts[0]}
    return pd.DataFrame({**example_columns(data), **columns})
