"""A Kalman filter for many tracks at once, and its fixed-interval smoother.

The model is nearly constant velocity: white-noise acceleration disturbs each axis (Bar-Shalom, Li,
Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, sections 6.2 and 8.6).
The axes x and y are independent and have the same covariance, so it is stored once.

    state = start(xy, settings)                         # xy [N, 2]: first detections
    state = predict(state, 1, settings)                 # one frame later
    state = update(state, xy, settings)                 # with the next detections
    smoothed = smooth(xy, lengths, settings)            # whole tracks, concatenated

With the predicted position covariance P and the measurement noise R = noise_px**2, the innovation
(detection minus predicted position) has the variance S = P + R along each axis. The normalized
innovation squared, d2 = |innovation|**2 / S, gates detections and enters the track likelihood.
"""

from typing import NamedTuple

import numpy as np

from dimjax.tracks.settings import LinkingConfig


class State(NamedTuple):
    """Position and velocity of tracks, with the covariance of each axis."""

    mean: np.ndarray  # [N, 2, 2] position and velocity (rows) of x and y (columns)
    cov: np.ndarray  # [N, 2, 2] of position and velocity

    def __getitem__(self, index) -> "State":
        return State(self.mean[index], self.cov[index])


class Smoothed(NamedTuple):
    """States of whole tracks, concatenated; P frames in all."""

    state: State  # [P] given all detections of the track, or the earlier ones if only filtered
    nis: np.ndarray  # [P] normalized innovation squared, NaN without a detection
    innovation_variance: np.ndarray  # [P] along one axis, pixels squared; NaN in first frames


def start(xy: np.ndarray, settings: LinkingConfig) -> State:
    """Initialise states from first detections at xy [N, 2]; the velocity is unknown."""
    mean = np.zeros((len(xy), 2, 2))
    mean[:, 0] = xy
    cov = np.diag([settings.noise_px**2, settings.speed_px**2])
    return State(mean, np.tile(cov, (len(xy), 1, 1)))


def predict(state: State, frames: float | np.ndarray, settings: LinkingConfig) -> State:
    """Predict states some frames ahead; `frames` is one number, or one for each state."""
    transition, noise = _motion(np.asarray(frames, float), settings)
    cov = transition @ state.cov @ np.swapaxes(transition, -1, -2) + noise
    return State(transition @ state.mean, cov)


def update(state: State, xy: np.ndarray, settings: LinkingConfig) -> State:
    """Update predicted states with detections at xy [N, 2]."""
    variance = innovation_variance(state, settings)
    gain = state.cov[:, :, :1] / variance[:, None, None]  # [N, 2, 1]
    innovation = (xy - state.mean[:, 0])[:, None]
    return State(state.mean + gain * innovation, state.cov - gain * state.cov[:, :1])


def time_reversed(state: State) -> State:
    """Reverse time: velocities change their sign."""
    sign = np.array([1.0, -1.0])
    return State(state.mean * sign[:, None], state.cov * sign[:, None] * sign)


def innovation_variance(state: State, settings: LinkingConfig) -> np.ndarray:
    """Variance S of the innovation along one axis [N], pixels squared."""
    return state.cov[:, 0, 0] + settings.noise_px**2


def smooth(
    xy: np.ndarray, lengths: np.ndarray, settings: LinkingConfig, causal: bool = False
) -> Smoothed:
    """Filter tracks forwards and smooth them backwards (Rauch, Tung, Striebel 1965).

    Args:
      xy: [P, 2] detections of all tracks, concatenated, each frame by frame; NaN in a frame
        without a detection. The first frame of a track has one.
      lengths: [N] frames of each track, all above 0.
      settings: Settings of the motion model.
      causal: Only filter: each state is that given the detections up to its frame.
    """
    first = np.cumsum(lengths) - lengths
    rows_at = [first[lengths > k] + k for k in range(max(lengths, default=0))]
    empty = State(np.zeros((len(xy), 2, 2)), np.zeros((len(xy), 2, 2)))
    smoothed = Smoothed(empty, np.full(len(xy), np.nan), np.full(len(xy), np.nan))
    predicted = State(empty.mean.copy(), empty.cov.copy())
    if len(xy):
        put(smoothed.state, first, start(xy[first], settings))
    for rows in rows_at[1:]:
        put(predicted, rows, predict(smoothed.state[rows - 1], 1, settings))
        _filter_step(smoothed, predicted, rows, xy, settings)
    for rows in [] if causal else reversed(rows_at[1:]):
        _smoother_step(smoothed.state, predicted, rows, settings)
    return smoothed


def put(state: State, rows: np.ndarray, values: State) -> None:
    """Replace some of the states in place."""
    state.mean[rows], state.cov[rows] = values


def _filter_step(smoothed: Smoothed, predicted: State, rows: np.ndarray, xy, settings) -> None:
    """Write the filtered states and the innovations of some rows."""
    prediction = predicted[rows]
    variance = innovation_variance(prediction, settings)
    smoothed.innovation_variance[rows] = variance
    smoothed.nis[rows] = ((xy[rows] - prediction.mean[:, 0]) ** 2).sum(axis=-1) / variance
    detected = np.isfinite(xy[rows, 0])
    put(smoothed.state, rows, prediction)
    put(
        smoothed.state,
        rows[detected],
        update(prediction[detected], xy[rows[detected]], settings),
    )


def _smoother_step(state: State, predicted: State, rows: np.ndarray, settings) -> None:
    """Replace the filtered states of the rows before some rows by smoothed ones."""
    transition, _ = _motion(np.ones(()), settings)
    before, after, prediction = state[rows - 1], state[rows], predicted[rows]
    gain = before.cov @ transition.T @ np.linalg.inv(prediction.cov)
    mean = before.mean + gain @ (after.mean - prediction.mean)
    cov = before.cov + gain @ (after.cov - prediction.cov) @ np.swapaxes(gain, -1, -2)
    put(state, rows - 1, State(mean, cov))


def _motion(frames: np.ndarray, settings: LinkingConfig) -> tuple[np.ndarray, np.ndarray]:
    """Transition matrix and covariance of the process noise, [2, 2] or [N, 2, 2]."""
    one, zero = np.ones_like(frames), np.zeros_like(frames)
    transition = np.stack([one, frames, zero, one], axis=-1)
    noise = np.stack([frames**3 / 3, frames**2 / 2, frames**2 / 2, frames], axis=-1)
    shape = (*frames.shape, 2, 2)
    return transition.reshape(shape), settings.acceleration_px**2 * noise.reshape(shape)
