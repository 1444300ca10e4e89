"""Parity: the largest difference between two implementations of a detector.

Implementations are functions from frames [B, 4, H, W] and scale [B, 2], and possibly the motion
evidence or its window, to Detections. They are compared on noise with small targets, because noise
alone would hardly excite a trained network.

    frames, scale = frames_with_targets(2, 203, 301, seed=0)
    max_difference(detect(frames, scale), other(frames, scale), stride=8)
"""

import itertools
from collections.abc import Callable, Iterable

import numpy as np

from dimjax.detection.grid import Detections

LEVEL, NOISE_SIGMA = 1000.0, 10.0

_PIXELS_PER_TARGET = 5000
_CUTOFF_SLACK = 1e-3  # relative to the weakest score
_EDGE_PX = 1e-3

# Residuals are rounded to whole steps before they are summed. One that lies within float32 rounding
# of the middle between two steps may be rounded to either, which changes sums through its pixel.
_MAX_MEAN_ROUNDED = 1e-4  # of the difference that this makes in all sums, noise sigmas
_MAX_ROUNDED_STEPS = 2.01  # two residuals of one sum

Detect = Callable[..., Detections]


def max_difference_on_frames(
    reference: Detect,
    other: Detect,
    shapes: Iterable[tuple[int, int, int]],
    stride: int,
    radius_px: float,
    inputs_of: Callable | None = None,
) -> float:
    """Compute the largest difference on frames of each shape.

    Args:
      reference: Implementation that is taken as correct.
      other: Implementation to compare.
      shapes: Images, height and width of each batch of frames.
      stride: Output stride in pixels.
      radius_px: Radius within which duplicates are suppressed. Frames with two detections exactly
        at this distance are skipped; their outcome depends on rounding.
      inputs_of: Makes the inputs from a shape and a seed; frames_with_targets by default.

    Returns:
      The largest difference, in the units of `max_difference`; NaN if any value is NaN.
    """
    differences = []
    for shape in shapes:
        for seed in itertools.count():
            inputs = (inputs_of or frames_with_targets)(*shape, seed=seed)
            expected = reference(*inputs)
            if not _has_pair_at(radius_px, expected):
                break
        differences.append(max_difference(expected, other(*inputs), stride))
    return float(np.max(differences))  # the built-in max would lose a NaN


def frames_with_targets(images: int, height: int, width: int, seed: int, count: int = 4):
    """Generate clips of `count` frames of noise with a moving spot of 3x3 px per 5,000 pixels.

    Returns:
      frames [B, count, H, W] uint16 and scale [B, 2] float32.
    """
    rng = np.random.default_rng(seed)
    frames = rng.normal(LEVEL, NOISE_SIGMA, (images, count, height, width))
    spots = 1 + height * width // _PIXELS_PER_TARGET
    for clip in frames:
        rows, columns = (rng.integers(0, size - 3, spots) for size in (height, width))
        peaks = rng.uniform(3, 30, spots) * NOISE_SIGMA
        for k, frame in enumerate(clip):
            for row, column, peak in zip(
                (rows + 4 * k) % (height - 3), columns, peaks, strict=True
            ):
                frame[row : row + 3, column : column + 3] += peak
    scale = np.tile(np.float32([LEVEL, NOISE_SIGMA]), (images, 1))
    return frames.round().astype(np.uint16), scale


def max_evidence_difference(expected: np.ndarray, other: np.ndarray, step: float) -> float:
    """Compute the largest difference between evidence maps [B, H, W, C], noise sigmas.

    Sums that differ by one or two steps because a residual was rounded to another step are left
    out, if their differences are small in the mean of all sums.

    Args:
      expected: Maps that are taken as correct.
      other: Maps to compare.
      step: Change of a sum by one step of a residual, noise sigmas.
    """
    difference = np.abs(np.asarray(expected) - other)
    rounded = (difference > step / 2) & (difference < _MAX_ROUNDED_STEPS * step)
    rounded[..., 2:4] = False  # residual and contrast of the reference frame are not rounded
    sums = difference.size * (1 - 2 / difference.shape[-1])
    if difference[rounded].sum() > step + _MAX_MEAN_ROUNDED * sums:
        return float(difference.max())
    return float(difference[~rounded].max())


def max_difference(one: Detections, other: Detections, stride: int) -> float:
    """Compute the largest difference between detections and their nearest counterparts.

    Each detection of one is compared with the nearest of the other, and vice versa. Centres differ
    in output strides, sizes in their logarithms, which are the network's own units. A detection
    without counterpart, or with one of another category, differs infinitely. Only the weakest may
    be missing: detections after the K-th are cut off, and rounding determines which one that is.
    """
    pairs = list(zip(_by_image(one), _by_image(other), strict=True))
    pairs += [(b, a) for a, b in pairs]
    return float(np.max([_max_one_way(a, b, stride) for a, b in pairs]))


def _by_image(detections: Detections) -> list[Detections]:
    """Split a batch into images, without the rows of score 0."""
    images = [Detections(*map(np.asarray, image)) for image in zip(*detections, strict=True)]
    return [Detections(*(part[image.score > 0] for part in image)) for image in images]


def _max_one_way(detections: Detections, other: Detections, stride: int) -> float:
    weakest = detections.score.min(initial=1.0)
    is_compared = detections.score > weakest * (1 + _CUTOFF_SLACK)
    values, others = (
        np.column_stack([d.boxes[:, :2] / stride, np.log(d.boxes[:, 2:]), d.score])
        for d in (detections, other)
    )
    same_category = detections.category[:, None] == other.category
    difference = np.abs(values[:, None] - others).max(axis=-1)
    nearest = np.where(same_category, difference, np.inf).min(axis=1, initial=np.inf)
    return float(nearest[is_compared].max(initial=0.0))


def _has_pair_at(radius_px: float, detections: Detections) -> bool:
    centre = np.asarray(detections.boxes)[..., :2]
    distance = np.linalg.norm(centre[:, :, None] - centre[:, None], axis=-1)
    return bool((np.abs(distance - radius_px) < _EDGE_PX).any())
