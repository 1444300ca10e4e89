"""Grey levels for the page: chips, strips and surroundings as raw 16-bit little-endian bytes.

They are cut from the frames at native bit depth; the page turns them into visible greys. Recently
read frames are cached, since the clips of neighbouring frames share them.

    frames = Frames(folder, shapes, stride=1)
    frames.chip("flight3", item_frame)              # F1..F4 [4, h, w] at chip_window(...)
    frames.strip("flight3", item_frames)            # F1 of each item frame [n, s, s]
    frames.whole("flight3", 7)                      # a whole frame, binned
"""

import threading
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from dimjax.data.folders import Folder, Shapes
from dimjax.data.sequences import Sequence, clip_frames
from dimjax.drawing.pictures import crop
from dimjax.errors import InputError
from dimjax.ledger import ItemFrame

CHIP_PX = 64
STRIP_PX = 32

_MARGIN_PX = 8  # from a suggested location to the rim of its chip
_MAX_CHIP_PX = 256
_SURROUNDINGS_PX = 960
_CACHE_BYTES = 256 * 2**20
_CACHED_SEQUENCES = 8


class Frames:
    """The frames of a data folder; threads may share it.

    Args:
      folder: Folder with the sequences.
      shapes: T, H, W of each sequence in the ledger.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.

    Raises:
      InputError: A sequence of the ledger is missing in the folder.
    """

    def __init__(self, folder: Folder, shapes: Shapes, stride: int):
        missing = [name for name in shapes if name not in folder.files]
        if missing:
            rule = "the data folder must contain the ledger's sequences"
            value = f"no sequence {', '.join(missing[:3])}"
            raise InputError(folder.path, rule, value, "Correct data.folder, or restore them.")
        self._folder, self._shapes, self._stride = folder, shapes, stride
        self._lock = threading.Lock()
        max_bytes = max((2 * height * width for _, height, width in shapes.values()), default=1)
        self._sequence = lru_cache(_CACHED_SEQUENCES)(self.open)
        self._frame = lru_cache(max(8, _CACHE_BYTES // max_bytes))(self._read)

    def chip(self, sequence: str, item_frame: ItemFrame) -> bytes:
        """Return F1..F4 [4, h, w] in the chip window of an item frame."""
        shape = self._shapes[sequence]
        x0, y0, w, h = chip_window(item_frame, shape)
        times = clip_frames(item_frame.frame, shape[0], self._stride, f"sequence {sequence}")
        with self._lock:  # video readers support one thread at a time
            # In ascending order, since only forward reads of a video are fast.
            clip = {t: self._frame(sequence, t) for t in sorted(times)}
        return _bytes(np.stack([clip[t][y0 : y0 + h, x0 : x0 + w] for t in times]))

    def strip(self, sequence: str, item_frames: Iterable[ItemFrame]) -> bytes:
        """Return F1 of each item frame [n, s, s], s = strip_px of the sequence's shape."""
        item_frames, size = list(item_frames), strip_px(self._shapes[sequence])
        with self._lock:
            frames = [self._frame(sequence, one.frame) for one in item_frames]
        pairs = zip(frames, item_frames, strict=True)
        return _bytes(np.stack([crop(frame, one.x, one.y, size)[0] for frame, one in pairs]))

    def whole(self, sequence: str, t: int) -> bytes:
        """Return a whole frame [H / n, W / n], n = binning of the sequence's shape."""
        with self._lock:
            frame = self._frame(sequence, t)
        n = binning(self._shapes[sequence])
        height, width = (size // n for size in frame.shape)
        cells = frame[: height * n, : width * n].reshape(height, n, width, n)
        return _bytes(cells.mean(axis=(1, 3)).round())

    def open(self, name: str) -> Sequence:
        """Open a sequence for the calling thread alone.

        Raises:
          InputError: Its frames are not those that the run began with.
        """
        sequence = self._folder.sequence(name)
        if tuple(sequence.shape) != tuple(self._shapes[name]):
            rule = f"its length, height and width must be those in the ledger, {self._shapes[name]}"
            remedy = "Restore the frames that the run began with."
            raise InputError(sequence.path, rule, sequence.shape, remedy)
        return sequence

    def _read(self, sequence: str, t: int) -> np.ndarray:
        return self._sequence(sequence).frame(t)


def chip_window(item_frame: ItemFrame, shape: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Return origin x0, y0 and size w, h of the chip of an item frame, pixels of the frame.

    The chip is CHIP_PX wide, or wider if the suggested fix would lie outside. It depends only on
    values that stay constant while the page is open.
    """
    reach = 0.0
    if item_frame.fix is not None and item_frame.fix.x is not None:
        reach = max(reach, abs(item_frame.fix.x - item_frame.x))
    if item_frame.fix is not None and item_frame.fix.y is not None:
        reach = max(reach, abs(item_frame.fix.y - item_frame.y))
    size = min(max(CHIP_PX, 2 * int(np.ceil(reach + _MARGIN_PX))), _MAX_CHIP_PX)
    chip, (x0, y0) = crop(_blank(shape), item_frame.x, item_frame.y, size)
    return x0, y0, chip.shape[1], chip.shape[0]


def strip_window(item_frame: ItemFrame, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return origin x0, y0 of the chip of an item frame in the strip, pixels of the frame."""
    return crop(_blank(shape), item_frame.x, item_frame.y, strip_px(shape))[1]


def strip_px(shape: tuple[int, int, int]) -> int:
    """Return height and width of the chips in a strip, pixels."""
    return min(STRIP_PX, *shape[1:])


def binning(shape: tuple[int, int, int]) -> int:
    """Return how many pixels of a frame, in x and in y, form one pixel of its surroundings."""
    return -(-max(shape[1:]) // _SURROUNDINGS_PX)


def _blank(shape: tuple[int, int, int]) -> np.ndarray:
    """A frame [H, W] without memory of its own."""
    return np.broadcast_to(np.uint16(0), shape[1:])


def _bytes(values: np.ndarray) -> bytes:
    return values.astype("<u2").tobytes()
