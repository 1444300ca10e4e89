"""Passes over the frames of a sequence: forwards to form tracks, backwards to complete them.

track = follow(detections, settings)            # [D] track number of each detection, -1 for none
track = extend(detections, track, settings)     # earlier detections added to confirmed tracks
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dimjax.tracks import kalman
from dimjax.tracks.arrays import DetectionArrays, density_around, log_clutter, time_reversed
from dimjax.tracks.assignment import assign
from dimjax.tracks.likelihood import llr_increments
from dimjax.tracks.settings import LinkingConfig
from dimjax.tracks.track_frames import TrackFrames


class _LiveTracks(NamedTuple):
    """Tracks that may be continued."""

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
_Birth = Callable[[int, np.ndarray], tuple[_LiveTracks, np.ndarray]]


def follow(detections: DetectionArrays, settings: LinkingConfig) -> np.ndarray:
    """Form tracks frame by frame, forwards.

    In each frame, confirmed tracks choose first, then the others. Detections that remain start new
    tracks if they are strong enough; a track may have a single detection.

    Returns:
      Track number of each detection [D], from 0 without a gap, -1 without a track.
    """

    def birth(frame: int, free: np.ndarray) -> tuple[_LiveTracks, np.ndarray]:
        rows = free[detections.starts[free]]  # the number of a new track is that of its detection
        return _started(rows, kalman.start(detections.xy[rows], settings), frame, False), rows

    return renumbered(_sweep(detections, np.unique(detections.frame), birth, settings))


def extend(detections: DetectionArrays, track: np.ndarray, settings: LinkingConfig) -> np.ndarray:
    """Continue confirmed tracks backwards in time.

    They take detections that belong to no other confirmed track. The first detections of a target
    that meets another one may be linked wrongly in the forward pass, in which its velocity is not
    known yet; in the backward pass it is.

    Args:
      detections: The detections.
      track: [D] track number of each detection, from 0 without a gap, -1 without a track.
      settings: Settings of the linking.

    Returns:
      Track numbers [D], as from `follow`.
    """
    rows = TrackFrames.from_detections(detections.frame, track)
    smoothed = kalman.smooth(rows.values(detections.xy), rows.lengths, settings)
    increments = llr_increments(rows, smoothed, density_around(detections, track), settings)
    solid = rows.max_hits(settings.confirm_frames) >= settings.confirm_hits
    solid &= rows.sums(increments) >= settings.confirm_log_likelihood_ratio
    solid = np.flatnonzero(solid)
    start = kalman.time_reversed(smoothed.state[rows.first])
    start_frame = -rows.frame[rows.first]

    def birth(frame: int, free: np.ndarray) -> tuple[_LiveTracks, np.ndarray]:
        begun = solid[start_frame[solid] == frame]
        return _started(begun, start[begun], frame, True), free[:0]

    free = np.flatnonzero(~np.isin(track, solid))
    back = time_reversed(DetectionArrays(*(values[free] for values in detections)))
    frames = np.union1d(back.frame, start_frame[solid])
    taken = _sweep(back, frames, birth, settings)[::-1]
    track = track.copy()
    track[free[taken >= 0]] = taken[taken >= 0]
    return renumbered(track)


def renumbered(track: np.ndarray) -> np.ndarray:
    """Renumber tracks from 0 without a gap, by the first detection of each; -1 stays."""
    linked = track >= 0
    _, first, number = np.unique(track[linked], return_index=True, return_inverse=True)
    renumbered_track = np.full(len(track), -1)
    renumbered_track[linked] = np.argsort(np.argsort(first))[number]
    return renumbered_track


def _sweep(
    detections: DetectionArrays, frames: np.ndarray, birth: _Birth, settings: LinkingConfig
) -> np.ndarray:
    """Track of each detection [D], -1 for none.

    The frames ascend and include those of all detections.
    """
    track = np.full(len(detections.frame), -1)
    ends = np.searchsorted(detections.frame, frames, side="right")
    live = _started(track[:0], kalman.start(detections.xy[:0], settings), 0, False)
    first = now = 0
    for frame, end in zip(frames.tolist(), ends.tolist(), strict=True):
        rows = np.arange(first, end)
        live = _predicted(live, frame, frame - now, settings)
        owner = _associate(live, detections, rows, settings)
        hit = owner >= 0
        track[rows[hit]] = live.number[owner[hit]]
        live = _updated(live, owner[hit], frame, detections.xy[rows[hit]], settings)
        born, first_detections = birth(frame, rows[~hit])
        track[first_detections] = born.number[: len(first_detections)]
        live = _LiveTracks(*map(np.concatenate, zip(live, born, strict=True)))
        first, now = end, frame
    return track


def _started(number: np.ndarray, state: kalman.State, frame: int, confirmed: bool) -> _LiveTracks:
    """Tracks that start in a frame."""
    count = len(number)
    hits = np.ones(count, np.int64)
    return _LiveTracks(number, *state, np.full(count, frame), hits, np.full(count, confirmed))


def _predicted(live: _LiveTracks, frame: int, frames: int, settings: LinkingConfig) -> _LiveTracks:
    """Predict the tracks to a frame, without those that have coasted for too long."""
    coast = np.where(live.confirmed, settings.coast_frames, settings.young_coast_frames)
    survives = frame - live.last - 1 <= coast
    live = _LiveTracks(*(values[survives] for values in live))
    mean, cov = kalman.predict(live.state, frames, settings)
    return live._replace(mean=mean, cov=cov, hits=live.hits << min(frames, 62))


def _associate(
    live: _LiveTracks, detections: DetectionArrays, rows: np.ndarray, settings: LinkingConfig
) -> np.ndarray:
    """Index of the live track that takes each detection of a frame, or -1."""
    owner = np.full(len(rows), -1)
    for choosing in (live.confirmed, ~live.confirmed):
        choosers, free = np.flatnonzero(choosing), np.flatnonzero(owner < 0)
        i, k, cost = _gated_pairs(live.state[choosers], detections, rows[free], settings)
        taken = assign(i, k, cost)
        owner[free[k[taken]]] = choosers[i[taken]]
    return owner


def _gated_pairs(
    state: kalman.State, detections: DetectionArrays, rows: np.ndarray, settings: LinkingConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of track and detection within the gate, with their costs.

    The gate is a number of sigmas of the innovation, which grow while a track coasts. It is limited
    to the distance at which a false alarm is as likely as a detection of the target (cost 0).
    """
    variance = kalman.innovation_variance(state, settings)[:, None]
    nis = ((state.mean[:, None, 0] - detections.xy[rows]) ** 2).sum(axis=-1) / variance
    cost = nis + 2 * log_clutter(variance, detections.density[rows])
    i, k = np.nonzero((nis < settings.gate_sigmas**2) & (cost < 0))
    return i, k, cost[i, k]


def _updated(
    live: _LiveTracks, hit: np.ndarray, frame: int, xy: np.ndarray, settings: LinkingConfig
) -> _LiveTracks:
    """Update the live tracks of some indices with their detections at xy."""
    live = _LiveTracks(*(values.copy() for values in live))
    kalman.put(live.state, hit, kalman.update(live.state[hit], xy, settings))
    live.last[hit] = frame
    live.hits[hit] |= 1
    recent = np.bitwise_count(live.hits & ((1 << settings.confirm_frames) - 1))
    return live._replace(confirmed=live.confirmed | (recent >= settings.confirm_hits))
