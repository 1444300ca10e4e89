"""Signal of the frames at given locations, measured without a network.

table = measure_frames(labels, folder.sequence, stride=2)
table.image_snr, table.image_px             # strength of the signal, distance of its peak
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import ndimage

from dimjax.data.scale import measure_scale
from dimjax.data.sequences import Sequence

_RADIUS_PX = 5  # the peak is searched within this distance
_RIM_PX = 3  # beyond it, so that the smoothing has neighbours
_SIGMA_PX = 0.8  # of the smoothing: a typical point spread
_CORE_PX = 1.5
_DIFFERENCE_NOISE = np.sqrt(4 / 3)  # of F1 minus the mean of three other frames


def measure_frames(
    locations: pd.DataFrame, sequence_of: Callable[[str], Sequence], stride: int
) -> pd.DataFrame:
    """Measure the signal at locations in the frames, and the position of its peak.

    The image is F1 minus the mean of F2..F4, smoothed with a typical point spread. Its noise has
    the sigma s * sqrt(1 + 1/3) * g with the noise sigma s of one frame and the noise gain g of the
    smoothing.

    Args:
      locations: Table with sequence, frame, x, y.
      sequence_of: Name -> sequence.
      stride: Frames from F1 to F2.

    Returns:
      Table with the index of `locations`. In sigmas of the image's noise: image_snr, the largest
      absolute difference within 1.5 px, and image_difference, the signed one at the location. In
      pixels: image_dx and image_dy, the offset of the peak within 5 px, and image_px, its length.
    """
    names = ["image_snr", "image_difference", "image_dx", "image_dy"]
    values = np.zeros((len(locations), len(names)))
    for name, rows in locations.reset_index(drop=True).groupby("sequence"):
        sequence = sequence_of(name)
        sigma = measure_scale(sequence).noise_sigma * _DIFFERENCE_NOISE * smoothing_noise_gain()
        for t, of_frame in rows.groupby("frame"):
            centres = of_frame[["x", "y"]].to_numpy()
            measured = _measure(sequence.clip(int(t), stride), centres)
            values[of_frame.index] = measured / [sigma, sigma, 1.0, 1.0]
    table = pd.DataFrame(values, locations.index, columns=names)
    return table.assign(image_px=np.hypot(table.image_dx, table.image_dy))


def smoothing_noise_gain() -> float:
    """Sigma of white noise of sigma 1 after the smoothing."""
    point = np.zeros((1, 15, 15))
    point[0, 7, 7] = 1.0
    return float(np.sqrt((_smoothed(point) ** 2).sum()))


def _measure(clip: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Largest difference near each centre, difference at it, offset x, y of the peak: [K, 4]."""
    reach = _RADIUS_PX + _RIM_PX
    corner = np.floor(centres).astype(int) - reach
    span = np.arange(2 * reach + 1)
    columns = np.clip(corner[:, :1] + span, 0, clip.shape[2] - 1)[:, None, :]
    rows = np.clip(corner[:, 1:] + span, 0, clip.shape[1] - 1)[:, :, None]
    frames = clip[:, rows, columns].astype(np.float32)  # [4, K, S, S]
    difference = frames[0] - frames[1:].mean(axis=0)
    difference = _smoothed(difference - np.median(difference, axis=(1, 2), keepdims=True))
    offset = corner[:, None] + span[:, None] + 0.5 - centres[:, None]  # [K, S, 2]
    distance = np.hypot(offset[:, None, :, 0], offset[:, :, None, 1])
    strength = np.abs(difference)
    core = np.where(distance <= _CORE_PX, strength, 0).max(axis=(1, 2))
    inside = np.where(distance <= _RADIUS_PX, strength, -1).reshape(len(centres), -1)
    row, column = np.divmod(inside.argmax(axis=1), len(span))
    index = np.arange(len(centres))
    peak = (offset[index, column, 0], offset[index, row, 1])
    return np.stack([core, difference[:, reach, reach], *peak], axis=1)


def _smoothed(windows: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(windows, (0, _SIGMA_PX, _SIGMA_PX))
