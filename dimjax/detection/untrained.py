"""Detection without training: peaks of the motion evidence, as a table, linked to tracks.

    table = untrained_detections(sequence, EvidenceConfig(), max_false_alarms=0.5)
    table.score, table.false_alarms, table.sign         # and COLUMNS of dimjax.detection.inference
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import Sequence, measure_scale
from dimjax.detection.inference import COLUMNS
from dimjax.motion import EvidenceConfig, detect_untrained

UNTRAINED_COLUMNS = (*COLUMNS, "false_alarms", "sign")

_BOX_SIGMAS = 5.0  # side of a box, in sigmas of the matched filter


def untrained_detections(
    sequence: Sequence,
    settings: EvidenceConfig,
    max_false_alarms: float,
    progress: Callable[[Iterable], Iterable] = iter,
) -> pd.DataFrame:
    """Detect moving targets in the frames of a sequence without a trained network.

    The score is 1 / (1 + false_alarms). It is 0.5 at one expected false alarm in a frame, and
    within a region of a sequence it rises with the strength of the evidence.

    Args:
      sequence: Sequence; its level and noise are measured here.
      settings: Settings of the motion evidence.
      max_false_alarms: Threshold, expected false alarms in a frame.
      progress: Wraps the frame numbers, e.g. a progress bar.

    Returns:
      Table with UNTRAINED_COLUMNS, sorted by frame, and by descending score within a frame. All
      detections are targets. Their boxes have one size, 5 sigmas of the matched filter;
      false_alarms is the number expected in a frame at this strength or above; sign is 1 for a
      target brighter than its background and -1 for a darker one.

    Raises:
      InputError: A setting is out of its range, or the sequence is too short.
    """
    scale = measure_scale(sequence)
    detections = detect_untrained(sequence, scale, settings, max_false_alarms, progress)
    side = _BOX_SIGMAS * settings.sigma_px
    columns = detections._asdict() | {"sequence": sequence.name, "w": side, "h": side}
    table = pd.DataFrame(columns | {"category": CATEGORIES[0]})
    table["score"] = 1 / (1 + table.false_alarms)
    table = table.astype({"sequence": "str", "category": "object", "frame": "int64", "sign": "int64"})
    floats = ["x", "y", "w", "h", "score", "false_alarms"]
    table[floats] = table[floats].astype(float)
    order = np.lexsort((-table.score, table.frame))
    return table.iloc[order][list(UNTRAINED_COLUMNS)].reset_index(drop=True)
