"""Windows cut from clips, the differential images of Eq. (1), and the names of chips."""

import numpy as np


def chip_id(sequence: str, frame: int, x0: int, y0: int, chip_px: int) -> str:
    """Name of a chip by what it shows: the same over rounds, rebuilds and data sets."""
    return f"{sequence}/{frame:06d}/{x0}+{y0}/{chip_px}"


def cut(clip: np.ndarray, x0: int, y0: int, chip_px: int) -> np.ndarray:
    """The window [4, h, w] at origin (x0, y0) of a clip [4, H, W]; a view."""
    return clip[:, y0 : y0 + chip_px, x0 : x0 + chip_px]


def differential(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reference frame and differential image of a window (the paper's Eq. 1).

    Args:
      window: Frames F1..F4 [4, h, w], unsigned integers.

    Returns:
      frame [h, w, 1] uint16 and difference [h, w, 3] int32 = F1-F2, F1-F3, F1-F4, grey levels.
    """
    frames = np.moveaxis(window, 0, -1).astype(np.int32)
    return frames[..., :1].astype(np.uint16), frames[..., :1] - frames[..., 1:]


def frames_of(frame: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """The four frames F1..F4 [..., 4, h, w] uint16 of frame [..., h, w, 1], difference [..., 3]."""
    frames = np.empty((*frame.shape[:-3], 4, *frame.shape[-3:-1]), np.uint16)
    frames[..., 0, :, :] = frame[..., 0]
    others, reference = np.moveaxis(difference, -1, -3), frame[..., np.newaxis, :, :, 0]
    # The differences of grey levels are grey levels again: nothing is lost by the narrow type.
    np.subtract(reference, others, out=frames[..., 1:, :, :], casting="unsafe")
    return frames


def holds(boxes: np.ndarray, x0, y0, chip_px: int) -> np.ndarray:
    """Which boxes [M, 2 or more] of a frame have their centre in the chip at (x0, y0): [M] bool.

    The corner may be one of each box too: x0, y0 [M].
    """
    across, down = boxes[:, 0] - x0, boxes[:, 1] - y0
    return (across >= 0) & (across < chip_px) & (down >= 0) & (down < chip_px)
