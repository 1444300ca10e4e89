"""Stamps: small bright (or dark) objects added to a frame at sub-pixel positions.

A stamp is a Gaussian point spread, smeared along a short line (the body's extent and its motion
during the exposure) and integrated over each pixel. It is scaled so that an object centred on a
pixel has its amplitude in that pixel. Clouds in front of an object dim it.

    patches, rows, columns = stamps(objects, size)             # [K, S, S], [K, S], [K, S]
    radiance, visible = add(radiance, opacities, objects.depth, patches, rows, columns)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

_SIDE = 19  # pixels of a patch: +- 4 sigma of the widest point spread and a line of a few pixels
_POINTS = 9  # points that represent a line
# A Gaussian falls to a tenth of its peak this many sigmas from its centre.
_TENTH = np.sqrt(2 * np.log(10))


class Objects(NamedTuple):
    """Objects of one frame, [K] each; objects of amplitude 0 pad the arrays."""

    x: jax.Array  # centre, pixels
    y: jax.Array
    amplitude: jax.Array  # counts, of the peak when centred on a pixel
    sigma: jax.Array  # of the point spread, pixels; 0: exactly the pixel under the centre
    along_x: jax.Array  # the line along which it is smeared, pixels
    along_y: jax.Array
    depth: jax.Array  # layers with this index or a higher one are in front of it


def stamps(objects: Objects, size: tuple[int, int]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Compute patches [K, S, S] in counts, and their rows and columns [K, S] in the frame.

    Rows and columns outside the frame are replaced by its height and width.
    """
    columns, across, middle_x = _profile(objects.x, objects.along_x, objects.sigma)
    rows, down, middle_y = _profile(objects.y, objects.along_y, objects.sigma)
    peak = jnp.sum(middle_x * middle_y, axis=-1)
    patches = jnp.einsum("kpr,kpc->krc", down, across) * (objects.amplitude / peak)[:, None, None]
    height, width = size
    rows = jnp.where((rows >= 0) & (rows < height), rows, height)
    columns = jnp.where((columns >= 0) & (columns < width), columns, width)
    return patches, rows, columns


def add(radiance, opacities: list, depth, patches, rows, columns):
    """Add stamps to a frame, dimmed by the clouds in front of them.

    Args:
      radiance: [H, W] counts.
      opacities: [H, W] of each cloud layer, the farthest first.
      depth: [K] index of the first layer in front of each object.
      patches: [K, S, S] counts.
      rows: [K, S] of the patches.
      columns: [K, S] of the patches.

    Returns:
      Radiance [H, W] with the objects, and the share [K] of their light that passes the clouds.
    """
    at = (rows[:, :, None], columns[:, None, :])
    inside = (at[0] < radiance.shape[0]) & (at[1] < radiance.shape[1])
    dimmed = jnp.where(inside, patches, 0.0)
    for layer, alpha in enumerate(opacities):
        clear = 1 - alpha.at[at].get(mode="clip")
        dimmed = dimmed * jnp.where((depth <= layer)[:, None, None], clear, 1.0)
    total = jnp.sum(jnp.where(inside, patches, 0.0), axis=(1, 2))
    visible = jnp.sum(dimmed, axis=(1, 2)) / jnp.where(total == 0, 1.0, total)
    return radiance.at[at].add(dimmed, mode="drop"), visible


def extent(sigma_px: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Compute the extent in pixels over which stamps exceed a tenth of their peak, at least 1.

    Args:
      sigma_px: [N] sigma of the point spread, pixels; 0 for a single pixel.
      along: [N] length of the line along the axis, pixels.
    """
    # The variances of the pixel (1/12) and of the line (length**2/12) add to the point spread's;
    # a single pixel stays one pixel.
    pixel = np.where(sigma_px > 0, 1 / 12, 0.0)
    return np.maximum(2 * _TENTH * np.sqrt(sigma_px**2 + pixel + along**2 / 12), 1.0)


def _profile(centre, along, sigma) -> tuple[jax.Array, jax.Array, jax.Array]:
    """One axis of the stamps.

    Returns:
      Pixels [K, S] int32; the integral [K, P, S] of each point of the line over each pixel; and
      the integral [K, P] over the middle pixel if the object is centred on it.
    """
    sigma = jnp.maximum(sigma, 1e-3)[:, None, None]
    points = along[:, None] * jnp.linspace(-0.5, 0.5, _POINTS)
    first = jnp.floor(centre).astype(jnp.int32) - _SIDE // 2
    edges = first[:, None] + jnp.arange(_SIDE + 1)
    reach = edges[:, None] - centre[:, None, None] - points[:, :, None]
    integral = jnp.diff(ndtr(reach / sigma), axis=-1)
    middle = jnp.array([-0.5, 0.5]) - points[:, :, None]
    return edges[:, :-1], integral, jnp.diff(ndtr(middle / sigma), axis=-1)[..., 0]
