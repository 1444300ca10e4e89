"""Deflections: how far simulated objects stand out of the noise, with the background known.

    signal = simulate_signal(sky, seed=3)                                   # of dimjax.sky
    band = search_band(EvidenceConfig(), lowest_speed_px=0.5)
    signal.truth["deflection"] = deflections(*signal, band)                 # [N]

A deflection is a mean in sigmas of white noise. A detector that knows the background, the point
spread and the noise subtracts the background and adds up the light of a target along its path: of
K frames with the target s_k in noise sigmas, it gets sqrt(sum of |s_k|^2). Each target is rendered
with the clouds that dim it in each frame. The path, curved or not, is taken to be known.

An interference is seen as it is by the detector of targets: its deflection is the largest sum of
the bank of straight paths round it, over sqrt(K), with the frames filtered by the point spread and
clipped as the bank clips them: what shines in one frame of many is no target.
"""

import numpy as np
import pandas as pd
from scipy.ndimage import correlate1d
from scipy.stats import norm

from dimjax.motion.bank import path_shifts
from dimjax.motion.maps import max_reach
from dimjax.motion.settings import EvidenceConfig, bands
from dimjax.motion.windows import window_of

_REACH_PX = 9  # of the square round an object that holds its light
_NEAR_PX = 2  # reach of the search round an interference


def search_band(settings: EvidenceConfig, lowest_speed_px: float) -> EvidenceConfig:
    """Return the main velocity band of some settings, for a search from another speed on.

    Args:
      settings: Window and top speed of the search.
      lowest_speed_px: Lowest speed of the targets, pixels a frame. A band that begins at half its
        top speed always has a path, so it does not begin above.
    """
    main = bands(settings)[0]
    return main._replace(min_speed_px=min(lowest_speed_px, main.speed_px / 2))


def deflections(
    frames: np.ndarray, truth: pd.DataFrame, psf_px: float, settings: EvidenceConfig
) -> np.ndarray:
    """Compute the deflection [N] of each object in the window of its frame.

    Args:
      frames: [T, H, W] light of the objects of a sequence alone, noise sigmas.
      truth: Their truth with N rows.
      psf_px: Sigma of the point spread, pixels.
      settings: The window and the paths, of one velocity band.

    Raises:
      InputError: The sequence is shorter than the window.
    """
    is_target = (truth.category == "target").to_numpy()
    targets, others = truth[is_target], truth[~is_target]
    result = np.zeros(len(truth))
    energy = np.array([np.sum(_square(frames, row) ** 2) for row in targets.itertuples()])
    result[is_target] = along_tracks(targets, energy, len(frames), settings)
    seen = point_filter(_only(frames, others), psf_px)
    result[~is_target] = along_straight_paths(others, seen, settings)
    return result


def along_tracks(
    targets: pd.DataFrame, energy: np.ndarray, length: int, settings: EvidenceConfig
) -> np.ndarray:
    """Compute deflections [N] of targets: the norm of all their light in the window of each frame.

    Args:
      targets: Truth with N rows.
      energy: [N] sum over the pixels of the squared light, noise sigmas squared.
      length: Frames of the sequence.
      settings: The window.
    """
    result, frames = np.zeros(len(targets)), targets.frame.to_numpy()
    for rows in targets.reset_index().groupby("track").indices.values():
        of_frame = np.zeros(length)
        of_frame[frames[rows]] = energy[rows]
        for row in rows:
            window = window_of(int(frames[row]), length, settings)
            result[row] = np.sqrt(of_frame[list(window.frames)].sum())
    return result


def along_straight_paths(
    objects: pd.DataFrame, seen: np.ndarray, settings: EvidenceConfig
) -> np.ndarray:
    """Compute the largest deflections [N] of the bank round objects, as bright or dark targets.

    Args:
      objects: Truth with N rows.
      seen: [T, H, W] frames after point_filter.
      settings: The window and the paths.
    """
    margin = max_reach(settings) + _NEAR_PX
    padded = np.pad(seen, ((0, 0), (margin, margin), (margin, margin)))
    np.clip(padded, -settings.clip_sigmas, settings.clip_sigmas, out=padded)
    near = np.arange(-_NEAR_PX, _NEAR_PX + 1)
    result = np.zeros(len(objects))
    for k, row in enumerate(objects.itertuples()):
        window = window_of(row.frame, len(seen), settings)
        shifts = path_shifts(window.times, settings) + margin  # [P, K, 2] x, y
        sums = np.zeros((len(shifts), len(near), len(near)))
        for i, t in enumerate(window.frames):
            columns = int(row.x) + shifts[:, i, 0, None, None] + near
            rows = int(row.y) + shifts[:, i, 1, None, None] + near[:, None]
            sums += padded[t][rows, columns]
        result[k] = np.abs(sums).max() / np.sqrt(settings.frames)
    return result


def point_filter(frames: np.ndarray, psf_px: float) -> np.ndarray:
    """Correlate frames [T, H, W] with a point spread of unit norm on the centre of a pixel.

    Args:
      frames: Noise sigmas.
      psf_px: Sigma of the point spread, pixels.
    """
    edges = np.arange(-_REACH_PX, _REACH_PX + 2) - 0.5
    taps = np.diff(norm.cdf(edges / psf_px))
    taps /= np.linalg.norm(taps)
    for axis in (1, 2):
        frames = correlate1d(frames, taps, axis=axis, mode="constant")
    return frames


def _only(frames: np.ndarray, objects: pd.DataFrame) -> np.ndarray:
    """Frames [T, H, W] with the light of some objects only."""
    only = np.zeros_like(frames)
    for row in objects.itertuples():
        _square(only, row)[...] = _square(frames, row)
    return only


def _square(frames: np.ndarray, row) -> np.ndarray:
    """The part of an object's frame that holds its light, a view."""
    top, left = (max(0, int(v) - _REACH_PX) for v in (row.y, row.x))
    return frames[row.frame, top : int(row.y) + _REACH_PX + 1, left : int(row.x) + _REACH_PX + 1]
