"""Maps of classes beside the frames, such as 0, 1 for sky and 2 for targets: no masks, no frames.

find_class_maps([Path("images/s0"), Path("masks/s0")])      # [Path("masks/s0")]
levels_of(Path("masks/s0"))                                 # (0, 1, 2)
mask_colours([Path("masks/s0/0.png")])                      # [(0, 0, 255), (255, 0, 0)]
"""

import re
from pathlib import Path

import numpy as np

from dimjax.data.image_folders import ARRAYS, SUFFIXES
from dimjax.data.image_kinds import open_picture
from dimjax.data.label_arrays import holds_no_frames
from dimjax.errors import InputError

_MOST_LEVELS = 12
_MOST_COLOURS = 8  # of masks; the rims of smoothed ones have more
_FILES = 9  # masks that are looked at, evenly spread
_LOSSY = (".jpg", ".jpeg")
_EQUAL_SHARE = 0.97  # of neighbouring pixels in a row; noise changes more of them


def find_class_maps(containers: list[Path]) -> list[Path]:
    """Return the folders of images of a few levels in areas, with numbers that other folders have.

    Args:
      containers: Files or folders of frames.
    """
    folders = [it for it in containers if it.is_dir()]
    maps = [it for it in folders if levels_of(it)]
    frames = [_numbers(it) for it in folders if it not in maps] if maps else []
    return [it for it in maps if any(_numbers(it) <= numbers for numbers in frames)]


def levels_of(folder: Path) -> tuple[int, ...]:
    """Return the levels of three images of a folder; none if they are many, or noise."""
    files = _images(folder)
    found: set[int] = set()
    for file in {files[0], files[len(files) // 2], files[-1]} if files else ():
        try:
            pixels = _stored(file, "L")
        except OSError:
            return ()
        pixels = pixels if pixels.ndim == 2 else pixels.max(axis=-1)
        if file.suffix.lower() in _LOSSY or (pixels[:, 1:] == pixels[:, :-1]).mean() < _EQUAL_SHARE:
            return ()
        found |= set(np.unique(pixels).tolist())
    return tuple(sorted(found)) if 1 < len(found) <= _MOST_LEVELS else ()


def mask_colours(files: list[Path]) -> list[tuple[int, ...]]:
    """Return the colours, or grey levels, of the set pixels in some masks; [] if they are many."""
    found: set[tuple[int, ...]] = set()
    for file in files[:: len(files) // _FILES + 1]:
        try:
            if file.suffix.lower() in _LOSSY:  # whose levels are not exact
                return []
            pixels = _stored(file, "RGB")
        except OSError:  # reported when it is read
            return []
        colours = np.unique(pixels.reshape(-1, *pixels.shape[2:3]), axis=0)
        found |= {tuple(np.atleast_1d(it).tolist()) for it in colours if np.any(it)}
    return sorted(found) if len(found) <= _MOST_COLOURS else []


def _stored(file: Path, mode: str) -> np.ndarray:
    """Pixels of an image, a palette or colours in a mode of Pillow, or of an array.

    Raises:
      OSError: It is damaged.
    """
    if file.suffix.lower() in ARRAYS:
        try:
            return ARRAYS[file.suffix.lower()](file)
        except InputError as error:
            raise OSError from error
    with open_picture(file) as image:
        has_colours = image.mode not in ("1", "L") and not image.mode.startswith("I")
        is_converted = has_colours if mode == "RGB" else image.mode == "P"
        return np.asarray(image.convert(mode) if is_converted else image)


def _images(folder: Path) -> list[Path]:
    kinds = (*SUFFIXES, *ARRAYS)
    files = [it for it in sorted(folder.iterdir()) if it.suffix.lower() in kinds]
    return [it for it in files if not holds_no_frames(it)]


def _numbers(folder: Path) -> set[str]:
    """The last numbers in the names of images."""
    found = (re.findall(r"\d+", file.stem) for file in _images(folder))
    return {numbers[-1] for numbers in found if numbers}
