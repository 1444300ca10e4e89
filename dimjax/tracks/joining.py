"""Joining of track ends to track starts, predicted from both sides.

    track = join(detections, track, settings)   # [D], joined tracks share a number

After Jaqaman et al. 2008, Robust single-particle tracking in live-cell time-lapse sequences; here
both position and velocity must agree, each within its covariance.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dimjax.tracks import kalman
from dimjax.tracks.arrays import DetectionArrays, log_clutter
from dimjax.tracks.assignment import assign
from dimjax.tracks.settings import LinkingConfig
from dimjax.tracks.track_frames import TrackFrames


def join(detections: DetectionArrays, track: np.ndarray, settings: LinkingConfig) -> np.ndarray:
    """Join track ends to track starts; at least one track of each pair has enough hits.

    Args:
      detections: The detections.
      track: [D] track number of each detection, from 0 without a gap, -1 without a track.
      settings: Settings of the linking.

    Returns:
      Track numbers after joining [D].
    """
    rows = TrackFrames.from_detections(detections.frame, track)
    if not len(rows.lengths):
        return track
    i, j = _candidate_pairs(rows, settings)
    smoothed = kalman.smooth(rows.values(detections.xy), rows.lengths, settings)
    ends, starts = smoothed.state[rows.last[i]], smoothed.state[rows.first[j]]
    cost = _costs(ends, starts, rows, i, j, settings)
    cost += 2 * log_clutter(1.0, detections.density[rows.detection[rows.first[j]]])
    possible = np.flatnonzero(cost < 0)
    taken = possible[assign(i[possible], j[possible], cost[possible])]
    graph = coo_array((np.ones(len(taken), bool), (i[taken], j[taken])), (len(rows.lengths),) * 2)
    _, chain = connected_components(graph, directed=False)
    return np.where(track < 0, -1, chain[track])


def _candidate_pairs(rows: TrackFrames, settings: LinkingConfig) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tracks of which the second starts soon after the end of the first."""
    start, end = rows.frame[rows.first], rows.frame[rows.last]
    solid = rows.max_hits(settings.confirm_frames) >= settings.confirm_hits
    pairs = []
    for may_end, may_start in ((solid, np.ones_like(solid)), (~solid, solid)):
        early, late = np.flatnonzero(may_end), np.flatnonzero(may_start)
        late = late[np.argsort(start[late], kind="stable")]
        low = np.searchsorted(start[late], end[early], side="right")
        high = np.searchsorted(start[late], end[early] + settings.join_frames + 1, side="right")
        counts = high - low
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        pairs.append((np.repeat(early, counts), late[np.repeat(low, counts) + within]))
    i, j = map(np.concatenate, zip(*pairs, strict=True))
    return i, j


def _costs(
    ends: kalman.State, starts: kalman.State, rows: TrackFrames, i, j, settings: LinkingConfig
) -> np.ndarray:
    """Minus twice the log-likelihood ratio of one track against two, without the clutter density.

    A new track has any velocity, with the variance that velocities have before the second
    detection; a continued track has the predicted one. Infinite outside the gate.
    """
    frames = (rows.frame[rows.first[j]] - rows.frame[rows.last[i]]).astype(float)
    predicted = kalman.predict(ends, frames, settings)
    cov = predicted.cov + starts.cov
    innovation = starts.mean - predicted.mean
    nis = np.einsum("npa,npq,nqa->n", innovation, np.linalg.inv(cov), innovation)
    cost = nis + 2 * np.log(np.linalg.det(cov) / settings.speed_px**2)
    # With four components in place of two, about the same share of true pairs lies within this.
    return np.where(nis < settings.gate_sigmas**2 + 4, cost, np.inf)
