"""Figures of the rounds of a kept run, as the rows of Table 3.

    rows_of(Path("table3.work/cpu-0/oracle"))[0]["recall_at_precision"]

The last round is not reviewed and has no figures of a review; NaN stands for missing values.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from kept_losses import last_losses, same_chips

from dimjax import ledger
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, newest_round, read_config

MIN_PRECISION = 0.95
REVIEW = (
    "shown",
    "worth",
    "changed",
    "decisions",
    "by_frame",
    "mined_decisions",
    "mined_changed",
)


def rows_of(workdir: Path) -> list[dict]:
    """Compute a row for each trained round of a run."""
    context = RoundContext(read_config(workdir), Paths(workdir))
    first = last_losses(context)
    rounds = range(newest_round(workdir) + 1)
    return [row_of(context.of_round(number), first) for number in rounds]


def row_of(context: RoundContext, first: pd.DataFrame) -> dict[str, float]:
    """Compute the row of a round.

    Args:
      context: The round.
      first: Losses of the first round, from last_losses.

    Returns:
      round, epochs, images (chips in its training data); precision, recall, f1 of targets on full
      test frames at the run's own threshold; recall_at_precision, see operating_point; loss, the
      mean of the last epoch; same_loss, the mean over the chips that the first round has too,
      without those near planted errors; and the figures of review_of.
    """
    target = json.loads(context.paths.evaluation.read_text())["frames"]["categories"]["target"]
    losses = last_losses(context)
    return {
        "round": context.number + 1,
        "epochs": context.epochs,
        "images": len(losses),
        **{name: target[name] for name in ("precision", "recall", "f1")},
        "recall_at_precision": operating_point(target["curve"])["recall"],
        "loss": float(losses.total.mean()),
        "same_loss": float(same_chips(first, losses)["last"].mean()),
        **review_of(context.paths),
    }


def operating_point(
    curve: Mapping[str, list[float]], min_precision: float = MIN_PRECISION
) -> dict[str, float]:
    """Find the point of highest recall with a minimum precision.

    Args:
      curve: Lists threshold, precision, recall, f1 of evaluation.json, on the test frames.
      min_precision: 0 to 1.

    Returns:
      threshold, precision, recall and f1 there. If no threshold is precise enough, nothing is
      accepted: threshold NaN, precision 1, recall and F1 0.
    """
    table = pd.DataFrame({n: curve[n] for n in ("threshold", "precision", "recall", "f1")})
    precise = table[table.precision >= min_precision]
    if precise.empty:
        return {"threshold": math.nan, "precision": 1.0, "recall": 0.0, "f1": 0.0}
    return precise.loc[precise.recall.idxmax()].to_dict()


def review_of(paths: Paths) -> dict[str, float]:
    """Read the figures of a round's review.

    Returns:
      shown: items queued; worth: items whose decision changed a label; changed: labels corrected,
      added or removed; decisions; by_frame: decisions if each frame of an item needed its own;
      mined_decisions and mined_changed: those of mined items only. All NaN without a review.
    """
    if not (paths.reviewed.exists() and paths.ledger.exists()):
        return dict.fromkeys(REVIEW, math.nan)
    review = json.loads(paths.reviewed.read_text())
    with ledger.open_ledger(paths.ledger) as db:
        items, decisions = ledger.item_table(db, paths.number), ledger.standing_decisions(db)
    mined = items[(items.stage == "mine") & (items.state == "decided")].item.unique()
    return {
        "shown": review["items"],
        "worth": review["worth_it"],
        "changed": review["labels_changed"],
        "decisions": review["decided"],
        "by_frame": int((items.state == "decided").sum()),
        "mined_decisions": len(mined),
        "mined_changed": int(decisions[decisions.item.isin(mined)].labels.sum()),
    }
