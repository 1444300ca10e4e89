"""Choose a detector's score thresholds on full frames of a run's validation split.

description |= choose_thresholds(context, detector)       # at the end of a training
"""

import numpy as np
import pandas as pd

from dimjax.detection.detector import Detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.evaluation import figures
from dimjax.progress import bar, say
from dimjax.runs.context import RoundContext
from dimjax.tracks import vote

# Thresholds are chosen on at most this many frames of the validation split, in evenly spaced runs
# of consecutive frames, since tracks need these.
_THRESHOLD_FRAMES = 400
_CONSECUTIVE_FRAMES = 24


def choose_thresholds(context: RoundContext, detector: Detector) -> dict[str, dict[str, float]]:
    """Choose thresholds of high F1 on full frames of the validation split.

    Without a validation split the training split is used, which flatters.

    Args:
      context: Round that the detector was trained in.
      detector: Detector with its final weights.

    Returns:
      "threshold", for detections of single frames, and "track_threshold", for detections whose
      tracks have voted.
    """
    folder = context.folder
    names = context.splits.get("val") or context.splits["train"]
    if "val" not in context.splits:
        say("no validation split: the thresholds are chosen on the training split")
    share = _THRESHOLD_FRAMES / sum(folder.shapes[name][0] for name in names)
    frames_of = {name: some_frames(folder.shapes[name][0], share) for name in names}
    tables = [
        detect_in_sequence(detector, folder.sequence(name), frames)
        for name, frames in bar(frames_of.items(), "choose thresholds", "sequence")
    ]
    detections = pd.concat(tables, ignore_index=True)
    keys = [(name, t) for name, frames in frames_of.items() for t in frames]
    labels = folder.labels.merge(pd.DataFrame(keys, columns=["sequence", "frame"]))
    match_px = context.config.detection.match_px
    threshold = figures.choose_thresholds(labels, detections, match_px)
    # Tracks start from detections above the single-frame threshold.
    detector = detector._replace(description={**detector.description, "threshold": threshold})
    voted = vote(detector.link(detections, context.camera_shifts(names)))
    track_threshold = figures.choose_thresholds(labels, voted, match_px)
    return {"threshold": threshold, "track_threshold": track_threshold}


def some_frames(length: int, share: float) -> list[int]:
    """Choose about a share of the frames of a sequence, in evenly spaced consecutive runs."""
    runs = max(1, round(length * share / _CONSECUTIVE_FRAMES))
    if share >= 1 or runs * _CONSECUTIVE_FRAMES >= length:
        return list(range(length))
    starts = np.linspace(0, length - _CONSECUTIVE_FRAMES, runs).astype(int)
    return sorted(
        {t for start in starts.tolist() for t in range(start, start + _CONSECUTIVE_FRAMES)}
    )
