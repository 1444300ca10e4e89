"""Raw files of frames, which a sidecar describes: NAME.json or the header NAME.hdr of ENVI.

open_raw(Path("rec1.raw")).read(0)                  # with rec1.json or rec1.hdr beside it
"""

import json
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dimjax.data.byte_order import swapped
from dimjax.data.csv_files import read_text
from dimjax.data.frame_files import NATIVE, Frames, Reading, readable
from dimjax.data.raw_shapes import other_shape
from dimjax.data.stack_files import frames_of_stack
from dimjax.errors import InputError, Note

RAW = (".raw", ".bin", ".img", ".dat", ".bsq")  # with a sidecar
_ENVI_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4"}
_JSON_KEYS = {"width", "height", "dtype", "frames", "byte_order", "header_bytes", "bits", "fps"}
_MOST_BITS = 16
_ORDERS = {"little": "<", "big": ">"}


class _Form(NamedTuple):
    """What a sidecar says, unchecked."""

    dtype: np.dtype
    height: int
    width: int
    frames: int | None  # None: as many as the file holds
    start: int  # byte of the first frame
    bits: int | None = None  # that the numbers take
    is_ordered: bool = True  # whether the sidecar states the byte order


def open_raw(path: Path, reading: Reading = NATIVE) -> Frames:
    """Open a raw file by its sidecar, NAME.json or the ENVI header NAME.hdr or NAME.raw.hdr.

    The JSON has width, height and dtype, and may have frames, byte_order (little or big),
    header_bytes, bits, which no number may exceed, and fps, which nothing uses; other keys are
    refused, since they may say what would be ignored. Without a byte order it is little; if the
    pixels of 16 bit show that it is the other one, they are refused, or noted if it is stated; so
    is another length of the rows or number of bytes.

    Raises:
      InputError: The sidecar is missing or wrong, or the file has another length. A frame raises it
        when it is read, if a number has more bits.
    """
    sidecar = find_sidecar(path)
    if sidecar is None:
        rule = f"a raw file needs a sidecar, {path.stem}.json or {path.stem}.hdr"
        remedy = 'Write e.g. {"width": 640, "height": 512, "dtype": "uint16"}.'
        raise InputError(path, rule, "none", remedy)
    form = _of_json(sidecar) if sidecar.suffix == ".json" else _of_envi(sidecar)
    _check_form(form, sidecar, path)
    dtype, height, width, frames, start, bits, is_ordered = form
    frame_bytes = dtype.itemsize * height * width
    length = (path.stat().st_size - start) / frame_bytes
    if length != (frames or int(length)) or length == 0:
        rule = f"the file must hold {frames or 'whole'} frames of {width}x{height} {dtype}"
        remedy = f"Correct {sidecar.name} or copy the file again."
        raise InputError(path, rule, f"{length:.3f}", remedy)
    stack = np.memmap(path, dtype, "r", start, (int(length), height, width))
    if dtype.kind in "ui" and dtype.itemsize == 2:
        _check_order(stack, is_ordered, sidecar, path)
    if reading.stack_axes in ("", "thw"):
        _check_shape(stack, sidecar, path)
    opened = frames_of_stack(stack, path, reading.stack_axes or "thw")
    return opened if bits is None else _of_bits(opened, bits, dtype, sidecar, path)


def _check_order(stack: np.ndarray, is_ordered: bool, sidecar: Path, path: Path) -> None:
    found = swapped(stack)
    if found is None:
        return
    is_little = stack.dtype.newbyteorder("<") == stack.dtype
    ours, theirs = ("little", "big") if is_little else ("big", "little")
    value = f"a mean difference of {found[0]:,.0f} grey levels in {ours}, of {found[1]:,.0f} in "
    value += f"{theirs} byte order"
    keys = {"little": "byte order = 0", "big": "byte order = 1"}
    if sidecar.suffix == ".json":
        keys = {order: f'"byte_order": "{order}"' for order in keys}
    remedy = f"Write {keys[theirs]} in {sidecar.name}, or {keys[ours]} if that is right."
    rule = "neighbouring pixels must be about as alike as in the other byte order"
    problem = InputError(path, rule, value, remedy)
    if not is_ordered:
        raise problem
    warnings.warn(str(problem), category=Note, stacklevel=2)


def _check_shape(stack: np.ndarray, sidecar: Path, path: Path) -> None:
    """Note that the pixels are alike in another shape than the one that the sidecar states."""
    if other := other_shape(stack):
        _, height, width = stack.shape
        rule = f"it must hold the frames of {width}x{height} {stack.dtype} of {sidecar.name}"
        remedy = "Correct width, height or type in it, unless the frames look right."
        problem = InputError(path, rule, other, remedy)
        warnings.warn(str(problem), category=Note, stacklevel=2)


def _check_form(form: _Form, sidecar: Path, path: Path) -> None:
    dtype, height, width, frames, start, bits, _ = form
    whole = all(type(n) is int and n > 0 for n in (height, width, 1 if frames is None else frames))
    is_inside = type(start) is int and 0 <= start <= path.stat().st_size
    if not whole or not is_inside or dtype.kind not in "uif" or not dtype.itemsize:
        rule = "width, height and frames must be whole numbers above 0, an offset one inside the "
        rule += "file, and the type one of integers or floats"
        counts = "any number of" if frames is None else frames
        value = f"{counts} frames of {width}x{height} {dtype} from byte {start}"
        raise InputError(sidecar, rule, value, "Correct the sidecar.")
    most = 8 * dtype.itemsize
    if bits is not None and not (
        type(bits) is int and 0 < bits <= most <= _MOST_BITS and dtype.kind in "ui"
    ):
        rule = "bits must be a whole number above 0, up to those of dtype, integers of 8 or 16 bit"
        raise InputError(sidecar, rule, f"{bits} of {dtype}", "Correct or remove the key.")


def _of_bits(frames: Frames, bits: int, dtype: np.dtype, sidecar: Path, path: Path) -> Frames:
    """Frames that raise an InputError when they are read, if a number takes more bits."""
    zero = 1 << (8 * dtype.itemsize - 1) if dtype.kind == "i" else 0  # its grey level

    def read(frame: int) -> np.ndarray:
        pixels = frames.read(frame)
        brightest = int(pixels.max()) - zero
        if brightest >= 1 << bits:
            rule = f"numbers must be below {1 << bits}, the {bits} bits of {sidecar.name}"
            remedy = "Correct bits, dtype, byte_order or header_bytes of the sidecar."
            raise InputError(f"{path} frame {frame}", rule, brightest, remedy)
        return pixels

    return frames._replace(read=read)


def find_sidecar(path: Path) -> Path | None:
    """Return the file that describes a raw file; None if there is none."""
    names = (path.with_suffix(".json"), path.with_suffix(".hdr"), Path(f"{path}.hdr"))
    return next((file for file in names if file.exists()), None)


def _without_doubles(pairs: list[tuple[str, Any]], sidecar: Path) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        doubled = ", ".join(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise InputError(sidecar, "a key must be given once", doubled, "Keep one of them.")
    return keys


def _of_json(sidecar: Path) -> _Form:
    with readable(sidecar, "Correct the sidecar."):
        content = json.loads(
            read_text(sidecar), object_pairs_hook=lambda pairs: _without_doubles(pairs, sidecar)
        )
        unknown = ", ".join(sorted(content.keys() - _JSON_KEYS))
        if unknown:
            rule = f"the keys of a sidecar are {', '.join(sorted(_JSON_KEYS))}"
            raise InputError(sidecar, rule, unknown, "Rename or remove them.")
        size = content["height"], content["width"]
        frames, start = content.get("frames"), content.get("header_bytes", 0)
        dtype, is_ordered = _ordered(content, sidecar)
        return _Form(dtype, *size, frames, start, content.get("bits"), is_ordered)


def _ordered(content: dict[str, Any], sidecar: Path) -> tuple[np.dtype, bool]:
    """The type with its byte order, and whether dtype, such as >u2, or byte_order names it."""
    text, named = str(content["dtype"]), content.get("byte_order")
    of_dtype = text[0] if text[:1] in _ORDERS.values() else None
    of_key = None if named is None else _ORDERS[named]
    if None not in (of_dtype, of_key) and of_dtype != of_key:
        rule, remedy = "dtype and byte_order must agree", "Correct one of them."
        raise InputError(sidecar, rule, f"{text} and {named}", remedy)
    order = of_dtype or of_key
    return np.dtype(text).newbyteorder(order or _ORDERS["little"]), order is not None


def _of_envi(sidecar: Path) -> _Form:
    text = re.sub(r"\{[^}]*\}", "{}", read_text(sidecar))  # a description may contain equal signs
    lines = re.findall(r"^\s*([\w ]+?)\s*=\s*(.+?)\s*$", text, re.MULTILINE)
    keys = _without_doubles([(key.lower(), value) for key, value in lines], sidecar)
    if keys.get("interleave", "bsq").lower() != "bsq":
        rule, remedy = "interleave must be bsq, one band per frame", "Convert the file."
        raise InputError(sidecar, rule, keys["interleave"], remedy)
    if keys.get("file compression", "0") != "0":
        rule, remedy = "file compression must be 0, frames as they are", "Unpack the file."
        raise InputError(sidecar, rule, keys["file compression"], remedy)
    with readable(sidecar, "Correct the header."):
        dtype = np.dtype(_ENVI_TYPES[int(keys["data type"])])
        order = {"0": "<", "1": ">"}[keys.get("byte order", "0")]
        size = int(keys["lines"]), int(keys["samples"])
        start = int(keys.get("header offset", 0))
        form = _Form(dtype.newbyteorder(order), *size, int(keys["bands"]), start)
        return form._replace(is_ordered="byte order" in keys)
