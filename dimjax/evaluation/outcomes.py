"""Each accepted detection as a hit or a false alarm, each truth without one as a miss, as a table.

table = outcomes(truth, accepted(detections, thresholds), match_px=3.0)
by_sequence(table, frames={"flight3": 250})["flight3"]["target"]["misses"]
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.evaluation.figures import outcome_of
from dimjax.evaluation.slices import must_be_found

HIT, FALSE_ALARM, MISS, HIDDEN = "hit", "false alarm", "miss", "hidden"
_DECIMALS = 4
OUTCOME_COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "score", "outcome")


def outcomes(truth: pd.DataFrame, detections: pd.DataFrame, match_px: float) -> pd.DataFrame:
    """Match accepted detections with the truths of their own category.

    Args:
      truth: Label table; of truths with visible < MIN_VISIBLE, neither misses nor hits count.
      detections: Accepted detections, with columns as OUTCOME_COLUMNS except outcome.
      match_px: A detection nearer to a truth than this is a hit.

    Returns:
      Table with OUTCOME_COLUMNS, in the order of sequences and frames: the detections, "hit",
      "false alarm" or "hidden" (at a truth that need not be found), and the truths that were not
      detected, "miss", with their own box and without a score.
    """
    parts = []
    for category in CATEGORIES:
        outcome, truths, found = outcome_of(truth, detections, category, match_px)
        name = np.full(len(found), HIDDEN, object)
        name[outcome.detection] = np.where(outcome.hit, HIT, FALSE_ALARM)
        detected = np.zeros(len(truths), bool)
        detected[outcome.truth[outcome.hit]] = True
        missed = truths[must_be_found(truths) & ~detected].assign(score=np.nan, outcome=MISS)
        parts += [found.assign(outcome=name), missed]
    table = pd.concat([part[list(OUTCOME_COLUMNS)].astype({"score": float}) for part in parts])
    table = table.sort_values(["sequence", "frame"], kind="stable", ignore_index=True)
    return table.round(_DECIMALS)


def by_sequence(table: pd.DataFrame, frames: Mapping[str, int]) -> dict[str, dict]:
    """Count outcomes by sequence and category.

    Args:
      table: From `outcomes`.
      frames: Sequence -> number of its frames.

    Returns:
      Sequence -> frames, and category -> truths, hits, misses and false_alarms.
    """
    counts = table.groupby(["sequence", "category", "outcome"]).size().to_dict()
    result = {}
    for name, length in frames.items():
        result[name] = {"frames": length}
        for category in CATEGORIES:
            hits, misses, false_alarms = (
                int(counts.get((name, category, outcome), 0))
                for outcome in (HIT, MISS, FALSE_ALARM)
            )
            result[name][category] = {
                "truths": hits + misses,
                "hits": hits,
                "misses": misses,
                "false_alarms": false_alarms,
            }
    return result
