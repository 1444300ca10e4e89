"""Evidence of tracks: how much likelier their detections are as tracks than by chance.

gain = gains(rows, path, density, settings)         # [P] of each frame; sums are evidence
track = trim(found, track, settings)                # without ends that speak against it
"""

import numpy as np

from dimjax.tracks import kalman
from dimjax.tracks.arrays import Found, backwards, density_around, surprise
from dimjax.tracks.settings import Linking
from dimjax.tracks.track_frames import Rows, lay_out


def gains(rows: Rows, path: kalman.Path, density: np.ndarray, settings: Linking) -> np.ndarray:
    """Evidence that each frame of each track adds [P]; the sum over a track is its evidence.

    The log of how much likelier the detections are as a track than by chance. The first detection
    says nothing; each other one as much as it is nearer to where it is expected than chance would
    have it; a frame without one speaks against the track.

    Args:
      rows: Of the tracks.
      path: From kalman.smooth, of the same rows.
      density: [D] of the detections, from density_around.
      settings: Of the linking.
    """
    later = rows.detection >= 0
    later[rows.first] = False
    gain = np.where(rows.detection < 0, -settings.missing_evidence, 0.0)
    seen = density[rows.detection[later]]
    gain[later] = -path.miss[later] / 2 - surprise(path.spread[later], seen)
    return gain


def trim(found: Found, track: np.ndarray, settings: Linking) -> np.ndarray:
    """Numbers of the tracks [D] without ends that speak against them.

    A detection that was taken at an end after a long gap brings less than the gap costs, if
    nothing follows it. Both ends are judged from the middle, where the velocity is known.
    """
    for _ in ("last", "first"):
        track = _without_end(found, track, settings)[::-1]
        found = backwards(found)
    return track


def _without_end(found: Found, track: np.ndarray, settings: Linking) -> np.ndarray:
    """Numbers of the tracks [D] without what comes after the most evidence."""
    rows = lay_out(found.frame, track)
    path = kalman.smooth(rows.values(found.xy), rows.lengths, settings)
    gain = np.cumsum(gains(rows, path, density_around(found, track), settings))
    kept = np.zeros(len(track), bool)
    for first, last in zip(rows.first.tolist(), rows.last.tolist(), strict=True):
        stretch = rows.detection[first : first + gain[first : last + 1].argmax() + 1]
        kept[stretch[stretch >= 0]] = True
    return np.where(kept, track, -1)
