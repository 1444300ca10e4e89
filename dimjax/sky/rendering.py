"""A simulated sequence of an infrared camera that looks at a cloudy sky, with its truth.

    frames, truth = simulate(SkyConfig(frames=50), seed=0)      # [50, 512, 640] uint16, a table

The same settings and seed give the same sequence. On another kind of device a few digits may differ
by one, since logarithms and exponentials are rounded differently there.

Not modelled: atmospheric transmission and turbulence; aberrations, vignetting and ghosts of the
optics (the point spread is one Gaussian); range-dependent size, scintillation and plumes of
targets; zoom, rotation and manoeuvres of the camera; rolling shutter, read-out cross-talk,
row noise, noise that grows with the signal or is correlated in time, drift of the fixed pattern,
non-linearity, saturation trails, and the replacement of bad pixels. Ground, sun and moon are never
in the frame; clouds drift, fold and change but have no volume, and cast no shadows.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from dimjax.data.labels import TRUTH_COLUMNS
from dimjax.sky import clouds, motion, objects
from dimjax.sky.sensor import Sensor, draw_sensor, read_out
from dimjax.sky.settings import SkyConfig, check
from dimjax.sky.stamps import Objects, add, extent, stamps

BLOCK_FRAMES = 50  # frames of one compiled call
_DECIMALS = 4  # of the truth's numbers, which survive being written as text


class Signal(NamedTuple):
    """The objects of a sequence, without background and noise."""

    frames: np.ndarray  # [T, H, W] float32, sigmas of the noise of one frame
    truth: pd.DataFrame  # as from simulate
    psf_px: float  # sigma of the point spread


class _Sequence(NamedTuple):
    """Inputs of the renderer, on the device."""

    textures: jax.Array  # [J, LAYERS, h, w]
    layers: clouds.Layers
    base: jax.Array  # [H, 1] clear sky, counts
    psf_px: float  # sigma of the point spread
    sensor: Sensor
    key: jax.Array  # of the temporal noise


def simulate(settings: SkyConfig, seed: int, name: str = "sky") -> tuple[np.ndarray, pd.DataFrame]:
    """Render a sequence.

    Args:
      settings: Settings of the sky, the camera and the objects.
      seed: 0 or more; determines every random choice.
      name: The sequence's name in the truth.

    Returns:
      Frames [T, H, W] uint16, 14 bit, and the truth: one row for each object and frame in which its
      centre is inside the frame, hidden or not. x, y is the true centre; w, h the extent over which
      the object exceeds a tenth of its peak; snr its peak amplitude, centred on a pixel and
      unhidden, over the noise sigma of one frame (positive also for objects darker than the sky);
      visible the share of its light that passes the clouds in front.

    Raises:
      InputError: A setting is out of its range.
    """
    sequence, schedule, rows = _draw(settings, seed)
    frames, visible = _render(sequence, schedule, rows, settings)
    return frames, _truth(rows.assign(visible=visible), settings, name)


def simulate_signal(settings: SkyConfig, seed: int, name: str = "sky") -> Signal:
    """Render the light of the objects of a sequence alone, without background and noise.

    Clouds in front of the objects dim them as in `simulate`, which takes the same arguments.

    Raises:
      InputError: A setting is out of its range.
    """
    sequence, schedule, rows = _draw(settings, seed)
    frames, visible = _render(sequence, schedule, rows, settings, signal_only=True)
    truth = _truth(rows.assign(visible=visible), settings, name)
    return Signal(frames / sequence.sensor.noise, truth, float(sequence.psf_px))


def _draw(settings: SkyConfig, seed: int) -> tuple[_Sequence, clouds.Schedule, pd.DataFrame]:
    """Draw all that is random in a sequence, except for the noise of its frames."""
    check(settings)
    streams = iter(np.random.default_rng(seed).spawn(9))
    optics, camera_rng, wind, layer_rng, focal_plane, digits = (next(streams) for _ in range(6))
    camera = motion.camera_path(camera_rng, settings)
    paths = motion.layer_paths(wind, settings, camera)
    scene = objects.Scene(settings, optics.uniform(*settings.psf_px), camera)
    texture_key, noise_key = jax.random.split(jax.random.key(int(digits.integers(2**31))))

    layers = clouds.draw_layers(layer_rng, settings)
    schedule = clouds.make_schedule(settings, paths)
    count, shape = clouds.texture_count(settings), clouds.texture_shape(settings)
    textures = clouds.make_textures(texture_key, layers, count, shape)
    sensor = draw_sensor(focal_plane, settings)

    rows = _draw_objects(streams, scene, paths, _edges(textures, schedule, layers))
    base = _clear_sky(optics, settings)
    return _Sequence(textures, layers, base, scene.psf_px, sensor, noise_key), schedule, rows


def _draw_objects(streams, scene: objects.Scene, paths: np.ndarray, edges) -> pd.DataFrame:
    targets, clutter, shine = streams
    share = objects.shares_of(scene.settings.birds)
    kinds = [
        objects.targets(targets, scene),
        objects.birds(clutter, scene, share.birds),
        objects.flickers(clutter, scene, share.flickers),
        objects.spots(clutter, scene, share.spots),
        objects.glints(shine, scene, share.glints, edges, paths),
    ]
    rows = pd.concat(kinds, ignore_index=True).sort_values(["frame", "track"], kind="stable")
    return rows.reset_index(drop=True)


def _edges(textures, schedule: clouds.Schedule, layers: clouds.Layers):
    """Return the function edges(frame, layer, pixels) with which glints find edges of clouds."""
    textures = np.asarray(textures)

    def edges(frame: int, layer: int, pixels: np.ndarray) -> np.ndarray:
        field = 0.0
        for which in range(2):
            corner = schedule.corner[frame, which, layer]
            columns, rows = (pixels + corner[::-1]).T
            texture = textures[schedule.pair[frame] + which, layer]
            field = field + schedule.weights[frame, which] * texture[rows, columns]
        alpha = clouds.opacity(field, layers.threshold[layer], layers.sharpness[layer])
        return alpha * (1 - alpha)

    return edges


def _clear_sky(rng: np.random.Generator, settings: SkyConfig) -> np.ndarray:
    """Radiance [H, 1] in counts: it increases towards the horizon, most steeply near it."""
    depth = np.linspace(0, 1, settings.height)[:, None]
    level, gradient = rng.uniform(*settings.level_counts), rng.uniform(*settings.gradient_counts)
    curve = rng.uniform(0.5, 3)
    rise = np.expm1(curve * depth) / np.expm1(curve)
    return np.asarray(level + gradient * rise, np.float32)


def _render(
    sequence: _Sequence,
    schedule: clouds.Schedule,
    rows: pd.DataFrame,
    settings: SkyConfig,
    signal_only: bool = False,
):
    """Frames [T, H, W] uint16, and the share of its light that passes the clouds for each row.

    With signal_only the frames are float32 counts that the objects alone add.
    """
    slot = rows.groupby("frame").cumcount().to_numpy()
    packed = _packed(rows, slot, settings.frames, float(sequence.sensor.noise))
    shape = (settings.frames, settings.height, settings.width)
    frames = np.empty(shape, np.float32 if signal_only else np.uint16)
    visible = np.empty(packed.x.shape, np.float32)
    block = min(BLOCK_FRAMES, settings.frames)
    for first in range(0, settings.frames, block):
        # The last block is padded with its last frame: all blocks share one compiled shape.
        block_frames = np.minimum(np.arange(first, first + block), settings.frames - 1)
        now = jax.tree.map(lambda a, t=block_frames: a[t], (schedule, packed))
        images, shares = _render_block(sequence, *now, block_frames, shape[1:], signal_only)
        frames[block_frames], visible[block_frames] = np.asarray(images), np.asarray(shares)
    return frames, visible[rows.frame, slot]


@partial(jax.jit, static_argnames=("size", "signal_only"))
def _render_block(
    sequence: _Sequence, schedule, packed: Objects, t, size: tuple[int, int], signal_only: bool
):
    def render(now):
        schedule, (patches, rows, columns), depth, t = now
        fields = clouds.fields_of_frame(sequence.textures, schedule, size)
        radiance, opacities = clouds.stack(sequence.base, fields, sequence.layers)
        if signal_only:
            return add(jnp.zeros(size, jnp.float32), opacities, depth, patches, rows, columns)
        radiance = clouds.blur(radiance, sequence.psf_px)
        radiance, visible = add(radiance, opacities, depth, patches, rows, columns)
        key = jax.random.fold_in(sequence.key, t)
        return read_out(radiance, sequence.sensor, key), visible

    drawn = jax.vmap(partial(stamps, size=size))(packed)
    return jax.lax.map(render, (schedule, drawn, packed.depth, jnp.asarray(t)))


def _packed(rows: pd.DataFrame, slot: np.ndarray, frames: int, noise: float) -> Objects:
    """Pack the rows into arrays [T, K]; K is a multiple of 16, so that few shapes are compiled."""
    largest = slot.max(initial=0) + 1
    shape = (frames, -(-largest // 16) * 16)

    def column(values, dtype=np.float32):
        array = np.zeros(shape, dtype)
        array[rows.frame, slot] = values
        return array

    return Objects(
        x=column(rows.x),
        y=column(rows.y),
        amplitude=column(rows.snr * noise),
        sigma=column(rows.sigma_px),
        along_x=column(rows.along_x),
        along_y=column(rows.along_y),
        depth=column(rows.depth, np.int32),
    )


def _truth(rows: pd.DataFrame, settings: SkyConfig, name: str) -> pd.DataFrame:
    inside = rows[objects.in_frame(rows, settings)]
    table = inside.assign(
        sequence=name,
        w=extent(inside.sigma_px, inside.along_x),
        h=extent(inside.sigma_px, inside.along_y),
        source="simulator",
        snr=inside.snr.abs(),
        visible=inside.visible.clip(0, 1).astype(float),
    )
    return (
        table[list(TRUTH_COLUMNS)]
        .astype({"frame": np.int64})
        .round(_DECIMALS)
        .reset_index(drop=True)
    )
