"""Detection of sequences that occur twice, under two names.

find_duplicates([folder.sequence("new7")], map(folder.sequence, trained))     # {"new7": "flight3"}
"""

import functools
import hashlib
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from dimjax.data.sequences import Sequence


def find_duplicates(new: Iterable[Sequence], existing: Iterable[Sequence]) -> dict[str, str]:
    """Find new sequences whose frames equal those of an existing or an earlier new one.

    Shapes are compared first, then the grey levels of the first, the middle and the last frame.
    The file format does not matter (PNG and .npy compare equal); a sequence that was cut or
    compressed with loss counts as different.

    Args:
      new: Sequences to check.
      existing: Sequences to compare with; their names differ from those of the new ones.

    Returns:
      Name of each duplicate -> name of its original.
    """
    candidates: dict[tuple, list[Sequence]] = defaultdict(list)  # by shape
    for sequence in existing:
        candidates[sequence.shape].append(sequence)
    digest, duplicates = functools.cache(_digest), {}
    for sequence in new:
        same_shape = candidates[sequence.shape]
        originals = [other for other in same_shape if digest(other) == digest(sequence)]
        if originals:
            duplicates[sequence.name] = originals[0].name
        same_shape.append(sequence)
    return duplicates


def _digest(sequence: Sequence) -> bytes:
    """Hash the grey levels of three frames, independent of their bit depth."""
    digest = hashlib.sha256()
    for t in sorted({0, len(sequence) // 2, len(sequence) - 1}):
        digest.update(sequence.frame(t).astype(np.uint16).tobytes())
    return digest.digest()
