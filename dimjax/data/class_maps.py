"""Maps of classes beside the frames, such as 0, 1 for sky and 2 for targets: no masks, no frames.

find_class_maps([Path("images/s0"), Path("masks/s0")])      # [Path("masks/s0")]
levels_of(Path("masks/s0"))                                 # (0, 1, 2)
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from dimjax.data.image_folders import SUFFIXES

_MOST_LEVELS = 12
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
            with Image.open(file) as image:
                is_lossy = image.format == "JPEG"
                pixels = np.asarray(image.convert("L") if image.mode == "P" else image)
        except OSError:
            return ()
        pixels = pixels if pixels.ndim == 2 else pixels.max(axis=2)
        if is_lossy or (pixels[:, 1:] == pixels[:, :-1]).mean() < _EQUAL_SHARE:
            return ()
        found |= set(np.unique(pixels).tolist())
    return tuple(sorted(found)) if 1 < len(found) <= _MOST_LEVELS else ()


def _images(folder: Path) -> list[Path]:
    return [it for it in sorted(folder.iterdir()) if it.suffix.lower() in SUFFIXES]


def _numbers(folder: Path) -> set[str]:
    """The last numbers in the names of images."""
    found = (re.findall(r"\d+", file.stem) for file in _images(folder))
    return {numbers[-1] for numbers in found if numbers}
