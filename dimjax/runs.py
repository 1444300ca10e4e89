"""What can be asked of a run from Python.

run = dimjax.load("runs/demo")
run.losses("test")                    # loss of each example, in parts
run.detect(frames)                    # detections in [T, H, W]
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import jax
import numpy as np
import pandas as pd

from dimjax.chips import examples
from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import Sequence, as_sequence
from dimjax.detection import inference
from dimjax.runs.workdir import Paths, newest_round, read_config
from dimjax.stages.motion import camera_motion
from dimjax.tracks import Tracks
from dimjax.training import steps
from dimjax.training.meshes import own_mesh


class Run:
    """A run that has a checkpoint: loss queries and detection.

    Attributes:
      config: All keys of the run.
      paths: Where its parts lie.
      detector: Of the checkpoint.
    """

    def __init__(
        self,
        workdir: str | Path,
        round: int | None = None,
        epoch: int | None = None,
        runtime: str = "jax",
    ):
        self.config = read_config(workdir)
        self.paths = Paths(workdir, newest_round(workdir) if round is None else round)
        self.detector = inference.restore_detector(self.paths.checkpoints, epoch, runtime)

    def losses(self, split: str = "train", batch_size: int = 256) -> pd.DataFrame:
        """Loss of each example of a split, as the checkpoint's network sees it.

        Args:
          split: "train", "val" or "test".
          batch_size: Examples to a call.

        Returns:
          Table with id, sequence, frame and the losses location, confidence, category, total.
        """
        most = most_bytes(self.config)
        data = examples.load(self.paths.prepared, split, most_bytes=most)
        query = steps.make_losses(
            self.detector.model,
            mode=self.detector.description["input"],
            stride=self.detector.description["output_stride"],
            a=self.config.loss.a,
            b=self.config.loss.b,
        )
        chips = steps.chips_of(data, own_mesh())
        return losses_table(data, chips, query, self.detector.variables, batch_size)

    def detect(
        self,
        frames: np.ndarray | Sequence,
        accepted: bool = True,
        progress: Callable[[Iterable], Iterable] = iter,
    ) -> pd.DataFrame:
        """Detections in raw frames.

        Args:
          frames: [T, H, W] uint8 or uint16, or a sequence from dimjax.data.sequences.
          accepted: Only those that reach the threshold chosen on validation data after their tracks
            have voted on category and score: what `main.py detect` writes.
          progress: Wraps the batches of frame numbers, e.g. a progress bar.

        Returns:
          Table with sequence, frame, x, y, w, h, category, score, and of accepted ones track.
        """
        sequence = frames if isinstance(frames, Sequence) else as_sequence(frames)
        table = inference.search(self.detector, sequence, progress=progress)
        return self.detector.decided(self.tracks(sequence, table)) if accepted else table

    def tracks(self, sequence: Sequence, found: pd.DataFrame) -> Tracks:
        """The tracks of what was detected in a sequence, with its camera's motion if so set."""
        shifts = camera_motion(self.config, lambda name: sequence, [sequence.name])
        return self.detector.linked(found, shifts)


def load(
    workdir: str | Path,
    round: int | None = None,
    epoch: int | None = None,
    runtime: str = "jax",
) -> Run:
    """Open a run's directory; by default its newest round and checkpoint, for JAX to detect with.

    The other runtime is "onnx"; see dimjax.detection.inference.restore_detector.
    """
    return Run(workdir, round, epoch, runtime)


def most_bytes(config) -> float:
    """Chips that need more than this are not kept on the devices, nor in memory."""
    return config.training.device_gb * 1e9


def losses_table(data: examples.Examples, chips, query, variables, batch_size: int) -> pd.DataFrame:
    """Loss of each example in evaluation mode.

    Args:
      data: Examples.
      chips: The same from training.chips_of.
      query: From training.make_losses.
      variables: {"params", "batch_stats"}.
      batch_size: Examples to a call.

    Returns:
      Table with id, sequence, frame and the losses location, confidence, category, total.
    """
    size = min(batch_size, len(data))
    starts = np.arange(0, len(data), size)[:, None, None]
    blocks = list(np.minimum(starts + np.arange(size), len(data) - 1))
    parts = [query(variables, held, index[0]) for held, index in steps.feed(chips, blocks)]
    parts = jax.device_get(parts)
    columns = {name: np.concatenate([p[name] for p in parts])[: len(data)] for name in parts[0]}
    return pd.DataFrame({**identity(data), **columns})


def identity(data: examples.Examples) -> dict[str, np.ndarray]:
    """The columns that say which example a row is of."""
    return {"id": data.id, "sequence": data.sequence, "frame": data.frame}


def chip_labels(data: examples.Examples) -> pd.DataFrame:
    """The labels of examples as a table in chip coordinates; frame is the example's index."""
    index, slot = np.nonzero(data.category >= 0)
    x, y, w, h = data.boxes[index, slot].astype(float).T
    category = np.array(CATEGORIES, object)[data.category[index, slot]]
    columns = {"sequence": "chips", "frame": index, "x": x, "y": y, "w": w, "h": h}
    return pd.DataFrame({**columns, "category": category})
