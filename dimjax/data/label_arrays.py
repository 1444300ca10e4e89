"""What NumPy and MATLAB files hold, by the shapes in their headers: a frame, boxes [T, 4], others.

holds_no_frames(Path("flight3/boxes.npy"))          # True
label_array(Path("flight3/boxes.npy")).shape        # (90, 4)
"""

import contextlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import io

from dimjax.data.frame_files import readable
from dimjax.data.stated_sizes import npz_headers
from dimjax.errors import InputError

_MAX_BYTES = 2**26  # of a file that is looked at
_MAX_COLUMNS = 10  # of an array of numbers; images are larger
_COLUMNS = range(2, 9)  # of points or boxes, perhaps with a frame, a track and a class
_FEWEST_ROWS = 5  # of labels; matrices of a camera have fewer


class LabelArray(NamedTuple):
    """An array that seems to hold labels."""

    file: Path
    name: str  # in the file, or that of the file
    shape: tuple[int, ...]


def holds_no_frames(file: Path) -> bool:
    """Whether a .npy, .npz or .mat file holds only vectors and narrow tables of numbers."""
    shapes = _shapes(file)
    return bool(shapes) and all(map(_is_narrow, shapes.values()))


def holds_one_frame(file: Path) -> bool:
    """Whether a .npy or .mat file holds one image, [H, W], [H, W, 1] or [1, H, W]."""
    shapes = [it for it in _shapes(file).values() if not _is_narrow(it)]
    return len(shapes) == 1 and sum(size > 1 for size in shapes[0]) == 2


def label_array(file: Path) -> LabelArray | None:
    """Return the largest array of a file without frames that may hold labels; None without one."""
    found = [LabelArray(file, *it) for it in _shapes(file).items() if may_be_labels(it[1])]
    return max(found, key=lambda it: it.shape[0], default=None)


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays in a file by their names; none for other, large and damaged files."""
    suffix = file.suffix.lower()
    if suffix not in (".npy", ".npz", ".mat") or not file.is_file():  # a pipe would be waited for
        return {}
    with contextlib.suppress(InputError), readable(file):  # else reported when it is read
        if file.stat().st_size > _MAX_BYTES:
            return {}
        if suffix == ".mat":
            return {name: shape for name, shape, kind in io.whosmat(file) if kind != "char"}
        if suffix == ".npy":
            return {file.stem: np.load(file, mmap_mode="r").shape}
        return {name: header.shape for name, header in npz_headers(file).items()}
    return {}


def _is_narrow(shape: tuple[int, ...]) -> bool:
    return len(shape) < 2 or len(shape) == 2 and min(shape) <= _MAX_COLUMNS


def may_be_labels(shape: tuple[int, ...]) -> bool:
    """Whether an array may hold points or boxes, one in each row, by its shape."""
    return len(shape) == 2 and shape[0] >= _FEWEST_ROWS and shape[1] in _COLUMNS
