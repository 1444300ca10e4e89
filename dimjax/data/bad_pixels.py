"""Bad pixels: those that never change, between pixels that do, at a level that is not the scene's.

A dead column, a burnt-in line or a hot pixel keeps one grey level. In the difference of two frames
it is 0, but it raises the contrast of its neighbours, where a detector then sees objects. Such
pixels are replaced in each frame by the neighbours that change.

    replace_bad_pixels(sequence).frame(0)               # [H, W]
    find_bad_pixels(sequence)                           # [H, W] bool
"""

from dataclasses import replace
from functools import cache

import numpy as np
from scipy import ndimage
from scipy.special import erf

from dimjax.data.scale import Measurement, changing_pairs, in_runs, measure_pairs
from dimjax.data.sequences import Sequence
from dimjax.data.substitutes import Substitutes, between_changing
from dimjax.errors import InputError

OUTSTANDING_SIGMAS = 6.0  # least distance of a bad pixel from its neighbours, noise sigmas
MAX_GOOD = 0.01  # good pixels that may be expected to be equal in all frames by chance


def replace_bad_pixels(sequence: Sequence) -> Sequence:
    """Return a sequence whose bad pixels are replaced when a frame is read.

    They are found when the first frame is read, from up to 32 frames; see `find_bad_pixels`.
    """
    if sequence.substitutes is not None:
        return sequence
    return replace(sequence, substitutes=cache(lambda: find_substitutes(sequence)))


def find_bad_pixels(sequence: Sequence) -> np.ndarray:
    """Find the pixels of a sequence that carry no information and stand out, [H, W] bool.

    A pixel is bad if it has one grey level in the pairs of frames on which the scale is measured;
    if it is alone, or in a line of 16 or more such pixels, at most 3 wide; and if it differs by
    more than 6 noise sigmas from the mean of the changing pixels on both sides. Smaller groups may
    be saturated objects that hover. None is bad if by the noise and the number of different frames
    0.01 good pixels or more would have one level by chance, as in short sequences and in quiet
    ones, nor in still, equal or damaged frames.
    """
    bad = np.zeros(sequence.shape[1:], bool)
    bad.flat[find_substitutes(sequence).pixels] = True
    return bad


def find_substitutes(sequence: Sequence, measured: Measurement | None = None) -> Substitutes:
    """Find the bad pixels of a sequence, and the pixels that each is interpolated from.

    Args:
      sequence: Sequence.
      measured: Scale of the sequence; None measures it, if there are still pixels.
    """
    none = between_changing(np.zeros(sequence.shape[1:], bool))
    try:
        # The motion of the camera does not move its pixels.
        pairs = changing_pairs(replace(sequence, motion=None)) if len(sequence) > 1 else None
    except InputError:  # who reads the damaged frame or measures the scale of equal ones is told
        return none
    still = np.array(False) if pairs is None else (pairs == pairs[0, 0]).all(axis=(0, 1))
    if not still.any():
        return none
    measured = measured or measure_pairs(pairs)
    noise_sigma = measured.scale.noise_sigma
    by_chance = _equal_by_chance(pairs, noise_sigma / measured.step)
    if measured.noiseless or by_chance >= MAX_GOOD:
        return none
    alone = still & (
        ndimage.convolve(still.astype(np.uint8), np.ones((3, 3)), mode="constant") == 1
    )
    narrow = between_changing(alone | in_runs(still))
    distance = pairs[0, 0].reshape(-1)[narrow.pixels] - narrow.values(pairs.mean(axis=(0, 1)))
    return narrow.only(np.abs(distance) > OUTSTANDING_SIGMAS * noise_sigma)


def _equal_by_chance(pairs: np.ndarray, noise_steps: float) -> float:
    """Estimate the number of good pixels with one level in all frames of pairs [P, 2, H, W]."""
    different = len({frame.tobytes() for frame in pairs.reshape(-1, *pairs.shape[2:])})
    most_likely = erf(0.5 / (np.sqrt(2) * noise_steps))  # of the levels that a pixel takes
    return pairs[0, 0].size * most_likely ** (different - 1)
