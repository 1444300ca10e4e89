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

from dimjax.data.scale import changing_pairs, measure_pairs
from dimjax.data.sequences import Sequence
from dimjax.data.substitutes import Substitutes, between_changing
from dimjax.errors import InputError

OUTSTANDING_SIGMAS = 6.0  # least distance of a bad pixel from its neighbours, noise sigmas
LEAST_NOISE = 0.5  # steps of the grey levels; with less noise, good pixels do not change either


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
    if at most 3 such pixels lie side by side in its row or its column, between pixels that change;
    and if it differs from the mean of these by more than 6 noise sigmas. None is bad in a still
    image, in equal or damaged frames, and if the noise is below half a step of the grey levels.
    """
    bad = np.zeros(sequence.shape[1:], bool)
    bad.flat[find_substitutes(sequence).pixels] = True
    return bad


def find_substitutes(sequence: Sequence) -> Substitutes:
    """Find the bad pixels of a sequence, and the pixels that each is interpolated from."""
    none = between_changing(np.zeros(sequence.shape[1:], bool))
    try:
        # The motion of the camera does not move its pixels.
        pairs = changing_pairs(replace(sequence, shifts=None)) if len(sequence) > 1 else None
    except InputError:  # who reads the damaged frame or measures the scale of equal ones is told
        return none
    still = np.array(False) if pairs is None else (pairs == pairs[0, 0]).all(axis=(0, 1))
    if not still.any():
        return none
    (_, noise_sigma), _, step, noiseless = measure_pairs(pairs)
    if noiseless or noise_sigma < LEAST_NOISE * step:
        return none
    narrow = between_changing(still)
    distance = pairs[0, 0].reshape(-1)[narrow.pixels] - narrow.values(pairs.mean(axis=(0, 1)))
    return narrow.only(np.abs(distance) > OUTSTANDING_SIGMAS * noise_sigma)
