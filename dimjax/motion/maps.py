"""Evidence maps of the frames of a sequence in turn, or of a batch of windows.

A map [H, W, 4] has three channels in sigmas of local noise: the largest sum over all paths (bright
targets), the negated smallest sum (dark targets), and the residual of the reference frame. The
first two are maxima over many paths, so without a target they are near 3 everywhere. The fourth
channel is the local contrast of the reference frame in noise sigmas. It shows single pixels that
flicker, which the filter of the others blurs, and objects that stand still, which they subtract.

    for t, evidence in enumerate(evidence_of(sequence, measure_scale(sequence), EvidenceConfig())):
        ...                                                     # [H, W, 4] float32
    evidence = window_evidence(windows, level, noise_sigma, times, EvidenceConfig())  # [B, H, W, 4]
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dimjax.data.alignment import align
from dimjax.data.scale import Scale
from dimjax.data.sequences import Sequence, place_of
from dimjax.motion.bank import extremes, path_groups, path_shifts, quantize, step_sigmas
from dimjax.motion.filtering import filter_frame, local_contrast, residuals
from dimjax.motion.settings import EvidenceConfig, check
from dimjax.motion.windows import Window, check_length, window_of

_CPU_TILE_ROWS = 64


class WindowSteps(NamedTuple):
    """Residuals of one evidence window."""

    window: Window
    steps: jax.Array  # [K, H, W] int8 or int16, quantized residuals
    reference: jax.Array  # [H, W] float32, residual of the reference frame, not clipped
    contrast: jax.Array  # [H, W] float32, local contrast of the reference frame


def evidence_of(
    sequence: Sequence,
    scale: Scale,
    settings: EvidenceConfig,
    references: Iterable[int] | None = None,
) -> Iterator[jax.Array]:
    """Yield the evidence map [H, W, 4] of each reference frame.

    Args:
      sequence: Sequence; each frame is read and filtered once if the references ascend.
      scale: Level and noise of the sequence.
      settings: Settings of the evidence.
      references: Numbers of the reference frames; by default all, in order.

    Raises:
      InputError: A setting is out of its range, or the sequence is too short.
    """
    reach, banks = max_reach(settings), {}
    for window, steps, *reference in steps_of(sequence, scale, settings, references):
        if window.index not in banks:
            groups = path_groups(path_shifts(window.times, settings), reach)
            banks[window.index] = _padded(groups, max_groups(settings)), len(groups)
        groups, count = banks[window.index]
        yield _evidence(steps, *reference, groups, count, reach, settings.clip_sigmas)


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
        oldest = window.frames[-1] - settings.frames * settings.stride
        filtered = {k: frame for k, frame in filtered.items() if k > oldest}
        for k in window.frames:
            if k not in filtered:
                frame = jnp.asarray(sequence.frame(usable[k]))
                contrast = local_contrast(frame, *scale)
                if sequence.shifts is None:
                    frame = filter_frame(frame, *scale, settings.sigma_px)
                filtered[k] = frame, contrast
        frames = jnp.stack([filtered[k][0] for k in window.frames])
        if sequence.shifts is not None:
            # Filtered afterwards: the filter's border would move along with the scene.
            shifts = sequence.shifts()[usable[list(window.frames)]]
            moved = (shifts - shifts[window.index]).astype(np.float32)
            frames = _aligned(frames, moved, frames[window.index])
            frames = filter_frame(
                frames, *(jnp.full(len(frames), v) for v in scale), settings.sigma_px
            )
        steps, reference = _steps(frames, window.index, settings.box_px, settings.clip_sigmas)
        yield WindowSteps(window, steps, reference, filtered[place][1])


def window_evidence(frames, level, noise_sigma, times, settings: EvidenceConfig):
    """Compute the evidence maps of a batch of windows.

    Shapes and shifts are static, so a network can contain this function when it is compiled or
    exported.

    Args:
      frames: [B, K, H, W] grey levels.
      level: [B] level of the sequence, grey levels.
      noise_sigma: [B] noise of one raw frame, grey levels.
      times: [K] times of the frames, 0 at the reference frame; the same for all windows.
      settings: Settings of the evidence.

    Returns:
      [B, H, W, 4] float32.
    """
    times = np.asarray(times)
    shifts = path_shifts(times, settings)
    filtered = filter_frame(frames, level[:, None], noise_sigma[:, None], settings.sigma_px)
    values = residuals(filtered, settings.box_px)
    steps = quantize(values, settings.clip_sigmas)
    reach = int(np.abs(shifts).max())
    sums = extremes(steps, path_groups(shifts, reach), reach)
    k = int(np.flatnonzero(times == 0)[0])
    contrast = local_contrast(frames[:, k], level, noise_sigma)
    return _channels(*sums, values[:, k], contrast, settings.frames, settings.clip_sigmas)


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


@jax.jit
def _aligned(frames, shifts, reference):
    return jax.vmap(align, (0, 0, None))(frames, shifts, reference)


@partial(jax.jit, static_argnames=("box_px", "clip_sigmas"))
def _steps(frames, index, box_px, clip_sigmas):
    values = residuals(frames, box_px)
    return quantize(values, clip_sigmas), values[index]


@partial(jax.jit, static_argnames=("reach", "clip_sigmas"))
def _evidence(steps, reference, contrast, groups, count, reach, clip_sigmas):
    tile_rows = _CPU_TILE_ROWS if jax.default_backend() == "cpu" else 0
    sums = extremes(steps, groups, reach, count, tile_rows)
    return _channels(*sums, reference, contrast, len(steps), clip_sigmas)


def _channels(largest, smallest, reference, contrast, frames: int, clip_sigmas: float):
    unit = step_sigmas(frames, clip_sigmas) / np.sqrt(frames)
    return jnp.stack([largest * unit, smallest * -unit, reference, contrast], axis=-1)
