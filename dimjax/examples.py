"""Examples: a prepared data set read into arrays, once, for any number of epochs.

In comes the folder of a prepared `dim_targets` data set (array_record); out go plain arrays
with one row an example. All three input modes are made from the four frames they hold.

    examples = load("runs/demo/rounds/0/examples/dim_targets/chips/1.0.0", "train")
    examples.frames                                     # [N, 4, h, w] uint16
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dimjax.chips import frames_of


class Examples(NamedTuple):
    """Chips with their labels; boxes in chip coordinates."""

    id: np.ndarray  # [N] str, stable over rounds and rebuilds
    sequence: np.ndarray  # [N] str
    frame: np.ndarray  # [N] int32, number of the reference frame F1
    origin: np.ndarray  # [N, 2] int32 x, y of the chip in its frame, pixels
    reason: np.ndarray  # [N] str, why the chip was cut
    frames: np.ndarray  # [N, 4, h, w] uint8 or uint16, F1..F4, grey levels
    scale: np.ndarray  # [N, 2] float32 level and noise sigma of the sequence, grey levels
    boxes: np.ndarray  # [N, M, 4] float32 x, y, w, h, pixels; 0 where there is no label
    category: np.ndarray  # [N, M] int8, 0 target, 1 interference, -1 no label

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, index: np.ndarray) -> "Examples":
        """The examples at an index or mask [N]."""
        return Examples(*(values[index] for values in self))


def splits(builder_dir: str | Path) -> list[str]:
    """Names of the splits of a prepared data set."""
    import tensorflow_datasets as tfds  # seconds to import

    return list(tfds.builder_from_directory(builder_dir).info.splits)


def load(
    builder_dir: str | Path, split: str, progress: Callable = lambda records: records
) -> Examples:
    """Read a split of a prepared data set into memory.

    Args:
      builder_dir: Folder of the prepared data set, with its version.
      split: Name of the split, e.g. "train".
      progress: Wraps the source while it is read, e.g. a progress bar.

    Raises:
      ValueError: From TFDS, naming the splits there are, where the split is unknown.
    """
    import tensorflow_datasets as tfds  # seconds to import, and of use here alone

    builder = tfds.builder_from_directory(builder_dir)
    source = builder.as_data_source(split)
    reasons = builder.info.features["reason"].names
    # Filled in place: a list of frames to stack would need the memory twice.
    height, width, _ = builder.info.features["frame"].shape
    frames = np.empty((len(source), 4, height, width), np.uint16)
    rows = []
    for i, record in enumerate(progress(source)):
        frames[i] = frames_of(record.pop("frame"), record.pop("difference"))
        rows.append(record)
    if all(row["bits"] <= 8 for row in rows):
        frames = frames.astype(np.uint8)
    boxes, category = _padded([row["labels"] for row in rows])
    return Examples(
        id=np.array([row["id"].decode() for row in rows]),
        sequence=np.array([row["sequence"].decode() for row in rows]),
        frame=np.array([row["frame_number"] for row in rows], np.int32),
        origin=np.array([row["origin"] for row in rows]),
        reason=np.array(reasons)[[row["reason"] for row in rows]],
        frames=frames,
        scale=np.array([(row["level"], row["noise_sigma"]) for row in rows], np.float32),
        boxes=boxes,
        category=category,
    )


def _padded(labels: list[dict[str, list]]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [N, M, 4] and categories [N, M] of the labels of N examples; M is the most, or 1."""
    most = max((len(own["category"]) for own in labels), default=0)
    shape = (len(labels), max(most, 1))
    boxes, category = np.zeros((*shape, 4), np.float32), np.full(shape, -1, np.int8)
    for i, own in enumerate(labels):
        # Targets come first, so that they win a cell that they share with interference.
        order = np.argsort(own["category"], kind="stable")
        for place, label in enumerate(order):
            boxes[i, place] = own["box"][label]
            category[i, place] = own["category"][label]
    return boxes, category
