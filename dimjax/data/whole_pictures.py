"""Damage of image files that Pillow reads without an error: pixels that are missing, bytes behind.

check_whole(Path("frames/0001.png"), image)         # an InputError if rows are missing
check_end(Path("frames/0001.png"), "PNG")           # an InputError if more bytes follow
"""

import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from dimjax.errors import InputError

_PIECE = 2**20  # bytes that are inflated at once
_SHORT_HEADER = 12  # bytes of the header of an old BMP
_BMP_PLAIN = (0, 3, 6)  # methods of compression that are none
_JPEG_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # of no pixels, nor between them
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xd9"
_JPEG_BLOCK = 8  # pixels, on each side
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # numbers of a pixel by the type of colour
_WHOLE = ((0, 0, 1, 1),)  # first column and row, steps of both
_INTERLACED = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def open_image(file: str | Path) -> Image.Image:
    """Open an image of any size up to the limit of Pillow; our own limit is that of a frame."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file)


def check_whole(file: Path, image: Image.Image) -> None:
    """Check that the file of an opened image holds all of its pixels.

    Pillow fills missing ones with zeros, or grey in a JPEG. The file is read again only if the last
    pixels suggest that.

    Raises:
      InputError: Pixels are missing.
    """
    if image.format == "PNG":
        _check_png(file, image)
    elif image.format == "JPEG":
        _check_jpeg(file, image)


def check_end(file: Path, kind: str) -> None:
    """Check that a PNG or BMP file ends with its picture; a JPEG must be read, see check_whole.

    Args:
      file: The file.
      kind: Its format, PNG, BMP or JPEG.

    Raises:
      InputError: It has bytes behind the picture.
    """
    ends = {"PNG": _png_end, "BMP": _bmp_end}
    if kind in ends and (rest := file.stat().st_size - ends[kind](file)) > 0:
        raise _behind(file, rest)


def _behind(file: Path, rest: int) -> InputError:
    rule = "the file must end with its picture"
    return InputError(file, rule, f"{rest} bytes behind it", "Save the picture again.")


def _png_end(file: Path) -> int:
    """Position behind the last chunk."""
    return max((start + size + 4 for _, start, size in _png_chunks(file)), default=0)


def _bmp_end(file: Path) -> int:
    """Position behind the pixels, or behind all that the header counts if that is more."""
    with file.open("rb") as opened:
        stated, start, size = struct.unpack("<2xI4xII", opened.read(18))
        wide = size > _SHORT_HEADER
        form = "<iiHHII" if wide else "<HHHH12x"
        width, height, _, bits, *rest = struct.unpack(form, opened.read(20))
    packed, count = rest if wide else (0, 0)
    if packed not in _BMP_PLAIN:
        return max(stated, start + count)
    return max(stated, start + abs(height) * ((width * bits + 31) // 32 * 4))


def _png_chunks(file: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk of a PNG file, and the position and size of its contents."""
    with file.open("rb") as opened:
        opened.seek(8)  # signature
        while len(header := opened.read(8)) == 8:
            start, size = opened.tell(), int.from_bytes(header[:4], "big")
            yield header[4:], start, size
            if header[4:] == b"IEND":
                return
            opened.seek(start + size + 4)  # contents and checksum


def _check_png(file: Path, image: Image.Image) -> None:
    last_row = np.asarray(image.crop((0, image.height - 1, *image.size)))
    with file.open("rb") as opened:
        depth, kind, *_, is_interlaced = opened.read(29)[24:]
    if last_row.any() and not is_interlaced:
        return
    bits = depth * _PNG_SAMPLES[kind]
    stated = 0
    for column, row, across, down in _INTERLACED if is_interlaced else _WHOLE:
        columns, rows = -(-(image.width - column) // across), -(-(image.height - row) // down)
        stated += rows * (1 + -(-columns * bits // 8)) if columns > 0 < rows else 0
    found = _inflated(file, stated)
    if found < stated:
        rule = f"a PNG image must hold all of its {image.height} rows, {stated:,} bytes"
        raise InputError(file, rule, f"{found:,}", "Copy it again from its source.")


def _inflated(file: Path, most: int) -> int:
    """Count the bytes of the pixels of a PNG file, up to `most` or a little more."""
    inflater, count = zlib.decompressobj(), 0
    with file.open("rb") as opened:
        for kind, start, size in _png_chunks(file):
            if kind != b"IDAT":
                continue
            opened.seek(start)
            rest = opened.read(size)
            while rest and count < most and not inflater.eof:
                count += len(inflater.decompress(rest, _PIECE))
                rest = inflater.unconsumed_tail
    return count


def _check_jpeg(file: Path, image: Image.Image) -> None:
    content = file.read_bytes()
    end = _jpeg_end(content)
    if _JPEG_START in content[end:]:
        raise _behind(file, len(content) - end)
    last_block = image.width - (image.width - 1) % _JPEG_BLOCK - 1
    last = np.asarray(image.crop((last_block, image.height - 1, *image.size)))
    if (last != last[:1, :1]).any() and "progressive" not in image.info:
        return
    picture = content[:end]
    if not _is_decoded(picture, strict=True) and _is_decoded(picture, strict=False):
        rule, value = "a JPEG image must hold all of its blocks", "fewer of them"
        raise InputError(file, rule, value, "Copy it again from its source.")


def _jpeg_end(content: bytes) -> int:
    """Position behind the marker that ends a JPEG image, whose previews may have one too."""
    place = len(_JPEG_START) - 1
    while found := _JPEG_MARKER.search(content, place):
        place = found.end()
        if found[1] == _JPEG_END:
            return place
        place += int.from_bytes(content[place : place + 2], "big")
    return len(content)


def _is_decoded(content: bytes, strict: bool) -> bool:
    """Whether FFmpeg decodes a JPEG image; the kinds that it cannot are not, strict or not."""
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = {"err_detect": "explode"} if strict else {}
    try:
        return bool(decoder.decode(av.Packet(content)) + decoder.decode(None))
    except av.error.FFmpegError:
        return False
