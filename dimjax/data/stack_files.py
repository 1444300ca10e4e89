"""Readers of stacks of frames: .npy, .npz, .mat, HDF5 and FITS cubes; of others, see raw_files.

A stack has the axes time, row and column; only that of a .mat file has the axes row, column and
time, which MATLAB uses. Whether time is the axis that it should be is checked by the pixels, see
dimjax.data.stack_axes.

    open_npy(Path("flight3.npy")).shape                 # T, H, W
    open_mat(Path("rec1.mat")).read(0)                  # [H, W]
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import io, sparse

from dimjax.data.fits_files import extra_module, fits_numbers, opened_fits
from dimjax.data.frame_files import COPY_REMEDY, NATIVE, Frames, Reading, readable
from dimjax.data.grey_levels import grey_levels
from dimjax.data.label_arrays import is_clip, may_be_labels
from dimjax.data.stack_axes import check_axes
from dimjax.data.stated_sizes import check_depth, check_in_memory, check_stored, npz_headers
from dimjax.errors import InputError

_MATLAB_73 = b"MATLAB 7.3 MAT-file"
_CHECKED: set[tuple[Path, int, int]] = set()  # files whose first axis is known to be time
_NAMED = 4  # arrays of a file that an error names
_MATLAB_OBJECTS = ("cell", "struct", "object", "function", "opaque", "unknown")
_MATLAB_BYTES = {"int8": 1, "uint8": 1, "logical": 1, "int16": 2, "uint16": 2, "single": 4}
_MOST_BYTES = 8  # of a number in MATLAB
_UPWARDS, _DOWNWARDS = "BOTTOM-UP", "TOP-DOWN"  # of ROWORDER in a FITS file


def open_npy(path: Path, reading: Reading = NATIVE) -> Frames:
    """Open a .npy stack [T, H, W] by memory mapping; frames are read as copies.

    Raises:
      InputError: The file is damaged, or its shape, axes or type are not those of a stack.
    """
    return frames_of_stack(_mapped(path), path, reading.stack_axes)


def npy_frame(path: Path) -> np.ndarray:
    """Read the frame of a .npy file, [H, W], [H, W, 1] or [1, H, W], as [H, W]."""
    pixels = _without_single_axis(_mapped(path))
    check_in_memory(path, pixels.shape, pixels.itemsize, NATIVE.max_stack_bytes)
    return np.array(pixels)


def _without_single_axis(pixels: np.ndarray) -> np.ndarray:
    """A frame [1, H, W] or [H, W, 1] as [H, W]; any other array as it is."""
    if pixels.ndim != 3:
        return pixels
    return pixels[0] if pixels.shape[0] == 1 else pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _mapped(path: Path) -> np.ndarray:
    """Map the array of a .npy file into memory."""
    # A shape of the header may overflow.
    with readable(path), _numbers_in(path), np.errstate(all="raise"):
        stack = np.lib.format.open_memmap(path, mode="r")
    size, expected = path.stat().st_size, stack.offset + stack.nbytes
    if size != expected:  # e.g. two arrays saved into one file
        rule = f"the file must end with the frames of its header, after {expected} bytes"
        raise InputError(path, rule, f"{size} bytes", "Save each stack in a file of its own.")
    return stack


def open_npz(path: Path, reading: Reading = NATIVE) -> Frames:
    """Open the only array of frames of a .npz file; it is kept in memory."""
    with readable(path), _numbers_in(path), np.load(path) as arrays:
        headers = npz_headers(path)
        name = _only(path, {key: header.shape for key, header in headers.items()})
        shape, dtype, missing = headers[name]
        if missing and not dtype.hasobject:
            rule, value = "the file must hold the array of its header", f"{missing:,} bytes less"
            raise InputError(path, rule, value, COPY_REMEDY)
        check_in_memory(path, shape, dtype.itemsize, reading.max_stack_bytes)
        stack = arrays[name]
    return frames_of_stack(stack, path, reading.stack_axes)


@contextlib.contextmanager
def _numbers_in(path: Path) -> Iterator[None]:
    """Convert the error of NumPy at an array of Python objects into one with a fitting remedy."""
    try:
        yield
    except ValueError as error:
        if "object" not in str(error).lower():
            raise
        rule, remedy = "an array must hold numbers", "Save np.stack(frames), of one size and type."
        raise InputError(path, rule, "Python objects", remedy) from error


def open_mat(path: Path, reading: Reading = NATIVE) -> Frames:
    """Open the only stack of a MATLAB file; before version 7.3 it is kept in memory."""
    axes = reading.stack_axes
    with path.open("rb") as opened:
        if opened.read(len(_MATLAB_73)) == _MATLAB_73:
            return _of_mat_73(_dataset(path, reading), path, axes)
    stack = mat_array(path, reading.max_stack_bytes)
    if stack.ndim == 3 and axes != "thw":
        moved = np.moveaxis(stack, -1, 0)
        return frames_of_stack(moved, path, axes and "thw", stored=(2, 0, 1))
    return frames_of_stack(stack, path, axes, stored=(0, 1, 2) if axes == "thw" else (2, 0, 1))


def _of_mat_73(stack: Any, path: Path, axes: str) -> Frames:
    """Frames of an HDF5 file, in which MATLAB reverses all axes; other programs do not."""
    by_matlab = "MATLAB_class" in stack.attrs
    if axes == "thw" and by_matlab:
        remedy = "Save it as [H, W, T]."
        raise InputError(path, "a stack of version 7.3 must be [H, W, T]", axes, remedy)
    if axes == "thw":
        return frames_of_stack(stack, path, axes)
    return frames_of_stack(stack, path, axes and "thw", transposed=True, stored=(2, 1, 0))


def mat_array(path: Path, most_bytes: int = NATIVE.max_stack_bytes) -> np.ndarray:
    """Read the only array of frames of a MATLAB file before version 7.3."""
    with readable(path):
        stated = {name: (shape, kind) for name, shape, kind in io.whosmat(path)}
    texts = [name for name, (_, kind) in stated.items() if kind == "char"]
    name = _only(path, {it: stated[it][0] for it in stated if it not in texts})
    shape, kind = stated[name]
    if kind in _MATLAB_OBJECTS:
        rule, remedy = "an array must hold numbers", "Save cat(3, frames{:}), which is [H, W, T]."
        raise InputError(path, rule, "cells or structures", remedy)
    check_in_memory(path, shape, _MATLAB_BYTES.get(kind, _MOST_BYTES), most_bytes)
    with readable(path):
        pixels = io.loadmat(path, variable_names=[name])[name]
        return pixels.toarray() if sparse.issparse(pixels) else pixels


def mat_frame(path: Path) -> np.ndarray:
    """Read the frame [H, W] of a MATLAB file, or the last one of a clip [T, H, W].

    NUDT-MIRSDT has such clips: each file repeats the four frames before its own.
    """
    pixels = _without_single_axis(mat_array(path))
    return pixels[-1] if is_clip(pixels.shape) else pixels


def open_hdf5(path: Path, reading: Reading = NATIVE) -> Frames:
    """Open the only stack [T, H, W] of an HDF5 file; needs the extra hdf5."""
    return frames_of_stack(_dataset(path, reading), path, reading.stack_axes)


def open_fits(path: Path, reading: Reading = NATIVE) -> Frames:
    """Open the only image or cube of a FITS file, rows in the order of ROWORDER; needs fits."""
    pixels, upwards = _stored_fits(path, reading.max_stack_bytes)
    stack = pixels if pixels.ndim > 2 else pixels[np.newaxis]
    return frames_of_stack(stack, path, reading.stack_axes, flipped=upwards)


def fits_pixels(path: Path) -> np.ndarray:
    """Read the numbers of the only image or cube of a FITS file, [..., H, W], upper row first."""
    pixels, upwards = _stored_fits(path)
    return pixels[..., ::-1, :] if upwards else pixels


def _stored_fits(path: Path, most_bytes: int = NATIVE.max_stack_bytes) -> tuple[np.ndarray, bool]:
    """Numbers as they are stored, and whether rows run upwards, as without ROWORDER."""
    with opened_fits(path) as units:
        images = {str(k): unit.shape for k, unit in enumerate(units) if unit.is_image}
        name = _only(path, images)
        chosen = units[int(name)]
        data = fits_numbers(chosen, path, most_bytes)
        order = str(chosen.header.get("ROWORDER", _UPWARDS)).strip().upper()
    if order not in (_UPWARDS, _DOWNWARDS):
        rule, remedy = f"ROWORDER must be {_UPWARDS} or {_DOWNWARDS}", "Correct the header."
        raise InputError(path, rule, order, remedy)
    return data, order == _UPWARDS


def fits_date(path: Path) -> str:
    """Return the time of a FITS image, its key DATE-OBS; "" without one."""
    with opened_fits(path) as units:
        dates = [unit.header.get("DATE-OBS", "") for unit in units]
    return next(filter(None, dates), "")


def frames_of_stack(
    stack: Any,
    path: Path,
    axes: str = "",
    transposed: bool = False,
    flipped: bool = False,
    stored: tuple[int, ...] = (0, 1, 2),
) -> Frames:
    """Make frames of a stack [T, H, W] or [T, H, W, 1].

    Args:
      stack: Array or data set; an index gives a frame.
      path: Its file, for errors.
      axes: thw or hwt; "" expects [T, H, W] and checks that by the pixels.
      transposed: Whether a frame is stored as columns of rows.
      flipped: Whether the first row is the lowest one.
      stored: Axes of the file that those of the stack are, for errors.

    Raises:
      InputError: The shape or the type is another one, or another axis seems to be time.
    """
    shape = tuple(stack.shape)
    if len(shape) == 4 and shape[3] != 1 or len(shape) not in (3, 4) or 0 in shape:
        order, words = "[T, H, W]", "time, row, column"
        if stored != (0, 1, 2):
            order, words = "[H, W, T]", "row, column, time"
        rule, remedy = f"a stack must have the shape {order}", f"Save grey frames in order {words}."
        if len(shape) == 2:
            remedy += " Numbered .npy files of one frame each in a folder are a sequence."
        raise InputError(path, rule, shape, remedy)
    with readable(path):
        if axes == "hwt":
            stack = np.moveaxis(np.asarray(stack), 2, 0)
        levels = grey_levels(stack, path)  # whose noise is that along time
        if not axes and len(shape) == 3 and (file := _state(path)) not in _CHECKED:
            check_axes(stack, path, stored=stored)
            _CHECKED.add(file)
    plane = tuple(stack.shape[1:3])

    def read(frame: int) -> np.ndarray:
        with readable(path):
            pixels = levels.convert(np.asarray(stack[frame]).reshape(plane))
        pixels = pixels.T if transposed else pixels
        return np.ascontiguousarray(pixels[::-1] if flipped else pixels)

    return Frames((stack.shape[0], *(plane[::-1] if transposed else plane)), levels.dtype, read)


def _state(path: Path) -> tuple[Path, int, int]:
    """A file with its time and size, which change with its frames."""
    found = path.stat()
    return path.absolute(), found.st_mtime_ns, found.st_size


def _dataset(path: Path, reading: Reading) -> Any:
    """The only data set of three axes or more of an HDF5 file, which stays open."""
    h5py = extra_module("h5py", "hdf5", path)
    with readable(path):
        opened = h5py.File(path, "r")
        shapes: dict[str, tuple[int, ...]] = {}

        def add(name: str, item: Any) -> None:
            check_depth(name, path)
            shapes.update({name: item.shape} if isinstance(item, h5py.Dataset) else {})

        opened.visititems(add)
    dataset = opened[_only(path, shapes)]
    with readable(path):
        check_stored(dataset, path, reading.max_frame_pixels)
    return dataset


def holds_matlab_objects(path: Path) -> bool:
    """Whether a .mat file holds objects of MATLAB, such as groundTruth, rather than arrays."""
    try:
        return path.suffix.lower() == ".mat" and path.is_file() and not io.whosmat(path)
    except TypeError:  # of SciPy, at an object
        return True
    except Exception:  # version 7.3 or damaged, which raises anything: reported when it is read
        return False


def _only(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Name of the only array of two axes or more; single numbers are none.

    Beside one of three axes or more, images such as a mean frame and small matrices are left out.
    """
    shapes = {name: it for name, it in shapes.items() if len(it or ()) >= 2 and np.prod(it) != 1}
    stacks = [name for name, shape in shapes.items() if len(shape) > 2]
    are_left_out = len(stacks) == 1 and not any(map(may_be_labels, shapes.values()))
    names = stacks if are_left_out else [*shapes]
    if len(names) != 1:
        rule, value = "it must contain one array of frames", ", ".join(names[:_NAMED]) or "none"
        value += f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
        remedy = "Save the frames as one array in a file of its own"
        remedy += f", and their masks as {path.stem}_mask{path.suffix}." if len(stacks) > 1 else "."
        raise InputError(path, rule, value, remedy)
    return names[0]
