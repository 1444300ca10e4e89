"""Bounds of the memory that strips and tiles of a TIFF file take when they are unpacked.

check_strips(page, "flight3.tif page 0")            # an InputError
"""

import lzma
import math
import zlib
from typing import Any

import tifffile

from dimjax.errors import InputError

MOST_UNPACKED = 2**29  # bytes of a strip, more only if its page has more
_PIECE = 2**22  # bytes that are unpacked at once
_PACKED = {  # decompressor, and the most bytes that it makes of one
    tifffile.COMPRESSION.DEFLATE: (zlib.decompressobj, 1032),
    tifffile.COMPRESSION.ADOBE_DEFLATE: (zlib.decompressobj, 1032),
    tifffile.COMPRESSION.LZMA: (lzma.LZMADecompressor, math.inf),
}


def check_strips(page: tifffile.TiffPage, subject: object) -> None:
    """Check that no strip unpacks to far more than its page; tifffile would unpack all of it.

    Raises:
      InputError: One does. Strips of few bytes, which cannot, are not unpacked.
    """
    if page.compression not in _PACKED:
        return
    decompressor, ratio = _PACKED[page.compression]
    file, most = page.parent.filehandle, max(MOST_UNPACKED, page.nbytes)
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if count * ratio > most:
            file.seek(offset)
            if _is_longer(decompressor(), file.read(count), most):
                rule = f"a strip must unpack to at most {most:,} bytes"
                value = f"more, in a page of {page.nbytes:,} bytes"
                raise InputError(subject, rule, value, "Save the frames again.")


def _is_longer(decompressor: Any, rest: bytes, most: int) -> bool:
    """Whether bytes unpack to more than `most`; no more of them than that are unpacked."""
    while not decompressor.eof and most >= 0:
        piece = decompressor.decompress(rest, _PIECE)
        if not piece:
            break
        most -= len(piece)
        rest = getattr(decompressor, "unconsumed_tail", b"")  # lzma keeps it
    return most < 0
