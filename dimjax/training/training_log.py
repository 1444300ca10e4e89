"""The record of a round's training: losses, label outputs and metrics of every epoch, on the disk.

    losses/0000.parquet, ...: one row an example: epoch, id, sequence, frame, location, confidence,
      category, total, and the network's strongest peak away from all labels: peak_score, peak_x,
      peak_y (frame coordinates).
    label_outputs/0000.parquet, ...: one row a label in a chip: epoch, example (its row in the
      losses of the epoch), label (row of the label table that was trained on, from 0), and the
      columns LABEL_OUTPUTS. A label in several chips has several rows.
    metrics.jsonl: one line an epoch.
    training.json: {"epochs": [0, 1, ...]}. It is written last and marks that the training is done.

    log = TrainingLog("runs/demo/rounds/0")
    log.write_epoch(epoch, examples, label_rows(examples, labels), recorded)
    log.append_metrics(epoch, {"train/total": 1.25})
    log.finish(epochs=100)
    log.read_losses(["id", "total"], last=True)            # of the last epoch
    log.loss_history().loc["flight3/000017/48+96/64"]      # total loss of an example in each epoch

It does not load JAX.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import is_numeric_dtype
from pyarrow import dataset

from dimjax.atomic_files import check_regular, read_record, write_parquet, write_text
from dimjax.chips.examples import Examples
from dimjax.coordinates import chip_to_frame
from dimjax.errors import InputError

# Columns of dimjax.training.label_outputs: logits of the label's cell, and the offset of the box
# that it predicts from the label, pixels.
LABEL_OUTPUTS = ("confidence", "target", "interference", "dx", "dy")
# Confidence of the peak, 0 to 1, and its position, pixels.
UNMATCHED_PEAK = ("peak_score", "peak_x", "peak_y")

_SAME_PX = 0.01  # positions in chips are float32
_FIGURES = ("epoch", "train/total")  # of each line
_REMEDY = "Restore it, or remove the round's training.json and checkpoints to train it again."


class TrainingLog:
    """The files that record the training of a round.

    Args:
      folder: Folder of the round.

    Attributes:
      losses: Folder of the losses, a file an epoch.
      label_outputs: Folder of the label outputs, a file an epoch.
      metrics: File of the metrics, a line an epoch.
      completion: File that marks the completed training.
    """

    def __init__(self, folder: str | Path):
        self.losses = Path(folder) / "losses"
        self.label_outputs = Path(folder) / "label_outputs"
        self.metrics = Path(folder) / "metrics.jsonl"
        self.completion = Path(folder) / "training.json"

    @property
    def is_complete(self) -> bool:
        """Whether the training is done."""
        return self.completion.exists()

    @property
    def epochs(self) -> list[int]:
        """Epochs of the completed training.

        Raises:
          InputError: The training is not complete, or its file is damaged.
        """
        rule = "it must list the epochs of a completed training"
        if not self.is_complete:
            raise InputError(self.completion, rule, "no file", "Train the round to its end first.")
        try:
            return [int(epoch) for epoch in read_record(self.completion)["epochs"]]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(self.completion, rule, "a damaged file", _REMEDY) from error

    def write_epoch(
        self, epoch: int, data: Examples, rows: np.ndarray, recorded: dict[str, np.ndarray]
    ) -> None:
        """Write the losses and label outputs of an epoch.

        Args:
          epoch: Number of the epoch, from 0.
          data: Training examples.
          rows: [N, M] rows of the label table, from label_rows.
          recorded: Losses and outputs from dimjax.training.steps.train_epoch.
        """
        losses = {**recorded}
        outputs, peak = losses.pop("label_outputs"), losses.pop("unmatched_peak")
        position = chip_to_frame(peak[:, 1:], data.origin.astype(peak.dtype))
        losses |= dict(zip(UNMATCHED_PEAK, (peak[:, 0], *position.T), strict=True))
        table = pd.DataFrame({"epoch": np.int32(epoch), **example_columns(data), **losses})
        write_parquet(table, _file_of(self.losses, epoch))
        example, slot = np.nonzero(rows >= 0)
        columns = dict(zip(LABEL_OUTPUTS, outputs[example, slot].T, strict=True))
        keys = {"example": example.astype(np.int32), "label": rows[example, slot]}
        table = pd.DataFrame({"epoch": np.int32(epoch), **keys, **columns})
        write_parquet(table, _file_of(self.label_outputs, epoch))

    def require_epochs(self, epochs: int) -> None:
        """Check that the files of the first epochs exist, before a training is continued or ended.

        Raises:
          InputError: A file is missing.
        """
        for folder in (self.losses, self.label_outputs):
            _files(folder, range(epochs))

    def finish(self, epochs: int) -> None:
        """Mark a training of this number of epochs as complete.

        Raises:
          InputError: The file of an epoch is missing.
        """
        self.require_epochs(epochs)
        write_text(self.completion, json.dumps({"epochs": list(range(epochs))}) + "\n")

    def read_losses(self, columns: Sequence[str] | None = None, last: bool = False) -> pd.DataFrame:
        """Read the losses of all epochs, in the order of epochs and examples.

        Args:
          columns: Columns to read; all if None.
          last: Whether to read the last epoch alone.

        Raises:
          InputError: The training is not complete, or the file of an epoch is missing or damaged.
        """
        epochs = self.epochs[-1:] if last else self.epochs
        return _read(_files(self.losses, epochs), columns)

    def read_label_outputs(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read the label outputs of all epochs, in the order of epochs, examples and labels.

        Args:
          columns: Columns to read; all if None.

        Raises:
          InputError: The training is not complete, or the file of an epoch is missing or damaged.
        """
        return _read(_files(self.label_outputs, self.epochs), columns)

    def loss_history(self) -> pd.DataFrame:
        """Read the total loss of every training example in every epoch.

        Returns:
          Table with the examples' ids as its index and a column for each epoch: epoch_1, epoch_2,
          ...

        Raises:
          InputError: The training is not complete, or the file of an epoch is missing or damaged.
        """
        ids = self.read_losses(["id"], last=True).id
        totals = self.read_losses(["total"]).total.to_numpy().reshape(-1, len(ids))
        return pd.DataFrame(totals.T, ids, [f"epoch_{epoch + 1}" for epoch in self.epochs])

    def append_metrics(self, epoch: int, figures: dict[str, float]) -> None:
        """Append the figures of an epoch to the metrics."""
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch, **figures}) + "\n")
            file.flush()
            os.fsync(file.fileno())  # else a power cut may lose it and keep the epoch's checkpoint

    def drop_metrics_from(self, epoch: int) -> None:
        """Drop the figures of an epoch and of later ones, which will be trained again.

        The last line may be incomplete after a kill.

        Raises:
          InputError: An epoch before it lacks its figures, or the file is damaged.
        """
        lines = self._lines(may_be_cut=True) if epoch else []  # none of a damaged file is needed
        kept = [line for line in lines if line["epoch"] < epoch]
        if [line["epoch"] for line in kept] != list(range(epoch)):
            value = f"those of epochs {[line['epoch'] + 1 for line in kept]}"
            rule = f"it must hold the figures of {epoch} epochs that are trained"
            raise InputError(self.metrics, rule, value, _REMEDY)
        write_text(self.metrics, "".join(f"{json.dumps(line)}\n" for line in kept))

    def metrics_so_far(self) -> list[dict[str, float]]:
        """Read the figures of the epochs that are trained, each with its "epoch".

        Raises:
          InputError: The file is damaged.
        """
        return self._lines()

    def read_metrics(self) -> list[dict[str, float]]:
        """Read the figures of every epoch of a completed training, each with its "epoch".

        Raises:
          InputError: The training is not complete, or the file lacks an epoch or is damaged.
        """
        lines, epochs = self._lines(), self.epochs
        recorded = [line["epoch"] for line in lines]
        if recorded != epochs:
            rule = f"it must hold a line for each epoch in {self.completion.name}"
            value = f"epochs {[epoch + 1 for epoch in recorded]}"
            raise InputError(self.metrics, rule, value, _REMEDY)
        return lines

    def _lines(self, may_be_cut: bool = False) -> list[dict[str, float]]:
        """Read the figures in all lines, or in those that are complete; none without a file."""
        if not self.metrics.exists():
            return []
        check_regular(self.metrics)
        texts = self.metrics.read_text(errors="replace").splitlines()
        if may_be_cut and texts and not texts[-1].endswith("}"):
            del texts[-1]
        with contextlib.suppress(ValueError, RecursionError):
            lines = [json.loads(text) for text in texts]
            if all(_are_figures(line) and line.keys() == lines[0].keys() for line in lines):
                return lines
        rule = f"each line must hold the figures of an epoch, {', '.join(_FIGURES)} among them"
        raise InputError(self.metrics, rule, "a damaged file", _REMEDY)


def _are_figures(line: Any) -> bool:
    """Whether the content of a line is an object of numbers."""
    is_object = isinstance(line, dict) and all(name in line for name in _FIGURES)
    return (
        is_object
        and type(line["epoch"]) is int
        and all(isinstance(value, int | float) for value in line.values())
    )


def label_rows(data: Examples, labels: pd.DataFrame) -> np.ndarray:
    """Find the row of the label table of each label of each example.

    Args:
      data: Examples.
      labels: The label table that they were built from.

    Returns:
      [N, M] int32, -1 where there is no label.

    Raises:
      InputError: A label of an example is not in the table.
    """
    chip, slot = np.nonzero(data.category >= 0)
    centre = chip_to_frame(data.boxes[chip, slot].astype(float), data.origin[chip])
    in_chips = pd.DataFrame({"chip": chip, "slot": slot, "px": centre[:, 0], "py": centre[:, 1]})
    in_chips["sequence"], in_chips["frame"] = data.sequence[chip], data.frame[chip]
    in_table = labels[["sequence", "frame", "x", "y"]].assign(row=np.arange(len(labels)))
    pairs = in_chips.merge(in_table, on=["sequence", "frame"])
    same = (pairs.px - pairs.x).abs().lt(_SAME_PX) & (pairs.py - pairs.y).abs().lt(_SAME_PX)
    pairs = pairs[same].drop_duplicates(["chip", "slot"])
    rows = np.full(data.category.shape, -1, np.int32)
    rows[pairs.chip, pairs.slot] = pairs.row
    unknown = chip[rows[chip, slot] < 0]
    if len(unknown):
        subject, value = f"example {data.id[unknown[0]]}", f"{len(unknown)} that are not"
        rule, remedy = "its labels must be in the label table", "Build the data set again."
        raise InputError(subject, rule, value, remedy)
    return rows


def example_columns(data: Examples) -> dict[str, np.ndarray]:
    """Return the columns of a table that identify the example of each row."""
    return {"id": data.id, "sequence": data.sequence, "frame": data.frame}


def _file_of(folder: Path, epoch: int) -> Path:
    return folder / f"{epoch:04d}.parquet"


def _files(folder: Path, epochs: Sequence[int]) -> list[Path]:
    """The files of some epochs; all must exist."""
    files = [_file_of(folder, epoch) for epoch in epochs]
    for file in files:
        if not file.exists():
            raise InputError(file, "every epoch of the training needs its file", "none", _REMEDY)
    return files


def _read(files: list[Path], columns: Sequence[str] | None) -> pd.DataFrame:
    """Read the rows of files in their order."""
    try:
        rows = dataset.dataset(files, format="parquet")
        table = rows.to_table(columns=columns and list(columns)).to_pandas()
        other = [it for it in table if is_numeric_dtype(table[it]) == (it in ("id", "sequence"))]
        if other:
            raise pa.ArrowInvalid(f"another type of column {other[0]}")
        return table
    except (pa.ArrowInvalid, OSError) as error:
        rule = "the files of its epochs must be complete Parquet files"
        raise InputError(files[0].parent, rule, f"an error, {error}", _REMEDY) from error
