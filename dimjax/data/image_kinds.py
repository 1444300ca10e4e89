"""Kinds of images in an unknown folder: masks, still images, and TIFF files of several frames.

are_masks([Path("masks/0001.png")])                 # True
are_stills([Path("a.png"), Path("b.png")])          # True: they show different scenes
"""

import contextlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from dimjax.data.frame_files import readable
from dimjax.data.image_folders import ARRAYS
from dimjax.data.label_arrays import are_frames
from dimjax.data.whole_pictures import open_image
from dimjax.errors import InputError

_MASK_SHARE = 0.05  # largest share of set pixels of a mask
_MASK_LEVELS = 3  # largest number of its levels
_WHITE = 255
_DARKEST = 20  # level of a black background in a lossy image; videos may have 16
_ONE_LEVEL = 0.7  # share of its pixels that have exactly this level; skies have noise
_FEWEST_ARRAYS = 2  # files of one array each that are taken for the frames of a sequence
_STILL_CORRELATION = 0.5  # of neighbouring images; below it they are no frames of a sequence


def open_picture(file: Path) -> Image.Image:
    """Open an image.

    Raises:
      OSError: It is damaged or too large, or no file: a named pipe would be waited for.
    """
    if not file.is_file():
        raise OSError(f"{file} is no file")
    try:
        return open_image(file)
    except Image.DecompressionBombError as error:  # reported when it is read
        raise OSError(f"{file} is too large") from error


def are_stills(images: list[Path]) -> bool:
    """Whether neighbouring images differ in size, or show different scenes."""
    pixels = [it for it in map(_thumbnail, images[:9]) if it is not None]
    sizes = {size for _, size in pixels}
    if len(sizes) > 1:
        return True
    if len(images) == 1:
        return True
    pairs = zip(pixels, pixels[1:], strict=False)
    correlations = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for (a, _), (b, _) in pairs if a.std() and b.std()
    ]
    return bool(correlations) and float(np.median(correlations)) < _STILL_CORRELATION


def _thumbnail(file: Path) -> tuple[np.ndarray, tuple[int, int]] | None:
    """Small copy and size of an image; None if it is damaged, which is reported when it is read."""
    if file.suffix.lower() in ARRAYS:
        return _array_thumbnail(file)
    try:
        with open_picture(file) as image:
            size = image.size
            grey = image.convert("F" if image.mode.startswith("I") else "L")
            return np.asarray(grey.resize((32, 32)), dtype=float), size
    except OSError:
        return None


def _array_thumbnail(file: Path) -> tuple[np.ndarray, tuple[int, int]] | None:
    with contextlib.suppress(InputError, TypeError, ValueError):  # reported when it is read
        pixels = np.asarray(ARRAYS[file.suffix.lower()](file), dtype=float)
        grey = pixels.mean(axis=-1) if pixels.shape[2:] in ((3,), (4,)) else pixels
        if grey.ndim != 2:
            return None
        small = Image.fromarray(grey.astype(np.float32)).resize((32, 32))
        return np.asarray(small, dtype=float), grey.shape[::-1]
    return None


def are_masks(images: list[Path]) -> bool:
    """Whether images have few levels and most of their pixels one of these.

    This level is 0 or, in a mask that is inverted, another one: that is reported when it is read.
    """
    chosen = {images[0], images[len(images) // 2], images[-1]}
    found = [it for it in map(_is_mask, chosen) if it is not None]
    return bool(found) and all(found)


def _is_mask(file: Path) -> bool | None:
    """Whether an image is a mask; None if it is damaged, which is reported when it is read."""
    suffix = file.suffix.lower()
    if suffix in ARRAYS:
        with contextlib.suppress(InputError):
            pixels = ARRAYS[suffix](file)
            return pixels.ndim == 2 and has_mask_levels(pixels, is_lossy=False)
        return None
    try:
        with open_picture(file) as image:
            pixels = np.asarray(image.convert("RGBA") if image.mode in ("P", "PA") else image)
    except OSError:
        return None
    return has_mask_levels(_mask_channel(pixels), is_lossy=suffix in (".jpg", ".jpeg"))


def has_mask_levels(pixels: np.ndarray, is_lossy: bool) -> bool:
    """Whether an image [H, W] has few levels and most of its pixels one of these.

    Levels of lossy images are not exact: most of them must be one that is nearly black, and few of
    them bright.
    """
    levels, counts = np.unique(pixels, return_counts=True)
    if is_lossy:
        is_dark = levels[counts.argmax()] <= _DARKEST and counts.max() >= _ONE_LEVEL * pixels.size
        return bool(is_dark and (pixels > pixels.max() / 2).mean() <= _MASK_SHARE)
    if len(levels) == 1:  # without a target
        return levels[0] in (0, _WHITE)
    return bool(len(levels) <= _MASK_LEVELS and counts.max() >= (1 - _MASK_SHARE) * pixels.size)


def is_blank(file: Path) -> bool:
    """Whether all pixels of an image are black, or all are white."""
    try:
        with open_picture(file) as image:
            low, high = np.asarray(image).min(), np.asarray(image).max()
    except OSError:
        return False
    return bool(low == high and low in (0, _WHITE))


def _mask_channel(pixels: np.ndarray) -> np.ndarray:
    """The alpha channel if it alone shows something, else the largest colour."""
    if pixels.ndim == 2:
        return pixels
    count = pixels.shape[2] - (pixels.shape[2] in (2, 4))  # of colours
    colours, alpha = pixels[..., :count], pixels[..., -1]
    if count < pixels.shape[2] and np.ptp(alpha) and not np.ptp(colours, axis=(0, 1)).any():
        return alpha
    return colours.max(axis=-1)


def is_stack(images: list[Path]) -> bool:
    """Whether images are TIFF files of several frames each."""
    if not images or images[0].suffix.lower() not in (".tif", ".tiff") or not images[0].is_file():
        return False
    try:
        with readable(images[0]), tifffile.TiffFile(images[0]) as opened:
            return len(opened.pages) > 1 and not opened.pages[1].is_reduced  # a thumbnail
    except InputError:
        return False


def are_numbered_arrays(files: list[Path]) -> bool:
    """Whether files are frames or masks, one each, in NumPy, FITS or MATLAB files."""
    suffixes = {file.suffix.lower() for file in files}
    return len(files) >= _FEWEST_ARRAYS and suffixes <= set(ARRAYS) and are_frames(files)
