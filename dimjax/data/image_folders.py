"""Folders of numbered images: 1.png, 2.png, ..., 10.png, of 8 or 16 bit.

In comes a folder of PNG, TIFF or BMP frames, or of one frames.npy; out come its shape, number
type and a function that reads one frame. Frames are in the order of their numbers.

    frames = open_folder_of_frames(Path("sequences/flight3"))
    frames.read(0)                                      # [H, W] of the lowest number
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from dimjax.data import frame_files
from dimjax.data.frame_files import Frames, Header
from dimjax.errors import InputError

SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
STACK = "frames.npy"

_MODES = {"L": np.uint8, "I;16": np.uint16, "RGB": np.uint8, "P": np.uint8}


def open_folder_of_frames(path: Path) -> Frames:
    """Open a folder of numbered images or of one frames.npy; files that begin with . are no frames.

    Raises:
      InputError: It is empty, holds something else, a number is missing, there are two
        numberings, or the images differ in size or depth.
    """
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    if not entries:
        raise InputError(path, "a sequence must have frames", "an empty folder", "Fill it.")
    if [entry.name for entry in entries] == [STACK]:
        return frame_files.open_npy(entries[0])
    for entry in entries:
        if entry.is_dir() or entry.suffix.lower() not in SUFFIXES:
            kinds = ", ".join(SUFFIXES)
            rule = f"a folder of frames holds {STACK} alone, or images ({kinds}) alone"
            raise InputError(entry, rule, "something else", "Convert it or move it elsewhere.")
    return _open_images(_in_order(path, entries))


def _in_order(folder: Path, files: list[Path]) -> list[Path]:
    """Files by the last number in their names, which must count without a gap."""
    numbered: dict[int, Path] = {}
    first = None
    for file in files:
        match = re.fullmatch(r"(.*?)(\d+)(\D*)", file.name[: -len(file.suffix)])
        if match is None:
            raise InputError(file, "a frame's name must hold its number", file.name, "Rename it.")
        numbering = f"{match[1]}<number>{match[3]}{file.suffix}"
        first = first or numbering
        number = int(match[2])
        if numbering != first or number in numbered:
            twin = f"{numbering} beside {first}" if numbering != first else numbered[number].name
            rule = "the frames of a folder must have one numbering"
            raise InputError(file, rule, twin, "Give each sequence a folder of its own.")
        numbered[number] = file
    return _without_gap(folder, numbered)


def _without_gap(folder: Path, numbered: dict[int, Path]) -> list[Path]:
    numbers = sorted(numbered)
    for before, after in zip(numbers, numbers[1:], strict=False):
        if after != before + 1:
            rule = f"frames must be numbered without a gap, {before + 1} follows {before}"
            found = f"{numbered[before].name}, then {numbered[after].name}"
            remedy = "Add the missing frames, or make a sequence of each part."
            raise InputError(folder, rule, found, remedy)
    return [numbered[number] for number in numbers]


def _open_images(files: list[Path]) -> Frames:
    tiff = files[0].suffix.lower() in (".tif", ".tiff")
    headers = [frame_files.tiff_header(file) if tiff else _header(file) for file in files]
    first = frame_files.same_header(headers, lambda frame: files[frame])
    pixels = frame_files.tiff_pixels if tiff else _pixels
    return Frames((len(files), *first.size), first.dtype, lambda frame: pixels(files[frame]))


def _header(file: Path) -> Header:
    with frame_files.readable(file), Image.open(file) as image:
        # Pillow would cut a PNG of 16 bits a colour down to 8.
        deep_colour = image.format == "PNG" and image.mode != "I;16" and _png_depth(file) == 16
        if image.mode not in _MODES or deep_colour:
            found = f"{image.format} of mode {image.mode}{', 16 bit' if deep_colour else ''}"
            raise InputError(
                file, "an image must be of grey levels", found, frame_files.GREY_REMEDY
            )
        return Header((image.height, image.width), np.dtype(_MODES[image.mode]))


def _png_depth(file: Path) -> int:
    with file.open("rb") as opened:
        return opened.read(25)[24]


def _pixels(file: Path) -> np.ndarray:
    with frame_files.readable(file), Image.open(file) as image:
        return frame_files.grey(
            np.array(image.convert("RGB") if image.mode == "P" else image), file
        )
