"""Spatial filter of frames, and their normalised residuals within a window.

Each frame is filtered once, when it is read. The residuals of all windows that contain the frame
are computed from its filtered form.

    filtered = filter_frame(frame, level, noise_sigma, sigma_px=1.0)        # [H, W]
    contrast = local_contrast(frame, level, noise_sigma)                    # [H, W]
    residual = residuals(jnp.stack(eight_filtered), box_px=25)              # [8, H, W]
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dimjax.motion.background import still_residuals

_REACH_SIGMAS = 4.0  # the Gaussian is truncated there
MAX_SIGMAS = 6.0  # values are clipped to this in the local RMS
RMS_BLOCK_PX = 5  # side of the blocks of the local RMS
CONTRAST_PX = 5  # side of the box of the local contrast


@partial(jax.jit, static_argnames="sigma_px")
def filter_frame(frame, level, noise_sigma, sigma_px: float):
    """Normalise frames and correlate them with a Gaussian of unit energy; white noise gets sigma 1.

    Args:
      frame: [..., H, W] grey levels.
      level: [...] grey level that is subtracted; frames are padded with it.
      noise_sigma: [...] noise of one raw frame, grey levels.
      sigma_px: Sigma of the Gaussian, pixels.

    Returns:
      [..., H, W] float32, noise sigmas.
    """
    values = _normalised(frame, level, noise_sigma)
    taps = gaussian_taps(sigma_px)
    for axis in (-2, -1):
        values = _correlate(values, taps, axis)
    return values


@jax.jit
def local_contrast(frame, level, noise_sigma):
    """Subtract from each pixel the mean of the 5x5 pixels around it.

    Args:
      frame: [..., H, W] grey levels; its border is repeated outside.
      level: [...] grey level that is subtracted first, to round less.
      noise_sigma: [...] noise of one raw frame, grey levels.

    Returns:
      [..., H, W] float32, noise sigmas.
    """
    values = _normalised(frame, level, noise_sigma)
    mean, reach = values, CONTRAST_PX // 2
    for axis in (values.ndim - 2, values.ndim - 1):
        margins = [(reach, reach) if k == axis else (0, 0) for k in range(values.ndim)]
        padded, size = jnp.pad(mean, margins, mode="edge"), mean.shape[axis]
        shifted = (lax.slice_in_dim(padded, k, k + size, axis=axis) for k in range(CONTRAST_PX))
        mean = sum(shifted) / CONTRAST_PX
    return values - mean


def _normalised(frame, level, noise_sigma):
    """Express frames [..., H, W] in noise sigmas from the level of their sequence."""
    level, sigma = (jnp.asarray(v, jnp.float32)[..., None, None] for v in (level, noise_sigma))
    return (frame.astype(jnp.float32) - level) / sigma


def gaussian_taps(sigma_px: float) -> np.ndarray:
    """Return an odd number of Gaussian weights whose squares sum to 1."""
    reach = max(1, round(_REACH_SIGMAS * sigma_px))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    return taps / np.sqrt(np.sum(taps**2))


def residuals(filtered, box_px: int):
    """Subtract the moving background from each frame of a window; return local sigmas.

    Residuals are scaled to unit variance for frames that differ by white noise alone. If their
    local RMS is above 1, as at the edges of changing clouds, they are divided by it.

    Args:
      filtered: [..., K, H, W] frames of a window after filter_frame.
      box_px: Side of the box of the local RMS, pixels; a multiple of 5 is used.

    Returns:
      [..., K, H, W] float32.
    """
    count = filtered.shape[-3]
    # Exact if the background is the mean of all frames; for the trimmed mean, within 2 % from
    # 5 frames on.
    gain = float(np.sqrt(count / (count - 1)))
    values = gain * still_residuals(filtered)
    return values / jnp.maximum(local_rms(values, box_px), 1.0)


def local_rms(values, box_px: int):
    """Compute the RMS of values [..., H, W], clipped to 6, over a box around each 5x5 block."""
    squares = jnp.square(jnp.clip(values, -MAX_SIGMAS, MAX_SIGMAS))
    mean = box_mean(squares, RMS_BLOCK_PX, rms_blocks(box_px))
    return to_pixels(jnp.sqrt(mean), RMS_BLOCK_PX, *values.shape[-2:])


def rms_blocks(box_px: int) -> int:
    """Return the side of the box of the local RMS, blocks."""
    return max(1, round(box_px / RMS_BLOCK_PX))


def box_mean(values, block_px: int, blocks: int):
    """Average values [..., H, W] over a box of blocks around each block, inside the frame.

    Args:
      values: [..., H, W].
      block_px: Side of a block, pixels.
      blocks: Side of the box, blocks.

    Returns:
      [..., ceil(H / block_px), ceil(W / block_px)]; `to_pixels` repeats them.
    """
    sums, counts = values, []
    for axis in (-2, -1):
        sums = _box_sum(_block_sum(sums, block_px, axis), blocks, axis)
        counts.append(_pixels(values.shape[axis], block_px, blocks))
    return sums / jnp.outer(*counts).astype(jnp.float32)


def block_max(values, block_px: int):
    """Find the largest of the values [..., H, W] in each block inside the frame.

    Returns:
      [..., ceil(H / block_px), ceil(W / block_px)]; `to_pixels` repeats them.
    """
    for axis in (-2, -1):
        values = _blocks(values, block_px, axis, -jnp.inf).max(axis=values.ndim + axis + 1)
    return values


def to_pixels(values, block_px: int, height: int, width: int):
    """Repeat the value of each block at its pixels, [..., height, width]."""
    for axis, size in ((-2, height), (-1, width)):
        values = _slice(jnp.repeat(values, block_px, axis=axis), axis, 0, size)
    return values


def _correlate(values, taps, axis: int):
    reach = len(taps) // 2
    size = values.shape[axis]
    padded = _pad(values, axis, reach, reach)
    parts = (float(tap) * _slice(padded, axis, k, size) for k, tap in enumerate(taps))
    return sum(parts)


def _block_sum(values, block_px: int, axis: int):
    """Sum over blocks along an axis; the last one is padded with zeros."""
    return _blocks(values, block_px, axis, 0).sum(axis=values.ndim + axis + 1)


def _blocks(values, block_px: int, axis: int, fill: float):
    """Split an axis, counted from the end, into blocks and their pixels; the last is filled."""
    size = values.shape[axis]
    blocks = -(-size // block_px)
    values = _pad(values, axis, 0, blocks * block_px - size, fill)
    shape = list(values.shape)
    axis += len(shape)
    shape[axis : axis + 1] = [blocks, block_px]
    return values.reshape(shape)


def _box_sum(values, size: int, axis: int):
    """Sum over `size` neighbours along an axis, with zeros outside."""
    before = (size - 1) // 2
    padded = _pad(values, axis, before, size - 1 - before)
    return sum(_slice(padded, axis, k, values.shape[axis]) for k in range(size))


def _pixels(size: int, block_px: int, blocks: int) -> jax.Array:
    """Count the pixels along an axis of each box that lie in the frame, [size / block_px]."""
    starts = block_px * jnp.arange(-(-size // block_px))
    return _box_sum(jnp.clip(size - starts, 0, block_px), blocks, 0)


def _pad(values, axis: int, before: int, after: int, fill: float = 0):
    widths = [(0, 0)] * values.ndim
    widths[axis] = (before, after)
    return jnp.pad(values, widths, constant_values=fill)


def _slice(values, axis: int, start: int, size: int):
    return lax.slice_in_dim(values, start, start + size, axis=axis)
