"""Losses that a kept round ended with, and which of them planted errors inflate.

In come the paths of a round; out comes a row for each chip that it was trained on.

    first, last = (last_losses(Paths("table3.work/cpu-0/oracle", k), chip_px=32) for k in (0, 5))
    same_chips(first, last)[["first", "last"]].mean()
"""

import pandas as pd

from dimjax.label_noise import planting
from dimjax.runs.workdir import Paths

_SHIFT_PX = 4  # a planted error lies so far off its label at most


def last_losses(paths: Paths, chip_px: int) -> pd.DataFrame:
    """The total loss of each chip in the last epoch, as it was trained on.

    Errors that dimjax itself planted, which the last round has none of, are no part of the data:
    their chips, most of which hold a label, are marked.

    Returns:
      Table with id, total, and planted: whether a planted error lies in or near the chip.
    """
    losses = pd.read_parquet(paths.losses, columns=["epoch", "id", "total"])
    own = losses[losses.epoch == losses.epoch.max()]
    plan = pd.read_csv(paths.plan, dtype={"sequence": "str"}, keep_default_na=False)
    planted = planting.read(paths.planted)
    touched = chips_near(plan, planted, chip_px, _SHIFT_PX)
    return own.assign(planted=own.id.isin(touched))[["id", "total", "planted"]]


def same_chips(first: pd.DataFrame, last: pd.DataFrame) -> pd.DataFrame:
    """The chips that two rounds have, but for those near an error planted in one of them.

    Args:
      first: From last_losses.
      last: From last_losses.

    Returns:
      Table with id and both losses, first and last.
    """
    parts = [
        table[~table.planted].rename(columns={"total": name})[["id", name]]
        for name, table in (("first", first), ("last", last))
    ]
    return parts[0].merge(parts[1], on="id")


def chips_near(plan: pd.DataFrame, places: pd.DataFrame, chip_px: int, margin_px: float) -> set:
    """Ids of the chips of a plan that hold a place, or have one at most margin_px outside.

    Args:
      plan: With id, sequence, frame, x0, y0.
      places: With sequence, frame, x, y.
      chip_px: Height and width of a chip, pixels.
      margin_px: Width of the rim around it.
    """
    if places.empty:
        return set()
    pairs = plan.merge(places[["sequence", "frame", "x", "y"]], on=["sequence", "frame"])
    across, down = pairs.x - pairs.x0, pairs.y - pairs.y0
    near = across.between(-margin_px, chip_px + margin_px)
    return set(pairs.id[near & down.between(-margin_px, chip_px + margin_px)])
