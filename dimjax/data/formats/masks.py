"""Masks of a frame: an image or array in which each connected component of set pixels is one label.

A pixel is set if a colour of it is not 0, in any of the modes 1, L, P, RGB, RGBA and 16 bit; in a
JPEG, whose zeros are not exact, if it is brighter than half the brightest. Pixels that touch at a
corner are connected. A box spans its component.

    read_masks(Path("masks/flight3/0001.png"), Options(), raise_error)
"""

from pathlib import Path

import numpy as np
from scipy import ndimage

from dimjax.atomic_files import check_regular
from dimjax.data.formats.marks import Mark, Options
from dimjax.data.frame_files import readable
from dimjax.data.image_folders import ARRAYS
from dimjax.data.whole_pictures import check_whole, open_image
from dimjax.errors import InputError, OnError

_LARGEST_SHARE = 0.5  # of set pixels: above it, a mask is inverted or no mask


def read_masks(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the components of a mask as boxes whose x, y is the top-left corner."""
    return component_marks(set_pixels(path))


def component_marks(pixels: np.ndarray) -> list[Mark]:
    """Return a mark for each connected component of set pixels, [H, W] bool."""
    components, _ = ndimage.label(pixels, np.ones((3, 3)))
    boxes, of_image = [], pixels.shape[::-1]
    for k, (rows, columns) in enumerate(ndimage.find_objects(components), start=1):
        size = columns.stop - columns.start, rows.stop - rows.start
        corner = columns.start, rows.start
        boxes.append(Mark(f"component {k}", "", *corner, *size, image_size=of_image))
    return boxes


def set_pixels(path: Path) -> np.ndarray:
    """Read which pixels of a mask are set, [H, W] bool.

    Raises:
      InputError: The file is no readable image, or most of its pixels are set.
    """
    check_regular(path)
    if path.suffix.lower() in ARRAYS:
        pixels = _checked_array(path)
        found = pixels > 0
        check_share(found, pixels, path)
        return found
    with readable(path), open_image(path) as image:
        check_whole(path, image)
        lossy = image.format == "JPEG"
        if image.mode in ("P", "PA", "CMYK"):
            image = image.convert("RGBA")
        pixels = np.asarray(image)
    if pixels.ndim == 3:
        colours = pixels[..., : 1 if pixels.shape[2] == 2 else 3].max(axis=-1)
        # A mask may lie in the alpha channel alone.
        has_alpha = pixels.shape[2] in (2, 4) and (pixels[..., :3] == pixels[0, 0, :3]).all()
        pixels = pixels[..., -1] if has_alpha and (pixels[..., -1] != 255).any() else colours
    found = pixels > pixels.max() / 2 if lossy else pixels > 0
    check_share(found, pixels, path)
    return found


def _checked_array(path: Path) -> np.ndarray:
    pixels = ARRAYS[path.suffix.lower()](path)
    if pixels.ndim != 2:
        rule, remedy = "a mask must have the shape [H, W]", "Save one mask for each frame."
        raise InputError(path, rule, pixels.shape, remedy)
    return pixels


def check_share(found: np.ndarray, pixels: np.ndarray, subject: object) -> None:
    """Raise if most pixels of a mask are set.

    Args:
      found: Which are set, [H, W] bool.
      pixels: Their levels, [H, W].
      subject: Subject of the error.

    Raises:
      InputError: More than half are set.
    """
    if found.mean() > _LARGEST_SHARE:
        rule = "a mask must be 0 where there is no target"
        value, remedy = f"{found.mean():.0%} of its pixels set", "Invert the mask"
        usual, count = _commonest(pixels)
        if not found.all():  # at the targets, if the mask is inverted
            value += f", most to {usual}"
        elif count > _LARGEST_SHARE * pixels.size:
            value += f" and a background of {usual}"
            remedy = f"Write 0 in place of {usual}"
        raise InputError(subject, rule, value, f"{remedy}, or correct the key labels.")


def _commonest(pixels: np.ndarray) -> tuple[int, int]:
    """The commonest level and the number of its pixels."""
    levels, counts = np.unique(pixels, return_counts=True)
    return int(levels[counts.argmax()]), int(counts.max())
