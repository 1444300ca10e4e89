"""The focal plane: noise, fixed pattern, dead pixels, 14-bit digits.

sensor = draw_sensor(rng, settings)
frame = read_out(radiance, sensor, key)         # [H, W] uint16
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dimjax.sky.settings import SkyConfig

FULL_SCALE = 2**14 - 1  # counts


class Sensor(NamedTuple):
    """One camera's focal plane, in counts."""

    noise: np.ndarray  # [] sigma of the temporal white noise
    fixed: np.ndarray  # [H, W] offsets that remain after the non-uniformity correction
    stuck: np.ndarray  # [H, W] value of a dead pixel, -1 for a working one


def draw_sensor(rng: np.random.Generator, settings: SkyConfig) -> Sensor:
    """Draw noise, column and pixel offsets, and dead pixels."""
    shape = (settings.height, settings.width)
    noise = rng.uniform(*settings.noise_counts)
    columns, pixels = noise * rng.uniform(*settings.fixed_pattern, 2)
    fixed = rng.normal(0, columns, (1, settings.width)) + rng.normal(0, pixels, shape)
    stuck = np.full(shape, -1.0)
    dead = rng.random(shape) < settings.dead_pixels
    stuck[dead] = rng.choice([0, FULL_SCALE, FULL_SCALE / 2], dead.sum())
    return Sensor(*(np.asarray(value, np.float32) for value in (noise, fixed, stuck)))


def read_out(radiance, sensor: Sensor, key) -> jax.Array:
    """Digitise a radiance [H, W] in counts: [H, W] uint16, 0 to 16383."""
    signal = radiance + sensor.fixed + sensor.noise * jax.random.normal(key, radiance.shape)
    signal = jnp.where(sensor.stuck >= 0, sensor.stuck, signal)
    return jnp.clip(jnp.round(signal), 0, FULL_SCALE).astype(jnp.uint16)
