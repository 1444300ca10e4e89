"""Targets and interference of one sequence: a table with one row for each object and frame.

    scene = Scene(settings, psf_px, camera)
    rows = pd.concat([targets(rng, scene), birds(rng, scene), flickers(rng, scene),
                      spots(rng, scene), glints(rng, scene, edges)])

Columns: frame, x, y (centre in pixels), snr (signed: negative is darker than the sky), sigma_px
(0: a single pixel), along_x, along_y (line that the object is smeared along, pixels), depth
(cloud layers with this index or a higher one are in front), category, track.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.sky.motion import LAYERS, bird_path, target_path
from dimjax.sky.settings import Sky

# Shares of interference_per_frame.
_BIRDS, _FLICKERS, _SPOTS, _GLINTS = 0.1, 0.4, 0.2, 0.3
_NEGATIVE = 0.1  # share of targets and flickering pixels that are darker than the sky
_RIM_PX = 10.0  # objects this far outside the frame still send light into it
_GLINT_FRAMES = (3, 9)  # shortest life, and one more than the longest
_COLUMNS = ("frame", "x", "y", "snr", "sigma_px", "along_x", "along_y", "depth")
_LOWEST_EDGE = 0.1  # a glint needs a place where opacity * (1 - opacity) is at least this

_Rows = dict[str, np.ndarray]  # one object's columns, [frames it is in] each


class Scene(NamedTuple):
    """What all objects of a sequence share."""

    settings: Sky
    psf_px: float  # sigma of the point spread
    camera: np.ndarray  # [T, 2] displacement of the scene, pixels


def targets(rng: np.random.Generator, scene: Scene) -> pd.DataFrame:
    """Aircraft: steady flight, turns and speed changes; four in ten behind some cloud layer."""
    settings = scene.settings

    def draw():
        path, velocity = target_path(rng, settings)
        body = rng.uniform(*settings.extent_px) * _direction(velocity)
        sign = -1 if rng.random() < _NEGATIVE else 1
        depth = LAYERS if rng.random() < 0.6 else rng.integers(LAYERS)
        along = body + settings.exposure * velocity
        return _moving(scene, path, sign * rng.uniform(*settings.snr), along, depth)

    # Some skies are empty, some busy.
    quota = settings.targets_per_frame * settings.frames * rng.gamma(3.0) / 3.0
    return _numbered("target", "target", _until(rng, quota, draw, scene))


def birds(rng: np.random.Generator, scene: Scene) -> pd.DataFrame:
    """Birds: erratic, larger than targets, flapping, in front of all clouds."""
    settings = scene.settings

    def draw():
        path, velocity = bird_path(rng, settings)
        flap = np.sin(2 * np.pi * np.arange(settings.frames) / rng.uniform(2.5, 8))
        snr = rng.uniform(*settings.snr) * (0.75 + 0.25 * flap)
        span = rng.uniform(1.0, 3.0) * (0.75 + 0.25 * flap)
        along = span[:, None] * _direction(velocity)[:, ::-1] * [-1, 1]
        return _moving(scene, path, snr, along, LAYERS)

    # A bird crosses many frames: most sequences have none.
    quota = _BIRDS * settings.interference_per_frame * settings.frames
    return _numbered("bird", "interference", _until(rng, quota, draw, scene))


def flickers(rng: np.random.Generator, scene: Scene) -> pd.DataFrame:
    """Pixels that switch at random between two levels (random telegraph signal)."""
    settings = scene.settings
    pixels = iter(rng.permutation(settings.width * settings.height))  # each at most once

    def draw():
        excited = _telegraph(rng, settings.frames, on=rng.uniform(1, 4), off=rng.uniform(6, 60))
        frames = np.flatnonzero(excited)
        place = np.array(divmod(next(pixels), settings.height)) + 0.5
        sign = -1 if rng.random() < _NEGATIVE else 1
        return _rows(frames, place, sign * rng.uniform(*settings.snr), 0.0, (0.0, 0.0), LAYERS)

    quota = _FLICKERS * settings.interference_per_frame * settings.frames
    return _numbered("flicker", "interference", _until(rng, quota, draw, scene))


def spots(rng: np.random.Generator, scene: Scene) -> pd.DataFrame:
    """Electromagnetic interference: spots and short lines anywhere, for one to three frames."""
    settings = scene.settings

    def draw():
        life = rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1])
        first = rng.integers(settings.frames)
        frames = np.arange(first, min(first + life, settings.frames))
        # Lines mostly follow the rows, as the read-out does.
        length = 0.0 if rng.random() < 0.5 else rng.uniform(3, 8)
        angle = 0.0 if rng.random() < 0.6 else rng.uniform(0, np.pi)
        place = rng.uniform((0, 0), (settings.width, settings.height))
        along = length * np.array([np.cos(angle), np.sin(angle)])
        sigma = rng.uniform(0.3, 0.7)
        return _rows(frames, place, rng.uniform(*settings.snr), sigma, along, LAYERS)

    quota = _SPOTS * settings.interference_per_frame * settings.frames
    return _numbered("spot", "interference", _until(rng, quota, draw, scene))


def glints(
    rng: np.random.Generator,
    scene: Scene,
    edges: Callable[[int, int, np.ndarray], np.ndarray],
    paths: np.ndarray,
) -> pd.DataFrame:
    """Short-lived bright points on the edges of clouds; they move with their cloud.

    Args:
      rng: Source of all choices.
      scene: What the objects share.
      edges: Of a frame, a layer and pixels [N, 2] = column, row: opacity * (1 - opacity) [N].
      paths: [T, LAYERS, 2] displacement of the layers, pixels.
    """
    settings = scene.settings

    def draw():
        life = rng.integers(*_GLINT_FRAMES)
        born, layer = rng.integers(settings.frames), rng.integers(LAYERS)
        pixels = rng.integers((settings.width, settings.height), size=(256, 2))
        edge = edges(born, layer, pixels)
        if edge.max() < _LOWEST_EDGE:
            return None
        frames = np.arange(born, min(born + life, settings.frames))
        drift = paths[frames, layer] - paths[born, layer]
        glow = np.sin(np.pi * (frames - born + 1) / (life + 1))
        place = pixels[edge.argmax()] + rng.uniform(0, 1, 2) + drift
        snr = rng.uniform(*settings.snr) * glow
        return _rows(frames, place, snr, scene.psf_px, (0.0, 0.0), layer + 1)

    quota = _GLINTS * settings.interference_per_frame * settings.frames
    return _numbered("glint", "interference", _until(rng, quota, draw, scene))


def in_frame(rows, settings: Sky, rim_px: float = 0.0) -> np.ndarray:
    """Which rows have their centre (columns x, y) inside the frame, or at most rim_px outside."""
    x, y = np.asarray(rows["x"]), np.asarray(rows["y"])
    across = (x >= -rim_px) & (x < settings.width + rim_px)
    return across & (y >= -rim_px) & (y < settings.height + rim_px)


def _until(
    rng: np.random.Generator, quota: float, draw: Callable[[], _Rows | None], scene: Scene
) -> Iterator[_Rows]:
    """Objects until their rows inside the frame make up the quota, in the mean exactly."""
    total, failures = 0, 0
    while total < quota and failures < 20:
        rows = draw()
        inside = 0 if rows is None else in_frame(rows, scene.settings).sum()
        failures = failures + 1 if inside == 0 else 0
        # The last one would exceed the quota: taking it only sometimes keeps the mean right.
        if total + inside > quota and rng.random() > (quota - total) / inside:
            return
        total += inside
        if inside:
            yield rows


def _moving(scene: Scene, path, snr, along, depth: int) -> _Rows:
    frames = np.arange(scene.settings.frames)
    rows = _rows(frames, path + scene.camera, snr, scene.psf_px, along, depth)
    near = in_frame(rows, scene.settings, _RIM_PX)
    return {name: values[near] for name, values in rows.items()}


def _rows(frames: np.ndarray, place, snr, sigma_px: float, along, depth: int) -> _Rows:
    count = len(frames)
    (x, y), (along_x, along_y) = (np.broadcast_to(a, (count, 2)).T for a in (place, along))
    values = (frames, x, y, snr, sigma_px, along_x, along_y, depth)
    return {
        name: np.broadcast_to(value, count) for name, value in zip(_COLUMNS, values, strict=True)
    }


def _numbered(kind: str, category: str, objects: Iterator[_Rows]) -> pd.DataFrame:
    objects = list(objects)
    empty = _rows(np.arange(0), (0.0, 0.0), 0.0, 0.0, (0.0, 0.0), 0)
    columns = {name: np.concatenate([o[name] for o in [empty, *objects]]) for name in _COLUMNS}
    names = [f"{kind}-{index}" for index in range(len(objects))]
    track = np.repeat(np.array(names, dtype=object), [len(o["frame"]) for o in objects])
    return pd.DataFrame(columns).assign(category=category, track=track)


def _telegraph(rng: np.random.Generator, frames: int, on: float, off: float) -> np.ndarray:
    """[T] bool: True in the excited state; mean stays of `on` and `off` frames, both >= 1."""
    state = np.empty(frames, bool)
    state[0] = rng.random() < on / (on + off)
    chance = rng.random(frames)
    for t in range(1, frames):
        leave = 1 / on if state[t - 1] else 1 / off
        state[t] = state[t - 1] ^ (chance[t] < leave)
    return state


def _direction(velocity: np.ndarray) -> np.ndarray:
    return velocity / np.maximum(np.linalg.norm(velocity, axis=-1, keepdims=True), 1e-6)
