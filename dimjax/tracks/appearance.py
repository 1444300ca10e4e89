"""Numbers of the image at locations: brightness, shape and surroundings of an object in one frame.

    table = measure_appearance(detections, sequence, noise_sigma, stride=2)
    table.change_contrast                       # noise sigmas, one row for each location

Two images are measured in a patch of 21x21 px around each location: the frame itself, and the
change, F1 minus the median of F2..F4 of the frame's clip. Clouds and fixed patterns are absent in
the change, and so are objects that stand still.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.alignment import align_levels
from dimjax.data.scene_motion import relative_to
from dimjax.data.sequences import Sequence

_MEASURES = ("contrast", "flux", "area", "sharpness", "length", "width")
APPEARANCE = (
    *(f"{image}_{name}" for image in ("frame", "change") for name in (*_MEASURES, "clutter")),
    *("standing", "dark"),
)

_RADIUS_PX = 10  # of a patch
_PEAK_PX = 3  # the peak is searched within this distance along each axis
_RING_PX = 7  # pixels from here on are background
_OFFSETS = np.arange(-_RADIUS_PX, _RADIUS_PX + 1)
_DISTANCE = np.maximum(np.abs(_OFFSETS)[:, None], np.abs(_OFFSETS))
_PEAK_COST = 0.15  # noise sigmas a pixel: of two similar peaks the nearer one is taken
_SHAPE_PX = 4  # radius of the disc in which a shape is measured
_SIGMAS_PER_MAD = 1.4826  # of a normal distribution
_PIXEL_VARIANCE = 1 / 12
_MAX_STANDING = 2.0


class _Image(NamedTuple):
    """Patches of one image, background subtracted, and their peaks."""

    values: np.ndarray  # [K, S, S] noise sigmas
    clutter: np.ndarray  # [K] sigma of the background, noise sigmas
    row: np.ndarray  # [K] of the peak
    column: np.ndarray  # [K]
    sign: np.ndarray  # [K] 1 for a bright peak, -1 for a dark one


def measure_appearance(
    locations: pd.DataFrame, sequence: Sequence, noise_sigma: float, stride: int
) -> pd.DataFrame:
    """Measure an object's brightness, shape and surroundings in the frame of each location.

    Args:
      locations: Table with frame, x, y of one sequence.
      sequence: Sequence; each frame is read once, unless clips skip many.
      noise_sigma: Noise of one raw frame, grey levels.
      stride: Frames from F1 to F2.

    Returns:
      Table with the index of `locations` and the columns APPEARANCE. Of the frame and of the
      change: contrast, the peak above the background, and clutter, the spread of the background,
      both in noise sigmas; flux, the sum over 5x5 px, noise sigmas; area, the pixels above half
      of the peak; sharpness, the peak's share of the sum over 3x3 px; length and width, the
      standard deviations along both axes, pixels. Also standing, the contrast in F2..F4 at the
      same place relative to F1, and dark, 1 if the object is darker than its background.
    """
    values = np.zeros((len(locations), len(APPEARANCE)))
    rows_of = locations.groupby("frame").indices
    centres = locations[["x", "y"]].to_numpy(float)
    for t, clip in _clips(sequence, sorted(rows_of), stride):
        values[rows_of[t]] = _measure(_cut(clip, centres[rows_of[t]]), noise_sigma)
    return pd.DataFrame(values, locations.index, columns=APPEARANCE)


def _clips(
    sequence: Sequence, numbers: list[int], stride: int
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Yield each reference frame and the frames F1..F4 of its clip; each frame is read once."""
    frames: dict[int, np.ndarray] = {}
    for t in numbers:
        clip = sequence.clip_frames(t, stride)
        # At the end of a sequence F2..F4 lie before F1.
        frames = {k: frame for k, frame in frames.items() if k >= t - 6 * abs(stride)}
        frames |= {k: sequence.frame(k) for k in sorted(clip) if k not in frames}
        if sequence.motion is None:
            yield t, [frames[k] for k in clip]
        else:
            moved = relative_to(sequence.motion(), sequence.motion()[clip[0]])
            yield t, [align_levels(frames[k], moved[k], frames[clip[0]]) for k in clip]


def _cut(clip: list[np.ndarray], centres: np.ndarray) -> np.ndarray:
    """Cut the patches [4, K, S, S] around centres [K, 2]; pixels of the border are repeated."""
    height, width = clip[0].shape
    column, row = np.floor(centres).astype(int).T[..., None] + _OFFSETS
    row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    return np.stack([frame[row[:, :, None], column[:, None, :]] for frame in clip]).astype(float)


def _measure(patches: np.ndarray, noise_sigma: float) -> np.ndarray:
    """Measure patches [4, K, S, S] in grey levels; return the columns APPEARANCE [K, A]."""
    frame, *others = (_flattened(patch, noise_sigma)[0] for patch in patches)
    image = _with_peak(patches[0], noise_sigma)
    change = _with_peak(patches[0] - np.median(patches[1:], axis=0), noise_sigma)
    # Both at the peak of the change, which is that of the object among clutter.
    here, *there = (_around(v, change, 1).mean(axis=(1, 2)) for v in (frame, *others))
    standing = np.mean(there, axis=0) * change.sign / np.maximum(np.abs(here), 1)
    standing = np.clip(standing, -_MAX_STANDING, _MAX_STANDING)
    return np.column_stack([*_shape(image), *_shape(change), standing, change.sign < 0])


def _with_peak(patches: np.ndarray, noise_sigma: float) -> _Image:
    """Subtract the background of patches [K, S, S], and find the peak nearest to their centres."""
    values, clutter = _flattened(patches, noise_sigma)
    near = np.where(_DISTANCE <= _PEAK_PX, np.abs(values) - _PEAK_COST * _DISTANCE, -np.inf)
    row, column = np.divmod(near.reshape(len(values), -1).argmax(axis=1), len(_OFFSETS))
    sign = np.where(values[np.arange(len(values)), row, column] < 0, -1.0, 1.0)
    return _Image(values, clutter, row, column, sign)


def _flattened(patches: np.ndarray, noise_sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Patches [K, S, S] without their background, and its spread [K], in noise sigmas."""
    ring = patches[:, _DISTANCE >= _RING_PX]
    level = np.median(ring, axis=1, keepdims=True)
    spread = _SIGMAS_PER_MAD * np.median(np.abs(ring - level), axis=1)
    return (patches - level[..., None]) / noise_sigma, spread / noise_sigma


def _around(values: np.ndarray, image: _Image, radius: int) -> np.ndarray:
    """Cut the values [K, S, S] around the peaks of an image [K, 2 r + 1, 2 r + 1]."""
    reach, side = np.arange(-radius, radius + 1), len(_OFFSETS) - 1
    row = np.clip(image.row[:, None] + reach, 0, side)[:, :, None]
    column = np.clip(image.column[:, None] + reach, 0, side)[:, None, :]
    return values[np.arange(len(values))[:, None, None], row, column]


def _shape(image: _Image) -> tuple[np.ndarray, ...]:
    """Compute the measures of a peak, and the clutter around it [K] each."""
    values = _around(image.values, image, _SHAPE_PX) * image.sign[:, None, None]
    reach = np.arange(-_SHAPE_PX, _SHAPE_PX + 1)
    peak = values[:, _SHAPE_PX, _SHAPE_PX]
    height = np.maximum(peak, 1e-3)[:, None, None]  # 0 in a patch of equal values
    inner, core = (
        values[:, _SHAPE_PX - r : _SHAPE_PX + r + 1, _SHAPE_PX - r : _SHAPE_PX + r + 1].sum((1, 2))
        for r in (2, 1)
    )
    disc = np.hypot(reach[:, None], reach) <= _SHAPE_PX
    weight = np.maximum(values - height / 4, 0) * disc
    length, width = _axes(weight / np.maximum(weight.sum((1, 2), keepdims=True), 1e-9), reach)
    area = (values > height / 2).sum((1, 2))
    return peak, inner, area, peak / np.maximum(core, height[:, 0, 0]), length, width, image.clutter


def _axes(weight: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations [K] along the axes of weights [K, S, S] of sum 1, those of a pixel added.

    They are the square roots of the eigenvalues of the covariance matrix.
    """
    across, down = weight.sum(axis=1), weight.sum(axis=2)
    x, y = across @ reach, down @ reach
    xx, yy = across @ reach**2 - x**2, down @ reach**2 - y**2
    xy = np.einsum("krc,r,c->k", weight, reach, reach) - x * y
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    variances = middle + half, np.maximum(middle - half, 0)
    return tuple(np.sqrt(variance + _PIXEL_VARIANCE) for variance in variances)
