"""Splits of a data folder into training, validation and test sequences.

    splits = with_validation(folder.splits, val_share=0.15, seed=0)
    splits["train"], splits["val"]                      # lists of sequence names
    starts_without_labels(folder.splits)                # only new sequences to train on

Splits are by sequence, never by frame: neighbouring frames of a sequence show the same target in
front of the same cloud, so a network could memorise a test frame from its neighbours in training.
"""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dimjax.errors import InputError, OnError, raise_error

if TYPE_CHECKING:
    import pandas as pd

LABELLED_SPLITS = ("train", "val", "test")  # sequences of the split "new" have no labels yet


def starts_without_labels(splits: Mapping[str, Collection | int]) -> bool:
    """Whether a run has no labels to train on: there are new sequences, and none in train.

    Args:
      splits: Names of the sequences of each split, or their number.
    """
    return bool(splits.get("new")) and not (splits.get("train") or splits.get("all"))


def with_validation(
    splits: dict[str, list[str]], val_share: float, seed: int
) -> dict[str, list[str]]:
    """Return the splits that chips are cut from, with a validation split.

    If the folder has its own "val", it is kept. Otherwise a share of the training sequences is set
    aside, at least one if there are two or more. The choice depends on a hash of the names, so it
    is the same on every machine and for any order of the names. If the folder has no splits, its
    sequences are in "all" and are used for training.

    Args:
      splits: Names of the sequences of each split, each name in one split.
      val_share: Share of the training sequences to set aside, 0 <= val_share < 1; 0 for none.
      seed: Seed of the choice.

    Returns:
      The non-empty ones of "train", "val" and "test", in this order, with sorted names.

    Raises:
      InputError: `val_share` is out of range, or there is no training sequence.
    """
    if not 0 <= val_share < 1:
        rule = "it must lie in 0 <= val_share < 1"
        raise InputError("data.val_share", rule, val_share, "Correct it.")
    chosen = {name: sorted(splits[name]) for name in LABELLED_SPLITS if splits.get(name)}
    if splits.get("all"):
        chosen["train"] = sorted(splits["all"])
    if "train" not in chosen:
        value = f"none in {', '.join(splits)}" if splits else "no splits"
        remedy = "Name sequences in the file of train or, to start without labels, in that of new."
        raise InputError("splits", "train must contain a sequence", value, remedy)
    train = chosen["train"]
    if val_share and "val" not in chosen and len(train) >= 2:
        count = min(max(1, round(val_share * len(train))), len(train) - 1)
        chosen["val"] = sorted(sorted(train, key=lambda name: _hash(name, seed))[:count])
        chosen["train"] = [name for name in train if name not in chosen["val"]]
    return {name: chosen[name] for name in LABELLED_SPLITS if name in chosen}


def check_train_labels(
    folder: Path,
    labels: "pd.DataFrame",
    train: Collection[str],
    files: Mapping[str, str],
    on_error: OnError = raise_error,
) -> None:
    """Check that a training has labels.

    Args:
      folder: Data folder.
      labels: Label table.
      train: Names of the sequences of the split train.
      files: Split -> the file that names its sequences.
      on_error: Called if none of the sequences has a label.
    """
    if not labels.sequence.isin(train).any():
        rule = "the sequences of the split train must have labels"
        new = files.get("new", "a file of a split new")
        remedy = f"Add some or, to start without labels, name the sequences only in {new}."
        on_error(InputError(folder, rule, "none", remedy))


def _hash(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
