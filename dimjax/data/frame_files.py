"""Readers of .npy and TIFF stacks at native bit depth, and the parts that all readers share.

Each reader returns the shape, the data type and a function that reads one frame. It checks all
headers when it opens a file; damaged pixels are detected when their frame is read.

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

DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16))
GREY_REMEDY = "Save it as 8 or 16 bit unsigned grey levels."
COPY_REMEDY = "Copy it again from its source."

_TIFF_KINDS = (
    (tifffile.PHOTOMETRIC.MINISBLACK, "YX", 1),
    (tifffile.PHOTOMETRIC.RGB, "YXS", 3),
)


class Frames(NamedTuple):
    """Frames of one file or folder."""

    shape: tuple[int, int, int]  # T, H, W
    dtype: np.dtype  # uint8 or uint16
    read: Callable[[int], np.ndarray]  # frame number -> new array [H, W]
    names: tuple[str, ...] = ()  # file names of the frames; empty if a file holds several


class Header(NamedTuple):
    """Size and data type of an image, known before its pixels are decoded."""

    size: tuple[int, int]  # H, W
    dtype: np.dtype


@contextmanager
def readable(subject: object, remedy: str = COPY_REMEDY) -> Iterator[None]:
    """Convert any exception of a decoder into an InputError about the subject."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # damaged bytes can lead a decoder to raise anything
        value = f"{type(error).__name__}: {error}"
        raise InputError(subject, "the file must be readable", value, remedy) from error


def to_grey(pixels: np.ndarray, subject: object) -> np.ndarray:
    """Convert pixels [H, W], or [H, W, 3] with three equal channels, to grey levels [H, W].

    Raises:
      InputError: The channels differ.
    """
    if pixels.ndim == 2:
        return pixels
    differing = (pixels != pixels[..., :1]).any(axis=-1)
    if differing.any():
        value = f"{int(differing.sum())} pixels where they differ"
        raise InputError(subject, "the three colour channels must be equal", value, GREY_REMEDY)
    return np.ascontiguousarray(pixels[..., 0])


def common_header(headers: list[Header], subject_of: Callable[[int], object]) -> Header:
    """Return the header that all frames share.

    Args:
      headers: Of the frames, one or more.
      subject_of: Frame number -> subject of the error.

    Raises:
      InputError: A frame differs from the first one in size or data type.
    """
    for frame, header in enumerate(headers):
        if header != headers[0]:
            rule = f"all frames must be as the first, {_describe(headers[0])}"
            remedy = "Make a separate sequence of each part."
            raise InputError(subject_of(frame), rule, _describe(header), remedy)
    return headers[0]


def _describe(header: Header) -> str:
    return f"{header.size[1]}x{header.size[0]} pixels {header.dtype}"


def open_npy(path: Path) -> Frames:
    """Open a .npy stack [T, H, W] by memory mapping; frames are read as copies.

    Raises:
      InputError: The file is damaged or not such a stack of uint8 or uint16.
    """
    with readable(path):
        stack = np.lib.format.open_memmap(path, mode="r")
    dtype = stack.dtype.newbyteorder("=")
    if dtype not in DTYPES:
        raise InputError(path, "frames must be uint8 or uint16", stack.dtype, GREY_REMEDY)
    if stack.ndim != 3 or 0 in stack.shape:
        remedy = "Save grey frames in the order time, row, column."
        raise InputError(path, "a stack must have the shape [T, H, W]", stack.shape, remedy)
    return Frames(stack.shape, dtype, lambda frame: np.array(stack[frame], dtype=dtype))


def open_tiff_stack(path: Path) -> Frames:
    """Open a TIFF file with one page per frame.

    Raises:
      InputError: The file is damaged or cut off, or its pages are no grey frames of one size.
    """
    with readable(path), tifffile.TiffFile(path) as opened:
        _check_page_chain(opened, path)
        pages = list(opened.pages)
        headers = [_page_header(page, f"{path} page {k}") for k, page in enumerate(pages)]
        first = common_header(headers, lambda frame: f"{path} page {frame}")
        pixels = sum(series.size for series in opened.series)
        if pixels != sum(page.size for page in pages):
            rule = "each frame must have a page of its own"
            remedy = "Save it again with one page per frame."
            raise InputError(path, rule, f"{len(pages)} pages for {pixels} pixels", remedy)
        offsets = [page.offset for page in pages]

    def read(frame: int) -> np.ndarray:
        with readable(path), tifffile.TiffFile(path) as opened:
            opened.filehandle.seek(offsets[frame])  # faster than following the chain of pages
            return _page_pixels(tifffile.TiffPage(opened, frame), f"{path} page {frame}")

    return Frames((len(pages), *first.size), first.dtype, read)


def tiff_header(file: Path) -> Header:
    """Read the header of a TIFF file that must have a single page."""
    with readable(file), tifffile.TiffFile(file) as opened:
        _check_page_chain(opened, file)
        if len(opened.pages) != 1:
            rule = "a TIFF image in a folder of frames must have one page"
            remedy = "Use the stack itself as the sequence."
            raise InputError(file, rule, f"{len(opened.pages)} pages", remedy)
        return _page_header(opened.pages[0], file)


def tiff_pixels(file: Path) -> np.ndarray:
    """Read the pixels [H, W] of a TIFF file with a single page."""
    with readable(file), tifffile.TiffFile(file) as opened:
        return _page_pixels(opened.pages[0], file)


def _check_page_chain(opened: tifffile.TiffFile, path: Path) -> None:
    """Raise if the chain of pages breaks off; tifffile itself would silently read fewer pages."""
    count = len(opened.pages)
    opened.filehandle.seek(opened.pages.next_page_offset)
    pointer = opened.filehandle.read(opened.tiff.offsetsize)
    if pointer != bytes(opened.tiff.offsetsize):
        rule = "a TIFF file must contain all of its pages"
        value = f"the end of the file after page {count - 1}"
        raise InputError(path, rule, value, COPY_REMEDY)


def _page_header(page: tifffile.TiffPage, subject: object) -> Header:
    kind = (page.photometric, page.axes, page.samplesperpixel)
    if page.dtype not in DTYPES or kind not in _TIFF_KINDS:
        rule = "a page must contain grey levels, uint8 or uint16, black at 0"
        value = f"{page.photometric!s} {page.dtype} of shape {page.shape}"
        raise InputError(subject, rule, value, GREY_REMEDY)
    extents = zip(page.dataoffsets, page.databytecounts, strict=True)
    end = max(offset + count for offset, count in extents)
    size = page.parent.filehandle.size
    if end > size:
        rule = f"the file must reach to the end of the pixels, byte {end}"
        raise InputError(subject, rule, f"{size} bytes", COPY_REMEDY)
    return Header(page.shape[:2], page.dtype)


def _page_pixels(page: tifffile.TiffPage, subject: object) -> np.ndarray:
    remedy = "Save it uncompressed or copy it again; some codecs need the package imagecodecs."
    with readable(subject, remedy):
        return to_grey(page.asarray(), subject)
