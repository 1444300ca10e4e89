"""Motion of the camera, measured from the frames.

    shift = camera_shifts(sequence)             # [T, 2] x, y, pixels
    similarity = camera_similarities(sequence)  # [T, 4] with rotation and scale
    link(detections, motions={sequence.name: shift})
    aligned(sequence).clip(10, stride=1)        # F2..F4 as F1 shows the scene
    moves(sequence)                             # whether that is worth while

A shift is measured by phase correlation (Kuglin, Hines, "The phase correlation image alignment
method", 1975) of each frame with the previous one. Patterns that do not move with the scene would
bias it towards zero and are left out: the noise and fixed pattern of the sensor, which are white,
and anything that varies along one axis only, as row offsets and the brightness gradient towards the
horizon do. A step that only a few bright objects make is not that of the scene, see
dimjax.data.scene_steps. Rotation and scale are measured by dimjax.data.registration.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import fft

from dimjax.data.registration import Bands, bands_of, similarity_between
from dimjax.data.scale import changing_pairs
from dimjax.data.scene_motion import followed_by
from dimjax.data.scene_steps import step_of_scene
from dimjax.data.sequences import Sequence

MOVING_STEP_PX = 0.25  # mean motion of the scene from frame to frame that hides moving targets

_CHECKED_STEP_PX = 0.2  # from which an object could be taken for the scene

_NOISE_FACTOR = 10.0  # a wave counts if its power exceeds the noise by this factor
_MIN_WAVES = 100  # with fewer waves the frames are not matched
_NOISE_BAND = 0.25  # cycles a pixel along both axes: higher frequencies hold noise only


class _Frame(NamedTuple):
    values: np.ndarray  # [H, W]
    spectrum: np.ndarray
    bands: Bands | None


class CameraMotion:
    """The motion of a camera whose frames come one at a time.

    Args:
      rotation: Whether rotation and scale are measured beside the shift.
    """

    def __init__(self, rotation: bool = False):
        self._rotation = rotation
        self._previous: _Frame | None = None
        self._motion = np.array([0.0, 0.0, 1.0, 0.0]) if rotation else np.zeros(2)

    def push(self, frame: np.ndarray) -> np.ndarray:
        """Take the next frame [H, W]; return the motion of the scene from the first one.

        It is [2], or [4] with rotation and scale: see dimjax.data.scene_motion.
        """
        values = frame.astype(np.float64)
        bands = bands_of(values) if self._rotation else None
        current = _Frame(values, _spectrum(values), bands)
        if self._previous is not None:
            self._motion = followed_by(self._motion, _motion_between(self._previous, current))
        self._previous = current
        return self._motion


def camera_shifts(
    sequence: Sequence, progress: Callable[[Iterable], Iterable] = iter
) -> np.ndarray:
    """Measure the displacement of the scene in each frame relative to frame 0.

    A point at p in frame 0 is at p + shift[t] in frame t. The displacement is that of most of the
    frame: of the camera, or of clouds that fill the frame. If nothing exceeds the noise (clear
    sky), the step from one frame to the next is 0.

    Args:
      sequence: Frames of about 64 x 64 pixels or larger.
      progress: Wraps the frame numbers, e.g. a progress bar.

    Returns:
      [T, 2] = x, y in pixels.
    """
    return _measured(sequence, CameraMotion(), progress)


def camera_similarities(
    sequence: Sequence, progress: Callable[[Iterable], Iterable] = iter
) -> np.ndarray:
    """Measure shift, rotation and scale of the scene in each frame relative to frame 0.

    From a frame to the next one the scene may rotate by up to 6 degrees and change its size by up
    to 10 %. Where the frames show too little to measure this, in a clear sky or in frames below
    64 x 64 pixels, the step is that of `camera_shifts`.

    Args:
      sequence: Frames.
      progress: Wraps the frame numbers, e.g. a progress bar.

    Returns:
      [T, 4] = x, y in pixels, c, s: see dimjax.data.scene_motion.
    """
    return _measured(sequence, CameraMotion(rotation=True), progress)


def _measured(sequence: Sequence, motion: CameraMotion, progress: Callable) -> np.ndarray:
    return np.array([motion.push(sequence.frame(t)) for t in progress(range(len(sequence)))])


def aligned(sequence: Sequence, rotation: bool = False) -> Sequence:
    """Return a sequence whose clips and evidence windows have the motion of the camera taken out.

    All frames are read once when the first clip is needed, to measure the motion.

    Args:
      sequence: Sequence; one that has its motion already is returned as it is.
      rotation: Whether rotation and scale are taken out beside the shift.
    """
    if sequence.motion is not None:
        return sequence
    measure = camera_similarities if rotation else camera_shifts
    return replace(sequence, motion=cache(lambda: measure(sequence)))


def mean_step(sequence: Sequence) -> float:
    """Measure how far the scene moves from one frame to the next on average, in pixels.

    Over up to 16 pairs of frames, those that the grey scale is measured on, which leaves out
    repeated frames. It is 0 for a still image, and if nothing exceeds the noise.

    Raises:
      InputError: All frames are equal.
    """
    if len(sequence) == 1:
        return 0.0
    steps = []
    for first, second in changing_pairs(replace(sequence, motion=None)):
        motion = CameraMotion()
        motion.push(first)
        steps.append(np.hypot(*motion.push(second)))
    return float(np.mean(steps))


def moves(sequence: Sequence) -> bool:
    """Whether the motion of the scene from frame to frame is better taken out.

    Raises:
      InputError: All frames are equal.
    """
    return mean_step(sequence) >= MOVING_STEP_PX


def _motion_between(previous: _Frame, current: _Frame) -> np.ndarray:
    """Measure the step of the scene from one frame to the next, [2], or [4] if there are bands."""
    step = _step(previous.spectrum, current.spectrum, current.values.shape)
    if np.hypot(*step) >= _CHECKED_STEP_PX:
        step = step_of_scene(step, previous.values, current.values, _step_between)
    if current.bands is None:
        return step
    similarity = similarity_between(previous.bands, current.bands, step)
    return np.array([*step, 1.0, 0.0]) if similarity is None else similarity


def _step_between(previous: np.ndarray, current: np.ndarray) -> np.ndarray:
    return _step(_spectrum(previous), _spectrum(current), previous.shape)


def _spectrum(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    return fft.rfft2(window * (frame - frame.mean()))


def _step(previous: np.ndarray, current: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Displacement x, y from one frame to the next, from their spectra."""
    cross = current * previous.conj()
    power = np.abs(cross)
    weight = _weights(power, shape)
    if np.count_nonzero(weight) < _MIN_WAVES:
        return np.zeros(2)
    correlation = fft.irfft2(cross / np.maximum(power, np.finfo(float).tiny) * weight, shape)
    peak = np.unravel_index(correlation.argmax(), shape)
    around = np.arange(-1, 2)
    row = peak[0] + _vertex(correlation[(peak[0] + around) % shape[0], peak[1]])
    column = peak[1] + _vertex(correlation[peak[0], (peak[1] + around) % shape[1]])
    half = np.array(shape[::-1]) / 2
    return (np.array([column, row]) + half) % (2 * half) - half


def _weights(power: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Weight of each wave, 0 to 1, from the power of both frames [H, W // 2 + 1]."""
    down, across = np.abs(fft.fftfreq(shape[0]))[:, None], fft.rfftfreq(shape[1])
    noise = np.median(power[(down > _NOISE_BAND) & (across > _NOISE_BAND)])
    weight = np.clip(1 - _NOISE_FACTOR * noise / np.maximum(power, np.finfo(float).tiny), 0, 1)
    # The window leaks patterns that are constant along an axis into the first wave along it.
    return weight * ((down * shape[0] > 1.5) & (across * shape[1] > 1.5))


def _vertex(values: np.ndarray) -> float:
    """Peak position, -1 to 1, of a Gaussian through three values with the largest in the middle."""
    left, middle, right = np.log(np.maximum(values, 1e-3 * values[1]))
    curvature = left - 2 * middle + right
    return 0.0 if curvature >= 0 else 0.5 * (left - right) / curvature
