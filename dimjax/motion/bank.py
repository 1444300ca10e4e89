"""Velocity filter bank: sums of residuals along straight paths, and their extrema.

Reed, Gagliardi and Shao (1983), three-dimensional matched filtering: a target of unknown velocity
v is at x + v t_k in frame k. The sum s_v(x) = sum_k r_k(x + v t_k) / sqrt(K) collects all of its
light, while independent noise keeps its sigma. The residuals r_k are quantized and summed as 8 bit
integers (16 bit for windows of more than 8 frames). Such sums are exact in any order, hence equal
on all machines, and a CPU adds 32 or 64 of them at once.

    shifts = path_shifts(times, settings)               # [P, K, 2] pixels x, y
    reach = int(np.abs(shifts).max())
    bright, dark = extremes(quantize(residual, 4.5), path_groups(shifts, reach), reach)
"""

from functools import partial

import jax.numpy as jnp
import numpy as np
from jax import lax

from dimjax.motion.settings import EvidenceConfig

GROUP = 8  # paths that are summed in one step of the loop


def velocity_grid(times: np.ndarray, settings: EvidenceConfig) -> np.ndarray:
    """Compute velocities [P, 2] = x, y from the lowest to the top speed, pixels a frame.

    They form a square grid around 0. In the frame farthest from the reference frame, neighbouring
    paths lie path_step_px apart.
    """
    step = settings.path_step_px / np.abs(times).max()
    count = int(settings.speed_px / step)
    axis = step * np.arange(-count, count + 1)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    speed = np.hypot(*grid.T)
    return grid[(settings.min_speed_px <= speed) & (speed <= settings.speed_px)]


def path_shifts(times: np.ndarray, settings: EvidenceConfig) -> np.ndarray:
    """Compute the displacements [P, K, 2] = x, y of paths in each frame, whole pixels.

    Args:
      times: [K] frame times, 0 at the reference frame.
      settings: Speeds and spacing of the paths.
    """
    exact = velocity_grid(times, settings)[:, None] * times[None, :, None]
    return np.unique(np.rint(exact).astype(np.int32), axis=0)


def step_sigmas(frames: int, clip_sigmas: float) -> float:
    """Return the width of one step of quantized residuals, local sigmas."""
    return clip_sigmas / _max_steps(frames)


def quantize(residual, clip_sigmas: float):
    """Clip residuals [..., K, H, W] and round them to whole steps, as int8 or int16."""
    frames = residual.shape[-3]
    limited = jnp.clip(residual, -clip_sigmas, clip_sigmas)
    steps = jnp.round(limited / step_sigmas(frames, clip_sigmas))
    return steps.astype(jnp.int8 if frames <= 8 else jnp.int16)


def path_groups(shifts: np.ndarray, reach: int) -> np.ndarray:
    """Group paths: their offsets [G, 8, K, 2] = row, column in frames padded by `reach` pixels.

    The last path is repeated to fill the last group.
    """
    missing = -len(shifts) % GROUP
    filled = np.concatenate([shifts, np.repeat(shifts[-1:], missing, axis=0)])
    return (filled[..., ::-1] + reach).reshape(-1, GROUP, *shifts.shape[1:]).astype(np.int32)


def extremes(steps, groups, reach: int, count=None, tile_rows: int = 0):
    """Return the largest and the smallest sum over all paths through each pixel.

    Args:
      steps: [..., K, H, W] quantized residuals; outside the frame they are 0.
      groups: [G, 8, K, 2] from path_groups.
      reach: Padding for which the groups were made, pixels.
      count: Number of leading groups to use; all by default.
      tile_rows: Number of rows summed at a time, to fit the cache; 0 for the whole frame.

    Returns:
      Two maps [..., H, W] of the dtype of steps, the evidence of bright and of dark targets.
    """
    steps, groups = jnp.asarray(steps), jnp.asarray(groups)
    height, width = steps.shape[-2:]
    rows = tile_rows or height
    missing = -height % rows
    margins = [(0, 0)] * (steps.ndim - 2) + [(reach, reach + missing), (reach, reach)]
    padded = jnp.pad(steps, margins)
    tile = partial(_tile, padded, groups, count, (rows, width), reach)
    if rows == height:
        return tile(0)
    tiles = lax.map(tile, jnp.arange(0, height, rows))
    return tuple(_stack_tiles(tile_maps, height) for tile_maps in tiles)


def _tile(padded, groups, count, shape: tuple[int, int], reach: int, top):
    """Compute the extremes of the rows from `top` on."""
    rows, width = shape
    frames = padded.shape[-3]
    part = lax.dynamic_slice_in_dim(padded, top, rows + 2 * reach, axis=padded.ndim - 2)
    batch = padded.shape[:-3]

    def add(group, extremes):
        largest, smallest = extremes
        for path in range(GROUP):
            offsets = groups[group, path]
            total = sum(
                lax.dynamic_slice(
                    part[..., k, :, :], (*(0 for _ in batch), *offsets[k]), (*batch, rows, width)
                )
                for k in range(frames)
            )
            largest, smallest = jnp.maximum(largest, total), jnp.minimum(smallest, total)
        return largest, smallest

    # The residuals of one pixel sum to about 0, so 0 stands for the path of speed 0.
    zeros = jnp.zeros((*batch, rows, width), padded.dtype)
    return lax.fori_loop(0, len(groups) if count is None else count, add, (zeros, zeros))


def _stack_tiles(tiles, height: int):
    """Stack tiles [N, ..., rows, W], one below the other, to one map [..., H, W]."""
    rows = jnp.moveaxis(tiles, 0, -3)
    return rows.reshape(*rows.shape[:-3], -1, rows.shape[-1])[..., :height, :]


def _max_steps(frames: int) -> int:
    """Return the largest quantized residual for which the sum of all frames cannot overflow."""
    return (127 if frames <= 8 else 32767) // frames
