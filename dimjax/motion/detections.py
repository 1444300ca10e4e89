"""Detections of the velocity filter bank: a detector that needs no training.

    scale = measure_scale(sequence)
    peaks = detect_untrained(sequence, scale, EvidenceConfig(), max_false_alarms=0.5)
    peaks.frame, peaks.x, peaks.y, peaks.false_alarms

The only threshold is the expected number of false alarms per frame. Clutter residuals differ
between sequences and between regions of a frame, so the relation of strength to false alarms is
estimated for each region of each sequence. Above a low strength, which clutter exceeds often and
targets rarely, the strengths of false alarms are modelled by an exponential distribution.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter

from dimjax.data.scale import Scale
from dimjax.data.sequences import Sequence
from dimjax.motion.maps import evidence_of
from dimjax.motion.peaks import find_peaks
from dimjax.motion.settings import EvidenceConfig, bands

_PIXELS_PER_PEAK = 1000  # the strongest peaks of a frame are used, one for each 1,000 pixels
_REGION_PX = 64  # side of a region, pixels
_REGIONS = 3  # side of the square over which the tail of strengths is estimated, regions
_PRIOR_PEAKS = 20  # weight of the prior, peaks
_PRIOR_EXCESS = 0.22  # prior: mean excess over the floor without clutter, noise sigmas
_MAX_EXCESS = 0.8  # a larger excess may be that of a target and is censored


class Detections(NamedTuple):
    """Detections in a sequence, by frame."""

    frame: np.ndarray  # [N] int
    x: np.ndarray  # [N] pixels
    y: np.ndarray  # [N] pixels
    strength: np.ndarray  # [N] noise sigmas
    sign: np.ndarray  # [N] 1 brighter or -1 darker than the background
    false_alarms: np.ndarray  # [N] expected in a whole frame at this strength or above


def detect_untrained(
    sequence: Sequence,
    scale: Scale,
    settings: EvidenceConfig,
    max_false_alarms: float = 1.0,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Detections:
    """Detect objects that move along straight paths, from the evidence maps alone.

    The band of slow targets is not used: its sums are too large at the edges of clouds that change.

    Args:
      sequence: Sequence; all its frames but flat ones are searched.
      scale: Level and noise of the sequence.
      settings: Settings of the evidence.
      max_false_alarms: Threshold, expected false alarms in a frame.
      progress: Wraps the frame numbers, e.g. a progress bar.

    Raises:
      InputError: A setting is out of its range, or the sequence is too short.
    """
    _, height, width = sequence.shape
    count = -(-height * width // _PIXELS_PER_PEAK)
    frames = np.setdiff1d(np.arange(len(sequence)), sequence.flat)
    main, maps_peaks = bands(settings)[0], []
    for evidence in evidence_of(sequence, scale, main, progress(frames.tolist())):
        maps_peaks.append([np.asarray(v) for v in find_peaks(evidence, count)])
    x, y, strength, sign = (np.concatenate(v) for v in zip(*maps_peaks, strict=True))
    # Above this strength, `count` cuts off no peak in most frames.
    floor = float(np.median([v[v > 0].min(initial=np.inf) for _, _, v, _ in maps_peaks]))
    expected = expected_false_alarms(x, y, strength, floor, (len(frames), height, width))
    frame = np.repeat(frames, count)
    accepted = (strength > 0) & (expected <= max_false_alarms)
    return Detections(*(v[accepted] for v in (frame, x, y, strength, sign, expected)))


def expected_false_alarms(x, y, strength, floor: float, shape: tuple[int, int, int]) -> np.ndarray:
    """Estimate the number of false alarms [N] in a frame at the strength of each peak or above.

    In a region with rate r and mean excess b over the floor, the number at excess e is
    r exp(-e / b). The rate is the number of peaks above the floor that a frame would hold if all
    of it were like the region.

    Args:
      x: [N] of all peaks of a sequence, pixels.
      y: [N] pixels.
      strength: [N] noise sigmas.
      floor: Strength above which no peak is missing.
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
    for total, values in zip(totals, (above, above & (excess < _MAX_EXCESS), limited), strict=True):
        np.add.at(total, (row, column), values)
    count, below, sums = (uniform_filter(v, _REGIONS, mode="nearest") for v in totals)
    # The maximum-likelihood mean of an exponential distribution whose largest values are censored.
    mean = (sums + _PRIOR_PEAKS * _PRIOR_EXCESS) / (below + _PRIOR_PEAKS)
    rate = (count + 1) / length * height * width / _REGION_PX**2
    return rate[row, column] * np.exp(-excess / mean[row, column])
