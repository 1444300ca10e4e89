"""Frames of one file: what all kinds share, .npy stacks and TIFF stacks, at native bit depth.

In comes a file; out come the shape, the number type and a function that reads one frame. All
headers are looked at when a file is opened; damaged pixels are found when a frame is read.

    frames = open_npy(Path("flight3.npy"))
    frames.shape                                        # T, H, W
    frames.read(0)                                      # [H, W] uint8 or uint16
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile

from dimjax.errors import InputError

DEPTHS = (np.dtype(np.uint8), np.dtype(np.uint16))
GREY_REMEDY = "Save it as 8 or 16 bit unsigned grey levels."
COPY_REMEDY = "Copy it anew from its source."

_TIFF_KINDS = (
    (tifffile.PHOTOMETRIC.MINISBLACK, "YX", 1),
    (tifffile.PHOTOMETRIC.RGB, "YXS", 3),
)


class Frames(NamedTuple):
    """Frames of one file or folder."""

    shape: tuple[int, int, int]  # T, H, W
    dtype: np.dtype  # uint8 or uint16
    read: Callable[[int], np.ndarray]  # frame number -> new array [H, W]


class Header(NamedTuple):
    """What one image says of its pixels before they are decoded."""

    size: tuple[int, int]  # H, W
    dtype: np.dtype


@contextmanager
def readable(where: object, remedy: str = COPY_REMEDY) -> Iterator[None]:
    """Turn what a decoder raises on a damaged file into an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # decoders raise whatever the damaged bytes lead them to
        found = f"{type(error).__name__}: {error}"
        raise InputError(where, "the file must be readable", found, remedy) from error


def grey(pixels: np.ndarray, where: object) -> np.ndarray:
    """The one channel [H, W] of pixels [H, W] or of [H, W, 3] with three equal channels."""
    if pixels.ndim == 2:
        return pixels
    differing = (pixels != pixels[..., :1]).any(axis=-1)
    if differing.any():
        found = f"{int(differing.sum())} pixels where they differ"
        raise InputError(where, "the three colour channels must be equal", found, GREY_REMEDY)
    return np.ascontiguousarray(pixels[..., 0])


def same_header(headers: list[Header], where: Callable[[int], object]) -> Header:
    """The header that all frames share."""
    for frame, header in enumerate(headers):
        if header != headers[0]:
            rule = f"all frames must be as the first, {_describe(headers[0])}"
            remedy = "Make a sequence of each part."
            raise InputError(where(frame), rule, _describe(header), remedy)
    return headers[0]


def _describe(header: Header) -> str:
    return f"{header.size[1]}x{header.size[0]} pixels {header.dtype}"


def open_npy(path: Path) -> Frames:
    """Open a .npy stack [T, H, W]; it is memory mapped, and a frame read from it is a copy."""
    with readable(path):
        stack = np.lib.format.open_memmap(path, mode="r")
    depth = stack.dtype.newbyteorder("=")
    if depth not in DEPTHS:
        raise InputError(path, "frames must be uint8 or uint16", stack.dtype, GREY_REMEDY)
    if stack.ndim != 3 or 0 in stack.shape:
        remedy = "Save grey frames in the order time, row, column."
        raise InputError(path, "a stack must have the shape [T, H, W]", stack.shape, remedy)
    return Frames(stack.shape, depth, lambda frame: np.array(stack[frame], dtype=depth))


def open_tiff_stack(path: Path) -> Frames:
    """Open a TIFF file with one page for each frame."""
    with readable(path), tifffile.TiffFile(path) as opened:
        _check_chain(opened, path)
        pages = list(opened.pages)
        headers = [_page_header(page, f"{path} page {k}") for k, page in enumerate(pages)]
        first = same_header(headers, lambda frame: f"{path} page {frame}")
        pixels = sum(series.size for series in opened.series)
        if pixels != sum(page.size for page in pages):
            rule = "each frame must have a page of its own"
            remedy = "Save it anew with one page for each frame."
            raise InputError(path, rule, f"{len(pages)} pages for {pixels} pixels", remedy)
        offsets = [page.offset for page in pages]

    def read(frame: int) -> np.ndarray:
        with readable(path), tifffile.TiffFile(path) as opened:
            opened.filehandle.seek(offsets[frame])  # the list of pages need not be walked again
            return _page_pixels(tifffile.TiffPage(opened, frame), f"{path} page {frame}")

    return Frames((len(pages), *first.size), first.dtype, read)


def tiff_header(file: Path) -> Header:
    """Header of a TIFF file that must hold a single page."""
    with readable(file), tifffile.TiffFile(file) as opened:
        _check_chain(opened, file)
        if len(opened.pages) != 1:
            rule = "a TIFF image in a folder of frames must have one page"
            remedy = "Give the stack itself as the sequence."
            raise InputError(file, rule, f"{len(opened.pages)} pages", remedy)
        return _page_header(opened.pages[0], file)


def tiff_pixels(file: Path) -> np.ndarray:
    """Pixels [H, W] of a TIFF file with a single page."""
    with readable(file), tifffile.TiffFile(file) as opened:
        return _page_pixels(opened.pages[0], file)


def _check_chain(opened: tifffile.TiffFile, path: Path) -> None:
    """Raise if the list of pages breaks off: tifffile itself then reads fewer pages."""
    count = len(opened.pages)
    opened.filehandle.seek(opened.pages.next_page_offset)
    pointer = opened.filehandle.read(opened.tiff.offsetsize)
    if pointer != bytes(opened.tiff.offsetsize):
        rule = "a TIFF file must hold all of its pages"
        found = f"the end of the file after page {count - 1}"
        raise InputError(path, rule, found, COPY_REMEDY)


def _page_header(page: tifffile.TiffPage, where: object) -> Header:
    kind = (page.photometric, page.axes, page.samplesperpixel)
    if page.dtype not in DEPTHS or kind not in _TIFF_KINDS:
        rule = "a page must be of grey levels, uint8 or uint16, black at 0"
        found = f"{page.photometric!s} {page.dtype} of shape {page.shape}"
        raise InputError(where, rule, found, GREY_REMEDY)
    extents = zip(page.dataoffsets, page.databytecounts, strict=True)
    end = max(offset + count for offset, count in extents)
    size = page.parent.filehandle.size
    if end > size:
        rule = f"the file must reach to the end of the pixels, byte {end}"
        raise InputError(where, rule, f"{size} bytes", COPY_REMEDY)
    return Header(page.shape[:2], page.dtype)


def _page_pixels(page: tifffile.TiffPage, where: object) -> np.ndarray:
    remedy = "Save it uncompressed or copy it anew; some compressions need the package imagecodecs."
    with readable(where, remedy):
        return grey(page.asarray(), where)
