"""What the frames themselves show at a place, without any network.

table = look(labels, folder.sequence, stride=2)
table.image_snr, table.image_px             # how strong, and how far from the place
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import ndimage

from dimjax.data.sequences import Sequence, measure_scale

_RADIUS_PX = 5  # an object within so many pixels of a place is meant by it
_RIM_PX = 3  # beyond it, so that the smoothing has neighbours
_SIGMA_PX = 0.8  # of the smoothing: the middle of what optics blur a point to
_CORE_PX = 1.5


def look(places: pd.DataFrame, sequence_of: Callable[[str], Sequence], stride: int) -> pd.DataFrame:
    """Signal in the frames at places, and where its peak lies.

    The differential image here is F1 minus the mean of F2..F4, smoothed as the optics blur a point.

    Args:
      places: Table with sequence, frame, x, y.
      sequence_of: Name -> sequence.
      stride: Frames from F1 to F2.

    Returns:
      Table with the index of places, in sigmas of that image's noise: image_snr, the strongest
      difference, brighter or darker, within 1.5 px, and image_difference, the one at the place,
      with its sign. And image_dx, image_dy, where the peak within 5 px lies from the place, and
      image_px, how far.
    """
    names = ["image_snr", "image_difference", "image_dx", "image_dy"]
    found = np.zeros((len(places), len(names)))
    rows = places.reset_index(drop=True)
    for name, own in rows.groupby("sequence"):
        sequence = sequence_of(name)
        noise = measure_scale(sequence).noise_sigma * np.sqrt(4 / 3) * _left_of_noise()
        for t, of_frame in own.groupby("frame"):
            centres = of_frame[["x", "y"]].to_numpy()
            measured = _measures(sequence.clip(int(t), stride), centres)
            found[of_frame.index] = measured / [noise, noise, 1.0, 1.0]
    table = pd.DataFrame(found, places.index, columns=names)
    return table.assign(image_px=np.hypot(table.image_dx, table.image_dy))


def _measures(clip: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Difference near each centre and at it, offset x, y of the peak: [K, 4]."""
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
    each = np.arange(len(centres))
    peak = (offset[each, column, 0], offset[each, row, 1])
    return np.stack([core, difference[:, reach, reach], *peak], axis=1)


def _smoothed(windows: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(windows, (0, _SIGMA_PX, _SIGMA_PX))


def _left_of_noise() -> float:
    """What the smoothing leaves of white noise of sigma 1."""
    point = np.zeros((1, 15, 15))
    point[0, 7, 7] = 1.0
    return float(np.sqrt((_smoothed(point) ** 2).sum()))
