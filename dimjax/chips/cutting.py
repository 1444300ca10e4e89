"""Chips cut from clips, the differential images of Eq. (1), and the IDs of chips.

window = cut(sequence.clip(frame, stride=1), x0, y0, chip_px=80)      # [4, h, w]
reference, difference = differential(window)                        # [h, w, 1], [h, w, 3]
labels[lies_in_chip(labels[["x", "y"]].to_numpy(), x0, y0, chip_px=80)]
"""

import numpy as np


def chip_id(sequence: str, frame: int, x0: int, y0: int, chip_px: int) -> str:
    """Make the ID of a chip from its location: the same in all rounds, rebuilds and data sets."""
    return f"{sequence}/{frame:06d}/{x0}+{y0}/{chip_px}"


def parse_chip_id(chip: str) -> tuple[str, int, int, int, int]:
    """Return the arguments of `chip_id`: sequence, frame, x0, y0, chip_px."""
    sequence, frame, origin, chip_px = chip.rsplit("/", 3)
    x0, y0 = origin.split("+")
    return sequence, int(frame), int(x0), int(y0), int(chip_px)


def cut(clip: np.ndarray, x0: int, y0: int, chip_px: int) -> np.ndarray:
    """Return the window [4, h, w] at origin (x0, y0) of a clip [4, H, W], as a view."""
    return clip[:, y0 : y0 + chip_px, x0 : x0 + chip_px]


def differential(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the reference frame and the differential image of a window (the paper's Eq. 1).

    Args:
      window: Frames F1..F4 [4, h, w], unsigned integers.

    Returns:
      frame [h, w, 1] uint16 and difference [h, w, 3] int32 = F1-F2, F1-F3, F1-F4, grey levels.
    """
    frames = np.moveaxis(window, 0, -1).astype(np.int32)
    return frames[..., :1].astype(np.uint16), frames[..., :1] - frames[..., 1:]


def restore_frames(frame: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Invert `differential`, exactly.

    Args:
      frame: [..., h, w, 1] uint16, the reference frames.
      difference: [..., h, w, 3] int32, the differential images.

    Returns:
      The four frames F1..F4 [..., 4, h, w] uint16.
    """
    frames = np.empty((*frame.shape[:-3], 4, *frame.shape[-3:-1]), np.uint16)
    frames[..., 0, :, :] = frame[..., 0]
    others, reference = np.moveaxis(difference, -1, -3), frame[..., np.newaxis, :, :, 0]
    # F1 - (F1 - Fk) is the grey level Fk again, so the cast to uint16 loses nothing.
    np.subtract(reference, others, out=frames[..., 1:, :, :], casting="unsafe")
    return frames


def lies_in_chip(points: np.ndarray, x0, y0, chip_px) -> np.ndarray:
    """Whether points lie in a chip: x0 <= x < x0 + chip_px, and likewise y.

    A label belongs to a chip if its centre lies in it.

    Args:
      points: [M, 2 or more] x, y, ... in frame coordinates, pixels; boxes count by their centre.
      x0: Left edge of the chip, pixels; or [M], for one chip per point.
      y0: Top edge, likewise.
      chip_px: Height and width of the chip, pixels, likewise.

    Returns:
      [M] bool.
    """
    x, y = points[:, 0] - x0, points[:, 1] - y0
    return (x >= 0) & (x < chip_px) & (y >= 0) & (y < chip_px)
