"""What a kept run has to say of each of its rounds, as the rows of Table 3.

    rows_of(Path("table3.work/cpu-0/oracle"))[0]["recall_at_precision"]

The last round is not reviewed, and so has no figures of a review; NaN stands for what is not there.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from kept_losses import last_losses, same_chips

from dimjax import ledger
from dimjax.runs.workdir import Paths, newest_round, read_config
from dimjax.stages.train import epochs_of

LEAST_PRECISION = 0.95
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
    """A row for each trained round of a run."""
    config = read_config(workdir)
    rounds = range(newest_round(workdir) + 1)
    return [row_of(config, Paths(workdir, number)) for number in rounds]


def row_of(config, paths: Paths) -> dict[str, float]:
    """The row of a round.

    Returns:
      round, epochs, images (chips that it was trained on); precision, recall, f1 of targets on full
      test frames at the run's own threshold; recall_at_precision, see operating_point; loss, the
      mean of the last epoch; same_loss, that of the chips that the first round has too, without
      planted errors; and the figures of review_of.
    """
    target = json.loads(paths.evaluation.read_text())["frames"]["categories"]["target"]
    first, losses = (last_losses(own, config.chips.chip_px) for own in (paths.of_round(0), paths))
    return {
        "round": paths.number + 1,
        "epochs": epochs_of(config, paths.number),
        "images": len(losses),
        **{name: target[name] for name in ("precision", "recall", "f1")},
        "recall_at_precision": operating_point(target["curve"])["recall"],
        "loss": float(losses.total.mean()),
        "same_loss": float(same_chips(first, losses)["last"].mean()),
        **review_of(paths),
    }


def operating_point(
    curve: Mapping[str, list[float]], least: float = LEAST_PRECISION
) -> dict[str, float]:
    """The point of the highest recall at a precision of at least `least`.

    Args:
      curve: Lists threshold, precision, recall, f1 of evaluation.json, on the test frames.
      least: Precision, 0..1.

    Returns:
      threshold, precision, recall and f1 there; where no threshold is so precise, nothing is
      accepted: threshold NaN, precision 1, recall and F1 0.
    """
    table = pd.DataFrame({n: curve[n] for n in ("threshold", "precision", "recall", "f1")})
    precise = table[table.precision >= least]
    if precise.empty:
        return {"threshold": math.nan, "precision": 1.0, "recall": 0.0, "f1": 0.0}
    return precise.loc[precise.recall.idxmax()].to_dict()


def review_of(paths: Paths) -> dict[str, float]:
    """Figures of a round's review.

    Returns:
      shown: items put up; worth: items whose decision changed a label; changed: labels corrected,
      added or removed; decisions; by_frame: decisions if each frame of an item had its own;
      mined_decisions and mined_changed: those of mined items alone. NaN where there was no review.
    """
    if not (paths.reviewed.exists() and paths.ledger.exists()):
        return dict.fromkeys(REVIEW, math.nan)
    review = json.loads(paths.reviewed.read_text())
    with ledger.open_ledger(paths.ledger) as book:
        places, decisions = ledger.item_table(book, paths.number), ledger.decision_table(book)
    mined = places[(places.stage == "mine") & (places.state == "decided")].item.unique()
    own = decisions[decisions.item.isin(mined) & ~decisions.undone & (decisions.verb != "undo")]
    return {
        "shown": review["items"],
        "worth": review["worth_it"],
        "changed": review["labels_changed"],
        "decisions": review["decided"],
        "by_frame": int((places.state == "decided").sum()),
        "mined_decisions": len(mined),
        "mined_changed": int(own.labels.sum()),
    }
