"""Evidence maps of the frames of a sequence in turn, or of a batch of windows.

A map [H, W, C] begins with three channels in sigmas of local noise: the largest sum over all paths
(bright targets), the negated smallest sum (dark targets), and the residual of the reference frame.
The first two are maxima over many paths, so without a target they are near 3 everywhere. The fourth
channel is the local contrast of the reference frame in noise sigmas. It shows single pixels that
flicker, which the filter of the others blurs, and objects that stand still, which they subtract.
With a second velocity band, for slow targets, its two sums follow: C is 4 or 6.

    for t, evidence in enumerate(evidence_of(sequence, measure_scale(sequence), EvidenceConfig())):
        ...                                                     # [H, W, 4] float32
    evidence = window_evidence(frames, level, noise_sigma, window, settings)    # [B, H, W, 4]
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dimjax.data.alignment import align
from dimjax.data.scale import Scale
from dimjax.data.scene_motion import relative_to
from dimjax.data.sequences import Sequence, place_of
from dimjax.motion.bank import extremes, path_groups, path_shifts, quantize, step_sigmas
from dimjax.motion.filtering import filter_frame, local_contrast, residuals
from dimjax.motion.settings import EvidenceConfig, bands, check
from dimjax.motion.windows import Window, check_length, min_length, window_of

_CPU_TILE_ROWS = 64


class WindowSteps(NamedTuple):
    """Residuals of one evidence window."""

    window: Window
    steps: tuple[jax.Array, ...]  # of each velocity band [K, H, W] int8 or int16, quantized
    reference: jax.Array  # [H, W] float32, residual of the reference frame, not clipped
    contrast: jax.Array  # [H, W] float32, local contrast of the reference frame


def evidence_of(
    sequence: Sequence,
    scale: Scale,
    settings: EvidenceConfig,
    references: Iterable[int] | None = None,
) -> Iterator[jax.Array]:
    """Yield the evidence map [H, W, C] of each reference frame.

    Args:
      sequence: Sequence; each frame is read and filtered once if the references ascend.
      scale: Level and noise of the sequence.
      settings: Settings of the evidence.
      references: Numbers of the reference frames; by default all, in order.

    Raises:
      InputError: A setting is out of its range, or the sequence is too short.
    """
    banks = [_Bank(band) for band in bands(settings)]
    for window, steps, *reference in steps_of(sequence, scale, settings, references):
        times = [window.times_of(n) for n in range(len(banks))]
        sums = [bank.extremes(*one) for bank, *one in zip(banks, steps, times, strict=True)]
        yield _channels(sums, *reference, settings.frames, settings.clip_sigmas)


def steps_of(
    sequence: Sequence,
    scale: Scale,
    settings: EvidenceConfig,
    references: Iterable[int] | None = None,
) -> Iterator[WindowSteps]:
    """Yield the residuals of the window of each reference frame; arguments as of evidence_of.

    A window contains usable frames only, and its numbers count these. A reference frame that is
    not usable has the window of the last usable one before it.
    """
    check(settings)
    usable = sequence.usable
    check_length(len(usable), settings, f"sequence {sequence.name}")
    filtered: dict[int, tuple[jax.Array, jax.Array]] = {}  # with its local contrast
    for t in range(len(sequence)) if references is None else references:
        place = place_of(t, usable)
        window = window_of(place, len(usable), settings)
        # The windows at the end of the sequence begin a whole window before its last frame.
        oldest = window.frames[-1] - min_length(settings)
        filtered = {k: frame for k, frame in filtered.items() if k > oldest}
        for k in window.frames:
            if k not in filtered:
                frame = jnp.asarray(sequence.frame(usable[k]))
                contrast = local_contrast(frame, *scale)
                if sequence.motion is None:
                    frame = filter_frame(frame, *scale, settings.sigma_px)
                filtered[k] = frame, contrast
        frames = [filtered[k][0] for k in window.frames]
        if sequence.motion is not None:
            motion = sequence.motion()[usable[list(window.frames)]]
            frames = _still_scene(frames, motion, window.index, scale, settings.sigma_px)
        steps, reference = _steps(frames, window, settings)
        yield WindowSteps(window, steps, reference, filtered[place][1])


def window_evidence(frames, level, noise_sigma, window: Window, settings: EvidenceConfig):
    """Compute the evidence maps of a batch of windows.

    Shapes and shifts are static, so a network can contain this function when it is compiled or
    exported.

    Args:
      frames: [B, N, H, W] grey levels of the frames of the window.
      level: [B] level of the sequence, grey levels.
      noise_sigma: [B] noise of one raw frame, grey levels.
      window: Positions and times of the frames, the same for all windows.
      settings: Settings of the evidence.

    Returns:
      [B, H, W, C] float32.
    """
    filtered = filter_frame(frames, level[:, None], noise_sigma[:, None], settings.sigma_px)
    sums, references = [], []
    for n, band in enumerate(bands(settings)):
        values = residuals(_part(filtered, window.bands[n]), settings.box_px)
        shifts = path_shifts(window.times_of(n), band)
        reach = int(np.abs(shifts).max())
        steps = quantize(values, settings.clip_sigmas)
        sums.append(extremes(steps, path_groups(shifts, reach), reach))
        references.append(values[:, window.bands[n].index(window.index)])
    contrast = local_contrast(frames[:, window.index], level, noise_sigma)
    return _channels(sums, references[0], contrast, settings.frames, settings.clip_sigmas)


class _Bank:
    """The paths of a velocity band, prepared once for each position of the reference frame."""

    def __init__(self, band: EvidenceConfig):
        self._band, self._reach = band, max_reach(band)
        self._groups: dict[tuple, tuple[np.ndarray, int]] = {}  # padded, and their number

    def extremes(self, steps, times: np.ndarray):
        """Return the largest and the smallest sum [H, W] over all paths through each pixel."""
        key = tuple(times)
        if key not in self._groups:
            groups = path_groups(path_shifts(times, self._band), self._reach)
            self._groups[key] = _padded(groups, max_groups(self._band)), len(groups)
        return _extremes(steps, *self._groups[key], self._reach)


def max_reach(settings: EvidenceConfig) -> int:
    """Return the largest displacement of a path, in a window at an end of a sequence, pixels."""
    span = (settings.frames - 1) * settings.stride
    return int(span * settings.speed_px + 0.5)


def max_groups(settings: EvidenceConfig) -> int:
    """Return the largest number of groups of paths, that of a window at an end of a sequence."""
    times = np.arange(settings.frames) * settings.stride
    return len(path_groups(path_shifts(times, settings), max_reach(settings)))


def _padded(groups: np.ndarray, count: int) -> np.ndarray:
    """Pad groups to one shape for all windows, so that one compiled function serves them all."""
    return np.concatenate([groups, np.repeat(groups[-1:], count - len(groups), axis=0)])


def _still_scene(frames: list, motion, index: int, scale: Scale, sigma_px: float) -> list:
    """Align the frames of a window to its reference frame, and filter them.

    Filtered before, the filter's border would move along with the scene.
    """
    moved = relative_to(motion, motion[index]).astype(np.float32)
    aligned = _aligned(jnp.stack(frames), moved, frames[index])
    return list(filter_frame(aligned, *(jnp.full(len(frames), v) for v in scale), sigma_px))


@jax.jit
def _aligned(frames, motion, reference):
    return jax.vmap(align, (0, 0, None))(frames, motion, reference)


def _steps(frames: list, window: Window, settings: EvidenceConfig):
    """Compute the quantized residuals of each band, and the residual of the reference frame."""
    box_px, clip_sigmas = settings.box_px, settings.clip_sigmas
    steps, references = [], []
    for places in window.bands:
        part = jnp.stack([frames[k] for k in places])
        values, reference = _quantized(part, places.index(window.index), box_px, clip_sigmas)
        steps.append(values)
        references.append(reference)
    return tuple(steps), references[0]


@partial(jax.jit, static_argnames=("box_px", "clip_sigmas"))
def _quantized(frames, index, box_px, clip_sigmas):
    values = residuals(frames, box_px)
    return quantize(values, clip_sigmas), values[index]


@partial(jax.jit, static_argnames="reach")
def _extremes(steps, groups, count, reach):
    tile_rows = _CPU_TILE_ROWS if jax.default_backend() == "cpu" else 0
    return extremes(steps, groups, reach, count, tile_rows)


def _part(frames, places: tuple[int, ...]):
    """Select frames [B, K, H, W] of a window; all of them as they are."""
    if places == tuple(range(frames.shape[1])):
        return frames
    return jnp.stack([frames[:, k] for k in places], axis=1)


@partial(jax.jit, static_argnames=("frames", "clip_sigmas"))
def _channels(sums, reference, contrast, frames: int, clip_sigmas: float):
    unit = step_sigmas(frames, clip_sigmas) / np.sqrt(frames)
    main, *slow = ([largest * unit, smallest * -unit] for largest, smallest in sums)
    return jnp.stack([*main, reference, contrast, *(one for both in slow for one in both)], axis=-1)
