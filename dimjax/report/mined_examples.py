"""Examples of what was mined from the new sequences: which to show, and what became of them.

In come the places of mined items; out come one row an item, with its most telling frame.

    chosen = choose(items)                      # items: from ledger.item_table
    row = telling(places, predictions, match_px=3.0)        # of one item
"""

import numpy as np
import pandas as pd

KINDS = {
    "miss": ("miss", "unlabelled_target"),
    "false alarm": ("false_alarm",),
}
_EACH = 8
_NO_BOX = {"category": "", "w": 3.0, "h": 3.0}  # a place has none


def choose(items: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A few items of each of KINDS: by turns of all rounds, verdicts and sequences, surest first.

    Args:
      items: From ledger.item_table.

    Returns:
      For each kind the rows of all places of the chosen items.
    """
    mined = items[items.stage == "mine"]
    return {kind: _some(mined[mined.kind.isin(own)]) for kind, own in KINDS.items()}


def telling(places: pd.DataFrame, predictions: pd.DataFrame, match_px: float) -> pd.Series:
    """The place of an item to show: of a miss the least detected one, else the most detected.

    Args:
      places: Rows of one item, from ledger.item_table.
      predictions: Detections at all scores, those of its sequence among them.
      match_px: A detection nearer to a place than this is there.

    Returns:
      Its row, with score, of the strongest detection there, NaN without one; and category, w, h
      of a mark.
    """
    own = predictions[predictions.sequence == places.sequence.iloc[0]]
    scores = np.array([_strongest(row, own, match_px) for row in places.itertuples()])
    is_miss = places.kind.iloc[0] in KINDS["miss"]
    known = np.nan_to_num(scores, nan=0.0)
    k = int(known.argmin() if is_miss else known.argmax())
    return pd.Series({**places.iloc[k], "score": scores[k], **_NO_BOX})


def _some(places: pd.DataFrame) -> pd.DataFrame:
    ordered = places.drop_duplicates("item")
    ordered = ordered.sort_values(["probability", "item"], ascending=[False, True])
    turn = ordered.groupby(["round", "verb", "sequence"]).cumcount()
    first = ordered.assign(turn=turn).sort_values("turn", kind="stable").head(_EACH)
    order = first.sort_values(["round", "verb", "sequence", "frame"], kind="stable").item
    return pd.concat([places[places.item == item] for item in order] or [places])


def _strongest(row, predictions: pd.DataFrame, match_px: float) -> float:
    there = predictions[predictions.frame == row.frame]
    near = np.hypot(there.x - row.x, there.y - row.y) < match_px
    return float(there.score[near].max()) if near.any() else np.nan
