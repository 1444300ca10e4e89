"""Alignment: a frame of a moving camera, resampled to the place of the scene in another frame.

still = align(frame, relative_to(motion[5], motion[4]), reference)  # frame 5 as frame 4 shows it

Cubic convolution (Keys, "Cubic convolution interpolation for digital image processing", 1981),
which leaves a frame as it is if the motion is none. Pixels whose scene was outside the frame are
those of the reference frame: their difference is 0.
"""

import numpy as np


def align(frame, motion, reference):
    """Resample a frame so that its scene lies where the reference frame shows it.

    Args:
      frame: [H, W] values, an array of NumPy or JAX.
      motion: [2] or [4] motion of the scene from the reference frame to this one, see
        dimjax.data.scene_motion; an array of the same kind.
      reference: [H, W] the reference frame.

    Returns:
      [H, W] float32.
    """
    xp = frame.__array_namespace__()
    values = frame.astype(xp.float32)
    values, inside = _shifted(values, motion) if len(motion) == 2 else _moved(values, motion)
    return xp.where(inside, values, reference.astype(xp.float32))


def align_levels(frame: np.ndarray, motion: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Resample a frame of grey levels as `align` does; the result has its type, rounded."""
    values = np.rint(align(frame, motion, reference))
    return np.clip(values, 0, np.iinfo(frame.dtype).max).astype(frame.dtype)


def align_to_pixels(frame: np.ndarray, motion: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Resample a frame of grey levels by the nearest pixels, which leaves its noise as it is."""
    if len(motion) == 2:
        return align_levels(frame, np.rint(motion), reference)
    x, y = (np.rint(at).astype(int) for at in _places(frame, motion))
    inside = _inside(frame, x, y)
    return np.where(inside, frame[np.where(inside, y, 0), np.where(inside, x, 0)], reference)


def _shifted(values, shift):
    """Values [H, W] moved back by a shift x, y, and the pixels that show the scene [H, W]."""
    xp = values.__array_namespace__()
    inside = True
    for axis, distance in ((0, shift[1]), (1, shift[0])):
        size = values.shape[axis]
        whole = xp.floor(distance)
        weights = _cubic_weights(distance - whole)
        places = xp.arange(size) + whole.astype(xp.int32)
        values = sum(
            weight.astype(xp.float32) * xp.take(values, xp.clip(places + k, 0, size - 1), axis=axis)
            for k, weight in zip(range(-1, 3), weights, strict=True)
        )
        at = xp.arange(size) + distance
        inside = inside & xp.expand_dims((at >= 0) & (at <= size - 1), 1 - axis)
    return values, inside


def _moved(values, motion):
    """The same for a similarity; both axes are interpolated at once."""
    xp = values.__array_namespace__()
    height, width = values.shape
    x, y = _places(values, motion)
    columns, across = _neighbours(x, width)
    rows, down = _neighbours(y, height)
    flat = values.reshape(-1)
    moved = sum(
        weight
        * sum(w * flat[row * width + column] for w, column in zip(across, columns, strict=True))
        for weight, row in zip(down, rows, strict=True)
    )
    return moved.astype(xp.float32), _inside(values, x, y)


def _places(frame, motion):
    """Column and row [H, W] each, counted from pixel centres, of what each pixel shall show."""
    xp = frame.__array_namespace__()
    height, width = frame.shape
    columns, rows = xp.arange(width) + 0.5, xp.arange(height)[:, None] + 0.5
    x, y, c, s = motion
    return c * columns - s * rows + (x - 0.5), s * columns + c * rows + (y - 0.5)


def _inside(frame, x, y):
    height, width = frame.shape
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _neighbours(at, size: int):
    """The four pixels around positions along one axis, within the frame, and their weights."""
    xp = at.__array_namespace__()
    whole = xp.floor(at)
    weights = [weight.astype(xp.float32) for weight in _cubic_weights(at - whole)]
    first = xp.clip(whole, -4, size + 4).astype(xp.int32)
    return [xp.clip(first + k, 0, size - 1) for k in range(-1, 3)], weights


def _cubic_weights(fraction):
    """Return the weights of the pixels -1, 0, 1 and 2 for a position 0 <= fraction < 1."""
    f = fraction
    return (
        ((2 - f) * f - 1) * f / 2,
        ((3 * f - 5) * f * f + 2) / 2,
        ((4 - 3 * f) * f + 1) * f / 2,
        (f - 1) * f * f / 2,
    )
