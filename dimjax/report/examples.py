"""The choice of hits, misses and false alarms to show.

chosen = choose_examples(truth, detections, thresholds, match_px=3.0)
chosen["miss"]                               # table: sequence, frame, x, y, score, snr
"""

import numpy as np
import pandas as pd

from dimjax.evaluation.figures import outcome_of
from dimjax.evaluation.slices import must_be_found

KINDS = ("hit", "miss", "false alarm")

_COUNT = 6  # examples of a kind
_CELL_PX = 16.0  # false alarms in a cell of this size have one cause, and one of them is shown
_COLUMNS = ["sequence", "frame", "x", "y", "score", "snr"]


def choose_examples(
    truth: pd.DataFrame, detections: pd.DataFrame, thresholds: dict[str, float], match_px: float
) -> dict[str, pd.DataFrame]:
    """Choose hits and misses over the range of the SNR, and the strongest false alarms, of targets.

    Args:
      truth: Label table of the evaluated sequences; columns snr and visible are optional.
      detections: All detections.
      thresholds: Category -> score from which on a detection is accepted.
      match_px: A detection nearer to a truth than this is a hit.

    Returns:
      For each of KINDS a table with sequence, frame, x, y, score, snr, spread over sequences.
      The score of a miss is that of a detection below the threshold, or NaN.
    """
    outcome, truths, detections = outcome_of(truth, detections, "target", match_px)
    accepted = outcome.score >= thresholds["target"]
    false_alarms = detections.iloc[outcome.detection[accepted & ~outcome.hit]]
    scores = np.full(len(truths), np.nan)
    scores[outcome.truth[outcome.hit]] = outcome.score[outcome.hit]
    truths = truths.assign(score=scores, snr=truths.get("snr", np.nan))
    truths = truths[must_be_found(truths)]
    is_hit = truths.score >= thresholds["target"]
    return {
        "hit": _spread_over_snr(truths[is_hit])[_COLUMNS],
        "miss": _spread_over_snr(truths[~is_hit])[_COLUMNS],
        "false alarm": _strongest(false_alarms.assign(snr=np.nan))[_COLUMNS],
    }


def round_robin(table: pd.DataFrame, group_columns: str | list[str], count: int) -> pd.DataFrame:
    """Take rows from all groups in turn: the first row of each group, then the second, ...

    Args:
      table: Rows in order of preference.
      group_columns: Columns that define the groups.
      count: Number of rows to take.
    """
    turn = table.groupby(group_columns).cumcount().to_numpy()
    return table.iloc[np.argsort(turn, kind="stable")[:count]]


def _spread_over_snr(truths: pd.DataFrame) -> pd.DataFrame:
    """Take one truth of each sixth by rising SNR, from the sequence chosen least so far."""
    ordered = truths.sort_values(["snr", "sequence", "frame"], kind="stable")
    taken, chosen = dict.fromkeys(ordered.sequence, 0), []
    for part in np.array_split(np.arange(len(ordered)), _COUNT):
        if len(part):
            names = ordered.sequence.iloc[part].tolist()
            middle = len(part) // 2
            best = min(range(len(part)), key=lambda k: (taken[names[k]], abs(k - middle)))
            taken[names[best]] += 1
            chosen.append(part[best])
    return ordered.iloc[chosen]


def _strongest(false_alarms: pd.DataFrame) -> pd.DataFrame:
    """Take the strongest false alarm of each cell, from all sequences in turn."""
    ordered = false_alarms.sort_values("score", ascending=False, kind="stable")
    cells = (ordered[["x", "y"]] // _CELL_PX).assign(sequence=ordered.sequence)
    chosen = round_robin(ordered[~cells.duplicated()], "sequence", _COUNT)
    return chosen.sort_values("score", ascending=False, kind="stable")
