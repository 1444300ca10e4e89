"""Parity: whether two programs detect the same, on frames made for the purpose.

In come two functions from frames [B, 4, H, W] and scale [B, 2] to Detections; out goes the
greatest difference of what they find. Noise alone would excite a trained network nowhere, so the
frames hold targets too.

    frames, scale = planted_frames(2, 203, 301, seed=0)
    greatest_difference(detect(frames, scale), other(frames, scale), stride=8)
"""

import itertools
from collections.abc import Callable, Iterable

import numpy as np

from dimjax.detection.grid import Detections

LEVEL, NOISE_SIGMA = 1000.0, 10.0

_PIXELS_PER_TARGET = 5000
_CUTOFF_SLACK = 1e-3  # of the weakest score
_EDGE_PX = 1e-3

Detect = Callable[[np.ndarray, np.ndarray], Detections]


def parity(
    reference: Detect,
    other: Detect,
    shapes: Iterable[tuple[int, int, int]],
    stride: int,
    radius_px: float,
) -> float:
    """Greatest difference on frames of each shape (images, height, width).

    Args:
      reference: Detects as it should.
      other: Is compared with it.
      shapes: Of the batches of frames.
      stride: Output stride in pixels.
      radius_px: Of the suppression of duplicates. Frames with two detections on the very edge of
        it are not used: rounding decides of them.
    """
    differences = []
    for shape in shapes:
        for seed in itertools.count():
            frames, scale = planted_frames(*shape, seed)
            expected = reference(frames, scale)
            if not _on_the_edge(expected, radius_px):
                break
        differences.append(greatest_difference(expected, other(frames, scale), stride))
    return float(np.max(differences))  # max would lose a NaN


def planted_frames(images: int, height: int, width: int, seed: int):
    """Clips of noise in which a spot of 3x3 pixels per 5,000 pixels moves.

    Returns:
      frames [B, 4, H, W] uint16 and scale [B, 2] float32.
    """
    rng = np.random.default_rng(seed)
    frames = rng.normal(LEVEL, NOISE_SIGMA, (images, 4, height, width))
    count = 1 + height * width // _PIXELS_PER_TARGET
    for clip in frames:
        rows, columns = (rng.integers(0, size - 3, count) for size in (height, width))
        peaks = rng.uniform(3, 30, count) * NOISE_SIGMA
        for k, frame in enumerate(clip):
            for row, column, peak in zip(
                (rows + 4 * k) % (height - 3), columns, peaks, strict=True
            ):
                frame[row : row + 3, column : column + 3] += peak
    scale = np.tile(np.float32([LEVEL, NOISE_SIGMA]), (images, 1))
    return frames.round().astype(np.uint16), scale


def greatest_difference(one: Detections, other: Detections, stride: int) -> float:
    """Greatest difference of the detections of one and the nearest of the other, and vice versa.

    Of centres it is in strides, of sizes that of their logarithms, as the network gives them; a
    detection that the other lacks, or calls by the other category, differs infinitely. The weakest
    may be lacking: those are cut off after the K-th, and rounding decides which one that is.
    """
    pairs = list(zip(_images(one), _images(other), strict=True))
    pairs += [(b, a) for a, b in pairs]
    return float(np.max([_lacking(a, b, stride) for a, b in pairs]))


def _images(found: Detections) -> list[Detections]:
    """Of each image, what was found in it."""
    images = [Detections(*map(np.asarray, image)) for image in zip(*found, strict=True)]
    return [Detections(*(part[image.score > 0] for part in image)) for image in images]


def _lacking(found: Detections, other: Detections, stride: int) -> float:
    weakest = found.score.min(initial=1.0)
    counts = found.score > weakest * (1 + _CUTOFF_SLACK)
    values, others = (
        np.column_stack([f.boxes[:, :2] / stride, np.log(f.boxes[:, 2:]), f.score])
        for f in (found, other)
    )
    same = found.category[:, None] == other.category
    apart = np.abs(values[:, None] - others).max(axis=-1)
    nearest = np.where(same, apart, np.inf).min(axis=1, initial=np.inf)
    return float(nearest[counts].max(initial=0.0))


def _on_the_edge(found: Detections, radius_px: float) -> bool:
    centre = np.asarray(found.boxes)[..., :2]
    distance = np.linalg.norm(centre[:, :, None] - centre[:, None], axis=-1)
    return bool((np.abs(distance - radius_px) < _EDGE_PX).any())
