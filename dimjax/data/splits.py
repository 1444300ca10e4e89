"""Splits of a data folder into training, validation and test sequences.

In come the splits that a folder names, out go those that a data set is built from.

    splits = with_validation(folder.splits, val_share=0.15, seed=0)
    splits["train"], splits["val"]                      # lists of sequence names

Splits are by sequence, never by frame: neighbouring frames of a sequence show the same target
before the same cloud, so that frames of one sequence on both sides of a split would let a
network be tested on what it has learnt by heart.
"""

import hashlib

from dimjax.errors import InputError

CUT = ("train", "val", "test")  # sequences of other splits, such as "new", have no labels yet


def with_validation(splits: dict[str, list[str]], val_share: float, seed: int) -> dict:
    """The splits that chips are cut from, with a validation split.

    A folder's own "val" stays as it is. Where there is none, training sequences are set aside,
    at least one if there are two or more: those whose name hashes lowest, whatever the order
    of the names and whatever the machine. A folder without splits has all its sequences in "all",
    and trains on them.

    Args:
      splits: Names of the sequences of each split, each name in one split.
      val_share: Share of the training sequences to set aside, 0 to below 1; 0 sets none aside.
      seed: Of the choice.

    Returns:
      "train", "val" and "test", in this order, as far as they hold sequences; sorted by name.

    Raises:
      InputError: val_share is out of range, or there is no training sequence.
    """
    if not 0 <= val_share < 1:
        where, rule = "data.val_share", "it must lie in 0 <= val_share < 1"
        raise InputError(where, rule, val_share, "Correct it.")
    chosen = {name: sorted(splits[name]) for name in CUT if splits.get(name)}
    if splits.get("all"):
        chosen["train"] = sorted(splits["all"])
    if "train" not in chosen:
        found = f"none in {', '.join(splits)}" if splits else "no splits"
        remedy = "Name sequences in the file of the split train."
        raise InputError("splits", "train must hold a sequence", found, remedy)
    train = chosen["train"]
    if val_share and "val" not in chosen and len(train) >= 2:
        count = min(max(1, round(val_share * len(train))), len(train) - 1)
        aside = sorted(train, key=lambda name: _place(name, seed))[:count]
        chosen["val"] = sorted(aside)
        chosen["train"] = [name for name in train if name not in aside]
    return {name: chosen[name] for name in CUT if name in chosen}


def _place(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
