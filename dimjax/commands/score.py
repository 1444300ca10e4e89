"""Write the loss of each example as a table; for training examples also that of every epoch."""

from pathlib import Path

import pandas as pd

from dimjax.atomic_files import exclusive_lock, write_parquet
from dimjax.chips import examples
from dimjax.progress import say
from dimjax.runs.run import Run, load
from dimjax.training.losses import PARTS

_SHOWN = 10


def run(
    workdir: str | Path, split: str, round: int | None = None, epoch: int | None = None
) -> Path:
    """Compute the losses of a split in evaluation mode and write them, the largest first.

    Args:
      workdir: The run's directory.
      split: "train", "val" or "test".
      round: Round; None for the newest.
      epoch: Epoch of the checkpoint, from 1; None for that of the round's detector.

    Returns:
      The Parquet file written: id, sequence, frame, location, confidence, category, total; for the
      training split also epoch_1, epoch_2, ...: the total loss in each epoch of the training.

    Raises:
      InputError: There is no such split or checkpoint.
    """
    trained = load(workdir, round, epoch)
    examples.check_split(trained.paths.prepared, split, "--split")
    path = trained.paths.scores(split)
    rule, remedy = "one process at a time scores a split", "Wait for its end, or end it."
    with exclusive_lock(path.with_suffix(".lock"), rule, remedy):
        table = _score(trained, split)
        write_parquet(table, path)
    say(_as_text(table, split))
    say(f"\nlosses of {len(table):,} examples: {path}")
    return path


def _score(trained: Run, split: str) -> pd.DataFrame:
    table = trained.losses(split).sort_values("total", ascending=False, ignore_index=True)
    if split == "train" and trained.paths.training_log.is_complete:
        table = table.join(trained.paths.training_log.loss_history(), on="id")
    return table


def _as_text(table: pd.DataFrame, split: str) -> str:
    parts = [*PARTS, "total"]
    means = ", ".join(f"{part} {table[part].mean():.3f}" for part in parts)
    worst = table.head(_SHOWN)[["id", *parts]].to_string(index=False, float_format="%.3f")
    return f"{split}: mean loss {means}\nthe largest:\n{worst}"
