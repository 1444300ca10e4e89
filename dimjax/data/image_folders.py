"""Readers of folders of numbered images: 1.png, 2.png, ..., 10.png, of 8 or 16 bit.

A folder contains PNG, TIFF or BMP images, one per frame, or a single frames.npy. Frames are
ordered by number.

    frames = open_folder_of_frames(Path("sequences/flight3"))
    frames.read(0)                                      # [H, W] of the lowest number
"""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dimjax.atomic_files import check_regular
from dimjax.data import frame_files
from dimjax.data.documents import is_document
from dimjax.data.frame_files import NATIVE, Frames, Header, Reading
from dimjax.data.grey_levels import Stack, grey_levels
from dimjax.data.label_arrays import without_tables
from dimjax.data.stack_files import fits_pixels, frames_of_stack, mat_frame, npy_frame, open_npy
from dimjax.data.time_names import are_times
from dimjax.data.walking import is_hidden
from dimjax.data.whole_pictures import check_end, check_whole, open_image
from dimjax.errors import InputError

SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
ARRAYS = {".npy": npy_frame, ".mat": mat_frame}
ARRAYS |= dict.fromkeys((".fits", ".fit", ".fts", ".fz"), fits_pixels)
STACK = "frames.npy"

_FORMATS = {".png": "PNG", ".bmp": "BMP", ".jpg": "JPEG", ".jpeg": "JPEG"}
_ORIENTATION = 274  # tag of EXIF
_PREVIEWS = {"preview", "overview", "thumb", "thumbnail", "cover", "contact_sheet"}
_FEWEST_COUNTED = 4  # names; fewer numbers may follow each other by chance
_MODES = {"I;16": np.uint16} | dict.fromkeys(("L", "LA", "RGB", "RGBA", "P"), np.uint8)


def open_folder_of_frames(path: Path, reading: Reading = NATIVE) -> Frames:
    """Open a folder of numbered images or of one frames.npy.

    Hidden files and documents (.txt, .json, ...) are ignored.

    Raises:
      InputError: The folder is empty or contains other files, a number is missing, there are two
        numberings, or the images differ in size or depth.
    """
    stack = path / STACK
    if stack.is_file() and len(_entries(path)) == 1:
        return open_npy(stack, reading)
    return open_images(list_images(path), reading.channel)


def list_images(path: Path) -> list[Path]:
    """Return the images of a folder in the order of their numbers, unopened; none for frames.npy.

    Raises:
      InputError: As in open_folder_of_frames, but for size and depth.
    """
    entries = _entries(path)
    if not entries:
        found = "only documents or hidden files" if any(path.iterdir()) else "an empty folder"
        raise InputError(path, "a sequence must have frames", found, "Put its frames there.")
    for entry in entries:
        if not entry.is_dir():
            check_regular(entry)
    if [entry.name for entry in entries] == [STACK] and entries[0].is_file():
        return []
    for entry in entries:
        is_image = entry.suffix.lower() in (*SUFFIXES, *ARRAYS) and entry.name != STACK
        if entry.is_dir() or not is_image:
            kinds = ", ".join((*SUFFIXES, *ARRAYS))
            rule = f"a folder of frames contains only {STACK} or only images ({kinds})"
            remedy = "Convert it or move it elsewhere; videos and stacks are sequences themselves, "
            remedy += "in the folder sequences/ of a data folder."
            raise InputError(entry, rule, "something else", remedy)
    return _sort_by_number(path, entries)


def list_still_images(path: Path) -> list[Path]:
    """Return the path if it is an image of one frame, in a list; none for any other file."""
    suffix = path.suffix.lower()
    return [path] if suffix in SUFFIXES and not suffix.startswith(".tif") else []


def open_images(files: Sequence[Path], channel: str = "") -> Frames:
    """Open the images of a sequence, one per frame, in the given order.

    Args:
      files: The images.
      channel: red, green, blue or luma, if the colour channels differ; "" demands equal ones.

    Raises:
      InputError: An image is damaged or no grey image, or they differ in size or depth.
    """
    for file in files:
        check_regular(file)  # a pipe would be waited for
    if files[0].suffix.lower() in ARRAYS:
        return _open_arrays(files, channel)
    tiff = files[0].suffix.lower() in (".tif", ".tiff")
    headers = [frame_files.tiff_header(file) if tiff else _header(file) for file in files]
    header = frame_files.common_header(headers, lambda frame: files[frame])
    pixels = frame_files.tiff_pixels if tiff else functools.partial(_pixels, channel=channel)
    names = tuple(file.name for file in files)
    shape = (len(files), *header.size)
    stack = Stack(shape, header.dtype, lambda frame: pixels(files[frame]))
    if header.dtype in (np.uint8, np.uint16):
        return Frames(*stack, names)
    levels = grey_levels(stack, files[0].parent)  # of signed numbers and floats
    return Frames(shape, levels.dtype, lambda frame: levels.convert(stack[frame]), names)


def _open_arrays(files: Sequence[Path], channel: str) -> Frames:
    """Open files of one array each; their grey levels follow one rule."""

    def grey(file: Path) -> np.ndarray:
        pixels = ARRAYS[file.suffix.lower()](file)
        if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
            return frame_files.to_grey(pixels, file, channel)
        if pixels.ndim != 2:
            rule, remedy = "a frame must have the shape [H, W]", "Save one frame in each file."
            remedy += " A stack is a sequence of its own."
            raise InputError(file, rule, pixels.shape, remedy)
        return pixels

    first = grey(files[0])

    def read(frame: int) -> np.ndarray:
        pixels = grey(files[frame])
        header = Header(pixels.shape, pixels.dtype)
        frame_files.common_header(
            [Header(first.shape, first.dtype), header], lambda _: files[frame]
        )
        return pixels

    stack = Stack((len(files), *first.shape), first.dtype, read)
    frames = frames_of_stack(stack, files[0].parent, axes="thw")
    return frames._replace(names=tuple(file.name for file in files))


def _entries(path: Path) -> list[Path]:
    """Files and folders in a folder, without hidden ones and documents."""
    visible = (entry for entry in path.iterdir() if not is_hidden(Path(entry.name)))
    entries = sorted(entry for entry in visible if entry.is_dir() or not is_document(entry))
    return without_previews(without_tables(entries) or entries)


def without_previews(files: list[Path]) -> list[Path]:
    """Leave out the picture of a whole sequence among its frames, by its name."""
    frames = [file for file in files if file.stem.lower() not in _PREVIEWS]
    return frames if len(frames) > 1 else files


def split_names(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Split names at their numbers: the only one that varies, or else the last one.

    If several vary, as a number and a time do, it is the only one that counts without a gap; the
    others are * in the texts around it.

    split_names(["a_1_14bit", "a_2_14bit"])             # [("a_", "1", "_14bit"), ("a_", "2", ...)]

    Returns:
      The texts before the number, the number, and the text behind it, each; no number ("") and an
      empty text behind it for a name without one.
    """
    parts = [re.split(r"(\d+)", name) for name in names]
    place = -2
    if len({tuple(it[::2]) for it in parts}) == 1:
        numbers = zip(*(it[1::2] for it in parts), strict=True)
        varying = {2 * k + 1: column for k, column in enumerate(numbers) if len(set(column)) > 1}
        counting = [k for k, column in varying.items() if _counts(column)]
        if len(varying) == 1:
            place = next(iter(varying))
        elif len(counting) == 1:
            place = counting[0]
            parts = [["*" if k in varying and k != place else text for k, text in enumerate(it)]
                     for it in parts]  # fmt: skip
    return [
        ("".join(it[:place]), it[place], "".join(it[place:][1:]))
        if len(it) > 1
        else (it[0], "", "")
        for it in parts
    ]


def _counts(column: Sequence[str]) -> bool:
    """Whether numbers count each name once, without a gap."""
    numbers = {int(text) for text in column}
    return len(numbers) == len(column) == max(numbers) - min(numbers) + 1 >= _FEWEST_COUNTED


def _sort_by_number(folder: Path, files: list[Path]) -> list[Path]:
    """Sort files by the numbers in their names, which must have no gaps."""
    numbered: dict[int, Path] = {}
    first = None
    stems = [file.name[: -len(file.suffix)] for file in files]
    if are_times(stems):
        rule, value = "the names of frames must number them", f"times, {stems[0]} to {stems[-1]}"
        raise InputError(folder, rule, value, "Rename the frames 0, 1, ... in the same order.")
    names = split_names(stems)
    for file, (before, digits, after) in zip(files, names, strict=True):
        if not digits:
            rule = "a frame's name must contain its number"
            raise InputError(
                file, rule, file.name, "Rename the frames 0, 1, ..., or move it elsewhere."
            )
        numbering = f"{before}<number>{after}{file.suffix}"
        first = first or numbering
        number = int(digits)
        if numbering != first or number in numbered:
            same_number = numbered[number].name if numbering == first else None
            rule = "the frames of a folder must have one numbering"
            value = same_number or f"{numbering} beside {first}"
            remedy = (
                "Give each sequence, masks and previews a folder, or rename the frames 0, 1, ..."
            )
            raise InputError(file, rule, value, f"{remedy} in order.")
        numbered[number] = file
    check_gaps(folder, numbered)
    return [numbered[number] for number in sorted(numbered)]


def check_gaps(folder: Path, numbered: Mapping[int, Path]) -> None:
    """Raise if a frame is missing between the first and the last one."""
    numbers = sorted(numbered)
    pairs = list(zip(numbers, numbers[1:], strict=False))
    steps = {after - before for before, after in pairs}
    for before, after in pairs:
        if after != before + 1:
            rule = f"frames must be numbered without a gap, {before + 1} follows {before}"
            value = f"{numbered[before].name}, then {numbered[after].name}"
            remedy = "Add the missing frames, or make a separate sequence of each part."
            if len(steps) == 1 and len(pairs) > 1:
                value += f", in steps of {after - before} throughout"
                remedy = "Rename them by steps of 1, and number the frames of their labels alike."
            raise InputError(folder, rule, value, remedy)


def _header(file: Path) -> Header:
    with frame_files.readable(file), open_image(file) as image:
        # Pillow silently reduces a PNG of 16 bits per colour to 8.
        _check_single(file, image)
        deep_colour = image.format == "PNG" and image.mode != "I;16" and _png_depth(file) == 16
        if image.mode not in _MODES or deep_colour:
            rule = "an image must contain grey levels"
            value = f"{image.format} of mode {image.mode}{', 16 bit' if deep_colour else ''}"
            raise InputError(file, rule, value, frame_files.GREY_REMEDY)
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))  # image.getexif would decode a PNG
        frame_files.check_orientation(exif.get(_ORIENTATION, 1), file)
        return Header((image.height, image.width), np.dtype(_MODES[image.mode]))


def _check_single(file: Path, image: Image.Image) -> None:
    """Raise if an image file is of another format than its name, or holds more than one picture."""
    expected = _FORMATS[file.suffix.lower()]
    pictures = getattr(image, "n_frames", 1)
    if image.format != expected or pictures != 1:
        rule = f"the file must be a {expected} image with one picture"
        value = f"{image.format} with {pictures}"
        raise InputError(file, rule, value, "Save each picture in a file of its own.")
    check_end(file, expected)


def _png_depth(file: Path) -> int:
    with file.open("rb") as opened:
        return opened.read(25)[24]


def _pixels(file: Path, channel: str) -> np.ndarray:
    with frame_files.readable(file), open_image(file) as image:
        check_whole(file, image)
        pixels = np.array(image.convert("RGB") if image.mode == "P" else image)
        return frame_files.to_grey(pixels, file, channel)
