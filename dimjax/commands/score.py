"""The loss of each example as a table; of the training examples with that of every epoch."""

from pathlib import Path

import pandas as pd

from dimjax.atomic_files import write_parquet
from dimjax.chips import examples
from dimjax.errors import InputError
from dimjax.progress import say
from dimjax.runs.run import load
from dimjax.training import records
from dimjax.training.losses import PARTS

_SHOWN = 10


def run(
    workdir: str | Path, split: str, round: int | None = None, epoch: int | None = None
) -> Path:
    """Query the losses of a split in evaluation mode and write them, the largest first.

    Args:
      workdir: The run's directory.
      split: "train", "val" or "test".
      round: Which round; by default the newest.
      epoch: Of the checkpoint; by default the newest.

    Returns:
      The Parquet file written: id, sequence, frame, location, confidence, category, total; of the
      training split also epoch_0, epoch_1, ...: the total loss as it was trained on in each epoch.

    Raises:
      InputError: There is no such split or checkpoint.
    """
    opened = load(workdir, round, epoch)
    known = examples.splits(opened.paths.prepared)
    if split not in known:
        rule = f"it must be one of {', '.join(known)}"
        raise InputError("--split", rule, repr(split), "Name one of these.")
    table = opened.losses(split).sort_values("total", ascending=False, ignore_index=True)
    if split == "train" and opened.paths.losses.exists():
        table = table.join(records.history(opened.paths), on="id")
    path = opened.paths.scores(split)
    write_parquet(table, path)
    say(_as_text(table, split))
    say(f"\nlosses of {len(table):,} examples: {path}")
    return path


def _as_text(table: pd.DataFrame, split: str) -> str:
    parts = [*PARTS, "total"]
    means = ", ".join(f"{part} {table[part].mean():.3f}" for part in parts)
    worst = table.head(_SHOWN)[["id", *parts]].to_string(index=False, float_format="%.3f")
    return f"{split}: mean loss {means}\nthe largest:\n{worst}"
