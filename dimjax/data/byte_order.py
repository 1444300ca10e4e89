"""Evidence on the byte order of raw frames of 16 bit: neighbouring pixels are alike.

    swapped(np.memmap("a.raw", "<u2", shape=(100, 512, 640)))
    # (21650.3, 8.1), mean differences as read and swapped; or None

In the wrong order, a step of the level across a multiple of 256 becomes one of half the range or
more. Frames whose bytes do so nowhere are the same in both orders but for a factor, as 8 bit stored
in the upper byte are, and tell nothing.
"""

import numpy as np

_SMALL = 128  # difference of neighbouring pixels that the scene and its noise make
_JUMP = 1 << 15  # difference that the wrong order makes of it
_JUMP_SHARE = 1e-4  # of the neighbours
_FACTOR = 4  # between the mean differences of both orders


def swapped(stack: np.ndarray) -> tuple[float, float] | None:
    """Return the mean differences of neighbours as read and swapped, if swapped is far better.

    Args:
      stack: Frames [T, H, W] of integers of 16 bit, in the order in which they are read.
    """
    frames = stack[sorted({0, len(stack) // 2, len(stack) - 1})]
    pairs = [_differences(pixels) for pixels in (frames, frames.byteswap())]
    as_read, other = (float(np.mean(differences)) for differences in pairs)
    jumps = (pairs[1] < _SMALL) & (pairs[0] >= _JUMP)
    if as_read > _FACTOR * other and jumps.mean() >= _JUMP_SHARE:
        return as_read, other
    return None


def _differences(frames: np.ndarray) -> np.ndarray:
    """Absolute differences of neighbouring pixels along rows and columns."""
    levels = frames.astype(np.int32)
    return np.abs(np.concatenate([np.diff(levels, axis=k).ravel() for k in (1, 2)]))
