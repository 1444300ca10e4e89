"""Targets and interference of a sequence: a table with one row for each object and frame.

    scene, share = Scene(settings, psf_px, camera), shares_of(settings.birds)
    rows = pd.concat([targets(rng, scene), birds(rng, scene, share.birds),
                      flickers(rng, scene, share.flickers), spots(rng, scene, share.spots),
                      glints(rng, scene, share.glints, edges, paths)])

Columns: frame, x, y (centre in pixels), snr (signed: negative is darker than the sky), sigma_px
(0: a single pixel), along_x, along_y (line along which the object is smeared, pixels), depth
(cloud layers with this index or a higher one are in front), category, track.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.scene_motion import to_frame, turned
from dimjax.sky.motion import LAYERS, bird_path, target_path
from dimjax.sky.settings import SkyConfig

_NEGATIVE = 0.1  # share of targets and flickering pixels that are darker than the sky
_RIM_PX = 10.0  # objects up to this far outside the frame still affect it
_GLINT_FRAMES = (3, 9)  # shortest life, and one more than the longest
_COLUMNS = ("frame", "x", "y", "snr", "sigma_px", "along_x", "along_y", "depth")
_MIN_EDGE = 0.1  # smallest opacity * (1 - opacity) at a glint

_Rows = dict[str, np.ndarray]  # columns of one object, one value for each of its frames


class Shares(NamedTuple):
    """Share of each kind in the interference; together 1."""

    birds: float
    flickers: float
    spots: float
    glints: float


_COMMON = Shares(birds=0.1, flickers=0.4, spots=0.2, glints=0.3)


def shares_of(birds: float, has_glints: bool = True) -> Shares:
    """Divide what is no bird among the other kinds; glints need simulated clouds."""
    others = _COMMON._replace(birds=0.0, glints=_COMMON.glints if has_glints else 0.0)
    # Exactly 1 for the common share of birds, so that a rounded number changes no random choice.
    factor = (1 - birds) / (1 - _COMMON.birds if has_glints else sum(others))
    return Shares(*(factor * share for share in others))._replace(birds=birds)


class Scene(NamedTuple):
    """Parameters shared by all objects of a sequence."""

    settings: SkyConfig
    psf_px: float  # sigma of the point spread
    camera: np.ndarray  # [T, 2] or [T, 4] motion of the scene, see dimjax.data.scene_motion


def targets(rng: np.random.Generator, scene: Scene) -> pd.DataFrame:
    """Draw aircraft: steady flight, turns and speed changes; 40 % are behind a cloud layer."""
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
    return _table("target", "target", _drawn_to_quota(rng, quota, draw, scene))


def birds(rng: np.random.Generator, scene: Scene, share: float) -> pd.DataFrame:
    """Draw birds: erratic, larger than targets, flapping, in front of all clouds."""
    settings = scene.settings

    def draw():
        path, velocity = bird_path(rng, settings)
        flap = np.sin(2 * np.pi * np.arange(settings.frames) / rng.uniform(2.5, 8))
        snr = rng.uniform(*settings.snr) * (0.75 + 0.25 * flap)
        span = rng.uniform(1.0, 3.0) * (0.75 + 0.25 * flap)
        along = span[:, None] * _direction(velocity)[:, ::-1] * [-1, 1]
        return _moving(scene, path, snr, along, LAYERS)

    # A bird crosses many frames: most sequences have none.
    quota = share * settings.interference_per_frame * settings.frames
    return _table("bird", "interference", _drawn_to_quota(rng, quota, draw, scene))


def flickers(rng: np.random.Generator, scene: Scene, share: float) -> pd.DataFrame:
    """Draw pixels that switch at random between two levels (random telegraph signal)."""
    settings = scene.settings
    pixels = iter(rng.permutation(settings.width * settings.height))  # each at most once

    def draw():
        excited = _telegraph(rng, settings.frames, on=rng.uniform(1, 4), off=rng.uniform(6, 60))
        frames = np.flatnonzero(excited)
        centre = np.array(divmod(next(pixels), settings.height)) + 0.5
        sign = -1 if rng.random() < _NEGATIVE else 1
        return _rows(frames, centre, sign * rng.uniform(*settings.snr), 0.0, (0.0, 0.0), LAYERS)

    quota = share * settings.interference_per_frame * settings.frames
    return _table("flicker", "interference", _drawn_to_quota(rng, quota, draw, scene))


def spots(rng: np.random.Generator, scene: Scene, share: float) -> pd.DataFrame:
    """Draw electromagnetic interference: spots and short lines, for one to three frames."""
    settings = scene.settings

    def draw():
        life = rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1])
        first = rng.integers(settings.frames)
        frames = np.arange(first, min(first + life, settings.frames))
        # Most lines follow the rows, like the read-out.
        length = 0.0 if rng.random() < 0.5 else rng.uniform(3, 8)
        angle = 0.0 if rng.random() < 0.6 else rng.uniform(0, np.pi)
        centre = rng.uniform((0, 0), (settings.width, settings.height))
        along = length * np.array([np.cos(angle), np.sin(angle)])
        sigma = rng.uniform(0.3, 0.7)
        return _rows(frames, centre, rng.uniform(*settings.snr), sigma, along, LAYERS)

    quota = share * settings.interference_per_frame * settings.frames
    return _table("spot", "interference", _drawn_to_quota(rng, quota, draw, scene))


def glints(
    rng: np.random.Generator,
    scene: Scene,
    share: float,
    edges: Callable[[int, int, np.ndarray], np.ndarray],
    paths: np.ndarray,
) -> pd.DataFrame:
    """Draw short-lived bright points on the edges of clouds; they move with their cloud.

    Args:
      rng: Source of all random choices.
      scene: Parameters shared by the objects.
      share: Share of the interference.
      edges: (frame, layer, pixels [N, 2] = column, row) -> opacity * (1 - opacity) [N].
      paths: [T, LAYERS, 2] displacement of the layers, pixels.
    """
    settings = scene.settings

    def draw():
        life = rng.integers(*_GLINT_FRAMES)
        born, layer = rng.integers(settings.frames), rng.integers(LAYERS)
        pixels = rng.integers((settings.width, settings.height), size=(256, 2))
        edge = edges(born, layer, pixels)
        if edge.max() < _MIN_EDGE:
            return None
        frames = np.arange(born, min(born + life, settings.frames))
        drift = paths[frames, layer] - paths[born, layer]
        glow = np.sin(np.pi * (frames - born + 1) / (life + 1))
        centre = pixels[edge.argmax()] + rng.uniform(0, 1, 2) + drift
        snr = rng.uniform(*settings.snr) * glow
        return _rows(frames, centre, snr, scene.psf_px, (0.0, 0.0), layer + 1)

    quota = share * settings.interference_per_frame * settings.frames
    return _table("glint", "interference", _drawn_to_quota(rng, quota, draw, scene))


def in_frame(rows, settings: SkyConfig, rim_px: float = 0.0) -> np.ndarray:
    """Test whether the centre x, y of each row is inside the frame, or at most rim_px outside."""
    x, y = np.asarray(rows["x"]), np.asarray(rows["y"])
    across = (x >= -rim_px) & (x < settings.width + rim_px)
    return across & (y >= -rim_px) & (y < settings.height + rim_px)


def _drawn_to_quota(
    rng: np.random.Generator, quota: float, draw: Callable[[], _Rows | None], scene: Scene
) -> Iterator[_Rows]:
    """Draw objects until the rows inside the frame reach the quota; their mean equals the quota."""
    total, failures = 0, 0
    while total < quota and failures < 20:
        rows = draw()
        inside = 0 if rows is None else in_frame(rows, scene.settings).sum()
        failures = failures + 1 if inside == 0 else 0
        # The last object exceeds the quota: it is taken at random, which keeps the mean right.
        if total + inside > quota and rng.random() > (quota - total) / inside:
            return
        total += inside
        if inside:
            yield rows


def _moving(scene: Scene, path, snr, along, depth: int) -> _Rows:
    frames = np.arange(scene.settings.frames)
    along = turned(np.broadcast_to(along, path.shape), scene.camera)
    rows = _rows(frames, to_frame(path, scene.camera), snr, scene.psf_px, along, depth)
    near = in_frame(rows, scene.settings, _RIM_PX)
    return {name: values[near] for name, values in rows.items()}


def _rows(frames: np.ndarray, centre, snr, sigma_px: float, along, depth: int) -> _Rows:
    count = len(frames)
    (x, y), (along_x, along_y) = (np.broadcast_to(a, (count, 2)).T for a in (centre, along))
    values = (frames, x, y, snr, sigma_px, along_x, along_y, depth)
    return {
        name: np.broadcast_to(value, count) for name, value in zip(_COLUMNS, values, strict=True)
    }


def _table(kind: str, category: str, objects: Iterator[_Rows]) -> pd.DataFrame:
    objects = list(objects)
    empty = _rows(np.arange(0), (0.0, 0.0), 0.0, 0.0, (0.0, 0.0), 0)
    columns = {name: np.concatenate([o[name] for o in [empty, *objects]]) for name in _COLUMNS}
    names = [f"{kind}-{index}" for index in range(len(objects))]
    track = np.repeat(np.array(names, dtype=object), [len(o["frame"]) for o in objects])
    return pd.DataFrame(columns).assign(category=category, track=track)


def _telegraph(rng: np.random.Generator, frames: int, on: float, off: float) -> np.ndarray:
    """Whether the state is excited [T]; mean durations of `on` and `off` frames, both >= 1."""
    state = np.empty(frames, bool)
    state[0] = rng.random() < on / (on + off)
    chance = rng.random(frames)
    for t in range(1, frames):
        leave = 1 / on if state[t - 1] else 1 / off
        state[t] = state[t - 1] ^ (chance[t] < leave)
    return state


def _direction(velocity: np.ndarray) -> np.ndarray:
    return velocity / np.maximum(np.linalg.norm(velocity, axis=-1, keepdims=True), 1e-6)
