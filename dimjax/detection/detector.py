"""A detector: a model with its weights and everything that is needed to use it.

detector = restore_detector("runs/demo/rounds/0/checkpoints")
tracks = detector.link(detect_in_sequence(detector, sequence))
detector.accept(tracks)                     # detections that reach their threshold, gaps filled
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from dimjax.detection.grid import Detections, decode, suppress, tiled_frame, whole_frame
from dimjax.detection.rescoring import SIGNALS
from dimjax.errors import InputError
from dimjax.evaluation.thresholds import accepted
from dimjax.models import create_detector
from dimjax.models.batch_norm_fusion import apply_fused
from dimjax.motion import EvidenceConfig
from dimjax.motion.settings import channels
from dimjax.tracks import APPEARANCE, Motions, Tracks, link, linking_of, score
from dimjax.training import checkpoints
from dimjax.training.inputs import channel_count, network_input, skipped_channels

_PROGRAMS = 8  # networks and settings whose compiled programs are kept
# Of a description, the arguments of _detecting.
_SETTINGS = ("input", "output_stride", "tile_px", "margin_px", "max_detections", "suppress_px")


class Detector(NamedTuple):
    """A model with its weights and everything that is needed to use it."""

    model: nn.Module
    variables: Any  # {"params": ..., "batch_stats": ...}
    description: dict  # plain values that are saved in each checkpoint; see dimjax.stages.train
    # (variables, frames [B, 4, H, W], scale [B, 2], evidence [B, H, W, C] or None) -> Detections
    detect: Callable

    @property
    def evidence(self) -> EvidenceConfig | None:
        """Settings of the motion evidence that the network needs, None if it needs none."""
        return _evidence_settings(self.description)

    def link(
        self, detections: pd.DataFrame, motions: Motions | None = None, causal: bool = False
    ) -> Tracks:
        """Link detections to tracks, weak detections included.

        Args:
          detections: Table of detections at all scores.
          motions: Motion of the camera in each sequence, see dimjax.tracks.link; None if it is
            fixed.
          causal: Use only the past of each frame, as for live use.
        """
        return link(detections, linking_of(self.description), motions, causal=causal)

    def accept(self, tracks: Tracks) -> pd.DataFrame:
        """Return the detections that reach their threshold with the scores their tracks support.

        Gaps in confirmed tracks, but for interference that stands, are filled, with `detected`
        False, unless the tracks are causal.
        """
        table = accepted(score(tracks), self.thresholds_of(tracks))
        table = table.drop(
            columns=["strong", "target_probability", *SIGNALS, *APPEARANCE], errors="ignore"
        )
        return table.sort_values(["sequence", "frame"], kind="stable", ignore_index=True)

    def thresholds_of(self, tracks: Tracks) -> dict[str, float]:
        """Return the threshold of each category for the scores that tracks support."""
        return self.description["causal_threshold" if tracks.causal else "track_threshold"]


def input_channels(description: dict) -> int:
    """Return the number of channels of the network's input."""
    return channel_count(description["input"], _evidence_channels(description))


def create_model(description: dict) -> nn.Module:
    """Create the model of a description."""
    return create_detector(
        description["backbone"],
        width=description["width"],
        output_stride=description["output_stride"],
        context_px=description["context_px"],
        skipped_channels=skipped_channels(description["input"], _evidence_channels(description)),
        dtype=jnp.bfloat16 if description["bf16"] else jnp.float32,
    )


def make_detector(model: nn.Module, variables: Any, description: dict) -> Detector:
    """Make a detector from a model and its variables.

    Args:
      model: Model of the description, from create_model.
      variables: {"params", "batch_stats"}.
      description: Description of the detector; see dimjax.stages.train.
    """
    detect = _detecting(model, *(description[name] for name in _SETTINGS))
    rescoring = description["rescoring"]
    if rescoring is not None:
        rescoring = {name: np.array(weights, np.float32) for name, weights in rescoring.items()}
    return Detector(model, variables, description, partial(detect, rescoring))


@lru_cache(_PROGRAMS)
def _detecting(
    model: nn.Module,
    mode: str,
    stride: int,
    tile_px: int | None,
    margin_px: int,
    max_detections: int,
    suppress_px: float,
) -> Callable:
    """Compile (rescoring, variables, frames, scale, evidence) -> Detections.

    Rounds differ in the weights of their rescoring and share the program.
    """

    def detect(rescoring, variables, frames, scale, evidence=None) -> Detections:
        images = network_input(frames, scale, mode, evidence)

        def apply(images):
            return apply_fused(model, variables, images)

        if tile_px:
            outputs = tiled_frame(apply, images, stride, tile_px, margin_px)
        else:
            outputs = whole_frame(apply, images, stride)
        detections = decode(outputs, stride, max_detections, evidence, rescoring)
        return suppress(detections, suppress_px)

    return jax.jit(detect)


def restore_detector(directory: Path, epoch: int | None = None) -> Detector:
    """Restore the detector of a checkpoint.

    Args:
      directory: Folder with the checkpoints of a training.
      epoch: Epoch of the checkpoint; the newest if None.

    Raises:
      InputError: There is no such checkpoint, or it describes no detector.
    """
    with checkpoints.saved_checkpoints(directory) as saved:
        description = checkpoints.read_description(saved, epoch)
        try:
            model = create_model(description)
            like = _variables_like(model, description)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            rule, remedy = "its description must be of a detector of dimjax", "Restore it."
            raise InputError(directory, rule, f"{type(error).__name__}: {error}", remedy) from error
        variables = checkpoints.restore_variables(saved, like, epoch)
    return make_detector(model, variables, description)


def count_parameters(detector: Detector) -> int:
    """Count the trained parameters."""
    return sum(values.size for values in jax.tree.leaves(detector.variables["params"]))


def _evidence_settings(description: dict) -> EvidenceConfig | None:
    settings = description["evidence"]
    return None if settings is None else EvidenceConfig(**settings)


def _evidence_channels(description: dict) -> int:
    settings = _evidence_settings(description)
    return 0 if settings is None else channels(settings)


def _variables_like(model: nn.Module, description: dict):
    side = 4 * description["output_stride"]
    images = jnp.zeros((1, side, side, input_channels(description)))
    return jax.eval_shape(lambda key: model.init(key, images, train=False), jax.random.key(0))
