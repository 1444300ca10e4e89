"""Check that the data folder of a run is the one that it began with.

check_same_folder(open_folder("mine", layout), "/home/ann/data/mine")

A relative path leads elsewhere from another working directory. A folder that was moved or copied is
accepted: its sequences have the same frames.
"""

from pathlib import Path

import numpy as np

from dimjax.data.folders import Folder, open_folder
from dimjax.data.listing import locations
from dimjax.errors import InputError

_COMPARED = 8  # sequences, evenly spaced


def check_same_folder(folder: Folder, first: str) -> None:
    """Raise if a folder holds other frames than another one, if that still exists.

    Args:
      folder: Folder that is opened.
      first: Absolute path of the one that the run began with; "" if it is not known.

    Raises:
      InputError: The names of the sequences, or frames of some of them, differ.
    """
    path = Path(folder.path).resolve()
    if not first or str(path) == first or not Path(first).is_dir():
        return
    try:
        other = open_folder(first, folder.layout)
    except InputError:  # what was left of a folder that was moved
        return
    names = folder.names
    chosen = np.unique(np.linspace(0, len(names) - 1, _COMPARED).astype(int))
    if names == other.names and all(is_same(folder, other, names[k]) for k in chosen):
        return
    rule, remedy = f"the run began with {first}", "Start it in the same working directory."
    raise InputError("config.data.folder", rule, f"{path}, with other frames", remedy)


def is_same(folder: Folder, other: Folder, name: str) -> bool:
    """Whether a sequence has the same first and last frame in both folders."""
    if locations(folder.files)[name].resolve() == locations(other.files)[name].resolve():
        return True
    one, two = folder.sequence(name), other.sequence(name)
    return len(one) == len(two) and all(
        np.array_equal(one.frame(t), two.frame(t)) for t in (0, len(one) - 1)
    )
