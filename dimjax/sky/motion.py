"""Paths of the camera, the cloud layers and the targets, as NumPy arrays of x, y in pixels.

camera = camera_path(rng, settings)             # [T, 2] displacement of the whole scene
layers = layer_paths(rng, settings, camera)     # [T, LAYERS, 2] the same with the wind added
path, velocity = target_path(rng, settings)     # [T, 2] each, without motion of the camera
path, velocity = bird_path(rng, settings)
"""

import numpy as np

from dimjax.sky.settings import SkyConfig

LAYERS = 3
MAX_JITTER_PX = 3.0  # textures have this much room in addition to pan and wind


def camera_path(rng: np.random.Generator, settings: SkyConfig) -> np.ndarray:
    """Draw the displacement of the scene in each frame [T, 2]: pan, slow sway and white jitter."""
    pan = rng.uniform(-settings.pan_px, settings.pan_px, 2)
    sigma = rng.uniform(*settings.jitter_px)
    kicks = rng.normal(0, sigma, (2, settings.frames, 2))
    sway = np.zeros_like(kicks[0])
    for t in range(1, settings.frames):
        # Ornstein-Uhlenbeck: a random walk that the stabilisation pulls back within ~20 frames.
        sway[t] = 0.95 * sway[t - 1] + 0.5 * kicks[0, t]
    jitter = np.clip(sway + kicks[1], -MAX_JITTER_PX, MAX_JITTER_PX)
    return pan * np.arange(settings.frames)[:, None] + jitter


def layer_paths(rng: np.random.Generator, settings: SkyConfig, camera: np.ndarray) -> np.ndarray:
    """Draw the displacement of each cloud layer in each frame [T, LAYERS, 2]."""
    speed = rng.uniform(*settings.drift_px, LAYERS)
    # Winds of one day have similar directions, and blow mostly along the horizon.
    heading = rng.choice([0, np.pi]) + rng.normal(0, 0.5, LAYERS)
    wind = speed[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return camera[:, None] + np.arange(settings.frames)[:, None, None] * wind


def target_path(rng: np.random.Generator, settings: SkyConfig) -> tuple[np.ndarray, np.ndarray]:
    """Draw the path of a target that is somewhere in the frame at some time of the sequence.

    Returns:
      Positions [T, 2] in pixels, far outside the frame before it enters and after it leaves,
      and velocities [T, 2] in pixels a frame.
    """
    t = np.arange(settings.frames)
    speed = np.full(settings.frames, rng.uniform(*settings.speed_px))
    heading = np.full(settings.frames, rng.uniform(0, 2 * np.pi))
    if rng.random() < settings.manoeuvres:
        heading += np.radians(rng.uniform(-120, 120)) * _smooth_step(rng, t)
        speed *= 1 + rng.uniform(-0.5, 0.6) * _smooth_step(rng, t)
    return _through_frame(rng, settings, np.clip(speed, *settings.speed_px), heading)


def bird_path(rng: np.random.Generator, settings: SkyConfig) -> tuple[np.ndarray, np.ndarray]:
    """Draw the path of a bird, as target_path: heading and speed wander from frame to frame."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.25, settings.frames))
    speed = rng.uniform(1, 4) * (1 + 0.3 * np.sin(np.cumsum(rng.normal(0, 0.4, settings.frames))))
    return _through_frame(rng, settings, speed, heading)


def _smooth_step(rng: np.random.Generator, t: np.ndarray) -> np.ndarray:
    """Step from 0 to 1 at a random time, within 10 to 60 frames."""
    middle, length = rng.uniform(0, len(t)), rng.uniform(10, 60)
    return 0.5 + 0.5 * np.tanh(4 * (t - middle) / length)


def _through_frame(rng, settings: SkyConfig, speed, heading) -> tuple[np.ndarray, np.ndarray]:
    """Path with this speed and heading through a random position at a random time."""
    velocity = speed[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    travelled = np.cumsum(velocity, axis=0) - velocity
    meeting = rng.integers(settings.frames)
    position = rng.uniform((0, 0), (settings.width, settings.height))
    return position + travelled - travelled[meeting], velocity
