"""What NumPy, FITS and MATLAB files hold, by the shapes in their headers: a frame, boxes, others.

holds_no_frames(Path("flight3/boxes.npy"))          # True
label_arrays([Path("flight3/boxes.npy")])[0].shape  # (90, 4)
"""

import contextlib
import functools
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import io

from dimjax.data.fits_files import opened_fits
from dimjax.data.frame_files import readable
from dimjax.data.stated_sizes import npz_headers
from dimjax.errors import InputError

_MAX_BYTES = 2**26  # of a file that is looked at
_MAX_COLUMNS = 10  # of an array of numbers; images are larger
_COLUMNS = range(2, 9)  # of points or boxes, perhaps with a frame, a track and a class
_FEWEST_ROWS = 5  # of labels; matrices of a camera have fewer
_MATRICES = ((3, 3), (4, 4), (3, 4))  # of a camera, perhaps one for each frame
_CHANNELS = (2, 3, 4)  # of an image
_MOST_IN_CLIP = 10  # frames of a MATLAB file that repeats those before its own
_MOST_KEPT = 2**16  # files whose shapes are remembered
_FITS = (".fits", ".fit", ".fts", ".fz")


class LabelArray(NamedTuple):
    """An array that seems to hold labels."""

    file: Path
    name: str  # in the file, or that of the file
    shape: tuple[int, ...]


def holds_no_frames(file: Path) -> bool:
    """Whether a .npy, .npz or .mat file holds only vectors and narrow tables of numbers."""
    shapes = _shapes(file)
    return bool(shapes) and all(map(_is_narrow, shapes.values()))


def without_tables(files: list[Path]) -> list[Path]:
    """Leave out files that hold no frames; names that differ only in a number hold one kind.

    So that the headers of thousands of frames are not read whenever they are listed.
    """
    kinds = {file: (_without_number(file), file.suffix.lower()) for file in files}
    first = {kind: file for file, kind in reversed(kinds.items())}
    tables = {kind for kind, file in first.items() if holds_no_frames(file)}
    return [file for file, kind in kinds.items() if kind not in tables]


def holds_one_frame(file: Path) -> bool:
    """Whether a file holds images [H, W], also with an axis of 1 or of colours, and no stack.

    Several, as an image and its mask, are refused when it is read. In MATLAB it may be a clip.
    """
    shapes = [it for it in _shapes(file).values() if not _is_narrow(it)]
    may_be_clip = len(shapes) == 1 and file.suffix.lower() == ".mat"
    return bool(shapes) and all(_is_image(it) or may_be_clip and is_clip(it) for it in shapes)


def holds_stack(file: Path) -> bool:
    """Whether a file holds more than one frame and numbers; not if its shapes are unknown."""
    return bool(_shapes(file)) and not holds_no_frames(file) and not holds_one_frame(file)


def is_clip(shape: tuple[int, ...]) -> bool:
    """Whether a shape is that of a few frames [T, H, W], as in the files of NUDT-MIRSDT."""
    return len(shape) == 3 and shape[0] <= _MOST_IN_CLIP < min(shape[1:])


def are_frames(files: list[Path]) -> bool:
    """Whether most files hold one frame each, as far as their shapes can be read.

    Damaged ones and others are reported when they are read. Shapes of FITS need an extra; without
    it, these are frames if only a number differs in their names.
    """
    known = [file for file in files if _shapes(file)]
    if known:
        return 2 * sum(map(holds_one_frame, known)) > len(known)
    are_fits = all(file.suffix.lower() in _FITS for file in files)
    return are_fits and len({_without_number(file) for file in files}) == 1


def label_array(file: Path) -> LabelArray | None:
    """Return the largest array of a file without frames that may hold labels; None without one."""
    found = [LabelArray(file, *it) for it in _shapes(file).items() if may_be_labels(it[1])]
    return max(found, key=lambda it: it.shape[0], default=None)


def label_arrays(files: list[Path]) -> list[LabelArray]:
    """Return the arrays that may hold labels, of a sequence each or, together, of a frame each."""
    shapes = {file: next(iter(_shapes(file).items()), ("", ())) for file in files}
    rows = {file: LabelArray(file, *it) for file, it in shapes.items() if _are_rows(it[1])}
    groups = Counter((file.parent, _without_number(file)) for file in rows)
    of_frames = [
        it for file, it in rows.items()
        if groups[file.parent, _without_number(file)] >= _FEWEST_ROWS
    ]  # fmt: skip
    known = {it.file for it in of_frames}
    return of_frames + [it for it in map(label_array, files) if it and it.file not in known]


def _are_rows(shape: tuple[int, ...]) -> bool:
    """Whether an array may hold the points or boxes of a frame, or none."""
    return bool(shape) and len(shape) <= 2 and shape[-1] in _COLUMNS and shape not in _MATRICES


def _without_number(file: Path) -> str:
    return re.sub(r"\d+(?=\D*$)", "", file.stem)


def _is_image(shape: tuple[int, ...]) -> bool:
    planes = [size for size in shape if size > 1]
    are_colours = len(shape) == 3 and shape[-1] in _CHANNELS
    return len(planes) == 2 or are_colours and len(planes) == 3


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays in a file by their names; none for other, large and damaged files."""
    kinds = (".npy", ".npz", ".mat", *_FITS)
    if file.suffix.lower() not in kinds or not file.is_file():  # a pipe would be waited for
        return {}
    found = file.stat()
    return _stored_shapes(file, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=_MOST_KEPT)
def _stored_shapes(file: Path, size: int, changed: int) -> dict[str, tuple[int, ...]]:
    """Read the shapes from the headers of a file, once: a folder is listed several times.

    Args:
      file: The file.
      size: Its bytes.
      changed: Time of its last change; a file that has changed is read again.
    """
    suffix = file.suffix.lower()
    if size > _MAX_BYTES:
        return {}
    with contextlib.suppress(InputError), readable(file):  # else reported when it is read
        if suffix == ".mat":
            return {name: shape for name, shape, kind in io.whosmat(file) if kind != "char"}
        if suffix in _FITS:
            return _fits_shapes(file)
        if suffix == ".npy":
            return {file.stem: np.load(file, mmap_mode="r").shape}
        return {name: header.shape for name, header in npz_headers(file).items()}
    return {}


def _fits_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the images in a FITS file; an error without the extra."""
    with opened_fits(file) as units:
        shapes = {str(k): unit.shape for k, unit in enumerate(units) if unit.is_image}
        return {name: shape for name, shape in shapes.items() if shape}


def _is_narrow(shape: tuple[int, ...]) -> bool:
    return len(shape) < 2 or len(shape) == 2 and min(shape) <= _MAX_COLUMNS


def may_be_labels(shape: tuple[int, ...]) -> bool:
    """Whether an array may hold points or boxes, one in each row, by its shape."""
    return len(shape) == 2 and shape[0] >= _FEWEST_ROWS and shape[1] in _COLUMNS
