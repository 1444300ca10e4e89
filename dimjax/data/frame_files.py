"""Readers of TIFF stacks at native bit depth, and the parts that all readers share.

Each reader returns the shape, the data type and a function that reads one frame. It checks all
headers when it opens a file; damaged pixels are detected when their frame is read.

    frames = open_tiff_stack(Path("flight3.tif"))
    frames.shape                                        # T, H, W
    frames.read(0)                                      # [H, W] uint8 or uint16
"""

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile

from dimjax.data.grey_levels import Stack, grey_levels
from dimjax.data.lfs_pointers import check_pointer
from dimjax.data.tiff_strips import check_strips
from dimjax.data.whole_pictures import open_image
from dimjax.errors import InputError

GREY_REMEDY = "Save it as 8 or 16 bit unsigned grey levels."
CHANNELS = ("red", "green", "blue", "luma")
_LUMA = (0.299, 0.587, 0.114)  # of ITU-R BT.601
COPY_REMEDY = "Copy it again from its source."
_SYSTEM_REMEDIES = {  # errors of the system, which are not faults of a file
    errno.ENOMEM: "Raise the limit with `ulimit -v`, or use a machine with more memory.",
    errno.EMFILE: "Raise the limit with `ulimit -n`.",
    errno.EACCES: "Change its permissions.",
}

_TIFF_KINDS = (
    (tifffile.PHOTOMETRIC.MINISBLACK, "YX", 1),
    (tifffile.PHOTOMETRIC.RGB, "YXS", 3),
)
_MAX_CHANNELS = 4
_BY_PILLOW = (tifffile.COMPRESSION.LZW,)  # tifffile needs a further package for it
_TOP_LEFT = 1  # orientation of an image whose first row is the upper one


class Reading(NamedTuple):
    """Choices between ways to read a file, keys of a layout."""

    channel: str = ""  # red, green, blue or luma, if those of colour images differ
    stack_axes: str = ""  # thw or hwt; "": as usual for the format, and checked
    max_frame_pixels: int = 2**27  # a header that promises more would exhaust the memory
    max_stack_bytes: int = 2**32  # of a stack that is kept in memory


NATIVE = Reading()  # of a file that leaves no choice


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
        if isinstance(subject, Path) and subject.is_file():
            check_pointer(subject)
        value = f"{type(error).__name__}: {error}"
        code = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
        remedy = _SYSTEM_REMEDIES.get(code, remedy)
        raise InputError(subject, "the file must be readable", value, remedy) from error


def to_grey(pixels: np.ndarray, subject: object, channel: str = "") -> np.ndarray:
    """Convert pixels to grey levels [H, W].

    Args:
      pixels: [H, W], or [H, W, C] with the channels grey and alpha, RGB, or RGB and alpha. Alpha
        must be the same everywhere.
      subject: Subject of an error.
      channel: red, green, blue or luma, if the channels differ; "" demands equal ones.

    Raises:
      InputError: The channels differ, and no one is chosen.
    """
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] in (2, 4):
        if (pixels[..., -1] != pixels[0, 0, -1]).any():
            rule, value = "a frame must be opaque", "pixels of different transparency"
            raise InputError(subject, rule, value, "Save it without an alpha channel.")
        pixels = pixels[..., :-1]
    if channel == "luma" and pixels.shape[2] == 3:
        return np.rint(pixels @ np.array(_LUMA)).astype(pixels.dtype)
    if channel and pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels[..., CHANNELS.index(channel)])
    differing = (pixels != pixels[..., :1]).any(axis=-1)
    if differing.any():
        value = f"{int(differing.sum())} pixels where they differ"
        remedy = f"Choose one with the key channel of the layout, {', '.join(CHANNELS)}."
        raise InputError(subject, "the three colour channels must be equal", value, remedy)
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


def open_tiff_stack(path: Path) -> Frames:
    """Open a TIFF file with one page per frame, or an OME-TIFF by the first of its files.

    Raises:
      InputError: The file is damaged or cut off, its pages are no grey frames of one size, or it is
        a later file of an OME-TIFF.
    """
    _check_files(ome_files(path), path)
    with readable(path), ExitStack() as stack:
        files = {file: stack.enter_context(tifffile.TiffFile(file)) for file in ome_files(path)}
        for file, part in files.items():
            _check_page_chain(part, file)
        pages_of = {file: list(part.pages) for file, part in files.items()}
        opened = files[path]
        pages = _in_time_order(opened, pages_of) if len(files) > 1 else pages_of[path]
        headers = [_page_header(page, f"{path} page {k}") for k, page in enumerate(pages)]
        first = common_header(headers, lambda frame: f"{path} page {frame}")
        _check_series(opened, path)
        pixels = sum(series.size for series in opened.series)
        if pixels != sum(page.size for page in pages):
            rule = "each frame must have a page of its own"
            remedy = "Save it again with one page per frame."
            raise InputError(path, rule, f"{len(pages)} pages for {pixels} pixels", remedy)
        places = [(page.parent.filehandle.path, page.offset) for page in pages]

    def read(frame: int) -> np.ndarray:
        file, offset = places[frame]
        with readable(file), tifffile.TiffFile(file) as opened:
            opened.filehandle.seek(offset)  # faster than following the chain of pages
            return _page_pixels(tifffile.TiffPage(opened, frame), f"{path} page {frame}")

    frames = Stack((len(places), *first.size), first.dtype, read)
    levels = grey_levels(frames, path)
    return Frames(frames.shape, levels.dtype, lambda frame: levels.convert(read(frame)))


def ome_files(path: Path) -> list[Path]:
    """Return the files of an OME-TIFF, in the order of its frames; only its own of another TIFF.

    Raises:
      InputError: The file cannot be read, or names a file in another folder.
    """
    with readable(path), tifffile.TiffFile(path) as opened:
        names = [*dict.fromkeys(re.findall(r'FileName="([^"]+)"', opened.ome_metadata or ""))]
    for name in names:
        if Path(name).name != name or name == "..":
            rule, remedy = "the files of an OME-TIFF must lie beside it", "Save it as one file."
            raise InputError(path, rule, f"the file {name}", remedy)
    return [path.with_name(name) for name in names] if len(names) > 1 else [path]


def tiff_header(file: Path) -> Header:
    """Read the header of a TIFF file that must have a single page."""
    with readable(file), tifffile.TiffFile(file) as opened:
        _check_page_chain(opened, file)
        pages = _without_thumbnails(opened)
        if len(pages) != 1:
            rule = "a TIFF image in a folder of frames must have one page"
            remedy = "Use the stack itself as the sequence."
            raise InputError(file, rule, f"{len(pages)} pages", remedy)
        return _page_header(pages[0], file)


def tiff_pixels(file: Path) -> np.ndarray:
    """Read the pixels [H, W] of a TIFF file with a single page."""
    with readable(file), tifffile.TiffFile(file) as opened:
        return _page_pixels(_without_thumbnails(opened)[0], file)


def _without_thumbnails(opened: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    return [page for page in opened.pages if not page.is_reduced]


def _check_page_chain(opened: tifffile.TiffFile, path: Path) -> None:
    """Raise if the chain of pages breaks off; tifffile itself would silently read fewer pages."""
    count = len(opened.pages)
    opened.filehandle.seek(opened.pages.next_page_offset)
    pointer = opened.filehandle.read(opened.tiff.offsetsize)
    if pointer != bytes(opened.tiff.offsetsize):
        rule = "a TIFF file must contain all of its pages"
        value = f"the end of the file after page {count - 1}"
        raise InputError(path, rule, value, COPY_REMEDY)


def _check_files(files: list[Path], path: Path) -> None:
    """Raise if a file is not the first of an OME-TIFF, or if another one is missing."""
    if files[0] != path:
        rule, remedy = "a stack must be opened by its first file", "Leave out the later ones."
        raise InputError(path, rule, f"a part of {files[0].name}", remedy)
    for file in files:
        if not file.exists():
            rule, remedy = "all files of an OME-TIFF must lie beside it", "Copy them all."
            raise InputError(path, rule, f"no {file.name}", remedy)


def _in_time_order(
    opened: tifffile.TiffFile, pages_of: dict[Path, list[tifffile.TiffPage]]
) -> list[tifffile.TiffPage]:
    """Return the pages of the files of an OME-TIFF, in the order of its frames."""
    path = Path(opened.filehandle.path)
    by_name = {file.name: pages for file, pages in pages_of.items()}
    frames = [page for series in opened.series for page in series.pages]
    if None in frames:
        rule, value = "an OME-TIFF must have a page for each frame", "none"
        raise InputError(f"{path} frame {frames.index(None)}", rule, value, COPY_REMEDY)
    return [by_name[Path(it.parent.filehandle.path).name][it.index] for it in frames]


def _check_series(opened: tifffile.TiffFile, path: Path) -> None:
    """Raise if the pages are not one frame each of one series in time."""
    for series in opened.series:
        axes = {name: n for name, n in zip(series.axes, series.shape, strict=True) if n > 1}
        others = {name: n for name, n in axes.items() if name not in "YXS"}
        channels = others.get("C", 1) <= _MAX_CHANNELS  # ImageJ may call the frames channels
        if "C" in others and channels or len(others) > 1 or "R" in others or len(opened.series) > 1:
            value = f"axes {series.axes} of shape {series.shape}"
            value += f" in {len(opened.series)} series" if len(opened.series) > 1 else ""
            rule = "the frames of a stack must differ in time alone, not in channel or position"
            remedy = "Save each channel and each position as a file of its own."
            raise InputError(path, rule, value, remedy)


def check_orientation(orientation: int, subject: object) -> None:
    """Raise if an image is to be shown turned or mirrored: labels may be those of either view."""
    if orientation != _TOP_LEFT:
        rule, value = "an image must be stored as it is shown", f"orientation {orientation}"
        remedy = "Save it upright, for instance with `mogrify -auto-orient`; look at the labels."
        raise InputError(subject, rule, value, remedy)


def _page_header(page: tifffile.TiffPage, subject: object) -> Header:
    kind = (page.photometric, page.axes, page.samplesperpixel)
    if page.dtype.kind not in "iuf" or kind not in _TIFF_KINDS:
        rule = "a page must contain grey levels, black at 0"
        value = f"{page.photometric!s} {page.dtype} of shape {page.shape}"
        raise InputError(subject, rule, value, GREY_REMEDY)
    check_orientation(page.tags.valueof("Orientation", _TOP_LEFT), subject)
    if 0 in page.dataoffsets or 0 in page.databytecounts:
        rule, value = "each strip of a page must lie in the file", "a strip of 0 bytes"
        raise InputError(subject, rule, value, COPY_REMEDY)
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
        check_strips(page, subject)
        if page.compression in _BY_PILLOW:
            with open_image(page.parent.filehandle.path) as image:
                image.seek(page.index)
                return to_grey(np.array(image).astype(page.dtype), subject)
        return to_grey(page.asarray(), subject)
