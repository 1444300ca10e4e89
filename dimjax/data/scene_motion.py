"""Motion of the scene as numbers: where a point of frame 0 lies in another frame.

A row is a shift, [2] = x, y in pixels, or a similarity, [4] = x, y, c, s. The similarity moves the
point (u, v) of frame 0 to (x + c u - s v, y + s u + c v): it scales by hypot(c, s) and rotates by
atan2(s, c), from x towards y, about the corner (0, 0). With c, s = 1, 0 it is a shift.

    moved = relative_to(motion, motion[5])              # from frame 5 instead of frame 0
    at = to_frame(points, motion[frames])               # [N, 2] in frame 0 -> in their frames
    points = to_scene(at, motion[frames])               # and back
"""

import numpy as np


def to_frame(points: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Move points of frame 0 to where they are in another frame.

    Args:
      points: [..., 2] x, y, pixels.
      motion: [..., 2] or [..., 4] motion up to the frame of each point.

    Returns:
      [..., 2] x, y, pixels.
    """
    if motion.shape[-1] == 2:
        return points + motion
    return _pairs(_factor(motion) * _complex(points) + _complex(motion))


def to_scene(points: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Undo `to_frame`: move points of other frames to where frame 0 shows, or would show, them."""
    if motion.shape[-1] == 2:
        return points - motion
    return _pairs((_complex(points) - _complex(motion)) / _factor(motion))


def turned(vectors: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Turn and scale vectors [..., 2] of frame 0, such as velocities, as other frames show them."""
    return vectors if motion.shape[-1] == 2 else _pairs(_factor(motion) * _complex(vectors))


def scale_of(motion: np.ndarray) -> np.ndarray:
    """Return the scale of each motion [...]: pixels of its frame in a pixel of frame 0."""
    return np.ones(motion.shape[:-1]) if motion.shape[-1] == 2 else np.abs(_factor(motion))


def relative_to(motion: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return motions as they are seen from another frame than frame 0.

    Args:
      motion: [..., 2] or [..., 4] motions from frame 0 to some frames.
      reference: The same of the frame that they are to begin at; the shapes broadcast.

    Returns:
      The motions from the reference frame, of the broadcast shape.
    """
    if motion.shape[-1] == 2:
        return motion - reference
    factor = _factor(motion) / _factor(reference)
    shift = _complex(motion) - factor * _complex(reference)
    return np.concatenate([_pairs(shift), _pairs(factor)], axis=-1)


def followed_by(first: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Compose two motions: `then` begins where `first` ends."""
    if first.shape[-1] == 2:
        return first + then
    factor = _factor(then) * _factor(first)
    shift = _factor(then) * _complex(first) + _complex(then)
    return np.concatenate([_pairs(shift), _pairs(factor)], axis=-1)


def _complex(values: np.ndarray) -> np.ndarray:
    return values[..., 0] + 1j * values[..., 1]


def _factor(motion: np.ndarray) -> np.ndarray:
    return _complex(motion[..., 2:])


def _pairs(values: np.ndarray) -> np.ndarray:
    return np.stack([values.real, values.imag], axis=-1)
