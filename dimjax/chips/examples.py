"""Examples: a prepared `dim_targets` data set, read into arrays once for any number of epochs.

The arrays have one row per example. Each example contains its four frames, from which the inputs
without evidence are computed, and the motion evidence if the data set has it. Pixels that need more
than `max_bytes` stay on the disk and are read when they are indexed.

    examples = load("runs/demo/rounds/0/examples/dim_targets/chips/1.0.0", "train")
    examples.frames                                     # [N, 4, h, w] uint16
"""

import contextlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dimjax.atomic_files import check_regular
from dimjax.chips.cutting import restore_frames
from dimjax.data.frame_files import readable
from dimjax.errors import InputError, program

RECORDS_PER_TASK = 64  # enough that the overhead of a task does not matter
_MAX_BYTES = 2**24  # of the description of the features
_FEATURES = (
    "class_label_feature.ClassLabel",
    "features_dict.FeaturesDict",
    "scalar.Scalar",
    "sequence_feature.Sequence",
    "tensor_feature.Tensor",
    "text_feature.Text",
)
_ALIGNMENT = 64  # bytes; see _empty_aligned


class StoredPixels:
    """Frames or evidence on the disk, indexed like an array and read at each access.

    Attributes:
      shape: (N, 4, h, w) or (N, h, w, C).
      dtype: Type of a pixel.
      nbytes: Size of all pixels in memory, bytes.
    """

    def __init__(
        self,
        source: Sequence[bytes],
        shape: tuple[int, ...],
        dtype: np.dtype,
        decode: Callable[..., np.ndarray],
    ):
        self._source, self.decode = source, decode
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.nbytes = math.prod(shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index) -> np.ndarray:
        records = np.arange(len(self))[index]
        pixels = np.empty((*records.shape, *self.shape[1:]), self.dtype)
        for position, i in np.ndenumerate(records):
            pixels[position] = self.decode(_features(self._source[i]), self.shape[1:])
        return pixels


class Examples(NamedTuple):
    """Chips with their labels; boxes in chip coordinates."""

    id: np.ndarray  # [N] str, the same in all rounds and rebuilds
    sequence: np.ndarray  # [N] str
    frame: np.ndarray  # [N] int32, number of the reference frame F1
    origin: np.ndarray  # [N, 2] int32 x, y of the chip in its frame, pixels
    reason: np.ndarray  # [N] str, one of dimjax.chips.planning.REASONS
    frames: np.ndarray | StoredPixels  # [N, 4, h, w] uint8 or uint16, F1..F4, grey levels
    scale: np.ndarray  # [N, 2] float32 level and noise sigma of the sequence, grey levels
    boxes: np.ndarray  # [N, M, 4] float32 x, y, w, h, pixels; 0 for no label
    category: np.ndarray  # [N, M] int8, 0 target, 1 interference, -1 no label
    evidence: np.ndarray | StoredPixels | None = None  # [N, h, w, C] float16, noise sigmas

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def nbytes(self) -> int:
        """Size of the frames and the evidence in memory, bytes."""
        return self.frames.nbytes + (0 if self.evidence is None else self.evidence.nbytes)


class _Row(NamedTuple):
    """The fields of a record besides its frames."""

    id: str
    sequence: str
    frame: int
    origin: tuple[int, int]
    reason: int
    bits: int
    scale: tuple[float, float]
    boxes: np.ndarray  # [M, 4] float32
    category: list[int]


def split_names(builder_dir: str | Path) -> list[str]:
    """Return the names of the splits of a prepared data set."""
    return list(_open(Path(builder_dir)).info.splits)


def check_split(builder_dir: str | Path, split: str, subject: str) -> None:
    """Raise an InputError about the subject if a prepared data set has no split of a name."""
    splits = split_names(builder_dir)
    if split not in splits:
        rule = f"it must be one of {', '.join(splits)}"
        raise InputError(subject, rule, repr(split), "Name one of these.")


def _open(folder: Path):
    """Open a prepared data set.

    Raises:
      InputError: A file is damaged, or names a feature that no data set of dimjax has: TFDS imports
        the module of any class that is named.
    """
    import tensorflow_datasets as tfds  # takes seconds to import

    remedy = f"Restore the data set, or remove it and run {program()} build."
    file = folder / "features.json"
    check_regular(file, _MAX_BYTES)
    with readable(file, remedy):
        classes = set(_class_names(json.loads(file.read_text(encoding="utf-8"))))
    if not classes <= {f"tensorflow_datasets.core.features.{name}" for name in _FEATURES}:
        rule = "a prepared data set must consist of the features of dimjax"
        raise InputError(file, rule, ", ".join(sorted(classes))[:200], remedy)
    with readable(folder, remedy):
        return tfds.builder_from_directory(folder)


def _class_names(value) -> Iterator[str]:
    """Yield the names of all classes in the description of features."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if key == "pythonClassName":
            yield str(inner)
        elif isinstance(inner, dict | list):
            yield from _class_names(inner)


def load(
    builder_dir: str | Path,
    split: str,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    max_bytes: float = math.inf,
) -> Examples:
    """Read a split of a prepared data set, with several threads.

    Args:
      builder_dir: Folder of the prepared data set, with its version.
      split: Name of the split, e.g. "train".
      progress: Wraps the numbers of the records while they are read, e.g. in a progress bar.
      max_bytes: Largest size of frames and evidence in memory; beyond it both are StoredPixels.

    Raises:
      ValueError: From TFDS, if the split is unknown; it names the known ones.
    """
    import tensorflow_datasets as tfds  # takes seconds to import

    builder = _open(Path(builder_dir))
    # TFDS decodes in Python: that takes four fifths of the time and blocks the other threads.
    undecoded = tfds.decode.DeserializeMethod.RAW_BYTES
    source = builder.as_data_source(split, deserialize_method=undecoded)
    window = builder.info.features["frame"].shape[:2]
    dtype = np.uint8 if parse_row(_features(source[0])).bits <= 8 else np.uint16
    pixels = [StoredPixels(source, (len(source), 4, *window), dtype, _frames)]
    if "evidence" in builder.info.features:
        shape = (len(source), *builder.info.features["evidence"].shape)
        pixels.append(StoredPixels(source, shape, np.float16, _evidence))
    (frames, *evidence), rows = _read(source, pixels, progress, max_bytes)
    boxes, category = pad_labels([(row.boxes, row.category) for row in rows])
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
        evidence=evidence[0] if evidence else None,
    )


def _read(source, pixels: list[StoredPixels], progress, max_bytes) -> tuple:
    """Read pixels, if they fit into the memory, and rows of all records.

    The frames, which come first, have the dtype of the first record if that is wide enough.
    """
    resident = sum(one.nbytes for one in pixels) <= max_bytes
    arrays = [_empty_aligned(one.shape, one.dtype) if resident else None for one in pixels]
    rows = _read_rows(source, pixels, arrays, progress)
    if pixels[0].dtype == np.uint8 and any(row.bits > 8 for row in rows):
        wider = StoredPixels(source, pixels[0].shape, np.uint16, _frames)
        return _read(source, [wider, *pixels[1:]], progress, max_bytes)
    return arrays if resident else pixels, rows


def _read_rows(source: Sequence[bytes], pixels, arrays, progress) -> list[_Row]:
    """Read the rows of all records, and their pixels into the arrays that are not None."""

    def task(first: int) -> list[_Row]:
        rows = []
        for i in range(first, min(first + RECORDS_PER_TASK, len(source))):
            features = _features(source[i])
            for one, array in zip(pixels, arrays, strict=True):
                if array is not None:
                    array[i] = one.decode(features, one.shape[1:])
            rows.append(parse_row(features))
        return rows

    with (
        ThreadPoolExecutor() as pool,
        # Closing cancels the waiting tasks, so an error does not wait for the other records.
        contextlib.closing(pool.map(task, range(0, len(source), RECORDS_PER_TASK))) as parts,
    ):
        in_order = itertools.chain.from_iterable(parts)
        return [row for _, row in zip(progress(range(len(source))), in_order, strict=False)]


def _features(record: bytes):
    """Parse a record, a serialized tf.train.Example: name -> feature."""
    from tensorflow_datasets.proto import tf_example_pb2

    return tf_example_pb2.Example.FromString(record).features.feature


def _values(features, name: str):
    """Return the values of a feature: bytes, int or float."""
    return getattr(features[name], features[name].WhichOneof("kind")).value


def _frames(features, shape: tuple[int, int, int]) -> np.ndarray:
    """Return F1..F4 [4, h, w] uint16 of a record."""
    frame = np.frombuffer(_values(features, "frame")[0], np.uint16)
    difference = np.frombuffer(_values(features, "difference")[0], np.int32)
    return restore_frames(frame.reshape(*shape[1:], 1), difference.reshape(*shape[1:], 3))


def _evidence(features, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the motion evidence [h, w, C] float16 of a record."""
    return np.frombuffer(_values(features, "evidence")[0], np.float16).reshape(shape)


def parse_row(features) -> _Row:
    """Read the scalars and labels of one example from its features, without the frames."""
    names = ("id", "sequence", "frame_number", "reason", "bits", "level", "noise_sigma")
    scalars = {name: _values(features, name)[0] for name in names}
    return _Row(
        id=scalars["id"].decode(),
        sequence=scalars["sequence"].decode(),
        frame=scalars["frame_number"],
        origin=tuple(_values(features, "origin")),
        reason=scalars["reason"],
        bits=scalars["bits"],
        scale=(scalars["level"], scalars["noise_sigma"]),
        boxes=np.array(_values(features, "labels/box"), np.float32).reshape(-1, 4),
        category=list(_values(features, "labels/category")),
    )


def _empty_aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Allocate an array that begins at a multiple of 64 bytes.

    JAX on a CPU uses such an array without a copy; others are copied, which doubles the memory.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


def pad_labels(labels: list[tuple[np.ndarray, list[int]]]) -> tuple[np.ndarray, np.ndarray]:
    """Pad the labels of N examples to M each, the largest number of any example, or 1.

    Args:
      labels: Boxes [labels, 4] and categories [labels] of each example.

    Returns:
      Boxes [N, M, 4] float32 and categories [N, M] int8, -1 for no label.
    """
    shape = (len(labels), max([1, *(len(category) for _, category in labels)]))
    padded, categories = np.zeros((*shape, 4), np.float32), np.full(shape, -1, np.int8)
    for i, (boxes, category) in enumerate(labels):
        # Targets come first and so win a cell that they share with interference.
        order = np.argsort(category, kind="stable")
        padded[i, : len(order)] = boxes[order]
        categories[i, : len(order)] = np.array(category, np.int8)[order]
    return padded, categories
