"""Splits of a data folder into training, validation and test sequences.

    read_splits({"train": path / "train.txt"}, names, "sequences/*", raise_error)
    splits = with_validation(folder.splits, val_share=0.15, seed=0)
    splits["train"], splits["val"]                      # lists of sequence names
    starts_without_labels(folder.splits)                # only new sequences to train on

Splits are by sequence, never by frame: neighbouring frames of a sequence show the same target in
front of the same cloud, so a network could memorise a test frame from its neighbours in training.
"""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from dimjax.data.csv_files import read_text
from dimjax.errors import InputError, OnError

LABELLED_SPLITS = ("train", "val", "test")  # sequences of the split "new" have no labels yet


def read_splits(
    files: Mapping[str, Path], sequences: Collection[str], pattern: str, on_error: OnError
) -> dict[str, list[str]]:
    """Read the names of the sequences of each split, one a line; blank lines are ignored.

    A split without a file is empty. The file of "train" may be missing only if "new" has sequences.

    Args:
      files: Split -> its file.
      sequences: Names of all sequences of the folder.
      pattern: Their glob pattern, for messages.
      on_error: Is called for each error: a missing file, an unknown name, or one that occurs twice.
    """
    has_new = "new" in files and files["new"].exists() and files["new"].read_bytes().strip()
    assigned: dict[str, str] = {}
    return {
        split: _read_split(file, sequences, pattern, assigned, on_error)
        if file.exists() or (split == "train" and not has_new)
        else []
        for split, file in files.items()
    }


def _read_split(
    file: Path,
    sequences: Collection[str],
    pattern: str,
    assigned: dict[str, str],
    on_error: OnError,
) -> list[str]:
    """Read the names of a split; `assigned` maps those of all splits to their lines."""
    try:
        lines = read_text(file).split("\n")
    except InputError as error:
        on_error(error)
        return []
    names = []
    for number, line in enumerate(lines, start=1):
        name, subject = line.strip(), f"{file} line {number}"
        if not name:
            continue
        if name not in sequences:
            rule = f"a split must name sequences at {pattern}"
            remedy = "Correct the name or remove the line."
            on_error(InputError(subject, rule, repr(name), remedy))
        elif name in assigned:
            rule = f"{name} must be in one split, once"
            value = f"it in {assigned[name]} too"
            on_error(InputError(subject, rule, value, "Remove one of them."))
        else:
            assigned[name] = subject
            names.append(name)
    return names


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


def _hash(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
