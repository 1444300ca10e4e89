"""Cloud layers: textures made once per sequence, shifted, cross-faded and stacked in each frame.

A texture is Gaussian noise with a power-law spectrum (Kolmogorov-like clouds). A smooth random
displacement folds it into filaments, and a perspective makes it flatter everywhere and finer
towards the horizon at the bottom. A cloud covers the pixels at which the texture exceeds a
threshold, with an optical depth proportional to the excess: the coverage sets the size of the
holes, the sharpness that of the edges. Two textures are mixed in each frame, so clouds change as
they drift.

    layers = draw_layers(rng, settings)
    textures = make_textures(key, layers, count, shape)               # [J, L, h, w]
    schedule = make_schedule(settings, paths)
    fields = fields_of_frame(textures, schedule_of_frame, size)       # L x [H, W]
    radiance, opacities = stack(base, fields, layers)
    radiance = blur(radiance, psf_px)
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from scipy.stats import norm

from dimjax.sky.motion import LAYERS, MAX_JITTER_PX
from dimjax.sky.settings import SkyConfig

_MAX_STRETCH = 4.0  # width over height of clouds low above the horizon
_MAX_PERSPECTIVE = 2.0  # size of clouds at the top of the frame over size at the bottom


class Layers(NamedTuple):
    """The cloud layers of one sequence, the farthest first; arrays are [LAYERS] float32."""

    exponent: np.ndarray  # of the power spectral density
    scale_px: np.ndarray  # outer scale: larger structures have no more power
    fold_px: np.ndarray  # rms displacement that folds it into filaments
    threshold: np.ndarray  # field value of the edge of a cloud, in sigmas
    sharpness: np.ndarray  # optical depth per sigma above the threshold
    contrast: np.ndarray  # counts above the sky behind it
    relief: np.ndarray  # share of the contrast that varies inside a cloud
    stretch: np.ndarray  # [] width over height of the clouds
    perspective: np.ndarray  # [] size at the top over size at the bottom


class Schedule(NamedTuple):
    """The textures of each frame, and the windows that are cut from them."""

    pair: np.ndarray  # [T] int32, index of the first of the two textures
    weights: np.ndarray  # [T, 2] float32, their shares; the squares sum to 1
    corner: np.ndarray  # [T, 2, LAYERS, 2] int32, first row and column of each window
    fraction: np.ndarray  # [T, LAYERS, 2] float32, sub-pixel remainder of row and column


def draw_layers(rng: np.random.Generator, settings: SkyConfig) -> Layers:
    """Draw two or three layers; the threshold of a missing layer is out of reach."""
    size = LAYERS
    cover = rng.uniform(*settings.cloud_cover, size)
    threshold = norm.isf(cover)
    if rng.random() < 0.5:
        threshold[rng.integers(size)] = 99.0
    scale = _log_uniform(rng, settings.cloud_scale_px, size)
    values = Layers(
        exponent=rng.uniform(*settings.cloud_exponent, size),
        scale_px=scale,
        fold_px=scale * rng.uniform(0.01, 0.06, size),
        threshold=threshold,
        sharpness=_log_uniform(rng, settings.cloud_sharpness, size),
        contrast=_log_uniform(rng, settings.cloud_counts, size),
        relief=rng.uniform(0.1, 0.5, size),
        stretch=rng.uniform(1, _MAX_STRETCH),
        perspective=rng.uniform(1, _MAX_PERSPECTIVE),
    )
    return Layers(*(np.asarray(value, np.float32) for value in values))


def texture_shape(settings: SkyConfig) -> tuple[int, int]:
    """Rows and columns of a texture large enough for all paths of a sequence."""
    margin = _margin(settings)
    return tuple(-(-(n + 2 * margin + 3) // 32) * 32 for n in (settings.height, settings.width))


def texture_count(settings: SkyConfig) -> int:
    """Number of textures of a layer in a sequence."""
    return (settings.frames - 1) // settings.evolution_frames + 2


def power_law_field(key, shape: tuple[int, int], exponent, scale_px) -> jax.Array:
    """Draw periodic Gaussian noise of unit variance with a power-law spectrum.

    The power spectral density is (f**2 + scale_px**-2) ** (-exponent / 2), f in cycles a pixel.
    """
    rows, columns = (jnp.fft.fftfreq(n).astype(jnp.float32) for n in shape)
    density = (rows[:, None] ** 2 + columns**2 + scale_px**-2) ** (-exponent / 2)
    density = density / density.mean()
    half = jnp.sqrt(density[:, : shape[1] // 2 + 1])
    return jnp.fft.irfft2(jnp.fft.rfft2(jax.random.normal(key, shape)) * half, s=shape)


@partial(jax.jit, static_argnames=("count", "shape"))
def make_textures(key, layers: Layers, count: int, shape: tuple[int, int]) -> jax.Array:
    """Draw textures [count, LAYERS, *shape] float32 of about unit variance."""

    def one(index):
        layer = jax.tree.map(lambda a: a[index % LAYERS] if a.ndim else a, layers)
        return _texture(jax.random.fold_in(key, index), layer, shape)

    fields = jax.lax.map(one, jnp.arange(count * LAYERS))
    return fields.reshape(count, LAYERS, *shape)


def make_schedule(settings: SkyConfig, paths: np.ndarray) -> Schedule:
    """Compute windows and cross-fade of each frame from the paths of the layers [T, LAYERS, 2]."""
    t = np.arange(settings.frames)
    pair = t // settings.evolution_frames
    phase = np.pi / 2 * (t % settings.evolution_frames) / settings.evolution_frames
    start = _margin(settings) - paths
    corner = np.floor(start)
    # Each texture is centred on its own time. Both are shifted by whole pixels, so that they share
    # the sub-pixel remainder and are interpolated once, after mixing.
    centre = np.minimum((pair[:, None] + [0, 1]) * settings.evolution_frames, settings.frames - 1)
    corners = corner[:, None] + np.round(paths[centre])
    return Schedule(
        pair=pair.astype(np.int32),
        weights=np.stack([np.cos(phase), np.sin(phase)], axis=-1).astype(np.float32),
        corner=corners[..., ::-1].astype(np.int32),
        fraction=(start - corner)[..., ::-1].astype(np.float32),
    )


def fields_of_frame(textures, now: Schedule, size: tuple[int, int]) -> list[jax.Array]:
    """Compute the cloud fields of a frame, LAYERS of [H, W]; `now` is a Schedule without T axis."""
    height, width = size

    def cut(which, layer):
        row, column = now.corner[which, layer]
        start = (now.pair + which, layer, row - 1, column - 1)
        return jax.lax.dynamic_slice(textures, start, (1, 1, height + 3, width + 3))[0, 0]

    fields = []
    for layer in range(LAYERS):
        field = now.weights[0] * cut(0, layer) + now.weights[1] * cut(1, layer)
        rows, columns = _cubic_weights(now.fraction[layer])
        field = sum(rows[k] * field[k : k + height] for k in range(4))
        fields.append(sum(columns[k] * field[:, k : k + width] for k in range(4)))
    return fields


def opacity(field, threshold, sharpness):
    """Share of the light from behind that a cloud absorbs, for NumPy or JAX arrays."""
    xp = field.__array_namespace__()
    return -xp.expm1(-sharpness * xp.maximum(field - threshold, 0.0))


def stack(base, fields: list, layers: Layers) -> tuple[jax.Array, list[jax.Array]]:
    """Combine the sky and the clouds as the camera sees them.

    Args:
      base: [H, 1] radiance of the clear sky in counts.
      fields: LAYERS of [H, W], the farthest first.
      layers: Their parameters.

    Returns:
      Radiance [H, W] in counts, and the opacity [H, W] of each layer.
    """
    # Near the horizon, air and clouds have the same temperature: the contrast vanishes.
    rise = (base - base[0]) / (base[-1] - base[0] + 1.0)
    radiance, opacities = base, []
    for index, field in enumerate(fields):
        depth = jnp.maximum(field - layers.threshold[index], 0.0)
        alpha = opacity(field, layers.threshold[index], layers.sharpness[index])
        shade = 1 + layers.relief[index] * (2 * depth / (1 + depth) - 1)
        cloud = base + layers.contrast[index] * (1 - 0.6 * rise) * shade
        radiance = radiance + alpha * (cloud - radiance)
        opacities.append(alpha)
    return radiance, opacities


def blur(radiance, sigma) -> jax.Array:
    """Blur a frame [H, W] by the optics: a Gaussian point spread of sigma pixels."""
    reach = 4
    taps = jnp.exp(-0.5 * (jnp.arange(-reach, reach + 1) / sigma) ** 2)
    taps = taps / taps.sum()
    height, width = radiance.shape
    wide = jnp.pad(radiance, reach, mode="edge")
    wide = sum(taps[k] * wide[k : k + height] for k in range(2 * reach + 1))
    return sum(taps[k] * wide[:, k : k + width] for k in range(2 * reach + 1))


def _texture(key, layer: Layers, shape: tuple[int, int]) -> jax.Array:
    # Large enough that no part appears twice under the perspective of draw_layers.
    plane = tuple(-(-int(n * f) // 64) * 64 for n, f in zip(shape, (2.1, 1.45), strict=True))
    # The displacement is smooth: a quarter of the resolution is enough.
    coarse = tuple(n // 4 for n in plane)
    kinds = [(plane, layer.exponent, layer.scale_px)] + 2 * [(coarse, 4.0, layer.scale_px / 8)]
    field, *folds = _fields_in_turn(jax.random.split(key, 3), kinds)

    relative = jnp.arange(shape[0], dtype=jnp.float32) / shape[0] - 0.5
    zoom = layer.perspective**relative
    rows = jnp.cumsum(zoom * jnp.sqrt(layer.stretch))[:, None]
    columns = (jnp.arange(shape[1], dtype=jnp.float32) - shape[1] / 2) * zoom[:, None]
    rows, columns = jnp.broadcast_arrays(rows, columns / jnp.sqrt(layer.stretch) + plane[1] / 2)
    fold = [layer.fold_px * _sample(f, rows / 4, columns / 4) for f in folds]
    return _sample(field, rows + fold[0], columns + fold[1])


def _fields_in_turn(keys, kinds: list[tuple]) -> tuple[jax.Array, ...]:
    """Draw a power_law_field of each kind, one after another.

    On the threads of a CPU, two Fourier transforms at once wait for each other forever in jaxlib
    0.11.2.
    """

    def draw(index, fields):
        return (*fields[:index], power_law_field(keys[index], *kinds[index]), *fields[index + 1 :])

    steps = [partial(draw, index) for index in range(len(kinds))]
    return jax.lax.fori_loop(
        0,
        len(kinds),
        lambda index, fields: jax.lax.switch(index, steps, fields),
        tuple(jnp.zeros(shape) for shape, *_ in kinds),
    )


def _sample(field, rows, columns) -> jax.Array:
    return map_coordinates(field, [rows, columns], order=1, mode="wrap")


def _cubic_weights(fraction) -> jax.Array:
    """Catmull-Rom weights [2, 4] of the pixels -1, 0, 1, 2 for sub-pixel remainders [2]."""
    f = fraction[:, None]
    near, far = jnp.hstack([f, 1 - f]), jnp.hstack([1 + f, 2 - f])
    inner = 1.5 * near**3 - 2.5 * near**2 + 1
    outer = -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2
    return jnp.stack([outer[:, 0], inner[:, 0], inner[:, 1], outer[:, 1]], axis=-1)


def _margin(settings: SkyConfig) -> int:
    lifetime = min(settings.frames, settings.evolution_frames)
    return int(lifetime * (settings.pan_px + settings.drift_px[1]) + 2 * MAX_JITTER_PX) + 3


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float], size: int) -> np.ndarray:
    return np.exp(rng.uniform(*np.log(limits), size))
