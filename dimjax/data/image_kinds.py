"""Kinds of images in an unknown folder: masks, still images, and TIFF files of several frames.

are_masks([Path("masks/0001.png")])                 # True
are_stills([Path("a.png"), Path("b.png")])          # True: they show different scenes
"""

from pathlib import Path

import numpy as np
from PIL import Image

_MASK_SHARE = 0.05  # largest share of set pixels of a mask
_MASK_LEVELS = 3  # largest number of its levels
_STILL_CORRELATION = 0.5  # of neighbouring images; below it they are no frames of a sequence


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
    try:
        with Image.open(file) as image:
            size = image.size
            grey = image.convert("F" if image.mode.startswith("I") else "L")
            return np.asarray(grey.resize((32, 32)), dtype=float), size
    except OSError:
        return None


def are_masks(images: list[Path]) -> bool:
    """Whether images have few levels, most pixels of which are 0."""
    chosen = {images[0], images[len(images) // 2], images[-1]}
    return all(_is_mask(image) for image in chosen)


def _is_mask(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    except OSError:
        return False
    colours = pixels[..., :3].max(axis=-1) if pixels.ndim == 3 else pixels
    lossy = file.suffix.lower() in (".jpg", ".jpeg")
    found = colours > colours.max() / 2 if lossy else colours > 0
    few = lossy or len(np.unique(colours)) <= _MASK_LEVELS
    return bool(few and found.mean() <= _MASK_SHARE)


def is_stack(images: list[Path]) -> bool:
    """Whether images are TIFF files of several frames each."""
    if not images or images[0].suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with Image.open(images[0]) as image:
            return getattr(image, "n_frames", 1) > 1
    except OSError:
        return False
