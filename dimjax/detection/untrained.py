"""Detection without training: peaks of the motion evidence, linked to tracks.

The only threshold is the number of false alarms to expect in a frame.

    accepted, tracks = detect_and_link(sequence, max_false_alarms=0.5)
    untrained_detections(sequence, EvidenceConfig())  # each frame alone, before linking
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from dimjax.data.bad_pixels import replace_bad_pixels
from dimjax.data.camera import aligned, moves
from dimjax.data.labels import CATEGORIES
from dimjax.data.scale import measure_scale
from dimjax.data.sequences import Sequence, as_sequence, skip_repeated
from dimjax.detection.inference import COLUMNS
from dimjax.detection.repeated_frames import new_frames, to_frames, to_places
from dimjax.errors import InputError
from dimjax.motion import EvidenceConfig, detect_untrained
from dimjax.settings_rules import NUMBER, SWITCH, Rule, check_fields, optional
from dimjax.tracks import UNTRAINED, LinkingConfig, Tracks, link, linking_of, lone_score, score

UNTRAINED_COLUMNS = (*COLUMNS, "false_alarms", "sign")

_BOX_SIGMAS = 5.0  # side of a box, in sigmas of the matched filter
_AREA_PX = 640 * 512  # false alarms in this area determine the score
_WEAKEST_FALSE_ALARMS = 10.0  # expected in _AREA_PX; weaker detections do not continue a track
_FINITE = Rule(lambda value: NUMBER.holds(value) and value > 0, "above 0 and finite")


def detect(
    frames: np.ndarray | Sequence,
    max_false_alarms: float = 0.5,
    align: bool | None = None,
    rotation: bool = False,
) -> pd.DataFrame:
    """Detect moving targets in raw frames without a trained network.

    Args:
      frames: [T, H, W] uint8 or uint16, or a sequence from dimjax.data.sequences; 8 frames or more.
      max_false_alarms: Threshold, expected false alarms in a frame.
      align: Whether the motion of the camera is taken out of the frames; None: if it is notable.
      rotation: Whether its rotation and scale are taken out beside the shift, notable or not.

    Returns:
      Accepted detections, as from detect_and_link.
    """
    sequence = frames if isinstance(frames, Sequence) else as_sequence(frames)
    sequence = replace_bad_pixels(skip_repeated(sequence))
    return detect_and_link(align_as_asked(sequence, align, rotation), max_false_alarms)[0]


def check_alignment(align: bool | None, rotation: bool) -> None:
    """Raise an InputError for another value than a switch has, or rotation without alignment."""
    rules = {"align": optional(SWITCH), "rotation": SWITCH}
    check_fields("{}", {"align": align, "rotation": rotation}, rules, "Correct the argument.")
    if rotation and align is False:
        rule, remedy = "it is part of the alignment", "Leave one of the two out."
        raise InputError("rotation (--rotation)", rule, "align=False (--noalign)", remedy)


def align_as_asked(sequence: Sequence, align: bool | None, rotation: bool = False) -> Sequence:
    """Take the motion of the camera out of a sequence: always, never, or if None where it moves.

    With rotation it is taken out always.

    Raises:
      InputError: Rotation is to be taken out of frames that are not aligned.
    """
    check_alignment(align, rotation)
    wanted = moves(sequence) if align is None and not rotation else align or rotation
    return aligned(sequence, rotation) if wanted else sequence


def detect_and_link(
    sequence: Sequence,
    max_false_alarms: float = 0.5,
    settings: EvidenceConfig = EvidenceConfig(),  # noqa: B008, since it cannot be changed
    progress: Callable[[Iterable], Iterable] = iter,
) -> tuple[pd.DataFrame, Tracks]:
    """Detect moving targets without a trained network, and link them to tracks.

    Args:
      sequence: Sequence; its level and noise are measured here. If it is aligned, tracks are linked
        without the motion of the camera.
      max_false_alarms: Threshold of a detection, expected false alarms in a frame. A weaker one, or
        a gap, is accepted if its track gives it a high score.
      settings: Settings of the motion evidence.
      progress: Wraps the frame numbers, e.g. a progress bar.

    Returns:
      Accepted detections and all tracks. The table of detections has UNTRAINED_COLUMNS, with the
      score that the track supports, track and detected. In a gap of a confirmed track detected is
      False, false_alarms is missing, and the sign is that of the track.

    Raises:
      InputError: The threshold or a setting is out of its range, or the sequence is too short.
    """
    check_threshold(max_false_alarms)
    detections = untrained_detections(sequence, settings, max_false_alarms, progress)
    config = untrained_linking(max_false_alarms / _areas(sequence))
    motions = None
    if sequence.motion is not None:
        motions = {sequence.name: sequence.motion()[new_frames(sequence)]}
    tracks = link(to_places(detections, sequence), config, motions)
    table = score(tracks)
    # The windows of neighbouring frames overlap, so false alarms persist over several frames and
    # look like tracks: a track must count for more than a detection alone.
    needed = (1 + lone_score(UNTRAINED, config.strong[0])) / 2
    table = table[(table.false_alarms <= max_false_alarms) | (table.score >= needed)]
    table = table.drop(columns="strong")
    of_track = table.groupby("track").sign.transform("median")
    table["sign"] = table.sign.fillna(of_track).astype(int)
    order = np.lexsort((-table.score, table.frame))
    return to_frames(table.iloc[order].reset_index(drop=True), sequence), tracks


def check_threshold(max_false_alarms: float) -> None:
    """Raise an InputError if a number of expected false alarms is not above 0 and finite."""
    rules, remedy = {"max_false_alarms": _FINITE}, "Correct it."
    values = {"max_false_alarms": max_false_alarms}
    check_fields("{} (--false-alarms)", values, rules, remedy)


def untrained_linking(max_false_alarms: float = 1.0) -> LinkingConfig:
    """Make the settings that link untrained detections to tracks.

    Args:
      max_false_alarms: Threshold of a detection without a track, expected false alarms in an area
        of 640x512 pixels.
    """
    threshold = dict.fromkeys(CATEGORIES, _score_of(max_false_alarms))
    config = linking_of({"threshold": threshold, "score_model": UNTRAINED._asdict()})
    return config._replace(weak=_score_of(max(_WEAKEST_FALSE_ALARMS, max_false_alarms)))


def untrained_detections(
    sequence: Sequence,
    settings: EvidenceConfig,
    max_false_alarms: float = 0.0,
    progress: Callable[[Iterable], Iterable] = iter,
) -> pd.DataFrame:
    """Detect moving targets in each frame of a sequence without a trained network.

    The score is 1 / (1 + F) with F false alarms expected in an area of 640x512 pixels, whatever the
    size of the frame. Within a region of a sequence it rises with the strength of the evidence.

    Args:
      sequence: Sequence; its level and noise are measured here.
      settings: Settings of the motion evidence.
      max_false_alarms: Threshold, expected false alarms in a frame. Weaker detections are included
        as far as they may continue a track: up to 10 false alarms in an area of 640x512 pixels.
      progress: Wraps the frame numbers, e.g. a progress bar.

    Returns:
      Table with UNTRAINED_COLUMNS, sorted by frame, and by descending score within a frame. All
      detections are targets. Their boxes have one size, 5 sigmas of the matched filter;
      false_alarms is the number expected in a frame at this strength or above; sign is 1 for a
      target brighter than its background and -1 for a darker one.

    Raises:
      InputError: A setting is out of its range, or the sequence is too short.
    """
    scale, areas = measure_scale(sequence), _areas(sequence)
    weakest = max(_WEAKEST_FALSE_ALARMS * areas, max_false_alarms)
    detections = detect_untrained(sequence, scale, settings, weakest, progress)
    side = _BOX_SIGMAS * settings.sigma_px
    columns = detections._asdict() | {"sequence": sequence.name, "w": side, "h": side}
    table = pd.DataFrame(columns | {"category": CATEGORIES[0]})
    table["score"] = _score_of(table.false_alarms / areas)
    floats = dict.fromkeys(("x", "y", "w", "h", "score", "false_alarms"), "float64")
    kinds = {"sequence": "str", "category": "object", "frame": "int64", "sign": "int64"}
    table = table.astype(floats | kinds)[list(UNTRAINED_COLUMNS)]
    return table.iloc[np.lexsort((-table.score, table.frame))].reset_index(drop=True)


def _areas(sequence: Sequence) -> float:
    """Return the size of a frame in areas of 640x512 pixels."""
    return sequence.shape[1] * sequence.shape[2] / _AREA_PX


def _score_of(false_alarms):
    """Map false alarms expected in an area of 640x512 pixels to scores."""
    return 1 / (1 + false_alarms)
