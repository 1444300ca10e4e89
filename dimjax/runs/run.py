"""A trained run, opened from Python.

run = dimjax.load("runs/demo")
run.losses("test")                    # loss of each example, in parts
run.detect(frames)                    # detections in [T, H, W]
run.context.folder.labels             # the data that it was trained on
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.chips import examples
from dimjax.data.bad_pixels import replace_bad_pixels
from dimjax.data.camera import aligned
from dimjax.data.scale import Scale
from dimjax.data.sequences import Sequence, as_sequence, skip_repeated
from dimjax.detection.detector import restore_detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.detection.repeated_frames import new_frames, to_frames, to_places
from dimjax.detection.streaming import Stream
from dimjax.errors import InputError
from dimjax.runs import config_rules, digests
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, check_path, newest_round, read_config
from dimjax.settings_rules import INTEGER, SWITCH, Rule, at_least, check_fields
from dimjax.tracks import Tracks
from dimjax.training.chip_feed import chips_of
from dimjax.training.loss_query import losses_table
from dimjax.training.meshes import own_mesh
from dimjax.training.steps import make_loss_query

RUNTIMES = ("jax", "onnx")
_SWITCH = Rule(lambda value: isinstance(value, bool | np.bool_), SWITCH.text)


class Run:
    """A run that has a checkpoint, for loss queries and detection.

    Attributes:
      context: Configuration, paths, data folder and labels of the round.
      detector: Detector of the checkpoint.
      epoch: Epoch of the checkpoint, from 1 as in the log.
    """

    def __init__(
        self,
        workdir: str | Path,
        round: int | None = None,
        epoch: int | None = None,
        runtime: str = "jax",
    ):
        check_path(workdir)
        if round is not None:
            _check_whole("round", round, 0)
        paths = Paths(workdir, newest_round(workdir) if round is None else round)
        config = read_config(workdir)
        config_rules.check(config)
        digests.verify(paths, "train")
        self.context = RoundContext(config, paths)
        if runtime not in RUNTIMES:
            rule = f"it must be one of {', '.join(RUNTIMES)}"
            raise InputError("runtime", rule, repr(runtime), "Name one of these.")
        if epoch is not None:
            _check_whole("epoch", epoch, 1)
        self._folder, step = self.context.checkpoint(None if epoch is None else epoch - 1)
        detector = restore_detector(self._folder, step)  # raises if there is no checkpoint
        self.epoch = step + 1
        if runtime == "onnx":
            from dimjax.export.detector_files import with_onnx_runtime  # needs the extra export

            name = "detector.onnx" if detector.evidence is None else "network.onnx"
            detector = with_onnx_runtime(detector, self.paths.round / name)
        self.detector = detector

    def __repr__(self) -> str:
        return f"<dimjax run {self.description}>"

    @property
    def description(self) -> str:
        """Directory, round and epoch of the checkpoint, in words."""
        note = ", the best in validation" if self._folder == self.paths.best else ""
        if (self._folder, self.epoch - 1) != self.context.checkpoint():
            note += "; thresholds and scores were not fitted for it: all thresholds are 0.5"
        return f"{self.paths.workdir}, round {self.paths.number}, epoch {self.epoch}{note}"

    @property
    def config(self):
        """All keys of the run."""
        return self.context.config

    @property
    def paths(self) -> Paths:
        """Paths of the round."""
        return self.context.paths

    def losses(self, split: str = "train", batch_size: int = 256) -> pd.DataFrame:
        """Compute the loss of each example of a split with the checkpoint's weights.

        Args:
          split: "train", "val" or "test".
          batch_size: Examples of a call.

        Returns:
          Table with id, sequence, frame and the losses location, confidence, category, total.

        Raises:
          InputError: There is no such split, or a size is not above 0.
        """
        digests.verify(self.paths, "build")
        examples.check_split(self.paths.prepared, split, "split")
        _check_whole("batch_size", batch_size, 1)
        data = examples.load(self.paths.prepared, split, max_bytes=self.context.max_chip_bytes)
        query = make_loss_query(
            self.detector.model,
            mode=self.detector.description["input"],
            stride=self.detector.description["output_stride"],
            location_weight=self.config.loss.location_weight,
            classification_weight=self.config.loss.classification_weight,
        )
        chips = chips_of(data, own_mesh())
        return losses_table(data, chips, query, self.detector.variables, batch_size)

    def detect(
        self,
        frames: np.ndarray | Sequence,
        *,
        accepted: bool = True,
        causal: bool = False,
        progress: Callable[[Iterable], Iterable] = iter,
    ) -> pd.DataFrame:
        """Detect targets and interference in raw frames.

        Args:
          frames: [T, H, W] uint8 or uint16, or a sequence from dimjax.data.sequences.
          accepted: Return only detections that reach the threshold chosen on validation data with
            the category and score that their tracks give them, as `main.py detect` writes them.
          causal: Use only the past of each frame to judge its detections, as for live use.
          progress: Wraps the batches of frame numbers, e.g. in a progress bar.

        Returns:
          Table with sequence, frame, x, y, w, h, category, score. Of accepted ones also track and
          detected, which is False in the gaps of tracks that are filled; of others the numbers of
          their appearance, dimjax.tracks.APPEARANCE.

        Raises:
          InputError: The frames are no sequence, or another argument is not as described.
        """
        _check_switches(accepted=accepted, causal=causal)
        if not callable(progress):
            rule = "it must be a function that takes and returns an iterable"
            raise InputError("progress", rule, progress, "Give one, e.g. tqdm, or leave it out.")
        sequence = frames if isinstance(frames, Sequence) else as_sequence(frames)
        if self.context.layout.repeated_frames == "skip":
            sequence = skip_repeated(sequence)
        if self.context.layout.bad_pixels == "replace":
            sequence = replace_bad_pixels(sequence)
        table = detect_in_sequence(self.detector, sequence, progress=progress)
        if not accepted:
            return table
        return to_frames(self.detector.accept(self.tracks(sequence, table, causal)), sequence)

    def __getstate__(self):
        raise TypeError("a run cannot be pickled or copied: call dimjax.load in each process.")

    def stream(self, scale: Scale | None = None) -> Stream:
        """Return a state of the detector that takes one frame at a time, for live use.

        Args:
          scale: Level and noise of the frames; None measures them as the stream goes on.

        Raises:
          InputError: The run compensates the motion of the camera, which is measured on whole
            sequences only.
        """
        if self.config.detection.camera_motion:
            rule, remedy = "it must be off for a live stream", "Train without it."
            raise InputError("config.detection.camera_motion", rule, True, remedy)
        return Stream(self.detector, scale, bad_pixels=self.context.layout.bad_pixels)

    def tracks(
        self, frames: np.ndarray | Sequence, detections: pd.DataFrame, causal: bool = False
    ) -> Tracks:
        """Link the detections in raw frames; camera motion is taken out if the run does so.

        Frames of the tracks do not count repeated frames, see dimjax.detection.repeated_frames.

        Raises:
          InputError: The detections are no table of `detect`, or causal is neither True nor False.
        """
        _check_switches(causal=causal)
        sequence = frames if isinstance(frames, Sequence) else as_sequence(frames)
        is_table = isinstance(detections, pd.DataFrame) and "frame" in detections
        if not is_table or detections.columns.has_duplicates:
            rule, remedy = "they must be a table from `detect`", "Give that with accepted=False."
            value = "columns of one name" if is_table else type(detections).__name__
            raise InputError("detections", rule, value, remedy)
        motions = None
        if self.config.detection.camera_motion:
            moved = aligned(sequence, self.config.data.align_rotation)
            motions = {sequence.name: moved.motion()[new_frames(sequence)]}
        return self.detector.link(to_places(detections, sequence), motions, causal)


def _check_whole(name: str, value: int, lowest: int) -> None:
    for rule in (INTEGER, at_least(lowest)):
        check_fields("{}", {name: value}, {name: rule})


def _check_switches(**values: bool) -> None:
    check_fields("{}", values, dict.fromkeys(values, _SWITCH), "Correct the argument.")


def load(
    workdir: str | Path,
    round: int | None = None,
    epoch: int | None = None,
    runtime: str = "jax",
) -> Run:
    """Open a run's directory.

    Args:
      workdir: The run's directory.
      round: Round to open, from 0; None for the newest.
      epoch: Epoch of the checkpoint, from 1; None for that of the round's detector.
      runtime: Library that computes detections: "jax", or "onnx" for ONNX Runtime on the CPU, in
        float32 and on whole frames. The latter reads the round's detector.onnx, or network.onnx if
        the detector uses motion evidence, and writes it first if necessary.

    Raises:
      InputError: There is no such run, checkpoint or runtime, or the extra export is not installed.
    """
    return Run(workdir, round, epoch, runtime)
