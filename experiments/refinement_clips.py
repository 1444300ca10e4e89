"""Clips of drone-ir with known label errors, for experiments/refinement.py --data.

    write(open_folder(data, layout), SIZES["cpu"], seed=0, wrong=0.05, path=work / "clips")
    config_of(SIZES["cpu"], seed=0, chip_px=64, clips=work / "clips", wrong=True)

The first frames of some clips, chosen by kind of object in turn, are written to a data folder. The
labels of drone-ir are its truth; the simulated annotator corrupts those of the training clips. As
in drone-ir, labels have no tracks. right_labels.csv holds the labels without errors.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from drone_rounds import by_turns, write_clips
from ml_collections import ConfigDict

from configs import drone_ir
from dimjax.data.folders import Folder, open_folder
from dimjax.data.labels import COLUMNS, write_table
from dimjax.data.layouts import DIMJAX
from dimjax.data.sequences import Sequence
from dimjax.label_noise import ErrorRates, annotate
from dimjax.suspects import measure_frames
from dimjax.tracks import link_labels

NAME = "drone-ir"
_MIN_SNR = 1.5  # strongest response near a location without an object
_ERRORS, _RIGHT = "errors.csv", "right_labels.csv"


class Size(NamedTuple):
    """Clips, frames and training of a size."""

    clips: tuple[int, int, int]  # for training, validation (both of train.txt) and test (val.txt)
    frames: int | None  # number of first frames of each clip; None: all
    epochs: int
    width: float


SIZES = {
    "toy": Size((6, 1, 2), 36, 2, 0.25),
    "cpu": Size((24, 4, 8), 64, 10, 0.5),
    "paper": Size((84, 6, 23), None, 100, 1.0),
}


def config_of(size: Size, seed: int, chip_px: int, clips: Path, wrong: bool):
    """Return configs/drone_ir.py for the clips, with their wrong labels or the right ones."""
    config = drone_ir.get_config()
    config.seed = seed
    config.data.folder = str(clips)
    layout = DIMJAX if wrong else DIMJAX._replace(labels=_RIGHT)
    config.data.layout = ConfigDict(layout._asdict())
    config.chips.chip_px = chip_px
    config.chips.frame_step = 1  # so that every label is in a chip
    config.model.width = size.width
    config.training.epochs = size.epochs
    return config


def write(folder: Folder, size: Size, seed: int, wrong: float, path: Path) -> None:
    """Write the clips, their truth, and their labels with a share `wrong` of errors."""
    if (path / _ERRORS).exists():
        return
    rng = np.random.default_rng(seed)
    train, val, test = size.clips
    names = by_turns(sorted(folder.splits["train"]), rng)[: train + val]
    splits = {"train": names[val:], "val": names[:val], "new": []}
    splits["test"] = by_turns(sorted(folder.splits["val"]), rng)[:test]
    write_clips(folder, splits, size.frames, path)
    # write_clips leaves the labels of drone-ir in labels.csv; a killed run may not have moved them.
    right = path / _RIGHT
    if not right.exists():
        os.replace(path / DIMJAX.labels, right)
    clips = open_folder(path, DIMJAX._replace(labels=_RIGHT))
    stride = drone_ir.get_config().data.stride
    snr = measure_frames(clips.labels, clips.sequence, stride).image_snr.clip(lower=_MIN_SNR)
    truth = clips.labels.assign(snr=snr, visible=1.0)
    labels, errors = corrupt(truth, splits["train"], clips.sequence, wrong, rng)
    write_table(truth, path / "truth.csv")
    write_table(labels, path / DIMJAX.labels)
    write_table(errors, path / _ERRORS)


def corrupt(
    truth: pd.DataFrame,
    names: list[str],
    sequence_of: Callable[[str], Sequence],
    wrong: float,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Corrupt a share of the labels of some sequences.

    Args:
      truth: Truth table without tracks.
      names: Sequences whose labels are corrupted.
      sequence_of: Name -> sequence.
      wrong: Share of their labels, a quarter for each kind of error.
      rng: Source of all choices.

    Returns:
      The label table, and a table of the errors.
    """

    @functools.lru_cache(maxsize=8)
    def frames_of(name: str) -> np.ndarray:
        sequence = sequence_of(name)
        return np.stack([sequence.frame(t) for t in range(len(sequence))])

    chosen = truth.sequence.isin(names)
    objects = truth[chosen].reset_index(drop=True)
    track = link_labels(objects).detections.track.reset_index(drop=True)
    single = pd.Series([f"single {k}" for k in objects.index], dtype="str")
    objects["track"] = track.where(track != "", single)  # errors continue along tracks
    labels, errors = annotate(objects, frames_of, ErrorRates(*[wrong / 4] * 4), rng)
    location = ["sequence", "frame", "x", "y"]
    false = errors[errors.kind == "background"][location].assign(false=True)
    is_false = labels.merge(false, "left", on=location).false.notna().to_numpy()
    # False labels get the median box of their clip, as an annotator would draw them.
    median = objects.groupby("sequence")[["w", "h"]].median().loc[labels.sequence].to_numpy()
    labels[["w", "h"]] = np.where(is_false[:, None], median, labels[["w", "h"]])
    labels = pd.concat([labels, truth[~chosen]])[list(COLUMNS)].assign(track="")
    return labels.sort_values(["sequence", "frame"], kind="stable", ignore_index=True), errors
