"""Grey levels for the page: chips, strips and surroundings, raw, as 16-bit little-endian bytes.

In come places of items; out come bytes, cut from frames at native depth. How they become visible
is up to the page. The last frames read are kept, since clips of neighbouring places share them.

    frames = Frames(folder, shapes, stride=1)
    frames.chip("flight3", place)                   # F1..F4 [4, h, w] at window(place, shape)
    frames.strip("flight3", places)                 # F1 of each place [places, s, s]
    frames.surroundings("flight3", place)           # the whole frame F1, binned
"""

import threading
from collections.abc import Sequence as Many
from functools import lru_cache

import numpy as np

from dimjax.data.folders import Folder, Shapes
from dimjax.data.sequences import Sequence, clip_frames
from dimjax.drawing.pictures import crop
from dimjax.errors import InputError
from dimjax.ledger import Place

CHIP_PX = 64
STRIP_PX = 32

_RIM_PX = 8  # that a suggested place keeps from the rim of its chip
_LARGEST_CHIP_PX = 256
_SURROUNDINGS_PX = 960
_KEPT_BYTES = 256 * 2**20
_KEPT_SEQUENCES = 8


class Frames:
    """The frames of a data folder.

    Args:
      folder: Has the sequences.
      shapes: T, H, W of each sequence, as the ledger knows them.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.

    Raises:
      InputError: A sequence of the ledger is not in the folder.
    """

    def __init__(self, folder: Folder, shapes: Shapes, stride: int):
        missing = [name for name in shapes if name not in folder.files]
        if missing:
            rule = "the data folder must hold the ledger's sequences"
            found = f"none of name {', '.join(missing[:3])}"
            raise InputError(folder.path, rule, found, "Correct data.folder, or bring them back.")
        self._folder, self._shapes, self._stride = folder, shapes, stride
        self._lock = threading.Lock()
        largest = max((2 * height * width for _, height, width in shapes.values()), default=1)
        self._sequence = lru_cache(_KEPT_SEQUENCES)(self._open)
        self._frame = lru_cache(max(8, _KEPT_BYTES // largest))(self._read)

    def chip(self, sequence: str, place: Place) -> bytes:
        """F1..F4 [4, h, w] at the window of a place."""
        shape = self._shapes[sequence]
        x0, y0, w, h = window(place, shape)
        chosen = clip_frames(place.frame, shape[0], self._stride, f"sequence {sequence}")
        with self._lock:  # readers of videos are for one thread at a time
            # Ascending, since a video is fast in that direction only.
            clip = {t: self._frame(sequence, t) for t in sorted(chosen)}
        return _bytes(np.stack([clip[t][y0 : y0 + h, x0 : x0 + w] for t in chosen]))

    def strip(self, sequence: str, places: Many[Place]) -> bytes:
        """F1 of each place [places, s, s], s = strip_px of the sequence's shape."""
        size = strip_px(self._shapes[sequence])
        with self._lock:
            frames = [self._frame(sequence, place.frame) for place in places]
        chips = [crop(f, p.x, p.y, size)[0] for f, p in zip(frames, places, strict=True)]
        return _bytes(np.stack(chips))

    def surroundings(self, sequence: str, place: Place) -> bytes:
        """The whole frame F1 [H / n, W / n], n = binning of the sequence's shape."""
        with self._lock:
            frame = self._frame(sequence, place.frame)
        n = binning(self._shapes[sequence])
        height, width = (size // n for size in frame.shape)
        cells = frame[: height * n, : width * n].reshape(height, n, width, n)
        return _bytes(cells.mean(axis=(1, 3)).round())

    def _read(self, sequence: str, t: int) -> np.ndarray:
        return self._sequence(sequence).frame(t)

    def _open(self, name: str) -> Sequence:
        sequence = self._folder.sequence(name)
        if tuple(sequence.shape) != tuple(self._shapes[name]):
            rule = f"its length, height and width must be the ledger's, {self._shapes[name]}"
            remedy = "Bring back the frames that the run began with."
            raise InputError(sequence.path, rule, sequence.shape, remedy)
        return sequence


def window(place: Place, shape: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Where a place's chip is cut: origin x0, y0 and size w, h, in the frame, pixels.

    It is CHIP_PX wide and larger only where the suggested fix would else lie outside. It depends
    on nothing that may change while the page is looked at.
    """
    reach = 0.0
    if place.fix is not None and place.fix.x is not None:
        reach = max(reach, abs(place.fix.x - place.x))
    if place.fix is not None and place.fix.y is not None:
        reach = max(reach, abs(place.fix.y - place.y))
    size = min(max(CHIP_PX, 2 * int(np.ceil(reach + _RIM_PX))), _LARGEST_CHIP_PX)
    whole = np.broadcast_to(np.uint16(0), shape[1:])
    chip, (x0, y0) = crop(whole, place.x, place.y, size)
    return x0, y0, chip.shape[1], chip.shape[0]


def strip_window(place: Place, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Origin x0, y0 of a place's chip in the strip."""
    return crop(np.broadcast_to(np.uint16(0), shape[1:]), place.x, place.y, strip_px(shape))[1]


def strip_px(shape: tuple[int, int, int]) -> int:
    """Height and width of the strip's chips."""
    return min(STRIP_PX, *shape[1:])


def binning(shape: tuple[int, int, int]) -> int:
    """How many pixels of a frame, across and down, are one of its surroundings'."""
    return -(-max(shape[1:]) // _SURROUNDINGS_PX)


def _bytes(values: np.ndarray) -> bytes:
    return values.astype("<u2").tobytes()
