"""Search: a trained detector run over full frames, whole or tiled, or over chips.

In comes a checkpoint's detector and a sequence; out goes a table of detections, strongest first
within each frame, in frame coordinates.

    detector = restore_detector("runs/demo/rounds/0/checkpoints")          # or runtime="onnx"
    table = search(detector, open_sequence("flight3.mp4"))
    detector.decided(detector.linked(table))  # those that are accepted, with their tracks
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import Sequence, measure_scale
from dimjax.detection.clips import clips_of
from dimjax.detection.grid import Detections, decode, suppress, tiled_frame, whole_frame
from dimjax.errors import InputError
from dimjax.models import create_detector
from dimjax.models.folding import apply_folded
from dimjax.tracks import Linking, Shifts, Tracks, link, vote
from dimjax.training import checkpoints
from dimjax.training.inputs import CHANNELS, network_input

COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "score")
RUNTIMES = ("jax", "onnx")

# Below this a detection is never of use, and there would be one in every cell.
_LEAST_SCORE = 0.01
_PIXELS_PER_CALL = 4 * 640 * 512


class Detector(NamedTuple):
    """A model with its weights and all that is needed to use it."""

    model: nn.Module
    variables: Any  # {"params": ..., "batch_stats": ...}
    description: dict  # plain values, saved with each checkpoint: see dimjax.stages.train
    detect: Callable  # (variables, frames [B, 4, H, W], scale [B, 2]) -> Detections

    def linked(self, table: pd.DataFrame, shifts: Shifts | None = None) -> Tracks:
        """The tracks of detections at all scores; they start where a threshold is reached.

        Args:
          table: Of detections.
          shifts: Motion of the camera in each sequence, see dimjax.tracks.link; None: it stands.
        """
        threshold = self.description["threshold"]
        strong = (threshold["target"], threshold["interference"])
        return link(table, Linking(strong=strong), shifts)

    def decided(self, tracks: Tracks) -> pd.DataFrame:
        """The detections that reach their threshold after their tracks have voted."""
        table = vote(tracks)
        thresholds = table.category.map(self.description["track_threshold"]).astype(float)
        return table[table.score >= thresholds].drop(columns="strong").reset_index(drop=True)


def create_model(description: dict) -> nn.Module:
    """The model that a description speaks of."""
    return create_detector(
        description["backbone"],
        width=description["width"],
        output_stride=description["output_stride"],
        context_px=description["context_px"],
        dtype=jnp.bfloat16 if description["bf16"] else jnp.float32,
    )


def make_detector(model: nn.Module, variables: Any, description: dict) -> Detector:
    """A detector of a model in memory."""
    stride, tile_px = description["output_stride"], description["tile_px"]

    def detect(variables, frames: jax.Array, scale: jax.Array) -> Detections:
        images = network_input(frames, scale, description["input"])

        def apply(images):
            return apply_folded(model, variables, images)

        if tile_px:
            outputs = tiled_frame(apply, images, stride, tile_px, description["margin_px"])
        else:
            outputs = whole_frame(apply, images, stride)
        return suppress(decode(outputs, stride, description["most"]), description["suppress_px"])

    return Detector(model, variables, description, jax.jit(detect))


def restore_detector(directory: Path, epoch: int | None = None, runtime: str = "jax") -> Detector:
    """The detector of a checkpoint, by default the newest.

    Args:
      directory: Of the checkpoints of a training.
      epoch: Which one; the newest if None.
      runtime: What computes: "jax", or "onnx" for ONNX Runtime on the CPU, in float32 and on whole
        frames. That reads detector.onnx beside the directory, which is written where necessary.

    Raises:
      InputError: There is no such checkpoint or runtime, or the extra export is not installed.
    """
    if runtime not in RUNTIMES:
        rule = f"it must be one of {', '.join(RUNTIMES)}"
        raise InputError("runtime", rule, repr(runtime), "Name one of these.")
    with checkpoints.saved_checkpoints(directory) as saved:
        description = checkpoints.describe(saved, epoch)
        model = create_model(description)
        variables = checkpoints.restore_variables(saved, _variables_like(model, description), epoch)
    detector = make_detector(model, variables, description)
    if runtime == "jax":
        return detector
    from dimjax.export.files import through_onnx  # builds on this module

    return through_onnx(detector, Path(directory).parent / "detector.onnx")


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


def count_parameters(detector: Detector) -> int:
    """Number of trained parameters."""
    return sum(values.size for values in jax.tree.leaves(detector.variables["params"]))


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


def _variables_like(model: nn.Module, description: dict):
    side = 4 * description["output_stride"]
    images = jnp.zeros((1, side, side, CHANNELS[description["input"]]))
    return jax.eval_shape(lambda key: model.init(key, images, train=False), jax.random.key(0))
