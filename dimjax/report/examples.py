"""The hits, misses and false alarms of a round on full frames, and the choice of a few to show.

evaluated = read_evaluated(context, figures)
tables = outcome_tables(evaluated, "target")
tables["miss"]                               # table: sequence, frame, x, y, w, h, score, ratio, ...
choose_examples(tables)["miss"]              # six of them
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.csv_files import read_own_table
from dimjax.data.scr import measure_scr
from dimjax.evaluation.figures import outcome_of
from dimjax.evaluation.slices import must_be_found, ratio_of
from dimjax.evaluation.thresholds import accepted
from dimjax.report import tables
from dimjax.runs.context import RoundContext

KINDS = ("hit", "miss", "false alarm")

_COUNT = 6  # examples of a kind
_CELL_PX = 16.0  # false alarms in a cell of this size have one cause, and one of them is shown
_BOX = ("frame", "x", "y", "w", "h")
_COLUMNS = ["sequence", *_BOX, "category", "score", "ratio"]


class Evaluated(NamedTuple):
    """What the evaluation of a round compared, in the sequences that it measured."""

    truth: pd.DataFrame  # label table, also of targets that need not be found
    detections: pd.DataFrame  # at all scores
    thresholds: dict[str, float]  # category -> score from which on a detection is accepted
    match_px: float

    @property
    def accepted(self) -> pd.DataFrame:
        """The detections that reach the threshold of their category."""
        return accepted(self.detections, self.thresholds)

    @property
    def hidden(self) -> pd.DataFrame:
        """The truths that need not be found."""
        return self.truth[~must_be_found(self.truth)]


def read_evaluated(context: RoundContext, figures: dict) -> Evaluated:
    """Read the truth and the detections of a round's evaluation.

    Args:
      context: Context of the round.
      figures: Its evaluation.json.
    """
    detections = read_own_table(context.paths.detections, ["sequence"], [*_BOX, "score"])
    names = figures["sequences"]
    truth = context.reference[context.reference.sequence.isin(names)]
    match_px = figures["frames"]["match_px"]
    return Evaluated(truth, detections, tables.thresholds(figures), match_px)


def outcome_tables(
    evaluated: Evaluated, category: str, context: RoundContext | None = None
) -> dict[str, pd.DataFrame]:
    """Divide truths and detections of a category into hits, misses and false alarms.

    Args:
      evaluated: The truth and the detections.
      category: Category.
      context: Its folder's frames give the SCR of misses without an SNR; None leaves it out.

    Returns:
      For each of KINDS a table with sequence, frame, x, y, w, h, category, score, and ratio, the
      effective SNR, or the SCR, of a truth. The score of a miss is that of a detection below the
      threshold, or NaN.
    """
    outcome, truths, detections = outcome_of(
        evaluated.truth, evaluated.detections, category, evaluated.match_px
    )
    threshold = evaluated.thresholds[category]
    false = outcome.detection[(outcome.score >= threshold) & ~outcome.hit]
    scores = np.full(len(truths), np.nan)
    scores[outcome.truth[outcome.hit]] = outcome.score[outcome.hit]
    truths = truths.assign(score=scores)[must_be_found(truths)]
    is_hit = truths.score >= threshold
    misses = truths[~is_hit]
    if context is not None and "snr" not in truths:
        misses = misses.assign(scr=measure_scr(misses, context.folder.sequence))
    return {
        "hit": _with_ratio(truths[is_hit])[_COLUMNS],
        "miss": _with_ratio(misses)[_COLUMNS],
        "false alarm": detections.iloc[false].assign(ratio=np.nan)[_COLUMNS],
    }


def choose_examples(outcomes: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Choose hits and misses over the range of the SNR, and the strongest false alarms.

    Args:
      outcomes: From outcome_tables.

    Returns:
      A few rows of each table, spread over sequences.
    """
    return {
        "hit": _spread_over_ratio(outcomes["hit"]),
        "miss": _spread_over_ratio(outcomes["miss"]),
        "false alarm": _strongest(outcomes["false alarm"]),
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


def _with_ratio(truths: pd.DataFrame) -> pd.DataFrame:
    ratio = ratio_of(truths)
    return truths.assign(ratio=np.nan if ratio is None else ratio.values)


def _spread_over_ratio(truths: pd.DataFrame) -> pd.DataFrame:
    """Take one truth of each sixth by rising ratio, from the sequence chosen least so far."""
    ordered = truths.sort_values(["ratio", "sequence", "frame"], kind="stable")
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
