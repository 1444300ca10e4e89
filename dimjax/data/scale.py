"""Grey scale of a sequence: the median grey level and the noise of its frames.

Both are measured on up to 16 pairs of frames, and only on pixels that change. Black bars, the rim
of a round field of view, clipped sky and dead columns have no noise, and frames that a recorder has
repeated do not differ; neither may make the noise appear smaller than it is.

    level, noise_sigma = measure_scale(sequence)
    measure(sequence).still_share                       # share of the pixels that were left out
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from dimjax.data.alignment import align_to_pixels
from dimjax.data.scene_motion import relative_to
from dimjax.data.sequences import Sequence, as_sequence
from dimjax.errors import InputError

PAIRS = 16
SEARCH_FRAMES = 8  # in which the second frame of a pair is searched
CHANGED_SHARE = 0.1  # of the pixels differ between the frames of a pair
STILL_RUN_PX = 16  # shortest run of unchanging pixels in a row or column that is left out
MAX_STILL_SHARE = 0.9  # if more pixels are left out, the others are those of moving objects
CLIPPED_SHARE = 0.2  # of the values have the lowest or highest level; noise is lost there
FLAT_SHARE = 0.25  # of the usual spread of grey levels; frames below it are flat

RULE = (
    f"Up to {PAIRS} pairs of frames, evenly spaced; the second frame of a pair is the first of the "
    f"next {SEARCH_FRAMES} that differs in {CHANGED_SHARE:.0%} of the pixels, or else the first "
    "that differs at all. Pairs with a frame whose range from the 10 % to the 90 % quantile is "
    f"below {FLAT_SHARE:g} of the median do not count. Pixels with one grey level in all of these "
    f"frames, in runs of {STILL_RUN_PX} or more along a row or column, are left out, unless they "
    f"are more than {MAX_STILL_SHARE:.0%}. Level: median over pairs of the median of the first "
    "frame. Noise: median over pairs of 1.4826 MAD(difference) / sqrt(2), with the MAD of grouped "
    "data, at least a step of the grey levels / sqrt(12). As a function: docs/scale.md. A single "
    "frame: 1.4826 MAD / 6 of its second differences along rows and columns."
)

_SIGMAS_PER_MAD = 1.4826  # of a normal distribution
_SECOND_DIFFERENCE = np.outer([1, -2, 1], [1, -2, 1])
_PILED_UP = 3  # times as many values as at the next level
_QUANTISATION_SIGMA = 1 / np.sqrt(12)


class Scale(NamedTuple):
    """Grey scale of a sequence, the same for all its frames and chips."""

    level: float  # median grey level
    noise_sigma: float  # temporal noise of one raw frame, grey levels


class Measurement(NamedTuple):
    """Scale of a sequence, and what it was measured on."""

    scale: Scale
    still_share: float  # share of the pixels that never change and were left out
    step: int  # usual distance of neighbouring grey levels that occur
    noiseless: bool  # the pixels that change are too few: the noise is that of quantisation
    clipped_share: float = 0.0  # of the values of changing pixels, if they are clipped to a level


def measure_scale(sequence: Sequence | np.ndarray) -> Scale:
    """Measure grey level and noise of a sequence; see `measure`."""
    return measure(sequence).scale


def measure(sequence: Sequence | np.ndarray) -> Measurement:
    """Measure grey level and noise of a sequence, or frames [T, H, W], on up to 16 pairs of frames.

    The pairs begin at evenly spaced frames. The second frame of a pair is the first of the next 8
    that differs from the first one in 10 % of the pixels, or else the first that differs at all:
    neighbours may be equal, or nearly so after compression, because a recorder has repeated them.
    If clips have the motion of the camera taken out, it is taken out here to a pixel.
    Pairs with a flat frame (a closed shutter), of less than a quarter of the usual distance from
    the 10 % to the 90 % quantile, do not count.

    A pixel is left out if it has one grey level in all of these frames and lies in a run of 16 or
    more such pixels in its row or column.

    The level is the median over the pairs of the median of their first frames. The noise is the
    median of 1.4826 * MAD(F_t - F_u) / sqrt(2), so it is robust against targets and against a few
    jumps of the camera. The MAD is computed for grouped data: each value that occurs represents the
    interval from half way to the value below it to half way to the one above it. Thus grey levels
    in any step, such as 257 for 8 bit stored in 16, give the noise that they had before. The noise
    is at least that of quantisation, a step / sqrt(12).

    The noise of a still image is that of its second differences along rows and columns (Immerkaer
    1996), 1.4826 * MAD / 6, without runs of pixels at which they are 0.

    Raises:
      InputError: All frames are equal, or the pixels of a still image.
    """
    if not isinstance(sequence, Sequence):
        sequence = as_sequence(sequence)
    if len(sequence) == 1:
        return _measure_still(sequence)
    return measure_pairs(changing_pairs(sequence))


def changing_pairs(sequence: Sequence) -> np.ndarray:
    """Read the pairs of frames that the scale is measured on, [P, 2, H, W]; see `measure`.

    Bad pixels are as they were read, since a replaced one has less noise.

    Raises:
      InputError: All frames are equal.
    """
    return _without_flat(np.stack(list(_pairs(replace(sequence, substitutes=None)))))


def measure_pairs(pairs: np.ndarray) -> Measurement:
    """Measure grey level and noise on pairs of frames [P, 2, H, W]; see `measure`."""
    still = in_runs((pairs == pairs[0, 0]).all(axis=(0, 1)))
    noiseless = bool(still.mean() > MAX_STILL_SHARE)
    used = np.ones_like(still) if noiseless else ~still
    first, second = pairs[:, 0][:, used], pairs[:, 1][:, used]
    level = np.median([np.median(frame) for frame in first])
    deviations = [_grouped_mad(a.astype(np.int32) - b) for a, b in zip(first, second, strict=True)]
    step = _step([*first, *second])
    noise_sigma = _SIGMAS_PER_MAD * np.median(deviations) / np.sqrt(2)
    scale = Scale(float(level), float(max(noise_sigma, step * _QUANTISATION_SIGMA)))
    still_share = 0.0 if noiseless else float(still.mean())
    return Measurement(scale, still_share, step, noiseless, _clipped_share([*first, *second]))


def _measure_still(sequence: Sequence) -> Measurement:
    frame = sequence.frame(0)
    if frame.min() == frame.max():
        value, remedy = f"all {frame.flat[0]}", "Leave it out, or copy it again from its source."
        raise InputError(f"sequence {sequence.name}", "its pixels must differ", value, remedy)
    second = ndimage.convolve(frame.astype(np.int32), _SECOND_DIFFERENCE, mode="nearest")
    still = in_runs(second == 0)
    noiseless = bool(still.mean() > MAX_STILL_SHARE)
    used = np.ones_like(still) if noiseless else ~still
    step = _step([frame[used]])
    sigma = _SIGMAS_PER_MAD * _grouped_mad(second[used]) / np.sqrt((_SECOND_DIFFERENCE**2).sum())
    scale = Scale(float(np.median(frame[used])), float(max(sigma, step * _QUANTISATION_SIGMA)))
    return Measurement(scale, 0.0 if noiseless else float(still.mean()), step, noiseless)


def _pairs(sequence: Sequence) -> Iterator[np.ndarray]:
    """Yield pairs of frames that differ, [2, H, W]."""
    length = len(sequence)
    found = False
    for t in np.unique(np.linspace(0, length - 2, PAIRS).round().astype(int)).tolist():
        frame = sequence.frame(t)
        k, other = _different(sequence, t, frame)
        if other is not None:
            found = True
            yield np.stack([frame, _by_whole_pixels(sequence, t, k, frame, other)])
    if not found:
        levels = np.unique(frame)
        value = f"{length} equal ones" + (f" of grey level {levels[0]}" if len(levels) == 1 else "")
        rule, remedy = "its frames must differ", "Leave it out, or copy it again from its source."
        raise InputError(f"sequence {sequence.name}", rule, value, remedy)


def _by_whole_pixels(
    sequence: Sequence, t: int, k: int, frame: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Take the motion of the camera out of frame k, to a pixel, which leaves its noise as it is."""
    if sequence.motion is None:
        return other
    motion = sequence.motion()
    return align_to_pixels(other, relative_to(motion[k], motion[t]), frame)


def _different(
    sequence: Sequence, t: int, frame: np.ndarray
) -> tuple[int | None, np.ndarray | None]:
    """Return the later frame that differs clearly from frame t, or else one that differs at all.

    With its number; both are None if no frame differs.
    """
    different = None, None
    for k in range(t + 1, len(sequence)):
        if k > t + SEARCH_FRAMES and different[0] is not None:
            break
        other = sequence.frame(k)
        share = np.mean(frame != other)
        if share >= CHANGED_SHARE and k <= t + SEARCH_FRAMES:
            return k, other
        if share > 0 and different[0] is None:
            different = k, other
    return different


def _without_flat(pairs: np.ndarray) -> np.ndarray:
    """Leave out the pairs [P, 2, H, W] of which a frame is flat, unless these are all."""
    sample = pairs[..., ::4, ::4]  # of the pixels; all would take longer than everything else
    low, high = np.percentile(sample, [10, 90], axis=(2, 3), method="lower")
    spread = high - low
    usual = (spread >= FLAT_SHARE * np.median(spread)).all(axis=1)
    return pairs[usual] if usual.any() else pairs


def in_runs(still: np.ndarray) -> np.ndarray:
    """Whether a pixel lies in a run of 16 or more still ones in its row or column, [H, W]."""
    return _in_row_runs(still) | _in_row_runs(still.T).T


def _in_row_runs(still: np.ndarray) -> np.ndarray:
    rim = STILL_RUN_PX - 1
    padded = np.pad(still, [(0, 0), (rim, rim)])
    full = sliding_window_view(padded, STILL_RUN_PX, axis=1).all(axis=-1)
    return sliding_window_view(full, STILL_RUN_PX, axis=1).any(axis=-1)


def _step(frames: list[np.ndarray]) -> int:
    """Return the usual distance of neighbouring grey levels that occur in frames [N]."""
    occurs = np.zeros(1 << 16, bool)
    for frame in frames:
        occurs[frame] = True
    levels = np.flatnonzero(occurs)
    return int(np.percentile(np.diff(levels), 5, method="lower")) if len(levels) > 1 else 1


def _clipped_share(frames: list[np.ndarray]) -> float:
    """Return the share of the values at the lowest or the highest level, if it stands out.

    It does if it is 20 % at least and several times that of the next level, and the other values do
    not lie next to it, as small noise in coarse levels does: noise that is clipped at its middle
    leaves half a distribution there.
    """
    counts = np.zeros(1 << 16, np.int64)
    for frame in frames:  # one by one: bincount takes eight bytes for each pixel
        counts += np.bincount(frame, minlength=len(counts))
    counts = counts[counts > 0]
    share = max(_share_at_end(counts), _share_at_end(counts[::-1]))
    return share if share >= CLIPPED_SHARE else 0.0


def _share_at_end(counts: np.ndarray) -> float:
    """Share of the values at the first of the levels that occur; 0 if the others do not stand off.

    Args:
      counts: Number of values at each level, [L].
    """
    end, others = counts[0], np.cumsum(counts[1:])
    if len(others) < 2 or end < _PILED_UP * others[0]:
        return 0.0
    median = 1 + np.searchsorted(others, others[-1] / 2)  # of the others, in levels from the end
    return float(end / counts.sum()) if median >= 2 else 0.0


def _grouped_mad(values: np.ndarray) -> float:
    """Compute the MAD of integers, each spread evenly over the interval that it represents."""
    counts = np.bincount(np.abs(values - int(np.median(values))))
    distances = np.flatnonzero(counts)
    ends = [0.0, *(distances[1:] + distances[:-1]) / 2, distances[-1]]
    return float(np.interp(len(values) / 2, [0, *np.cumsum(counts[distances])], ends))
