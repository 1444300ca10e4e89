"""Search: a trained detector run over full frames, whole or tiled, or over chips.

In comes a checkpoint's detector and a sequence; out goes a table of detections, strongest first
within each frame, in frame coordinates.

    detector = restore_detector("runs/demo/rounds/0/checkpoints")
    table = search(detector, open_sequence("flight3.mp4"))
    detector.decided(detector.linked(table))  # those that are accepted, with their tracks
"""

from collections.abc import Callable, Iterable, Iterator

import jax
import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import Sequence, measure_scale
from dimjax.detection.clips import clips_of
from dimjax.detection.detector import Detector
from dimjax.detection.grid import Detections

COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "score")

# Below this a detection is never of use, and there would be one in every cell.
_LEAST_SCORE = 0.01
_PIXELS_PER_CALL = 4 * 640 * 512


def search(
    detector: Detector,
    sequence: Sequence,
    frames: Iterable[int] | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> pd.DataFrame:
    """Detections in the frames of a sequence.

    Args:
      detector: From restore_detector.
      sequence: Its level and noise are measured here.
      frames: Numbers of the reference frames to search; all if None.
      progress: Wraps the batches of frame numbers, e.g. a progress bar.

    Each frame is read and sent to the device once, though it is in up to four clips.

    Returns:
      Table with COLUMNS, whatever the threshold, from a score of 0.01 on.
    """
    length, height, width = sequence.shape
    numbers = np.arange(length) if frames is None else np.asarray(list(frames), int)
    scale = np.asarray(measure_scale(sequence), np.float32)
    size = max(1, min(len(numbers), _PIXELS_PER_CALL // (height * width)))
    batches = [numbers[i : i + size] for i in range(0, len(numbers), size)]
    scales = np.tile(scale, (size, 1))
    clips = clips_of(sequence, batches, detector.description["stride"], size)
    found = _one_ahead(detector.detect(detector.variables, frames, scales) for frames in clips)
    tables = [_rows(next(found), numbers) for numbers in progress(batches)]
    table = _joined(tables, sequence.name)
    inside = table.x.between(0, width, inclusive="left") & table.y.between(
        0, height, inclusive="left"
    )
    return table[inside].reset_index(drop=True)


def search_chips(
    detector: Detector, frames: np.ndarray, scale: np.ndarray, batch_size: int
) -> pd.DataFrame:
    """Detections in chips [N, 4, h, w], as the table of search.

    The sequence is called "chips", the frame is the index of the chip.
    """
    tables = []
    for start in range(0, len(frames), batch_size):
        index = np.arange(start, min(start + batch_size, len(frames)))
        padded = np.resize(index, batch_size)
        found = detector.detect(detector.variables, frames[padded], scale[padded])
        tables.append(_rows(found, index))
    return _joined(tables, "chips")


def _one_ahead(calls: Iterable) -> Iterator:
    """The same results, each handed out when the next call has begun.

    JAX computes while Python goes on: so the frames of the next call are read meanwhile.
    """
    calls = iter(calls)
    last = next(calls, None)
    for result in calls:
        yield last
        last = result
    if last is not None:
        yield last


def _rows(found: Detections, numbers: np.ndarray) -> pd.DataFrame:
    """The detections of the first images of a batch, which bear these frame numbers."""
    found = jax.device_get(found)
    image, k = np.nonzero(found.score[: len(numbers)] >= _LEAST_SCORE)
    columns = [found.boxes[image, k], found.category[image, k, None], found.score[image, k, None]]
    return _table(numbers[image], np.concatenate(columns, axis=-1))


def _joined(tables: list[pd.DataFrame], name: str) -> pd.DataFrame:
    table = pd.concat([_table([], np.empty((0, 6))), *tables], ignore_index=True)
    table.insert(0, "sequence", pd.Series(name, index=table.index, dtype="str"))
    return table


def _table(numbers, values: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(values.astype(float), columns=["x", "y", "w", "h", "category", "score"])
    table.insert(0, "frame", np.asarray(numbers, np.int64))
    table["category"] = np.array(CATEGORIES, object)[table.category.astype(int)]
    return table
