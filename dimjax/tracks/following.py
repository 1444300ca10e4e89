"""The forward pass: detections of one sequence, frame by frame, to tracks.

    track = follow(found, settings)             # [D] number of each detection's track, -1 in none
"""

from typing import NamedTuple

import numpy as np

from dimjax.tracks import kalman
from dimjax.tracks.assignment import assign
from dimjax.tracks.settings import Linking


class Found(NamedTuple):
    """Detections of one sequence that may be linked, by frame and within it by falling score."""

    frame: np.ndarray  # [D] int
    xy: np.ndarray  # [D, 2] pixels, camera motion taken out
    strong: np.ndarray  # [D] bool, may start a track
    density: np.ndarray  # [D] detections at least as strong, per pixel and frame


class _Alive(NamedTuple):
    """Tracks that may go on."""

    number: np.ndarray  # [N]
    state: kalman.State  # [N]
    last: np.ndarray  # [N] frame of the last detection
    hits: np.ndarray  # [N] bits: detected in the newest frame, the one before, ...
    confirmed: np.ndarray  # [N] bool

    def __getitem__(self, index) -> "_Alive":
        return _Alive(*(values[index] for values in self))


def follow(found: Found, settings: Linking) -> np.ndarray:
    """Numbers of the tracks [D], -1 for a detection in none; a lone strong one is a track.

    In each frame confirmed tracks choose first. What they and the others leave starts new tracks
    where it is strong.
    """
    track = np.full(len(found.frame), -1)
    frames, first = np.unique(found.frame, return_index=True)
    alive, now, tracks = _new(found, np.zeros(0, int), 0, settings), 0, 0
    for frame, rows in zip(frames, np.split(np.arange(len(track)), first[1:]), strict=True):
        alive = _moved(alive, frame, frame - now, settings)
        alive, own = _chosen(alive, found, rows, settings)
        born = rows[(own < 0) & found.strong[rows]]
        track[rows[own >= 0]] = own[own >= 0]
        track[born] = tracks + np.arange(len(born))
        alive = _joined(alive, _new(found, born, tracks, settings))
        now, tracks = frame, tracks + len(born)
    return track


def log_surprise(spread: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Log of how many chance detections lie where one is expected, ln(2 pi S density).

    With half the squared distance d^2 / 2 added, this is minus the log of how much likelier a
    detection is if it is the track's than if it is there by chance.
    """
    return np.log(2 * np.pi * spread * density)


def _new(found: Found, rows: np.ndarray, number: int, settings: Linking) -> _Alive:
    count = len(rows)
    return _Alive(
        number + np.arange(count),
        kalman.start(found.xy[rows], settings),
        found.frame[rows],
        np.ones(count, np.int64),
        np.zeros(count, bool),
    )


def _moved(alive: _Alive, frame: int, frames: int, settings: Linking) -> _Alive:
    """Those that still live at a frame, predicted to it."""
    coast = np.where(alive.confirmed, settings.coast_frames, settings.young_coast_frames)
    alive = alive[frame - alive.last - 1 <= coast]
    hits = alive.hits << min(int(frames), 62)
    return alive._replace(state=kalman.predict(alive.state, frames, settings), hits=hits)


def _chosen(
    alive: _Alive, found: Found, rows: np.ndarray, settings: Linking
) -> tuple[_Alive, np.ndarray]:
    """Tracks after they have chosen among detections, and the track number of these or -1."""
    own = np.full(len(rows), -1)  # place among the living
    for choosing in (alive.confirmed, ~alive.confirmed):
        choosers, free = np.flatnonzero(choosing), np.flatnonzero(own < 0)
        i, k, cost = _possible(alive.state[choosers], found, rows[free], settings)
        taken = assign(i, k, cost)
        own[free[k[taken]]] = choosers[i[taken]]
    hit = np.flatnonzero(own >= 0)
    hitters = own[hit]
    kalman.put(
        alive.state,
        hitters,
        kalman.update(alive.state[hitters], found.xy[rows[hit]], settings),
    )
    alive.last[hitters] = found.frame[rows[hit]]
    alive.hits[hitters] |= 1
    recent = np.bitwise_count(alive.hits & ((1 << settings.confirm_frames) - 1))
    alive = alive._replace(confirmed=alive.confirmed | (recent >= settings.confirm_hits))
    return alive, np.where(own < 0, -1, alive.number[own]) if len(alive.number) else own


def _possible(state: kalman.State, found: Found, rows: np.ndarray, settings: Linking):
    """Pairs of track and detection within the gate, with their costs.

    The gate is a number of sigmas, which widens as a track coasts; where it would be so wide that
    a chance detection is as likely in it as the track's own, it narrows again.
    """
    spread = kalman.expected_spread(state, settings)
    off = state.mean[:, None, 0] - found.xy[rows]
    distance = (off**2).sum(axis=-1) / spread[:, None]
    cost = distance + 2 * log_surprise(spread[:, None], found.density[rows])
    i, k = np.nonzero((distance < settings.gate_sigmas**2) & (cost < 0))
    return i, k, cost[i, k]


def _joined(one: _Alive, other: _Alive) -> _Alive:
    parts = [np.concatenate(pair) for pair in zip(one[:1] + one[2:], other[:1] + other[2:])]
    state = kalman.State(*map(np.concatenate, zip(one.state, other.state, strict=True)))
    return _Alive(parts[0], state, *parts[1:])
