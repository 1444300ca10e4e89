"""What a training writes down in each epoch: every example's loss, and the answer at every label.

losses.parquet: epoch, id, sequence, frame, location, confidence, category, total, and the
strongest thing seen apart from all labels: stray_score, stray_x, stray_y (frame coordinates).
answers.parquet: epoch, example (its row among those of the epoch in losses.parquet), label (row
of the label table that was trained on, from 0), and the columns of
dimjax.training.responses.ANSWERS; a label in several chips has several rows.

    rows = label_rows(examples, labels)
    write_epoch(paths, epoch, examples, rows, found)       # found: from training.train_epoch
    merge(paths)                                           # after the last epoch
    history(paths).loc["flight3/000017/48+96/64"]          # its loss in each epoch
"""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from dimjax.atomic_files import write_parquet, written_aside
from dimjax.chips.examples import Examples
from dimjax.coordinates import chip_to_frame
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths
from dimjax.training.loss_query import identity
from dimjax.training.responses import ANSWERS, STRAYS

_SAME_PX = 0.01  # positions in chips are float32


def label_rows(data: Examples, labels: pd.DataFrame) -> np.ndarray:
    """Which row of the label table each label of each example is.

    Args:
      data: Examples.
      labels: The table that they were built from.

    Returns:
      [N, M] int32, -1 where there is no label.

    Raises:
      InputError: A label of an example is not in the table.
    """
    chip, slot = np.nonzero(data.category >= 0)
    place = chip_to_frame(data.boxes[chip, slot].astype(float), data.origin[chip])
    inside = pd.DataFrame({"chip": chip, "slot": slot, "px": place[:, 0], "py": place[:, 1]})
    inside["sequence"], inside["frame"] = data.sequence[chip], data.frame[chip]
    named = labels[["sequence", "frame", "x", "y"]].assign(row=np.arange(len(labels)))
    pairs = inside.merge(named, on=["sequence", "frame"])
    same = (pairs.px - pairs.x).abs().lt(_SAME_PX) & (pairs.py - pairs.y).abs().lt(_SAME_PX)
    pairs = pairs[same].drop_duplicates(["chip", "slot"])
    rows = np.full(data.category.shape, -1, np.int32)
    rows[pairs.chip, pairs.slot] = pairs.row
    lost = chip[rows[chip, slot] < 0]
    if len(lost):
        rule, remedy = "its labels must be in the label table", "Build the data set anew."
        raise InputError(f"example {data.id[lost[0]]}", rule, f"{len(lost)} are not", remedy)
    return rows


def write_epoch(paths: Paths, epoch: int, data: Examples, rows: np.ndarray, found: dict) -> None:
    """Write an epoch's losses and answers as they come out of training.train_epoch."""
    losses = {name: values for name, values in found.items() if name not in ("answers", "strays")}
    strays = found["strays"].copy()
    strays[:, 1:] += data.origin
    columns = {**losses, **dict(zip(STRAYS, strays.T, strict=True))}
    table = pd.DataFrame({"epoch": np.int32(epoch), **identity(data), **columns})
    write_parquet(table, paths.epoch_losses / f"{epoch:04d}.parquet")
    example, slot = np.nonzero(rows >= 0)
    answers = dict(zip(ANSWERS, found["answers"][example, slot].T, strict=True))
    which = {"example": example.astype(np.int32), "label": rows[example, slot]}
    table = pd.DataFrame({"epoch": np.int32(epoch), **which, **answers})
    write_parquet(table, paths.epoch_answers / f"{epoch:04d}.parquet")


def merge(paths: Paths) -> None:
    """Join the epochs; that the losses are there under their name says that all is done.

    One epoch after the other is read and written, each a row group: who asks for one reads one.
    """
    for parts, whole in ((paths.epoch_answers, paths.answers), (paths.epoch_losses, paths.losses)):
        files = sorted(parts.glob("*.parquet"))
        schema = pq.read_schema(files[0])
        with written_aside(whole) as aside, pq.ParquetWriter(aside, schema) as writer:
            for file in files:
                writer.write_table(pq.read_table(file).cast(schema))


def history(paths: Paths) -> pd.DataFrame:
    """Total loss of every training example in every epoch.

    Args:
      paths: Of a round whose training is done.

    Returns:
      Table with the examples' ids as its index and a column for each epoch: epoch_0, epoch_1, ...
    """
    losses = pq.read_table(paths.losses, columns=["epoch", "total"])
    epochs = np.unique(losses["epoch"].to_numpy())
    ids = pd.read_parquet(paths.losses, columns=["id"], filters=[("epoch", "==", epochs[0])])
    totals = losses["total"].to_numpy().reshape(len(epochs), len(ids))
    return pd.DataFrame(totals.T, ids.id, [f"epoch_{epoch}" for epoch in epochs])
