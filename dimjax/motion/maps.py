"""Evidence maps: of each frame of a sequence in turn, or of a batch of windows.

Channels of a map [H, W, 3], all in sigmas of local noise: the largest sum over all paths (bright
targets), the smallest one with its sign reversed (dark targets), and the residual of the reference
frame. Without a target the first two lie near 3 everywhere: they are maxima over many paths.

    for t, evidence in enumerate(evidence_of(sequence, measure_scale(sequence), EvidenceConfig())):
        ...                                                     # [H, W, 3] float32
    evidence = window_evidence(windows, level, noise_sigma, times, EvidenceConfig())  # [B, H, W, 3]
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dimjax.motion.bank import (
    extremes,
    extremes_unrolled,
    path_groups,
    path_shifts,
    quantize,
    step_sigmas,
)
from dimjax.motion.filtering import filter_frame, residuals
from dimjax.motion.settings import EvidenceConfig, check
from dimjax.motion.windows import Window, check_length, window_of
from dimjax.data.sequences import Scale, Sequence

_CPU_TILE_ROWS = 64


class WindowSteps(NamedTuple):
    """Residuals of one evidence window."""

    window: Window
    steps: jax.Array  # [K, H, W] int8 or int16, quantized
    reference: jax.Array  # [H, W] float32, of the reference frame, not clipped


def evidence_of(
    sequence: Sequence,
    scale: Scale,
    settings: EvidenceConfig,
    references: Iterable[int] | None = None,
) -> Iterator[jax.Array]:
    """Yield the evidence map [H, W, 3] of each reference frame.

    Args:
      sequence: Each frame is read and filtered once if the references ascend.
      scale: Level and noise of the sequence.
      settings: Of the evidence.
      references: Reference frames; by default all, in order.

    Raises:
      InputError: A setting is out of its range, or the sequence is too short.
    """
    reach, banks = max_reach(settings), {}
    for window, steps, reference in steps_of(sequence, scale, settings, references):
        if window.index not in banks:
            groups = path_groups(path_shifts(window.times, settings), reach)
            banks[window.index] = _filled(groups, max_groups(settings)), len(groups)
        groups, count = banks[window.index]
        yield _evidence(steps, reference, groups, count, reach, settings.clip_sigmas)


def steps_of(
    sequence: Sequence,
    scale: Scale,
    settings: EvidenceConfig,
    references: Iterable[int] | None = None,
) -> Iterator[WindowSteps]:
    """Yield the residuals of the window round each reference frame; as evidence_of."""
    check(settings)
    length = len(sequence)
    check_length(length, settings, f"sequence {sequence.name}")
    filtered: dict[int, jax.Array] = {}
    for t in range(length) if references is None else references:
        window = window_of(t, length, settings)
        # What a window near the end of the sequence needs again reaches a whole window back.
        first = window.frames[-1] - settings.frames * settings.stride
        filtered = {k: filtered[k] for k in filtered if first < k}
        for k in window.frames:
            if k not in filtered:
                frame = jnp.asarray(sequence.frame(k))
                filtered[k] = filter_frame(frame, *scale, settings.sigma_px)
        frames = jnp.stack([filtered[k] for k in window.frames])
        steps, reference = _steps(frames, window.index, settings.box_px, settings.clip_sigmas)
        yield WindowSteps(window, steps, reference)


def window_evidence(frames, level, noise_sigma, times, settings: EvidenceConfig, unrolled: bool = False):
    """Return the evidence maps of a batch of windows.

    A function of static shapes and shifts, to be compiled or exported as a part of a network.

    Args:
      frames: [B, K, H, W] grey levels.
      level: [B] level of each sequence.
      noise_sigma: [B] noise of one raw frame, grey levels.
      times: [K] times of the frames, 0 at the reference frame; the same for all windows.
      settings: Of the evidence.
      unrolled: Whether the sum over each path is written out, as conversion to ONNX needs.

    Returns:
      [B, H, W, 3] float32.
    """
    times = np.asarray(times)
    shifts = path_shifts(times, settings)
    filtered = filter_frame(frames, level[:, None], noise_sigma[:, None], settings.sigma_px)
    values = residuals(filtered, settings.box_px)
    steps = quantize(values, settings.clip_sigmas)
    if unrolled:
        sums = extremes_unrolled(steps, shifts)
    else:
        reach = int(np.abs(shifts).max())
        sums = extremes(steps, path_groups(shifts, reach), reach)
    reference = values[:, int(np.flatnonzero(times == 0)[0])]
    return _channels(*sums, reference, settings.frames, settings.clip_sigmas)


def max_reach(settings: EvidenceConfig) -> int:
    """Largest displacement of a path in a window at either end of a sequence, pixels."""
    span = (settings.frames - 1) * settings.stride
    return int(span * settings.speed_px + 0.5)


def max_groups(settings: EvidenceConfig) -> int:
    """Number of groups of paths of a window at the end of a sequence, the largest one."""
    times = np.arange(settings.frames) * settings.stride
    return len(path_groups(path_shifts(times, settings), max_reach(settings)))


def _filled(groups: np.ndarray, count: int) -> np.ndarray:
    """Groups of one shape for all windows, so that one compiled function serves all."""
    return np.concatenate([groups, np.repeat(groups[-1:], count - len(groups), axis=0)])


@partial(jax.jit, static_argnames=("box_px", "clip_sigmas"))
def _steps(frames, index, box_px, clip_sigmas):
    values = residuals(frames, box_px)
    return quantize(values, clip_sigmas), values[index]


@partial(jax.jit, static_argnames=("reach", "clip_sigmas"))
def _evidence(steps, reference, groups, count, reach, clip_sigmas):
    tile_rows = _CPU_TILE_ROWS if jax.default_backend() == "cpu" else 0
    sums = extremes(steps, groups, reach, count, tile_rows)
    return _channels(*sums, reference, len(steps), clip_sigmas)


def _channels(largest, smallest, reference, frames: int, clip_sigmas: float):
    unit = step_sigmas(frames, clip_sigmas) / np.sqrt(frames)
    return jnp.stack([largest * unit, smallest * -unit, reference], axis=-1)
