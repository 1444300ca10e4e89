"""Planted detections: simulated output of a detector, for targets with known paths.

`plant` takes the settings of a scene and a seed. It returns the truth and a table of detections,
each with the target that it belongs to.

    planted = plant(Scene(false_alarms=3.0, clutter="edges"), seed=0)
    planted.detections          # sequence, frame, x, y, w, h, category, score, truth ("" if false)
    planted.truth               # sequence, frame, x, y, track, detected (with a strong score)

Targets fly straight or turn, cross each other in pairs, and enter and leave the frame; some only
clip its border for one frame. They are detected with a given probability, except in planted gaps,
where they may have a weak score. Of two targets nearer than SUPPRESS_PX only one is detected.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

WIDTH, HEIGHT = 640, 512
THRESHOLD = 0.5
SUPPRESS_PX = 4.0

_NOISE_PX, _WEAK_NOISE_PX = 0.75, 1.0  # as measured on the demo's network
_FRAMES_PER_GAP = 30  # mean number of frames of a target per planted gap
_GAPS = (1, 7)  # gap lengths in frames, upper end excluded
_WEAK_SHARE = 0.4  # of the frames in which a target has no strong detection
_WEAK_CLUTTER = 1.5  # weak false detections per strong one
_CLIPPING = 0.02  # targets per frame that only clip the border


class Scene(NamedTuple):
    """Settings of the detections of one sequence."""

    frames: int = 100
    targets: int = 5  # each is in the frame at some time
    speed_px: tuple[float, float] = (0.0, 8.0)  # pixels per frame
    pd: float = 0.8  # probability of a strong detection, outside the planted gaps
    false_alarms: float = 3.0  # strong ones, per frame
    clutter: str = "uniform"  # type of the false alarms: uniform, edges or persistent


class Planted(NamedTuple):
    """Truth of a scene, and the detections."""

    truth: pd.DataFrame
    detections: pd.DataFrame


def plant(scene: Scene, seed: int) -> Planted:
    """Plant the detections of one sequence, which is named "planted"."""
    rng = np.random.default_rng(seed)
    truth = pd.concat([*_targets(rng, scene), *_clipping(rng, scene)], ignore_index=True)
    truth = truth.sort_values(["frame", "track"], ignore_index=True)
    truth["detected"] = ~_hidden(rng, truth) & (rng.random(len(truth)) < scene.pd)
    truth["detected"] &= ~_gaps(rng, truth)
    parts = [_true_detections(rng, truth), _false_alarms(rng, scene), _weak_clutter(rng, scene)]
    table = pd.concat(parts, ignore_index=True)
    inside = table.x.between(0, WIDTH, "left") & table.y.between(0, HEIGHT, "left")
    table = table[inside].sort_values(["frame", "score"], ascending=[True, False])
    table = table.assign(sequence="planted", w=3.0, h=3.0, category="target")
    columns = ["sequence", "frame", "x", "y", "w", "h", "category", "score", "truth"]
    return Planted(truth.assign(sequence="planted"), table[columns].reset_index(drop=True))


def _targets(rng: np.random.Generator, scene: Scene) -> list[pd.DataFrame]:
    """Draw the paths of all targets; every second one crosses the one before it."""
    paths, meeting, point = [], 0, np.zeros(2)
    for k in range(scene.targets):
        if k % 2 == 0:
            meeting = rng.integers(scene.frames)
            point = rng.uniform((0, 0), (WIDTH, HEIGHT))
        paths.append(_path(rng, scene, meeting, point).assign(track=f"target-{k}"))
    return paths


def _path(rng: np.random.Generator, scene: Scene, meeting: int, point: np.ndarray) -> pd.DataFrame:
    """Draw a path through a point at a time; half of the paths turn and change their speed."""
    t = np.arange(scene.frames)
    speed = np.full(scene.frames, rng.uniform(*scene.speed_px))
    heading = np.full(scene.frames, rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.5:
        middle, length = rng.uniform(0, scene.frames), rng.uniform(15, 60)
        turn = 0.5 + 0.5 * np.tanh(4 * (t - middle) / length)
        heading += np.radians(rng.uniform(-120, 120)) * turn
        speed *= 1 + rng.uniform(-0.5, 0.5) * turn
    velocity = speed[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    travelled = np.cumsum(velocity, axis=0)
    x, y = (point + travelled - travelled[meeting]).T
    inside = (x >= 0) & (x < WIDTH) & (y >= 0) & (y < HEIGHT)
    return pd.DataFrame({"frame": t[inside], "x": x[inside], "y": y[inside]})


def _clipping(rng: np.random.Generator, scene: Scene) -> list[pd.DataFrame]:
    """Draw targets that are in the frame once, no deeper than one step takes them."""
    rows = []
    for k in range(rng.poisson(_CLIPPING * scene.frames)):
        depth = rng.uniform(0, max(scene.speed_px[1] / 2, 1.0))
        x, y = rng.uniform((0, 0), (WIDTH, HEIGHT))
        side = rng.integers(4)
        x, y = [(depth, y), (WIDTH - depth - 1e-3, y), (x, depth), (x, HEIGHT - depth - 1e-3)][side]
        row = {"frame": [rng.integers(scene.frames)], "x": [x], "y": [y], "track": f"clipping-{k}"}
        rows.append(pd.DataFrame(row))
    return rows


def _hidden(rng: np.random.Generator, truth: pd.DataFrame) -> np.ndarray:
    """Mark the rows that a target too near suppresses."""
    hidden = np.zeros(len(truth), bool)
    for rows in truth.groupby("frame").indices.values():
        xy = truth[["x", "y"]].to_numpy()[rows]
        near = np.hypot(*(xy[:, None] - xy).transpose(2, 0, 1)) < SUPPRESS_PX
        hidden[rows] = np.triu(near, k=1).any(axis=0)
    return hidden


def _gaps(rng: np.random.Generator, truth: pd.DataFrame) -> np.ndarray:
    """Mark the rows in planted gaps."""
    inside = np.zeros(len(truth), bool)
    for rows in truth.groupby("track").indices.values():
        for _ in range(rng.poisson(len(rows) / _FRAMES_PER_GAP)):
            first = rng.integers(len(rows))
            inside[rows[first : first + rng.integers(*_GAPS)]] = True
    return inside


def _true_detections(rng: np.random.Generator, truth: pd.DataFrame) -> pd.DataFrame:
    """Draw strong and weak detections of the targets."""
    strong = truth.detected.to_numpy()
    detected = strong | (rng.random(len(truth)) < _WEAK_SHARE)
    sigma = np.where(strong, _NOISE_PX, _WEAK_NOISE_PX)
    x = (truth.x + rng.normal(0, sigma)).clip(0, WIDTH - 0.01)
    y = (truth.y + rng.normal(0, sigma)).clip(0, HEIGHT - 0.01)
    high = THRESHOLD + (1 - THRESHOLD) * rng.beta(3, 1.5, len(truth))
    score = np.where(strong, high, _weak_scores(rng, len(truth)))
    table = pd.DataFrame({"frame": truth.frame, "x": x, "y": y, "score": score})
    return table.assign(truth=truth.track)[detected]


def _false_alarms(rng: np.random.Generator, scene: Scene) -> pd.DataFrame:
    """Draw strong detections without a target."""
    draw = {"uniform": _uniform, "edges": _at_edges, "persistent": _persistent}[scene.clutter]
    frame, x, y = draw(rng, scene.frames, scene.false_alarms)
    score = THRESHOLD + (1 - THRESHOLD) * rng.beta(1.5, 3, len(frame))
    return pd.DataFrame({"frame": frame, "x": x, "y": y, "score": score, "truth": ""})


def _weak_clutter(rng: np.random.Generator, scene: Scene) -> pd.DataFrame:
    frame, x, y = _uniform(rng, scene.frames, _WEAK_CLUTTER * scene.false_alarms)
    score = _weak_scores(rng, len(frame))
    return pd.DataFrame({"frame": frame, "x": x, "y": y, "score": score, "truth": ""})


def _weak_scores(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(0.1, THRESHOLD, count)


def _uniform(rng: np.random.Generator, frames: int, rate: float):
    count = rng.poisson(rate * frames)
    x, y = rng.uniform((0, 0), (WIDTH, HEIGHT), (count, 2)).T
    return rng.integers(frames, size=count), x, y


def _at_edges(rng: np.random.Generator, frames: int, rate: float):
    """Draw false alarms along three slowly drifting cloud edges of 200 pixels."""
    count = rng.poisson(rate * frames)
    frame, edge = rng.integers(frames, size=count), rng.integers(3, size=count)
    start = rng.uniform((100, 100), (WIDTH - 100, HEIGHT - 100), (3, 2))
    angle = rng.uniform(0, np.pi, 3)
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    drift = rng.uniform(-0.15, 0.15, (3, 2))
    xy = start[edge] + along[edge] * rng.uniform(-100, 100, (count, 1))
    xy = xy + drift[edge] * frame[:, None] + rng.normal(0, 2, (count, 2))
    return frame, *xy.T


def _persistent(rng: np.random.Generator, frames: int, rate: float):
    """Draw glints of 2 to 6 frames that drift with a cloud; half of them recur at their place."""
    rows = []
    while len(rows) < rate * frames:
        x, y = rng.uniform((0, 0), (WIDTH, HEIGHT))
        drift = rng.uniform(-0.3, 0.3, 2)
        for _ in range(rng.integers(2, 5) if rng.random() < 0.5 else 1):
            first = rng.integers(frames)
            for t in range(first, min(first + rng.integers(2, 7), frames)):
                jitter = rng.normal(0, _NOISE_PX, 2)
                rows.append((t, x + drift[0] * (t - first), y + drift[1] * (t - first), *jitter))
    frame, x, y, dx, dy = np.array(rows).T
    return frame.astype(int), x + dx, y + dy
