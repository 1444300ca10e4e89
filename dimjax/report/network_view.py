"""What the network saw: its input channels round a point of a frame, as grey images.

    view = NetworkView(sequence, config)
    [(name, grey) for name, grey in view.tiles(frame=12, x=80.5, y=20.5, size_px=32)]

The first tile is F1, the reference frame; the others are the input's channels. In sequences with
motion evidence the whole map of the frame is computed, as for a detection.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dimjax.data.scale import measure_scale
from dimjax.data.sequences import Sequence
from dimjax.drawing import pictures
from dimjax.motion import EvidenceConfig, evidence_of
from dimjax.runs.context import clip_stride
from dimjax.training.inputs import frame_mode, network_input, uses_evidence

# Values of a channel shown black and white: differences, residual and contrast pass through asinh.
_EIGHT_SIGMAS = float(np.arcsinh(8.0))
_DIFFERENCE = (-_EIGHT_SIGMAS, _EIGHT_SIGMAS)
_SUM = (-2.0, 4.0)  # sums of 0 and 9 noise sigmas; 0 is usual where there is only noise
_EVIDENCE = {"bright": _SUM, "dark": _SUM, "residual": _DIFFERENCE, "contrast": _DIFFERENCE}
_SLOW = {"slow bright": _SUM, "slow dark": _SUM}
_CHANNELS = {
    "difference": ("F1 - F2", "F1 - F3", "F1 - F4"),
    "sequence": ("F1", "F2", "F3", "F4"),
    "single": ("F1",),
}
_MAPS = 2  # evidence maps that are kept: the points of a frame follow one another


class Tiles(NamedTuple):
    """Grey images of a window, and where it lies."""

    images: dict[str, np.ndarray]  # "F1", then the other channels: [h, w] uint8
    origin: tuple[int, int]  # x0, y0 of the window in the frame
    low: float  # grey level of the frames that is black
    high: float  # and white


def channel_names(config) -> list[str]:
    """Return the names of the tiles of the input of a run, see dimjax.training.inputs."""
    names = dict.fromkeys(("F1", *_CHANNELS[frame_mode(config.model.input)]))
    limits = _evidence_limits(EvidenceConfig(**config.evidence.to_dict()))
    return [*names, *(limits if uses_evidence(config.model.input) else ())]


class NetworkView:
    """The network's input in a sequence.

    Args:
      sequence: The sequence.
      config: The run's keys model.input, data and evidence.
    """

    def __init__(self, sequence: Sequence, config):
        self._sequence, self._stride = sequence, clip_stride(config)
        self._mode, self._scale = config.model.input, measure_scale(sequence)
        self._settings = EvidenceConfig(**config.evidence.to_dict())
        self._evidence = lru_cache(_MAPS)(self._evidence_of)

    def tiles(self, frame: int, x: float, y: float, size_px: int) -> Tiles:
        """Return the tiles of a window round a point.

        Args:
          frame: Number of the reference frame.
          x: Centre of the window, frame coordinates.
          y: Centre of the window.
          size_px: Height and width of the window; it is smaller if the frame is.
        """
        clip, origin = pictures.crop(self._sequence.clip(frame, self._stride), x, y, size_px)
        low, high = pictures.grey_range(clip)
        mode = frame_mode(self._mode)
        # Frames as inputs are the frames themselves, in other units.
        shown = clip[:1] if mode == "difference" else clip
        names = ("F1",) if mode == "difference" else _CHANNELS[mode]
        grey = [pictures.to_grey8(one, low, high) for one in shown]
        images = dict(zip(names, grey, strict=False))  # a clip of a single frame has no other names
        if mode == "difference":
            images |= _shown(self._input(clip, mode), dict.fromkeys(_CHANNELS[mode], _DIFFERENCE))
        if uses_evidence(self._mode):
            (x0, y0), (height, width) = origin, clip.shape[1:]
            maps = self._evidence(frame)[y0 : y0 + height, x0 : x0 + width]
            limits = _evidence_limits(self._settings)
            images |= _shown(self._input(clip, "single+evidence", maps)[..., 1:], limits)
        return Tiles(images, origin, low, high)

    def _input(self, clip: np.ndarray, mode: str, evidence: np.ndarray | None = None) -> np.ndarray:
        scale = np.array([self._scale], np.float32)
        maps = None if evidence is None else evidence[None]
        return np.asarray(network_input(clip[None], scale, mode, maps)[0])

    def _evidence_of(self, frame: int) -> np.ndarray:
        maps = evidence_of(self._sequence, self._scale, self._settings, [frame])
        return np.asarray(next(iter(maps)))


def _evidence_limits(settings: EvidenceConfig) -> dict[str, tuple[float, float]]:
    """Return the channels of an evidence map, with their values of black and white."""
    return _EVIDENCE | (_SLOW if settings.slow_stride else {})


def _shown(channels: np.ndarray, limits: dict[str, tuple[float, float]]) -> dict[str, np.ndarray]:
    """Convert channels [h, w, C] to grey images, each with its values of black and white."""
    return {
        name: pictures.to_grey8(channels[..., k], *of_channel)
        for k, (name, of_channel) in enumerate(limits.items())
    }
