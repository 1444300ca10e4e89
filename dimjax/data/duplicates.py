"""Detection of sequences that occur twice, under two names.

find_duplicates([folder.sequence("new7")], map(folder.sequence, trained))     # {"new7": "flight3"}
check_splits(folder, {"train": ["a", "b"], "val": ["c"]})       # raises if c has the frames of a
"""

import functools
import hashlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from dimjax.data.folders import Folder
from dimjax.data.sequences import Sequence
from dimjax.errors import InputError, Note, OnError, raise_error

NO_SPLIT = "in no split"  # where copies do no harm


def check_splits(
    folder: Folder,
    splits: Mapping[str, Iterable[str]],
    on_error: OnError = raise_error,
    on_note: Callable[[str], None] = lambda text: warnings.warn(text, Note, stacklevel=2),
) -> None:
    """Report each sequence whose frames another split has, too: figures would flatter.

    Args:
      folder: The folder of the sequences.
      splits: Split -> names of its sequences.
      on_error: Is called with each error.
      on_note: Is called with the text about a validation split that was drawn, not named.
    """
    used = {split: names for split, names in splits.items() if split != NO_SPLIT}
    split_of = {name: split for split, names in used.items() for name in sorted(names)}
    named = folder.read_splits(lambda error: None)
    for name, same in find_duplicates(map(folder.sequence, split_of), ()).items():
        one, other = split_of[same], split_of[name]
        if one == other:
            continue
        if same in named.get(one, ()) and name in named.get(other, ()):
            rule = f"the frames of a sequence must not be in two splits, as they are in {one} and"
            value, remedy = f"the frames of sequence {same}", "Leave one of them out."
            on_error(InputError(f"sequence {name}", f"{rule} {other}", value, remedy))
        else:
            text = f"sequences {same} and {name} have the same frames, one in {one}, one in {other}"
            on_note(f"{text}: figures on {other} flatter")


def find_duplicates(new: Iterable[Sequence], existing: Iterable[Sequence]) -> dict[str, str]:
    """Find new sequences whose frames equal those of an existing or an earlier new one.

    Shapes and first frames are compared first, then the middle and the last frame.
    The file format does not matter (PNG and .npy compare equal); a sequence that was cut or
    compressed with loss counts as different.

    Args:
      new: Sequences to check.
      existing: Sequences to compare with; their names differ from those of the new ones.

    Returns:
      Name of each duplicate -> name of its original.
    """
    candidates: dict[tuple, list[Sequence]] = defaultdict(list)  # by shape and first frame
    for sequence in existing:
        candidates[_beginning(sequence)].append(sequence)
    digest, duplicates = functools.cache(_rest), {}
    for sequence in new:
        similar = candidates[_beginning(sequence)]
        originals = [other for other in similar if digest(other) == digest(sequence)]
        if originals:
            duplicates[sequence.name] = originals[0].name
        similar.append(sequence)
    return duplicates


def _beginning(sequence: Sequence) -> tuple:
    return sequence.shape, _digest(sequence, {0})


def _rest(sequence: Sequence) -> bytes:
    return _digest(sequence, {len(sequence) // 2, len(sequence) - 1})


def _digest(sequence: Sequence, frames: Iterable[int]) -> bytes:
    """Hash the grey levels of frames, independent of their bit depth."""
    digest = hashlib.sha256()
    for t in sorted(frames):
        digest.update(sequence.frame(t).astype(np.uint16).tobytes())
    return digest.digest()
