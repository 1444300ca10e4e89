"""Detections of the velocity filter bank: a detector that needs no training.

found = detect_untrained(sequence, measure_scale(sequence), EvidenceConfig(), max_false_alarms=0.5)
found.frame, found.x, found.y, found.false_alarms

The only threshold is the expected number of false alarms per frame. Clutter residuals differ
between sequences and between regions of a frame, so the relation of strength to false alarms is
estimated for each region of each sequence: above a low strength that clutter exceeds often and
targets rarely, the strengths of false alarms are taken to be exponentially distributed.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter

from dimjax.motion.maps import evidence_of
from dimjax.motion.peaks import find_peaks
from dimjax.motion.settings import EvidenceConfig
from dimjax.data.sequences import Scale, Sequence

_PIXELS_PER_PEAK = 1000  # pixels of a frame for each peak that is kept, the strongest first
_REGION_PX = 64  # side of a region, pixels
_REGIONS = 3  # regions to each side of a square over which the tail of strengths is estimated
_PRIOR_PEAKS = 20  # peaks that what holds without clutter counts as
_PRIOR_EXCESS = 0.22  # mean excess without clutter, noise sigmas
_MAX_EXCESS = 0.8  # a larger excess is only counted, since it may be that of a target


class Detections(NamedTuple):
    """Detections in a sequence, by frame."""

    frame: np.ndarray  # [N] int
    x: np.ndarray  # [N] pixels
    y: np.ndarray  # [N] pixels
    strength: np.ndarray  # [N] noise sigmas
    sign: np.ndarray  # [N] 1 brighter or -1 darker than the background
    false_alarms: np.ndarray  # [N] expected in a frame at this strength or above, all over it


def detect_untrained(
    sequence: Sequence,
    scale: Scale,
    settings: EvidenceConfig,
    max_false_alarms: float = 1.0,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Detections:
    """Detect what moves along straight paths, from the evidence maps alone.

    Args:
      sequence: All its frames are searched.
      scale: Level and noise of the sequence.
      settings: Of the evidence.
      max_false_alarms: Threshold, expected false alarms in a frame.
      progress: Wraps the frame numbers, e.g. a progress bar.

    Raises:
      InputError: A setting is out of its range, or the sequence is too short.
    """
    length, height, width = sequence.shape
    count = -(-height * width // _PIXELS_PER_PEAK)
    found = []
    for evidence in evidence_of(sequence, scale, settings, progress(range(length))):
        found.append([np.asarray(v) for v in find_peaks(evidence, count)])
    x, y, strength, sign = (np.concatenate(v) for v in zip(*found, strict=True))
    # Above that strength the peaks of most frames are all there.
    floor = float(np.median([v[v > 0].min(initial=np.inf) for _, _, v, _ in found]))
    expected = expected_false_alarms(x, y, strength, floor, sequence.shape)
    frame = np.repeat(np.arange(length), count)
    kept = (strength > 0) & (expected <= max_false_alarms)
    return Detections(*(v[kept] for v in (frame, x, y, strength, sign, expected)))


def expected_false_alarms(x, y, strength, floor: float, shape: tuple[int, int, int]) -> np.ndarray:
    """Number of false alarms [N] to expect in a frame if peaks of a strength are accepted.

    A peak of excess e over the floor in a region of rate r (peaks above the floor in a frame, if
    the whole frame were as that region) and mean excess b has the number r exp(-e / b).

    Args:
      x: [N] places of all peaks of a sequence, pixels.
      y: Likewise.
      strength: [N] noise sigmas.
      floor: Strength above which all peaks are among the given.
      shape: T, H, W of the sequence.
    """
    length, height, width = shape
    regions = -(-height // _REGION_PX), -(-width // _REGION_PX)
    row = np.clip((y / _REGION_PX).astype(int), 0, regions[0] - 1)
    column = np.clip((x / _REGION_PX).astype(int), 0, regions[1] - 1)
    excess = strength - floor
    above = excess > 0
    limited = np.clip(excess, 0, _MAX_EXCESS)
    totals = np.zeros((3, *regions))
    for total, values in zip(
        totals, (above, above & (excess < _MAX_EXCESS), limited), strict=True
    ):
        np.add.at(total, (row, column), values)
    count, below, sums = (uniform_filter(v, _REGIONS, mode="nearest") for v in totals)
    # The maximum-likelihood mean of an exponential distribution whose largest values are censored.
    mean = (sums + _PRIOR_PEAKS * _PRIOR_EXCESS) / (below + _PRIOR_PEAKS)
    rate = (count + 1) / length * height * width / _REGION_PX**2
    return rate[row, column] * np.exp(-excess / mean[row, column])
