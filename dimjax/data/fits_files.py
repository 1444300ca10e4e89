"""FITS files, opened by astropy, which is an extra: their images, and the numbers of one.

with opened_fits(Path("cube.fits")) as units:
    fits_numbers(units[0], Path("cube.fits"), most=2**32)   # [T, H, W]

Files that are packed as a whole are refused: astropy would unpack them before any check.
"""

import contextlib
import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dimjax.data.frame_files import readable
from dimjax.data.stated_sizes import check_in_memory
from dimjax.errors import InputError

_PACKED = {  # first bytes of files that astropy would unpack, whatever their names
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x1f\x9d": "compress",
}


def extra_module(module: str, extra: str, path: Path) -> ModuleType:
    """Import a module of an extra.

    Args:
      module: Its name.
      extra: The extra.
      path: The file that needs it, for the error.

    Raises:
      InputError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        rule = f"the extra {extra} must be installed to read this file"
        remedy = f"pip install 'dimjax[{extra}]'."
        raise InputError(path, rule, f"no {module.partition('.')[0]}", remedy) from error


@contextlib.contextmanager
def opened_fits(path: Path) -> Iterator[Any]:
    """Open the units of a FITS file.

    Raises:
      InputError: It is damaged or packed, or the extra is missing.
    """
    fits = extra_module("astropy.io.fits", "fits", path)
    with readable(path):
        with path.open("rb") as opened:
            start = opened.read(max(map(len, _PACKED)))
        for first, name in _PACKED.items():
            if start.startswith(first):
                rule, value = "a FITS file must not be packed as a whole", f"a file of {name}"
                raise InputError(path, rule, value, "Unpack it; .fz of fpack is read as it is.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file that is cut off: its numbers raise an error
            with fits.open(path) as units:
                yield units


def fits_numbers(unit: Any, path: Path, most: int) -> np.ndarray:
    """Read the numbers of an image of a FITS file, in the byte order of this machine.

    Args:
      unit: The unit of the image, whose file is open.
      path: Its file, for the error.
      most: Bytes that they may take.

    Raises:
      InputError: They take more.
    """
    check_in_memory(path, unit.shape, _bytes_of_number(unit.header), most)
    data = unit.data
    native = data.dtype.newbyteorder("=")
    if data.flags.owndata:  # rather than mapped; a second copy would take as much again
        return data if data.dtype == native else data.byteswap(inplace=True).view(native)
    return data.astype(native)


def _bytes_of_number(header: Any) -> int:
    """Bytes that a number takes when it has been read: astropy scales integers to floats."""
    stored = header.get("BITPIX", 8)
    bits, factor, zero = abs(stored), header.get("BSCALE", 1), header.get("BZERO", 0)
    is_unsigned = factor == 1 and zero == (-128 if bits == 8 else 1 << (bits - 1))
    is_scaled = (factor != 1 or zero != 0) and not is_unsigned or "BLANK" in header
    if stored > 0 and is_scaled:
        return 4 if bits <= 16 else 8  # float32, float64
    return bits // 8
