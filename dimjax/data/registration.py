"""Shift, rotation and scale of the scene from one frame to the next.

    first, second = bands_of(previous), bands_of(current)
    step = similarity_between(first, second, np.array([2.1, -0.3]))     # [4] x, y, c, s, or None

Gauss-Newton registration (Lucas, Kanade, "An iterative image registration technique", 1981) of
band-passed frames, from coarse to fine, with the weights of Cauchy (Holland, Welsch, "Robust
regression using iteratively reweighted least-squares", 1977), so that moving objects hardly count.
The error of the result is estimated from the spread of the gradient over blocks of the frame
(White, "A heteroskedasticity-consistent covariance matrix estimator", 1980): if it is too large, as
in a clear sky, there is no result.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from dimjax.data.alignment import align
from dimjax.data.scene_motion import followed_by, to_frame

_MAX_ERROR_PX = 0.4  # standard error at the corners of a frame above which there is no result

_LONGEST_SIDE_PX = 256  # of the finest band
_MIN_FACTOR = 2  # pixels of a value along each axis: averaged, their fixed pattern counts little
_MIN_SIDE_PX = 32  # of a band
_SMALL, _LARGE = 1.0, 4.0  # sigmas in values of a band: structures between them are registered
_THIRD_DIFFERENCE = 20.0  # variance of the third difference of white noise of variance 1
_MAX_SIGMAS = 6.0  # values are clipped to this, so that no bright object outweighs the scene
_CAUCHY_SIGMAS = 2.385  # at this difference the weight is 1/2
_ITERATIONS = 6
_SETTLED = 0.01  # values of a band: a step that moves no corner further is the last one
_BLOCK = 16  # side of the blocks, values
_MAX_ANGLE, _MAX_LOG_SCALE = np.radians(6.0), np.log(1.1)  # from one frame to the next

Bands = list[tuple[int, np.ndarray]]  # pixels of a value along each axis, values [h, w]


class _Equations(NamedTuple):
    """Normal equations of a step x, y, c, s about the centre of the frame."""

    gradient: np.ndarray  # [B, 4], sums over blocks
    curvature: np.ndarray  # [4, 4]
    shared: np.ndarray  # [4, 4], curvature from what both frames show alike: without their noise


def bands_of(frame: np.ndarray) -> Bands:
    """Filter a frame [H, W], float, for `similarity_between`; no bands below 64 x 64 pixels."""
    finest = max(_MIN_FACTOR, -(-max(frame.shape) // _LONGEST_SIDE_PX))
    factors = [finest << k for k in range(4) if min(frame.shape) >= _MIN_SIDE_PX * finest << k]
    return [(factor, _band(_averaged(frame, factor))) for factor in reversed(factors)]


def similarity_between(first: Bands, second: Bands, start: np.ndarray) -> np.ndarray | None:
    """Measure the similarity that moves the scene from one frame to the next.

    Args:
      first: Bands of a frame.
      second: Bands of the next one.
      start: [2] shift x, y from which the search begins, pixels.

    Returns:
      [4] = x, y in pixels, c, s: see dimjax.data.scene_motion. None if the frames show too little
      that they have in common, or differ by more than 6 degrees or 10 % in scale.
    """
    motion, equations, factor = np.array([*start, 1.0, 0.0]), None, 1
    for (factor, before), (_, after) in zip(first, second, strict=True):
        motion[:2] /= factor
        motion, equations = _registered(before, after, motion)
        motion[:2] *= factor
    if equations is None or factor * _error(equations, before.shape) > _MAX_ERROR_PX:
        return None
    x, y, c, s = motion
    is_small = abs(np.arctan2(s, c)) <= _MAX_ANGLE and abs(np.log(np.hypot(c, s))) <= _MAX_LOG_SCALE
    return motion if is_small else None


def _averaged(frame: np.ndarray, factor: int) -> np.ndarray:
    height, width = (size // factor for size in frame.shape)
    cut = frame[: height * factor, : width * factor]
    return cut.reshape(height, factor, width, factor).mean(axis=(1, 3))


def _band(values: np.ndarray) -> np.ndarray:
    """Structures of middle size, without offsets of columns and rows, which do not move."""
    band = ndimage.gaussian_filter(values, _SMALL) - ndimage.gaussian_filter(values, _LARGE)
    band -= _offsets(values.mean(axis=0)) + _offsets(values.mean(axis=1))[:, None]
    return np.clip(band, *(_MAX_SIGMAS * _sigma(band) * np.array([-1, 1])))


def _offsets(means: np.ndarray) -> np.ndarray:
    """Part of the means of lines [N] in the band that is the sensor's: the share of white offsets.

    The rest is the scene's, mostly where clouds lie in layers, whose rotation it shows.
    """
    band, impulse = _band_along(means), np.zeros(len(means))
    impulse[len(means) // 2] = 1
    white = _sigma(np.diff(means, 3)) ** 2 / _THIRD_DIFFERENCE * (_band_along(impulse) ** 2).sum()
    return band * min(1.0, white / max(band.var(), 1e-12))


def _band_along(values: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter1d(values, _SMALL) - ndimage.gaussian_filter1d(values, _LARGE)


def _sigma(values: np.ndarray) -> float:
    return 1.4826 * float(np.median(np.abs(values)))


def _registered(before, after, motion: np.ndarray) -> tuple[np.ndarray, _Equations]:
    """Refine a motion between two bands; return the equations at the result too."""
    height, width = before.shape
    centre = np.array([width, height]) / 2
    for _ in range(_ITERATIONS):
        equations = _equations(before, after, motion, centre)
        x, y, c, s = -np.linalg.lstsq(equations.curvature, equations.gradient.sum(axis=0))[0]
        shift = to_frame(-centre, np.array([*centre, 1 + c, s])) + [x, y]
        motion = followed_by(np.array([*shift, 1 + c, s]), motion)
        if np.hypot(x, y) + np.hypot(c, s) * np.hypot(*centre) < _SETTLED:
            break
    return motion, equations


def _equations(before, after, motion: np.ndarray, centre: np.ndarray) -> _Equations:
    """Equations of the step after which the second band, moved back, matches the first."""
    height, width = before.shape
    rows, columns = np.indices(before.shape) + 0.5
    places = np.stack([columns, rows], axis=-1)
    moved = align(after, motion, before).astype(np.float64)
    difference = moved - before
    weight = 1 / (1 + (difference / max(_CAUCHY_SIGMAS * _sigma(difference), 1e-9)) ** 2)
    for at in (places, to_frame(places, motion)):  # the filter's border belongs to the frame
        inside = (at > _LARGE) & (at < np.array([width, height]) - _LARGE)
        weight = weight * inside.all(axis=-1)
    x, y = np.moveaxis(places - centre, -1, 0)
    slopes = [_slopes(values, x, y) for values in (before, moved)]
    mean = (slopes[0] + slopes[1]) / 2
    shared = np.einsum("ihw,jhw->ij", slopes[0] * weight, slopes[1])
    return _Equations(
        gradient=_block_sums(mean * (weight * difference)),
        curvature=np.einsum("ihw,jhw->ij", mean * weight, mean),
        shared=(shared + shared.T) / 2,
    )


def _slopes(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Derivatives [4, H, W] of values by x, y, c and s of a motion about the centre."""
    down, across = np.gradient(values)
    return np.stack([across, down, across * x + down * y, down * x - across * y])


def _block_sums(values: np.ndarray) -> np.ndarray:
    """Sums of values [4, H, W] over whole blocks [B, 4]."""
    rows, columns = (-(-size // _BLOCK) for size in values.shape[1:])
    filled = np.zeros((len(values), rows * _BLOCK, columns * _BLOCK))
    filled[:, : values.shape[1], : values.shape[2]] = values
    sums = filled.reshape(len(values), rows, _BLOCK, columns, _BLOCK).sum(axis=(2, 4))
    return sums.reshape(len(values), -1).T


def _error(equations: _Equations, shape: tuple[int, int]) -> float:
    """Standard error of a registration at the corners of the frame, rms, values of the band."""
    smallest, *_, largest = np.linalg.eigvalsh(equations.shared)
    if smallest <= 1e-9 * largest:
        return np.inf
    inverse = np.linalg.inv(equations.shared)
    variance = np.diag(inverse @ (equations.gradient.T @ equations.gradient) @ inverse)
    corner = (shape[0] ** 2 + shape[1] ** 2) / 4  # squared distance from the centre
    return float(np.sqrt(variance[:2].sum() + corner * variance[2:].sum()))
