"""Final losses of the chips of a kept round, with a mark for those near planted errors.

context = RoundContext(read_config(workdir), Paths(workdir))
first, last = last_losses(context), last_losses(context.of_round(5))
same_chips(first, last)[["first", "last"]].mean()
"""

import pandas as pd

from dimjax.label_noise import planting
from dimjax.runs.context import RoundContext

_SHIFT_PX = 4  # largest distance of a planted error from its label


def last_losses(context: RoundContext) -> pd.DataFrame:
    """Read the total loss of each chip in the last epoch of a round's training.

    Planted errors are not part of the data, and the last round has none. Chips near them, most of
    which contain a label, are therefore marked.

    Returns:
      Table with id, total, and planted: whether a planted error lies in or near the chip.
    """
    paths = context.paths
    losses = paths.training_log.read_losses(["id", "total"], last=True)
    plan = pd.read_csv(paths.plan, dtype={"sequence": "str"}, keep_default_na=False)
    planted = planting.read(paths.planted)
    near = chips_near(plan, planted, context.config.chips.chip_px, _SHIFT_PX)
    return losses.assign(planted=losses.id.isin(near))


def same_chips(first: pd.DataFrame, last: pd.DataFrame) -> pd.DataFrame:
    """Select the chips of both rounds that are not near an error planted in either.

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


def chips_near(plan: pd.DataFrame, points: pd.DataFrame, chip_px: int, margin_px: float) -> set:
    """Return the ids of the chips that contain a point or have one within a margin.

    Args:
      plan: Table with id, sequence, frame, x0, y0.
      points: Table with sequence, frame, x, y.
      chip_px: Height and width of a chip, pixels.
      margin_px: Width of the margin, pixels.
    """
    if points.empty:
        return set()
    pairs = plan.merge(points[["sequence", "frame", "x", "y"]], on=["sequence", "frame"])
    across, down = pairs.x - pairs.x0, pairs.y - pairs.y0
    near = across.between(-margin_px, chip_px + margin_px)
    return set(pairs.id[near & down.between(-margin_px, chip_px + margin_px)])
