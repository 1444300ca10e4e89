"""Recall at fixed false alarms of a detector that is limited by noise and interference alone.

places = {8: noise_places(evidence_config(settings, 8), windows=12, side=256)}
bounds(table, Frames(count=192, pixels=512 * 640, places=places))   # table: deflections.py
"""

from typing import NamedTuple

import jax
import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from dimjax.evaluation.slices import SLICES, in_range, must_be_found
from dimjax.motion import EvidenceConfig, window_evidence, window_of
from dimjax.motion.peaks import find_peaks

ALLOWED = (0.1, 0.65)  # false alarms per frame
_MAXIMA = 5  # of each window of noise, above which the rate is measured


class Frames(NamedTuple):
    """All frames of a seed, and how often noise is a false alarm in them."""

    count: int
    pixels: int  # of a frame
    places: dict[int, float]  # frames of a window -> independent places per pixel

    def false_alarms(self, threshold: float, window: int, interference: np.ndarray) -> float:
        """Mean number in a frame, in noise and on interference of some deflections [N]."""
        in_noise = self.places[window] * self.pixels * norm.sf(threshold)
        return in_noise + norm.sf(threshold - interference).sum() / self.count


def noise_places(config: EvidenceConfig, windows: int, side: int) -> float:
    """Number of independent places per pixel that white noise has for the bank.

    Args:
      config: The window and the paths.
      windows: Number of windows of noise.
      side: Height and width of their frames, pixels.
    """
    window = window_of(config.frames, 2 * config.frames, config)
    shape, zero = (config.frames, side, side), np.zeros(1, np.float32)
    bank = jax.jit(lambda noise: window_evidence(noise, zero, zero + 1, window, config)[0])
    strengths = [
        np.asarray(
            find_peaks(bank(jax.random.normal(jax.random.key(k), (1, *shape))), 200).strength
        )
        for k in range(windows)
    ]
    # A few maxima in a window: rare enough for a tail, frequent enough to be counted.
    count = _MAXIMA * windows
    threshold = np.sort(np.concatenate(strengths))[-count]
    return count / norm.sf(threshold) / (windows * side**2)


def threshold_at(allowed: float, frames: Frames, window: int, interference: np.ndarray) -> float:
    """Threshold at which there are `allowed` false alarms in a frame on average."""

    def excess(threshold: float) -> float:
        return frames.false_alarms(threshold, window, interference) - allowed

    return brentq(excess, 0.0, 1000.0)


def bounds(table: pd.DataFrame, frames: Frames) -> list[dict]:
    """Compute the recall of a seed for each window and number of false alarms.

    Args:
      table: From deflections, of all sequences.
      frames: Their frames.
    """
    counted = table[must_be_found(table)]
    is_target = (counted.category == "target").to_numpy()
    return [
        {"frames": window, "false_alarms_per_frame": allowed}
        | _bound(counted, is_target, window, allowed, frames)
        for window in frames.places
        for allowed in ALLOWED
    ]


def _bound(table: pd.DataFrame, is_target, window: int, allowed: float, frames: Frames) -> dict:
    d, snr = table[f"d{window}"].to_numpy(), (table.snr * table.visible).to_numpy()[is_target]
    interference = d[~is_target]
    threshold = threshold_at(allowed, frames, window, interference)
    apart = threshold_at(allowed, frames, window, interference[:0])
    found = norm.sf(threshold - d[is_target])
    on_interference = norm.sf(threshold - interference).sum() / frames.count
    return {
        "threshold": threshold,
        "recall": _mean(found),
        "slices": [_mean(found[in_range(snr, *edges)]) for edges in SLICES],
        "on_interference": on_interference / allowed,
        "told_apart": _mean(norm.sf(apart - d[is_target])),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
