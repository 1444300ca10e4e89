"""Detections of a trained detector in sequences, on full frames, and in chips, as tables.

Rows are sorted by frame, and by descending score within a frame. Positions are in pixels of the
frame, or of the chip.

    detector = restore_detector("runs/demo/rounds/0/checkpoints")
    table = detect_in_sequence(detector, open_sequence("flight3.mp4"))
    detector.accept(detector.link(table))     # accepted detections, with their tracks
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from dimjax.chips.examples import Examples
from dimjax.data.camera import aligned
from dimjax.data.labels import CATEGORIES
from dimjax.data.scale import Scale, measure_scale
from dimjax.data.sequences import Sequence, shortest_length
from dimjax.detection.clips import clips_of
from dimjax.detection.detector import Detector
from dimjax.detection.grid import Detections
from dimjax.detection.rescoring import MIN_SCORE, SIGNALS
from dimjax.motion import evidence_of
from dimjax.tracks import measure_appearance
from dimjax.training.chip_feed import Chips, Streamed
from dimjax.training.inputs import check_length

COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "score")
_VALUES = ["x", "y", "w", "h", "category", "score", *SIGNALS]

PIXELS_PER_CALL = 4 * 640 * 512


def detect_in_sequence(
    detector: Detector,
    sequence: Sequence,
    frames: Iterable[int] | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
    scale: Scale | None = None,
) -> pd.DataFrame:
    """Detect objects in the frames of a sequence; each frame is read only once.

    Args:
      detector: Detector, e.g. from restore_detector.
      sequence: Sequence. The motion of the camera is measured if the detector takes it out, unless
        the sequence has it.
      frames: Numbers of the reference frames; all if None.
      progress: Wraps the batches of frame numbers, e.g. a progress bar.
      scale: Level and noise of the sequence; None measures them.

    Returns:
      Table with COLUMNS, SIGNALS, if the detector uses motion evidence, and
      dimjax.tracks.APPEARANCE: all detections with a score of at least 0.01, whatever the
      threshold. A repeated frame has those of the frame that it repeats, a flat frame has none.
      The input "single" takes the frames of a sequence that is too short for clips as still images.
    """
    if detector.description["align"]:
        sequence = aligned(sequence, detector.description["align_rotation"])
    length, height, width = sequence.shape
    check_length(length, detector.description["input"], f"sequence {sequence.name}")
    numbers = np.arange(length) if frames is None else np.asarray(list(frames), int)
    numbers = numbers[~np.isin(numbers, sequence.flat)]
    scale = np.asarray(measure_scale(sequence) if scale is None else scale, np.float32)
    if len(numbers) and _needs_stills(detector, sequence):
        return _detect_in_stills(detector, sequence, numbers, progress, Scale(*scale.tolist()))
    size = max(1, min(len(numbers), PIXELS_PER_CALL // (height * width)))
    batches = [numbers[i : i + size] for i in range(0, len(numbers), size)]
    scales = np.tile(scale, (size, 1))
    clips = clips_of(sequence, batches, detector.description["stride"], size)
    maps = _evidence_batches(detector, sequence, Scale(*scale.tolist()), batches, size)
    results = _one_ahead(
        detector.detect(detector.variables, frames, scales, evidence)
        for frames, evidence in zip(clips, maps, strict=True)
    )
    tables = [_rows(next(results), numbers) for numbers in progress(batches)]
    table = _concatenate(tables, sequence.name)
    inside = table.x.between(0, width, inclusive="left") & table.y.between(
        0, height, inclusive="left"
    )
    table = table[inside].reset_index(drop=True)
    stride = detector.description["stride"]
    if detector.evidence is None:
        table = table.drop(columns=[*SIGNALS])
    appearance = measure_appearance(table, sequence, float(scale[1]), stride)
    return pd.concat([table, appearance], axis=1)


def _needs_stills(detector: Detector, sequence: Sequence) -> bool:
    """Whether a sequence is too short for clips, of which the detector uses one frame only."""
    is_short = 1 < len(sequence.usable) < shortest_length(detector.description["stride"])
    return is_short and detector.description["input"] == "single"


def _detect_in_stills(
    detector: Detector,
    sequence: Sequence,
    numbers: np.ndarray,
    progress: Callable[[Iterable], Iterable],
    scale: Scale,
) -> pd.DataFrame:
    """Detect objects in frames as in still images; see detect_in_sequence."""
    shape, plain = (1, *sequence.shape[1:]), replace(sequence, survey=None, motion=None, names=())
    tables = []
    for t in progress(numbers.tolist()):
        still = replace(plain, shape=shape, read=lambda _, t=t: sequence.frame(t), substitutes=None)
        tables.append(detect_in_sequence(detector, still, scale=scale).assign(frame=t))
    return pd.concat(tables, ignore_index=True)


def detect_in_chips(
    detector: Detector, chips: Examples | Chips | Streamed, count: int, batch_size: int
) -> pd.DataFrame:
    """Detect objects in chips.

    Args:
      detector: Detector.
      chips: Chips; their labels are not used.
      count: Number of chips.
      batch_size: Chips in a call.

    Returns:
      Table as from detect_in_sequence: the sequence is "chips", the frame the index of the chip.
    """
    tables = []
    for start in range(0, count, batch_size):
        index = np.arange(start, min(start + batch_size, count))
        padded = np.resize(index, batch_size)
        evidence = None if chips.evidence is None else chips.evidence[padded]
        detections = detector.detect(
            detector.variables, chips.frames[padded], chips.scale[padded], evidence
        )
        tables.append(_rows(detections, index))
    return _concatenate(tables, "chips")


def _evidence_batches(
    detector: Detector, sequence: Sequence, scale: Scale, batches: list[np.ndarray], size: int
) -> Iterator[jax.Array | None]:
    """Yield the motion evidence [size, H, W, C] of each batch, padded as its clips, or None."""
    if detector.evidence is None or not batches:
        yield from [None] * len(batches)
        return
    numbers = np.concatenate(batches).tolist()
    maps = evidence_of(sequence, scale, detector.evidence, numbers)
    for batch in batches:
        of_batch = list(itertools.islice(maps, len(batch)))
        yield jnp.stack(of_batch + of_batch[-1:] * (size - len(of_batch)))


def _one_ahead(calls: Iterable) -> Iterator:
    """Yield the same results, each after the next call has been dispatched.

    JAX computes asynchronously: the frames of the next call are read meanwhile.
    """
    calls = iter(calls)
    last = next(calls, None)
    for result in calls:
        yield last
        last = result
    if last is not None:
        yield last


def _rows(detections: Detections, numbers: np.ndarray) -> pd.DataFrame:
    """Tabulate the detections of the first images of a batch; `numbers` are their frames."""
    boxes, score, category, signals = jax.device_get(detections)
    image, k = np.nonzero(score[: len(numbers)] >= MIN_SCORE)
    columns = boxes[image, k], category[image, k, None], score[image, k, None], signals[image, k]
    return _table(numbers[image], np.concatenate(columns, axis=-1))


def _concatenate(tables: list[pd.DataFrame], name: str) -> pd.DataFrame:
    table = pd.concat([_table([], np.empty((0, len(_VALUES)))), *tables], ignore_index=True)
    table.insert(0, "sequence", pd.Series(name, index=table.index, dtype="str"))
    return table


def _table(numbers, values: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(values.astype(float), columns=_VALUES)
    table.insert(0, "frame", np.asarray(numbers, np.int64))
    table["category"] = np.array(CATEGORIES, object)[table.category.astype(int)]
    return table
