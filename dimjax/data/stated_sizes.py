"""Sizes and places of arrays that a file states, checked before memory is taken.

A file of a few kilobytes may state an array of terabytes, or name another file for its pixels.

check_in_memory(path, (4000, 1000, 1000), 2, most=2**32)   # an InputError
check_stored(dataset, path, 2**27)                      # of HDF5: in the file itself, and complete
npz_headers(Path("flight3.npz"))["frames"]              # shape, type
"""

import math
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dimjax.errors import InputError

_MAX_DEPTH = 50  # levels of groups
_FEWEST_ROWS = 6  # of a frame, and of its columns
_IN_PARTS = (
    "Save the frames as .npy, which is read one frame at a time, or raise the key max_stack_bytes "
    "of the layout."
)


class ArrayHeader(NamedTuple):
    """What the header of an array in a .npz file states."""

    shape: tuple[int, ...]
    dtype: np.dtype
    missing: int  # bytes that it states beyond those of the file; below 0 if it has more


def check_in_memory(path: Path, shape: tuple[int, ...], itemsize: int, most: int) -> None:
    """Check the size of an array that is going to be read whole.

    Args:
      path: Its file, for the error.
      shape: Its shape, as the file states it.
      itemsize: Bytes of a number.
      most: Bytes that it may have, see `Reading`.

    Raises:
      InputError: It is larger.
    """
    size = math.prod(shape) * itemsize
    if size > most:
        rule = f"an array that is read whole must have at most {most:,} bytes"
        raise InputError(path, rule, f"{size:,}, of shape {shape}", _IN_PARTS)


def check_frame_size(path: Path, size: tuple[int, int], most_pixels: int) -> None:
    """Check the size of the frames of a sequence.

    Args:
      path: Its file or folder, for the error.
      size: Rows and columns.
      most_pixels: That they may have.

    Raises:
      InputError: They have more, or too few to measure their noise and their clutter.
    """
    rows, columns = size
    if rows * columns > most_pixels:
        rule = f"a frame must have at most {most_pixels:,} pixels"
        remedy = "Cut it into smaller ones, or raise the key max_frame_pixels of the layout."
        raise InputError(path, rule, f"{rows * columns:,}", remedy)
    if min(size) < _FEWEST_ROWS:
        rule = f"a frame must have at least {_FEWEST_ROWS} rows and as many columns"
        remedy = "Check the axes of the file, or leave it out."
        raise InputError(path, rule, f"{rows} x {columns}", remedy)


def npz_headers(path: Path) -> dict[str, ArrayHeader]:
    """Read the headers of the arrays in a .npz file by their names.

    Raises:
      InputError: Two have the same name, of which NumPy would read the last one.
    """
    with zipfile.ZipFile(path) as arrays:
        names = arrays.namelist()
        counts = Counter(name.removesuffix(".npy") for name in names)
        doubled = [name for name, count in counts.items() if count > 1]
        if doubled:
            rule, remedy = "each array must have a name of its own", "Save the frames again."
            raise InputError(path, rule, f"{', '.join(doubled)} more than once", remedy)
        return {name.removesuffix(".npy"): _header_in(arrays, name) for name in names}


def _header_in(arrays: zipfile.ZipFile, name: str) -> ArrayHeader:
    with arrays.open(name) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
        size = member.tell() + math.prod(shape) * dtype.itemsize
    return ArrayHeader(shape, dtype, size - arrays.getinfo(name).file_size)


def check_depth(name: str, path: Path) -> None:
    """Check how deep a group or a data set lies in an HDF5 file.

    Raises:
      InputError: It lies deeper than any program writes; the time to find it grows with its square.
    """
    if name.count("/") > _MAX_DEPTH:
        rule, remedy = f"groups must have at most {_MAX_DEPTH} levels", "Copy the frames alone."
        raise InputError(path, rule, "more", remedy)


def check_stored(dataset: Any, path: Path, most_pixels: int) -> None:
    """Check that the numbers of a data set are in its HDF5 file, in parts that are read quickly.

    Args:
      dataset: The data set.
      path: Its file, for the error.
      most_pixels: That a packed chunk may have: each frame takes the time and memory of its chunks.

    Raises:
      InputError: They are in other files, which anywhere on the machine may be, or some are not
        stored at all, or a packed chunk has more.
    """
    if dataset.is_virtual or dataset.external:
        rule, remedy = "an array must be stored in its own file", "Copy the frames into one file."
        raise InputError(path, rule, f"{dataset.name} in others", remedy)
    if dataset.chunks:
        is_packed = dataset.id.get_create_plist().get_nfilters() > 0
        if is_packed and (size := math.prod(dataset.chunks)) > most_pixels:
            rule = f"a packed chunk must have at most {most_pixels:,} pixels"
            remedy = "Save chunks of one frame, or raise the key max_frame_pixels of the layout."
            raise InputError(path, rule, f"{size:,}, of shape {dataset.chunks}", remedy)
        parts = map(math.ceil, np.divide(dataset.shape, dataset.chunks).tolist())
        stated, found, unit = math.prod(parts), dataset.id.get_num_chunks(), "chunks"
    else:
        stated, found, unit = dataset.nbytes, dataset.id.get_storage_size(), "bytes"
    if found < stated:
        rule = f"all {stated:,} {unit} of {dataset.name} must be stored"
        raise InputError(path, rule, f"{found:,}", "Save only the frames that were written.")
