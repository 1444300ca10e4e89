"""Sequences that are there twice, under two names.

twins([folder.sequence("new7")], map(folder.sequence, trained))     # {"new7": "flight3"}
"""

import functools
import hashlib
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from dimjax.data.sequences import Sequence


def twins(new: Iterable[Sequence], known: Iterable[Sequence]) -> dict[str, str]:
    """The new sequences whose frames are those of a known one, or of a new one before them.

    Compared are the shapes and, where these agree, the grey levels of the first, the middle and
    the last frame: as PNG or as .npy a sequence is the same. What was cut or encoded anew by a
    codec is another one.

    Args:
      new: Sequences that come in.
      known: Those that are there, of other names.

    Returns:
      Name of each new sequence that is none -> name of the one that it equals.
    """
    there: dict[tuple, list[Sequence]] = defaultdict(list)
    for sequence in known:
        there[sequence.shape].append(sequence)
    digest, found = functools.cache(_digest), {}
    for sequence in new:
        same_shape = there[sequence.shape]
        same = [other for other in same_shape if digest(other) == digest(sequence)]
        if same:
            found[sequence.name] = same[0].name
        same_shape.append(sequence)
    return found


def _digest(sequence: Sequence) -> bytes:
    """Of three frames, whatever the number of bits that they are kept in."""
    digest = hashlib.sha256()
    for t in sorted({0, len(sequence) // 2, len(sequence) - 1}):
        digest.update(sequence.frame(t).astype(np.uint16).tobytes())
    return digest.digest()
