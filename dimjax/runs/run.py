"""What can be asked of a run from Python.

run = dimjax.load("runs/demo")
run.losses("test")                    # loss of each example, in parts
run.detect(frames)                    # detections in [T, H, W]
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.chips import examples
from dimjax.data.sequences import Sequence, as_sequence
from dimjax.detection.detector import restore_detector
from dimjax.detection.inference import search
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths, newest_round, read_config
from dimjax.stages.motion import camera_motion
from dimjax.tracks import Tracks
from dimjax.training import loss_query, steps
from dimjax.training.loss_query import losses_table
from dimjax.training.meshes import own_mesh

RUNTIMES = ("jax", "onnx")


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
        if runtime not in RUNTIMES:
            rule = f"it must be one of {', '.join(RUNTIMES)}"
            raise InputError("runtime", rule, repr(runtime), "Name one of these.")
        detector = restore_detector(self.paths.checkpoints, epoch)
        if runtime == "onnx":
            from dimjax.export.files import through_onnx  # needs the extra export

            detector = through_onnx(detector, self.paths.round / "detector.onnx")
        self.detector = detector

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
        query = loss_query.make_losses(
            self.detector.model,
            mode=self.detector.description["input"],
            stride=self.detector.description["output_stride"],
            a=self.config.loss.location_weight,
            b=self.config.loss.classification_weight,
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
        table = search(self.detector, sequence, progress=progress)
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
    """Open a run's directory.

    Args:
      workdir: The run's directory.
      round: Round to open; None for the newest.
      epoch: Epoch of the checkpoint; None for the newest.
      runtime: Library that computes detections: "jax", or "onnx" for ONNX Runtime on the CPU, in
        float32 and on whole frames. The latter reads the round's detector.onnx and writes it first
        if necessary.

    Raises:
      InputError: There is no such run, checkpoint or runtime, or the extra export is not installed.
    """
    return Run(workdir, round, epoch, runtime)


def most_bytes(config) -> float:
    """Chips that need more than this are not kept on the devices, nor in memory."""
    return config.training.device_gb * 1e9
