"""Deflections: how far objects stand out of the noise, with the background known.

    table = deflections(settings, seed=3, name="test-0000")     # truth with d4, d8 and d16

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

from dimjax.motion import EvidenceConfig, window_of
from dimjax.motion.bank import path_shifts
from dimjax.sky import SkyConfig, simulate_signal

WINDOWS = (4, 8, 16)  # frames
_REACH_PX = 9  # of the square round an object that holds its light
_NEAR_PX = 2  # reach of the search round an interference
_MARGIN_PX = 128  # round a frame: more than the longest path


def evidence_config(settings: SkyConfig, frames: int) -> EvidenceConfig:
    """The bank that searches the speeds of a sky's targets in windows of some frames."""
    return EvidenceConfig(frames=frames, min_speed_px=settings.speed_px[0])


def deflections(settings: SkyConfig, seed: int, name: str) -> pd.DataFrame:
    """Simulate a sequence and tabulate the deflection of each object in each frame.

    Args:
      settings: Of the sky.
      seed: Of the sequence.
      name: Of the sequence.

    Returns:
      The truth of the sequence, with columns d4, d8 and d16 for the lengths of the windows.
    """
    signal = simulate_signal(settings, seed, name)
    truth = signal.truth.reset_index(drop=True)
    is_target = (truth.category == "target").to_numpy()
    targets, others = truth[is_target], truth[~is_target]
    energy = np.array([np.sum(_square(signal.frames, row) ** 2) for row in targets.itertuples()])
    seen = point_filter(_only(signal.frames, others), signal.psf_px)
    for frames in WINDOWS:
        config, values = evidence_config(settings, frames), np.zeros(len(truth))
        values[is_target] = along_tracks(targets, energy, settings.frames, config)
        values[~is_target] = along_straight_paths(others, seen, config)
        truth[f"d{frames}"] = values
    return truth


def along_tracks(
    targets: pd.DataFrame, energy: np.ndarray, length: int, config: EvidenceConfig
) -> np.ndarray:
    """Deflections [N] of targets: the norm of all their light in the window of each frame.

    Args:
      targets: Truth with N rows.
      energy: [N] sum over the pixels of the squared light, noise sigmas squared.
      length: Frames of the sequence.
      config: The window.
    """
    result, frames = np.zeros(len(targets)), targets.frame.to_numpy()
    for rows in targets.reset_index().groupby("track").indices.values():
        of_frame = np.zeros(length)
        of_frame[frames[rows]] = energy[rows]
        for row in rows:
            window = window_of(int(frames[row]), length, config)
            result[row] = np.sqrt(of_frame[list(window.frames)].sum())
    return result


def along_straight_paths(
    objects: pd.DataFrame, seen: np.ndarray, config: EvidenceConfig
) -> np.ndarray:
    """Largest deflections [N] of the bank round objects, as bright or as dark targets.

    Args:
      objects: Truth with N rows.
      seen: [T, H, W] frames after point_filter.
      config: The window and the paths.
    """
    limited = np.clip(seen, -config.clip_sigmas, config.clip_sigmas)
    padded = np.pad(limited, ((0, 0), (_MARGIN_PX, _MARGIN_PX), (_MARGIN_PX, _MARGIN_PX)))
    near = np.arange(-_NEAR_PX, _NEAR_PX + 1)
    result = np.zeros(len(objects))
    for k, row in enumerate(objects.itertuples()):
        window = window_of(row.frame, len(seen), config)
        shifts = path_shifts(window.times, config) + _MARGIN_PX  # [P, K, 2] x, y
        sums = np.zeros((len(shifts), len(near), len(near)))
        for i, t in enumerate(window.frames):
            columns = int(row.x) + shifts[:, i, 0, None, None] + near
            rows = int(row.y) + shifts[:, i, 1, None, None] + near[:, None]
            sums += padded[t][rows, columns]
        result[k] = np.abs(sums).max() / np.sqrt(config.frames)
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
