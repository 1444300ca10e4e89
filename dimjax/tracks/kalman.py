"""A Kalman filter of constant velocity for many tracks at once, and its smoother.

The axes x and y do not influence each other and have the same covariance, which is therefore kept
once. In come positions and settings; out come states:

    state = start(xy, settings)                         # xy [N, 2]: first detections
    state = predict(state, 1, settings)                 # one frame later
    state = update(state, xy, settings)                 # with the next detections
    path = smooth(xy, lengths, settings)                # whole tracks, one after the other

The acceleration is white noise (Bar-Shalom, Li, Kirubarajan, Estimation with Applications to
Tracking and Navigation, sections 6.2 and 8.6).
"""

from typing import NamedTuple

import numpy as np

from dimjax.tracks.settings import Linking


class State(NamedTuple):
    """Where tracks are and how fast, with the covariance of each axis."""

    mean: np.ndarray  # [N, 2, 2] position and velocity (rows) of x and y (columns)
    cov: np.ndarray  # [N, 2, 2] of position and velocity

    def __getitem__(self, index) -> "State":
        return State(self.mean[index], self.cov[index])


class Path(NamedTuple):
    """States of whole tracks, one after the other; P frames in all."""

    state: State  # [P] given all detections of the track
    miss: np.ndarray  # [P] squared distance in sigmas from detection to prediction, NaN without
    spread: np.ndarray  # [P] variance of that distance along one axis, pixels squared


def start(xy: np.ndarray, settings: Linking) -> State:
    """States after a first detection at xy [N, 2]; the velocity is unknown."""
    mean = np.zeros((len(xy), 2, 2))
    mean[:, 0] = xy
    cov = np.diag([settings.noise_px**2, settings.speed_px**2])
    return State(mean, np.tile(cov, (len(xy), 1, 1)))


def predict(state: State, frames: float | np.ndarray, settings: Linking) -> State:
    """States some frames later; frames may be one number, or one for each state."""
    moves, noise = _motion(np.asarray(frames, float), settings)
    return State(moves @ state.mean, moves @ state.cov @ np.swapaxes(moves, -1, -2) + noise)


def update(state: State, xy: np.ndarray, settings: Linking) -> State:
    """States after detections at xy [N, 2]."""
    gain = state.cov[:, :, :1] / expected_spread(state, settings)[:, None, None]  # [N, 2, 1]
    off = (xy - state.mean[:, 0])[:, None]
    return State(state.mean + gain * off, state.cov - gain * state.cov[:, :1])


def backwards(state: State) -> State:
    """The states for one who lets time run backwards."""
    sign = np.array([1.0, -1.0])
    return State(state.mean * sign[:, None], state.cov * sign[:, None] * sign)


def expected_spread(state: State, settings: Linking) -> np.ndarray:
    """Variance of where a detection will be along one axis [N], pixels squared."""
    return state.cov[:, 0, 0] + settings.noise_px**2


def smooth(xy: np.ndarray, lengths: np.ndarray, settings: Linking) -> Path:
    """Filter tracks forwards and smooth them backwards (Rauch, Tung, Striebel 1965).

    Args:
      xy: [P, 2] detections of all tracks, one track after the other and each frame by frame; NaN
        where a frame has none. The first frame of a track has one.
      lengths: [N] frames of each track, all above 0.
      settings: Of the motion.
    """
    first = np.cumsum(lengths) - lengths
    rows_at = [first[lengths > k] + k for k in range(max(lengths, default=0))]
    empty = State(np.zeros((len(xy), 2, 2)), np.zeros((len(xy), 2, 2)))
    path = Path(empty, np.full(len(xy), np.nan), np.full(len(xy), np.nan))
    predicted = State(empty.mean.copy(), empty.cov.copy())
    if len(xy):
        put(path.state, first, start(xy[first], settings))
    for rows in rows_at[1:]:
        put(predicted, rows, predict(path.state[rows - 1], 1, settings))
        _step(path, predicted, rows, xy, settings)
    for rows in reversed(rows_at[1:]):
        _step_back(path.state, predicted, rows, settings)
    return path


def _step(path: Path, predicted: State, rows: np.ndarray, xy: np.ndarray, settings) -> None:
    """Fill in the filtered states of some rows."""
    expected = predicted[rows]
    spread = expected_spread(expected, settings)
    path.spread[rows] = spread
    path.miss[rows] = ((xy[rows] - expected.mean[:, 0]) ** 2).sum(axis=-1) / spread
    seen = np.isfinite(xy[rows, 0])
    put(path.state, rows, expected)
    put(path.state, rows[seen], update(expected[seen], xy[rows[seen]], settings))


def _step_back(state: State, predicted: State, rows: np.ndarray, settings) -> None:
    """Turn the filtered states before some rows into smoothed ones."""
    moves, _ = _motion(np.ones(()), settings)
    before, after, expected = state[rows - 1], state[rows], predicted[rows]
    gain = before.cov @ moves.T @ np.linalg.inv(expected.cov)
    mean = before.mean + gain @ (after.mean - expected.mean)
    cov = before.cov + gain @ (after.cov - expected.cov) @ np.swapaxes(gain, -1, -2)
    put(state, rows - 1, State(mean, cov))


def put(state: State, rows: np.ndarray, values: State) -> None:
    """Replace some of the states."""
    state.mean[rows], state.cov[rows] = values


def _motion(frames: np.ndarray, settings: Linking) -> tuple[np.ndarray, np.ndarray]:
    """Transition and process noise, [2, 2] or [N, 2, 2]."""
    one, none = np.ones_like(frames), np.zeros_like(frames)
    moves = np.stack([one, frames, none, one], axis=-1)
    noise = np.stack([frames**3 / 3, frames**2 / 2, frames**2 / 2, frames], axis=-1)
    shape = (*frames.shape, 2, 2)
    return moves.reshape(shape), settings.acceleration_px**2 * noise.reshape(shape)
