"""Examples: a prepared data set read into arrays, once, for any number of epochs.

In comes the folder of a prepared `dim_targets` data set (array_record); out go plain arrays
with one row an example. All three input modes are made from the four frames they hold. Frames
that would need more than `most_bytes` stay on the disk and are read when they are looked at.

    examples = load("runs/demo/rounds/0/examples/dim_targets/chips/1.0.0", "train")
    examples.frames                                     # [N, 4, h, w] uint16
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

_RECORDS_PER_TASK = 64  # so that handing out the work costs nothing
_ALIGNMENT = 64  # bytes; see _empty


class StoredFrames:
    """Frames that stay on the disk: looked into like an array [N, 4, h, w], read each time.

    Attributes:
      shape: (N, 4, h, w).
      dtype: uint8 or uint16.
      nbytes: What they would need in memory.
    """

    def __init__(self, source: Sequence[bytes], shape: tuple[int, ...], dtype: np.dtype):
        self._source, self.shape, self.dtype = source, shape, np.dtype(dtype)
        self.nbytes = math.prod(shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index) -> np.ndarray:
        chosen = np.arange(len(self))[index]
        frames = np.empty((*chosen.shape, *self.shape[1:]), self.dtype)
        for place, i in np.ndenumerate(chosen):
            frames[place] = _frames(_features(self._source[i]), self.shape[2:])
        return frames


class Examples(NamedTuple):
    """Chips with their labels; boxes in chip coordinates."""

    id: np.ndarray  # [N] str, stable over rounds and rebuilds
    sequence: np.ndarray  # [N] str
    frame: np.ndarray  # [N] int32, number of the reference frame F1
    origin: np.ndarray  # [N, 2] int32 x, y of the chip in its frame, pixels
    reason: np.ndarray  # [N] str, why the chip was cut
    frames: np.ndarray | StoredFrames  # [N, 4, h, w] uint8 or uint16, F1..F4, grey levels
    scale: np.ndarray  # [N, 2] float32 level and noise sigma of the sequence, grey levels
    boxes: np.ndarray  # [N, M, 4] float32 x, y, w, h, pixels; 0 where there is no label
    category: np.ndarray  # [N, M] int8, 0 target, 1 interference, -1 no label

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, index: np.ndarray) -> "Examples":
        """The examples at an index or mask [N]."""
        return Examples(*(values[index] for values in self))


class _Row(NamedTuple):
    """What a record holds besides its frames."""

    id: str
    sequence: str
    frame: int
    origin: tuple[int, int]
    reason: int
    bits: int
    scale: tuple[float, float]
    boxes: np.ndarray  # [M, 4] float32
    category: list[int]


def splits(builder_dir: str | Path) -> list[str]:
    """Names of the splits of a prepared data set."""
    import tensorflow_datasets as tfds  # seconds to import

    return list(tfds.builder_from_directory(builder_dir).info.splits)


def load(
    builder_dir: str | Path,
    split: str,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    most_bytes: float = math.inf,
) -> Examples:
    """Read a split of a prepared data set, by as many threads as are of use.

    Args:
      builder_dir: Folder of the prepared data set, with its version.
      split: Name of the split, e.g. "train".
      progress: Wraps the numbers of the records while they are read, e.g. a progress bar.
      most_bytes: Frames that need more memory than this are StoredFrames.

    Raises:
      ValueError: From TFDS, naming the splits there are, where the split is unknown.
    """
    import tensorflow_datasets as tfds  # seconds to import, and of use here alone

    builder = tfds.builder_from_directory(builder_dir)
    # Decoding by TFDS is Python, four fifths of the time of all, and keeps the threads waiting.
    undecoded = tfds.decode.DeserializeMethod.RAW_BYTES
    source = builder.as_data_source(split, deserialize_method=undecoded)
    shape = (len(source), 4, *builder.info.features["frame"].shape[:2])
    depth = np.uint8 if _row(_features(source[0])).bits <= 8 else np.uint16
    frames, rows = _read(source, shape, depth, progress, most_bytes)
    boxes, category = _padded([(row.boxes, row.category) for row in rows])
    return Examples(
        id=np.array([row.id for row in rows]),
        sequence=np.array([row.sequence for row in rows]),
        frame=np.array([row.frame for row in rows], np.int32),
        origin=np.array([row.origin for row in rows], np.int32),
        reason=np.array(builder.info.features["reason"].names)[[row.reason for row in rows]],
        frames=frames,
        scale=np.array([row.scale for row in rows], np.float32),
        boxes=boxes,
        category=category,
    )


def _read(source, shape, depth, progress, most_bytes) -> tuple:
    """Frames and rows of all records; the frames are of this depth, if that is enough."""
    frames: np.ndarray | StoredFrames = StoredFrames(source, shape, depth)
    if frames.nbytes <= most_bytes:
        frames = _empty(shape, depth)
    rows = _rows(source, frames, progress)
    if depth == np.uint8 and any(row.bits > 8 for row in rows):
        return _read(source, shape, np.uint16, progress, most_bytes)
    return frames, rows


def _rows(source: Sequence[bytes], frames, progress) -> list[_Row]:
    """The rows of all records; frames are filled on the way, if they are an array."""

    def some(first: int) -> list[_Row]:
        rows = []
        for i in range(first, min(first + _RECORDS_PER_TASK, len(source))):
            features = _features(source[i])
            if isinstance(frames, np.ndarray):
                frames[i] = _frames(features, frames.shape[2:])
            rows.append(_row(features))
        return rows

    with (
        ThreadPoolExecutor() as pool,
        # Closing cancels what has not begun: an error must not wait for the rest of the records.
        contextlib.closing(pool.map(some, range(0, len(source), _RECORDS_PER_TASK))) as parts,
    ):
        in_order = itertools.chain.from_iterable(parts)
        return [row for _, row in zip(progress(range(len(source))), in_order, strict=False)]


def _features(record: bytes):
    """Name -> feature of a record, a serialized tf.train.Example."""
    from tensorflow_datasets.proto import tf_example_pb2

    return tf_example_pb2.Example.FromString(record).features.feature


def _values(features, name: str):
    """The values of a feature: bytes, int or float."""
    return getattr(features[name], features[name].WhichOneof("kind")).value


def _frames(features, window: tuple[int, int]) -> np.ndarray:
    """F1..F4 [4, h, w] uint16 of a record."""
    from dimjax.chips.cutting import frames_of

    frame = np.frombuffer(_values(features, "frame")[0], np.uint16)
    difference = np.frombuffer(_values(features, "difference")[0], np.int32)
    return frames_of(frame.reshape(*window, 1), difference.reshape(*window, 3))


def _row(features) -> _Row:
    names = ("id", "sequence", "frame_number", "reason", "bits", "level", "noise_sigma")
    one = {name: _values(features, name)[0] for name in names}
    return _Row(
        id=one["id"].decode(),
        sequence=one["sequence"].decode(),
        frame=one["frame_number"],
        origin=tuple(_values(features, "origin")),
        reason=one["reason"],
        bits=one["bits"],
        scale=(one["level"], one["noise_sigma"]),
        boxes=np.array(_values(features, "labels/box"), np.float32).reshape(-1, 4),
        category=list(_values(features, "labels/category")),
    )


def _empty(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """An array that begins at a multiple of 64 bytes.

    JAX on a CPU takes such an array as it is; any other it would copy, at twice the memory.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


def _padded(labels: list[tuple[np.ndarray, list[int]]]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [N, M, 4] and categories [N, M] of the labels of N examples; M is the most, or 1."""
    most = max((len(category) for _, category in labels), default=0)
    shape = (len(labels), max(most, 1))
    padded, categories = np.zeros((*shape, 4), np.float32), np.full(shape, -1, np.int8)
    for i, (boxes, category) in enumerate(labels):
        # Targets come first, so that they win a cell that they share with interference.
        order = np.argsort(category, kind="stable")
        padded[i, : len(order)] = boxes[order]
        categories[i, : len(order)] = np.array(category, np.int8)[order]
    return padded, categories
