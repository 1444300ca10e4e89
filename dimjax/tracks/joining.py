"""Ends of tracks joined to the starts of others, predicted from both sides.

    track = join(found, track, settings)        # [D] with the numbers of joined tracks made one

After Jaqaman et al. 2008, Robust single-particle tracking in live-cell time-lapse sequences; here
both position and velocity have to agree, each within what is known of it.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dimjax.tracks import kalman
from dimjax.tracks.arrays import Found, surprise
from dimjax.tracks.assignment import assign
from dimjax.tracks.settings import Linking
from dimjax.tracks.track_frames import Rows, lay_out


def join(found: Found, track: np.ndarray, settings: Linking) -> np.ndarray:
    """Numbers of the tracks after joining [D]; one of two that are joined has enough hits.

    Args:
      found: The detections.
      track: [D] number of each one's track, from 0 without a gap, -1 in none.
      settings: Of the linking.
    """
    rows = lay_out(found.frame, track)
    if not len(rows.lengths):
        return track
    i, j = _in_time(rows, settings)
    path = kalman.smooth(rows.values(found.xy), rows.lengths, settings)
    density = found.density[rows.detection[rows.first[j]]]
    cost = _costs(path.state[rows.last[i]], path.state[rows.first[j]], rows, i, j, settings)
    cost += 2 * surprise(1.0, density)
    possible = np.flatnonzero(cost < 0)
    taken = possible[assign(i[possible], j[possible], cost[possible])]
    graph = coo_array((np.ones(len(taken), bool), (i[taken], j[taken])), (len(rows.lengths),) * 2)
    _, chain = connected_components(graph, directed=False)
    return np.where(track < 0, -1, chain[track])


def _in_time(rows: Rows, settings: Linking) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tracks, the second of which starts soon after the first has ended."""
    start, end = rows.frame[rows.first], rows.frame[rows.last]
    solid = rows.most_hits(settings.confirm_frames) >= settings.confirm_hits
    pairs = []
    for ends, starts in ((solid, np.ones_like(solid)), (~solid, solid)):
        early, late = np.flatnonzero(ends), np.flatnonzero(starts)
        late = late[np.argsort(start[late], kind="stable")]
        low = np.searchsorted(start[late], end[early], side="right")
        high = np.searchsorted(start[late], end[early] + settings.join_frames + 1, side="right")
        counts = high - low
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        pairs.append((np.repeat(early, counts), late[np.repeat(low, counts) + within]))
    i, j = map(np.concatenate, zip(*pairs, strict=True))
    return i, j


def _costs(ends, starts, rows: Rows, i, j, settings: Linking) -> np.ndarray:
    """Minus twice the log of how much likelier the pairs are one track than two, per pixel.

    A track that starts anew has any velocity, with the spread that all have before their second
    detection; one that goes on has the predicted one. Infinite outside the gate.
    """
    frames = (rows.frame[rows.first[j]] - rows.frame[rows.last[i]]).astype(float)
    ahead = kalman.predict(ends, frames, settings)
    cov = ahead.cov + starts.cov
    off = starts.mean - ahead.mean
    distance = np.einsum("npa,npq,nqa->n", off, np.linalg.inv(cov), off)
    cost = distance + 2 * np.log(np.linalg.det(cov) / settings.speed_px**2)
    # Of four numbers instead of two, about the same share of true pairs lies within this.
    return np.where(distance < settings.gate_sigmas**2 + 4, cost, np.inf)
