"""Alignment: a frame of a moving camera, resampled to the place of the scene in another frame.

still = align(frame, shift[5] - shift[4], reference)    # frame 5 as frame 4 shows the scene

Cubic convolution (Keys 1981), which leaves a frame as it is if the shift is 0. Pixels whose scene
was outside the frame are those of the reference frame: their difference is 0.
"""

import numpy as np


def align(frame, shift, reference):
    """Resample a frame so that its scene lies where the reference frame shows it.

    Args:
      frame: [H, W] values, an array of NumPy or JAX.
      shift: [2] x, y displacement of the scene from the reference frame to this one, pixels.
      reference: [H, W] the reference frame.

    Returns:
      [H, W] float32.
    """
    xp = frame.__array_namespace__()
    values, inside = frame.astype(xp.float32), True
    for axis, distance in ((0, shift[1]), (1, shift[0])):
        size = frame.shape[axis]
        whole = xp.floor(distance)
        weights = _cubic_weights(distance - whole)
        places = xp.arange(size) + whole.astype(xp.int32)
        values = sum(
            weight.astype(xp.float32) * xp.take(values, xp.clip(places + k, 0, size - 1), axis=axis)
            for k, weight in zip(range(-1, 3), weights, strict=True)
        )
        at = xp.arange(size) + distance
        inside = inside & xp.expand_dims((at >= 0) & (at <= size - 1), 1 - axis)
    return xp.where(inside, values, reference.astype(xp.float32))


def align_levels(frame: np.ndarray, shift: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Resample a frame of grey levels as `align` does; the result has its type, rounded."""
    values = np.rint(align(frame, shift, reference))
    return np.clip(values, 0, np.iinfo(frame.dtype).max).astype(frame.dtype)


def _cubic_weights(fraction):
    """Return the weights of the pixels -1, 0, 1 and 2 for a position 0 <= fraction < 1."""
    f = fraction
    return (
        ((2 - f) * f - 1) * f / 2,
        ((3 * f - 5) * f * f + 2) / 2,
        ((4 - 3 * f) * f + 1) * f / 2,
        (f - 1) * f * f / 2,
    )
