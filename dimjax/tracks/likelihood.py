"""Log-likelihood ratio of a track against clutter, frame by frame.

increments = llr_increments(rows, smoothed, density, settings)  # [P]; the sum is a track's ratio
track = trim(detections, track, settings)                       # ends with a negative ratio removed
track_evidence(rows, smoothed, detections, settings)            # [P], from scores and positions
"""

import numpy as np

from dimjax.tracks import kalman
from dimjax.tracks.arrays import DetectionArrays, density_around, log_clutter, time_reversed
from dimjax.tracks.settings import LinkingConfig
from dimjax.tracks.track_frames import TrackFrames

# Weight of a frame in the evidence of the next one: what happened 10 frames ago counts a third. A
# track in which a target was lost for something else does not profit from the target for long.
_DECAY = 0.9
# A false detection is followed by others anywhere, with this area for each, and with this
# probability by one at the same place: glints, edges of clouds, hot pixels. Chosen on simulated
# skies, calm and cloudy, for one network and the untrained filter.
_CLUTTER_AREA_PX = 3000.0
_PERSISTENCE = 0.5


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


def track_evidence(
    rows: TrackFrames,
    smoothed: kalman.Smoothed,
    detections: DetectionArrays,
    settings: LinkingConfig,
    causal: bool = False,
) -> np.ndarray:
    """Log-likelihood ratio of a track around each of its frames [P].

    A sequential test (Wald 1945) over weak detections. The first detection of a track adds llr(s)
    of the score model, each later one

        llr(s) + ln N(d; S) - ln(1 / A + N(m; 2 R) / 2)

    with the innovation d of variance S, the displacement m since the track's detection before, the
    two-dimensional normal density N, the area A of clutter and the variance R of a position: half
    of the false detections recur at their place, so what stands needs higher scores than what
    moves. A frame without a detection subtracts model.missed_detection_cost. Frames count less by a
    factor 0.9 a frame of distance.

    Args:
      rows: Frames of the tracks.
      smoothed: From kalman.smooth, of the same rows.
      detections: The detections.
      settings: Settings of the linking, and the model of the scores.
      causal: Sum up to each frame in place of around it.
    """
    model, hit = settings.scores, rows.detection >= 0
    increments = np.full(len(hit), -model.missed_detection_cost)
    increments[hit] = model.log_likelihood_ratio(detections.score[rows.detection[hit]])
    later = hit.copy()
    later[rows.first] = False
    of_clutter = _clutter_density(rows, detections, settings)[later]
    increments[later] -= np.log(2 * np.pi * smoothed.innovation_variance[later] * of_clutter)
    increments[later] -= smoothed.nis[later] / 2
    sums = rows.sums_so_far if causal else rows.sums_around
    return sums(increments, _DECAY)


def _clutter_density(
    rows: TrackFrames, detections: DetectionArrays, settings: LinkingConfig
) -> np.ndarray:
    """Density of false detections at each row's detection, given the one before [P], 1/pixels^2."""
    newest, xy = rows.newest(), rows.values(detections.xy)
    squared = ((xy - xy[np.append(newest[:1], newest[:-1])]) ** 2).sum(axis=-1)
    variance = 2 * settings.noise_px**2
    same_place = np.exp(-squared / (2 * variance)) / (2 * np.pi * variance)
    return 1 / _CLUTTER_AREA_PX + _PERSISTENCE * same_place


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
