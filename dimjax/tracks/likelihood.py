"""Log-likelihood ratio of a track against clutter, frame by frame.

increments = llr_increments(rows, smoothed, density, settings)  # [P]; the sum is a track's ratio
track = trim(detections, track, settings)                       # ends with a negative ratio removed
"""

import numpy as np

from dimjax.tracks import kalman
from dimjax.tracks.arrays import DetectionArrays, density_around, log_clutter, time_reversed
from dimjax.tracks.settings import LinkingConfig
from dimjax.tracks.track_frames import TrackFrames


def llr_increments(
    rows: TrackFrames, smoothed: kalman.Smoothed, density: np.ndarray, settings: LinkingConfig
) -> np.ndarray:
    """Log-likelihood ratio that each frame adds to its track [P]; a track's ratio is their sum.

    The first detection of a track adds 0. Each later one adds

        ln p(detection | track) - ln(density of clutter) = -d2 / 2 - ln(2 pi S lambda)

    with the normalized innovation squared d2, the innovation variance S and the density of clutter
    lambda. A frame without a detection subtracts settings.missed_detection_cost.

    Args:
      rows: Frames of the tracks.
      smoothed: From kalman.smooth, of the same rows.
      density: [D] from density_around.
      settings: Settings of the linking.
    """
    later = rows.detection >= 0
    later[rows.first] = False
    increments = np.where(rows.detection < 0, -settings.missed_detection_cost, 0.0)
    clutter = log_clutter(smoothed.innovation_variance[later], density[rows.detection[later]])
    increments[later] = -smoothed.nis[later] / 2 - clutter
    return increments


def trim(detections: DetectionArrays, track: np.ndarray, settings: LinkingConfig) -> np.ndarray:
    """Remove the ends that lower the log-likelihood ratio of their tracks.

    A detection at an end after a long gap adds less than the gap costs if no other follows. Both
    ends are judged from the middle of the track, where the velocity is known.

    Args:
      detections: The detections.
      track: [D] track number of each detection, -1 without a track.
      settings: Settings of the linking.

    Returns:
      Track numbers [D]; -1 for removed detections too.
    """
    for _ in ("last", "first"):
        track = _without_end(detections, track, settings)[::-1]
        detections = time_reversed(detections)
    return track


def _without_end(
    detections: DetectionArrays, track: np.ndarray, settings: LinkingConfig
) -> np.ndarray:
    """Track numbers [D] up to the frame at which each track's ratio is the highest."""
    rows = TrackFrames.from_detections(detections.frame, track)
    smoothed = kalman.smooth(rows.values(detections.xy), rows.lengths, settings)
    density = density_around(detections, track)
    ratio = np.cumsum(llr_increments(rows, smoothed, density, settings))
    kept = np.zeros(len(track), bool)
    for first, last in zip(rows.first.tolist(), rows.last.tolist(), strict=True):
        stretch = rows.detection[first : first + ratio[first : last + 1].argmax() + 1]
        kept[stretch[stretch >= 0]] = True
    return np.where(kept, track, -1)
