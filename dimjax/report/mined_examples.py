"""The choice of mined items to show, each in one frame, with the decision on it.

chosen = choose_items(ledger.item_table(db))
row = choose_frame(frames, predictions, match_px=3.0)      # frames: of one item
"""

import numpy as np
import pandas as pd

from dimjax.report.examples import round_robin

KINDS = {
    "miss": ("miss", "unlabelled_target"),
    "false alarm": ("false_alarm",),
}
_COUNT = 8  # items of a kind
_NO_BOX = {"category": "", "w": 3.0, "h": 3.0}  # an item's frame has a point and no box


def choose_items(items: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Choose a few mined items, from all rounds, decisions and sequences in turn.

    Args:
      items: Table from ledger.item_table.

    Returns:
      For each of KINDS the rows of all frames of the chosen items, the most probable items of a
      round, decision and sequence.
    """
    mined = items[items.stage == "mine"]
    return {name: _choose(mined[mined.kind.isin(kinds)]) for name, kinds in KINDS.items()}


def choose_frame(frames: pd.DataFrame, predictions: pd.DataFrame, match_px: float) -> pd.Series:
    """Choose the frame of an item to show: of a miss the worst detected one, else the best.

    Args:
      frames: Rows of one item, from ledger.item_table.
      predictions: Detections of its sequence at all scores, possibly with those of others.
      match_px: A detection nearer to the item's point than this belongs to it.

    Returns:
      The row with the score of the strongest detection at its point, or NaN, and with the columns
      category, w, h of a mark.
    """
    predictions = predictions[predictions.sequence == frames.sequence.iloc[0]]
    scores = np.array([_strongest(row, predictions, match_px) for row in frames.itertuples()])
    is_miss = frames.kind.iloc[0] in KINDS["miss"]
    ranks = np.nan_to_num(scores, nan=0.0)
    k = int(ranks.argmin() if is_miss else ranks.argmax())
    return pd.Series({**frames.iloc[k], "score": scores[k], **_NO_BOX})


def _choose(frames: pd.DataFrame) -> pd.DataFrame:
    items = frames.drop_duplicates("item")
    items = items.sort_values(["probability", "item"], ascending=[False, True])
    chosen = round_robin(items, ["round", "verb", "sequence"], _COUNT)
    order = chosen.sort_values(["round", "verb", "sequence", "frame"], kind="stable").item
    return pd.concat([frames[frames.item == item] for item in order] or [frames])


def _strongest(row, predictions: pd.DataFrame, match_px: float) -> float:
    """Return the highest score within match_px of the point of a row, or NaN."""
    in_frame = predictions[predictions.frame == row.frame]
    near = np.hypot(in_frame.x - row.x, in_frame.y - row.y) < match_px
    return float(in_frame.score[near].max()) if near.any() else np.nan
