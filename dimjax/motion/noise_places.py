"""How many places of a frame can be false alarms of the velocity bank in white noise.

noise_places(EvidenceConfig()) * 512 * 640      # independent places of a frame

The maxima of the bank over all paths and pixels exceed a threshold t about as often as that many
independent normal variables do: places * Q(t), Q the tail of the normal distribution.
"""

from functools import cache

import jax
import numpy as np
from scipy.stats import norm

from dimjax.motion.maps import window_evidence
from dimjax.motion.peaks import find_peaks
from dimjax.motion.settings import EvidenceConfig
from dimjax.motion.windows import inner_window

_MAXIMA = 5  # of each window of noise, above which the rate is measured
_PEAKS = 200  # that are searched in a window, of which _MAXIMA * windows count in all


@cache
def noise_places(settings: EvidenceConfig, windows: int = 12, side: int = 256) -> float:
    """Measure the number of independent places per pixel that white noise has for the bank.

    Args:
      settings: The window and the paths, of one velocity band.
      windows: Number of windows of noise.
      side: Height and width of their frames, pixels.
    """
    window = inner_window(settings)
    shape, zero = (settings.frames, side, side), np.zeros(1, np.float32)
    bank = jax.jit(lambda noise: window_evidence(noise, zero, zero + 1, window, settings)[0])
    strengths = [
        np.asarray(
            find_peaks(bank(jax.random.normal(jax.random.key(k), (1, *shape))), _PEAKS).strength
        )
        for k in range(windows)
    ]
    # A few maxima in a window: rare enough for a tail, frequent enough to be counted.
    count = _MAXIMA * windows
    threshold = np.sort(np.concatenate(strengths))[-count]
    return float(count / norm.sf(threshold) / (windows * side**2))
