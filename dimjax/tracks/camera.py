"""Motion of the camera, from the frames themselves.

    shift = camera_shifts(sequence)             # [T, 2] x, y, pixels
    link(detections, shifts={sequence.name: shift})

Phase correlation (Kuglin, Hines 1975) of each frame with the one before. What does not move with
the scene would hold it back and is left out: the noise and fixed pattern of the sensor, which are
white, and what varies along one axis only, as offsets of rows and brightness towards the horizon.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy import fft

from dimjax.data.sequences import Sequence

_NOISE_FACTOR = 10.0  # a wave counts where its power is that many times the noise's
_LEAST_WAVES = 100  # with fewer that count, nothing was matched
_FINE = 0.25  # cycles a pixel, along both axes: from here on there is noise only


def camera_shifts(
    sequence: Sequence, progress: Callable[[Iterable], Iterable] = iter
) -> np.ndarray:
    """Displacement of the scene in each frame against frame 0, [T, 2] = x, y in pixels.

    What is at p in frame 0 is at p + shift[t] in frame t. It is the motion of most of the frame:
    of the camera, and of clouds where they fill it. Where nothing stands out of the noise (clear
    sky), the camera is said to stand still from one frame to the next.

    Args:
      sequence: To measure; frames of 64 x 64 pixels are about the least.
      progress: Wraps the frame numbers, e.g. a progress bar.
    """
    height, width = sequence.shape[1:]
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    steps = np.zeros((len(sequence), 2))
    before = None
    for t in progress(range(len(sequence))):
        frame = sequence.frame(t).astype(np.float64)
        spectrum = fft.rfft2(window * (frame - frame.mean()))
        if before is not None:
            steps[t] = _step(before, spectrum, (height, width))
        before = spectrum
    return np.cumsum(steps, axis=0)


def _step(before: np.ndarray, now: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Displacement x, y from one frame to the next, from their spectra."""
    cross = now * before.conj()
    power = np.abs(cross)
    weight = _weights(power, shape)
    if np.count_nonzero(weight) < _LEAST_WAVES:
        return np.zeros(2)
    correlation = fft.irfft2(cross / np.maximum(power, np.finfo(float).tiny) * weight, shape)
    peak = np.unravel_index(correlation.argmax(), shape)
    around = np.arange(-1, 2)
    row = peak[0] + _vertex(correlation[(peak[0] + around) % shape[0], peak[1]])
    column = peak[1] + _vertex(correlation[peak[0], (peak[1] + around) % shape[1]])
    half = np.array(shape[::-1]) / 2
    return (np.array([column, row]) + half) % (2 * half) - half


def _weights(power: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """How much each wave counts, 0 to 1, as the power of both frames [H, W // 2 + 1]."""
    down, across = np.abs(fft.fftfreq(shape[0]))[:, None], fft.rfftfreq(shape[1])
    noise = np.median(power[(down > _FINE) & (across > _FINE)])
    weight = np.clip(1 - _NOISE_FACTOR * noise / np.maximum(power, np.finfo(float).tiny), 0, 1)
    # The window spreads what does not vary along an axis to the first wave along it.
    return weight * ((down * shape[0] > 1.5) & (across * shape[1] > 1.5))


def _vertex(values: np.ndarray) -> float:
    """Where a Gaussian through three values, the middle one the largest, has its peak, -1 to 1."""
    left, middle, right = np.log(np.maximum(values, 1e-3 * values[1]))
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else 0.5 * (left - right) / bend
