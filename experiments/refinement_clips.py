"""Clips of drone-ir with wrong labels that are known: what experiments/refinement.py --data takes.

    write(open_folder(data, DRONE_IR), SIZES["cpu"], seed=0, wrong=0.05, path=work / "clips")
    config_of(SIZES["cpu"], seed=0, chip_px=64, clips=work / "clips", wrong=True)

The first frames of some clips, the kinds of object in turn, are written out as a data folder. Its
truth are the labels of drone-ir; the careless annotator spoils those of the training clips. As in
drone-ir no label names a track. right_labels.csv are the labels before.
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
from dimjax.data.folders import DIMJAX, Folder, open_folder
from dimjax.data.labels import COLUMNS, write_table
from dimjax.data.sequences import Sequence
from dimjax.sky import ErrorRates, annotate
from dimjax.suspects import link_labels, look

NAME = "drone-ir"
_LEAST_SNR = 1.5  # what the strongest response near a label is where there is nothing
_ERRORS, _RIGHT = "errors.csv", "right_labels.csv"


class Size(NamedTuple):
    """How much of the clips is used, and how it is trained."""

    clips: tuple[int, int, int]  # for training, validation (both of train.txt) and test (val.txt)
    frames: int | None  # the first ones of each clip; None: all
    epochs: int
    width: float


SIZES = {
    "toy": Size((6, 1, 2), 36, 2, 0.25),
    "cpu": Size((24, 4, 8), 64, 10, 0.5),
    "paper": Size((84, 6, 23), None, 100, 1.0),
}


def config_of(size: Size, seed: int, chip_px: int, clips: Path, wrong: bool):
    """The run of configs/drone_ir.py on the clips, with their wrong labels or the right ones."""
    config = drone_ir.get_config()
    config.seed = seed
    config.data.folder = str(clips)
    layout = DIMJAX if wrong else DIMJAX._replace(labels=_RIGHT)
    config.data.layout = ConfigDict(layout._asdict())
    config.chips.chip_px = chip_px
    config.chips.frame_step = 1  # every label is trained on
    config.model.width = size.width
    config.training.epochs = size.epochs
    return config


def write(folder: Folder, size: Size, seed: int, wrong: float, path: Path) -> None:
    """Write the clips, their truth and their labels with a share `wrong` of errors."""
    if (path / _ERRORS).exists():
        return
    rng = np.random.default_rng(seed)
    train, val, test = size.clips
    own = by_turns(sorted(folder.splits["train"]), rng)[: train + val]
    splits = {"train": own[val:], "val": own[:val], "new": []}
    splits["test"] = by_turns(sorted(folder.splits["val"]), rng)[:test]
    write_clips(folder, splits, size.frames, path)
    # write_clips leaves drone-ir's labels in labels.csv, which a killed run has not yet replaced.
    right = path / _RIGHT
    if not right.exists():
        os.replace(path / DIMJAX.labels, right)
    clips = open_folder(path, DIMJAX._replace(labels=_RIGHT))
    stride = drone_ir.get_config().data.stride
    snr = look(clips.labels, clips.sequence, stride).image_snr.clip(lower=_LEAST_SNR)
    truth = clips.labels.assign(snr=snr, visible=1.0)
    labels, errors = spoil(truth, splits["train"], clips.sequence, wrong, rng)
    write_table(truth, path / "truth.csv")
    write_table(labels, path / DIMJAX.labels)
    write_table(errors, path / _ERRORS)


def spoil(
    truth: pd.DataFrame,
    names: list[str],
    sequence_of: Callable[[str], Sequence],
    wrong: float,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of which a share is wrong in the sequences named, and the errors.

    Args:
      truth: Truth table without tracks.
      names: Of the sequences whose labels are spoilt.
      sequence_of: Name -> sequence.
      wrong: Share of their labels, a quarter to each kind of error.
      rng: Source of all choices.
    """

    @functools.lru_cache(maxsize=8)
    def frames_of(name: str) -> np.ndarray:
        sequence = sequence_of(name)
        return np.stack([sequence.frame(t) for t in range(len(sequence))])

    chosen = truth.sequence.isin(names)
    own = truth[chosen].reset_index(drop=True)
    track = link_labels(own).detections.track.reset_index(drop=True)
    alone = pd.Series([f"alone {k}" for k in own.index], dtype="str")
    own["track"] = track.where(track != "", alone)  # an error goes on along an object's track
    labels, errors = annotate(own, frames_of, ErrorRates(*[wrong / 4] * 4), rng)
    place = ["sequence", "frame", "x", "y"]
    false = errors[errors.kind == "background"][place].assign(false=True)
    is_false = labels.merge(false, "left", on=place).false.notna().to_numpy()
    # An annotator draws boxes of the size that is usual in a clip.
    usual = own.groupby("sequence")[["w", "h"]].median().loc[labels.sequence].to_numpy()
    labels[["w", "h"]] = np.where(is_false[:, None], usual, labels[["w", "h"]])
    labels = pd.concat([labels, truth[~chosen]])[list(COLUMNS)].assign(track="")
    return labels.sort_values(["sequence", "frame"], kind="stable", ignore_index=True), errors
