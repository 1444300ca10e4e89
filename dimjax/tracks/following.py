"""Passes over the frames of one sequence: forwards to make tracks, backwards to complete them.

track = follow(found, settings)             # [D] number of each detection's track, -1 in none
track = extend(found, track, settings)      # with what was before a track could be told
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dimjax.tracks import kalman
from dimjax.tracks.arrays import Found, backwards, density_around, surprise
from dimjax.tracks.assignment import assign
from dimjax.tracks.likelihood import gains
from dimjax.tracks.settings import Linking
from dimjax.tracks.track_frames import lay_out


class _Alive(NamedTuple):
    """Tracks that may go on."""

    number: np.ndarray  # [N]
    mean: np.ndarray  # [N, 2, 2] as in kalman.State
    cov: np.ndarray  # [N, 2, 2]
    last: np.ndarray  # [N] frame of the last detection
    hits: np.ndarray  # [N] bits: detected in the newest frame, the one before, ...
    confirmed: np.ndarray  # [N] bool

    @property
    def state(self) -> kalman.State:
        return kalman.State(self.mean, self.cov)


# Frame, free detections in it -> new tracks, and the detection of each or none at all.
_Birth = Callable[[int, np.ndarray], tuple[_Alive, np.ndarray]]


def follow(found: Found, settings: Linking) -> np.ndarray:
    """Numbers of the tracks [D], from 0 without a gap, -1 for a detection in none.

    In each frame confirmed tracks choose first. What they and the others leave starts new tracks
    where it is strong; a track may have a single detection.
    """

    def birth(frame: int, free: np.ndarray) -> tuple[_Alive, np.ndarray]:
        rows = free[found.strong[free]]  # a new track has the number of its detection
        return _new(rows, kalman.start(found.xy[rows], settings), frame, False), rows

    return renumbered(_sweep(found, np.unique(found.frame), birth, settings))


def extend(found: Found, track: np.ndarray, settings: Linking) -> np.ndarray:
    """Numbers of the tracks [D] after those that are sure have gone on backwards.

    They take what no other sure track has. Where two targets meet, the first detections of one
    may be linked wrongly forwards, since its velocity is not known yet; backwards it is.

    Args:
      found: The detections.
      track: [D] number of each one's track, from 0 without a gap, -1 in none.
      settings: Of the linking.
    """
    rows = lay_out(found.frame, track)
    path = kalman.smooth(rows.values(found.xy), rows.lengths, settings)
    gain = gains(rows, path, density_around(found, track), settings)
    solid = rows.most_hits(settings.confirm_frames) >= settings.confirm_hits
    solid = np.flatnonzero(solid & (rows.sums(gain) >= settings.sure_evidence))
    start, begun = kalman.backwards(path.state[rows.first]), -rows.frame[rows.first]

    def birth(frame: int, free: np.ndarray) -> tuple[_Alive, np.ndarray]:
        chosen = solid[begun[solid] == frame]
        return _new(chosen, start[chosen], frame, True), free[:0]

    free = np.flatnonzero(~np.isin(track, solid))
    back = backwards(Found(*(values[free] for values in found)))
    taken = _sweep(back, np.union1d(back.frame, begun[solid]), birth, settings)[::-1]
    track = track.copy()
    track[free[taken >= 0]] = taken[taken >= 0]
    return renumbered(track)


def renumbered(track: np.ndarray) -> np.ndarray:
    """The numbers anew, from 0 without a gap, by the first detection of each track; -1 stays."""
    kept = track >= 0
    _, first, number = np.unique(track[kept], return_index=True, return_inverse=True)
    anew = np.full(len(track), -1)
    anew[kept] = np.argsort(np.argsort(first))[number]
    return anew


def _sweep(found: Found, frames: np.ndarray, birth: _Birth, settings: Linking) -> np.ndarray:
    """Track of each detection [D], -1 in none; frames ascend and hold those of all detections."""
    track = np.full(len(found.frame), -1)
    ends = np.searchsorted(found.frame, frames, side="right")
    alive = _new(track[:0], kalman.start(found.xy[:0], settings), 0, False)
    first = now = 0
    for frame, end in zip(frames.tolist(), ends.tolist(), strict=True):
        rows = np.arange(first, end)
        alive = _moved(alive, frame, frame - now, settings)
        owner = _choose(alive, found, rows, settings)
        own = owner >= 0
        track[rows[own]] = alive.number[owner[own]]
        alive = _hit(alive, owner[own], frame, found.xy[rows[own]], settings)
        new, first_ones = birth(frame, rows[~own])
        track[first_ones] = new.number[: len(first_ones)]
        alive = _Alive(*map(np.concatenate, zip(alive, new, strict=True)))
        first, now = end, frame
    return track


def _new(number: np.ndarray, state: kalman.State, frame: int, confirmed: bool) -> _Alive:
    """Tracks that start in a frame."""
    count = len(number)
    hits = np.ones(count, np.int64)
    return _Alive(number, *state, np.full(count, frame), hits, np.full(count, confirmed))


def _moved(alive: _Alive, frame: int, frames: int, settings: Linking) -> _Alive:
    """Those that still live at a frame, predicted to it."""
    coast = np.where(alive.confirmed, settings.coast_frames, settings.young_coast_frames)
    living = frame - alive.last - 1 <= coast
    alive = _Alive(*(values[living] for values in alive))
    mean, cov = kalman.predict(alive.state, frames, settings)
    return alive._replace(mean=mean, cov=cov, hits=alive.hits << min(frames, 62))


def _choose(alive: _Alive, found: Found, rows: np.ndarray, settings: Linking) -> np.ndarray:
    """Place of the living track that takes each detection of a frame, or -1."""
    owner = np.full(len(rows), -1)
    for choosing in (alive.confirmed, ~alive.confirmed):
        choosers, free = np.flatnonzero(choosing), np.flatnonzero(owner < 0)
        i, k, cost = _possible(alive.state[choosers], found, rows[free], settings)
        taken = assign(i, k, cost)
        owner[free[k[taken]]] = choosers[i[taken]]
    return owner


def _possible(state: kalman.State, found: Found, rows: np.ndarray, settings: Linking):
    """Pairs of track and detection within the gate, with their costs.

    The gate is a number of sigmas, which widens as a track coasts; where it would be so wide that
    a chance detection is as likely in it as the track's own, it narrows again.
    """
    spread = kalman.expected_spread(state, settings)[:, None]
    distance = ((state.mean[:, None, 0] - found.xy[rows]) ** 2).sum(axis=-1) / spread
    cost = distance + 2 * surprise(spread, found.density[rows])
    i, k = np.nonzero((distance < settings.gate_sigmas**2) & (cost < 0))
    return i, k, cost[i, k]


def _hit(alive: _Alive, hit: np.ndarray, frame: int, xy: np.ndarray, settings: Linking) -> _Alive:
    """The living after those at some places were detected at xy."""
    alive = _Alive(*(values.copy() for values in alive))
    kalman.put(alive.state, hit, kalman.update(alive.state[hit], xy, settings))
    alive.last[hit] = frame
    alive.hits[hit] |= 1
    recent = np.bitwise_count(alive.hits & ((1 << settings.confirm_frames) - 1))
    return alive._replace(confirmed=alive.confirmed | (recent >= settings.confirm_hits))
