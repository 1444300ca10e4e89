"""Linking of detections over frames: a table of detections to a table of track points.

tracks = link(detections, LinkingConfig(strong=(0.69, 0.5)))
tracks.detections.track                     # "flight3/0", ..., "" for a detection without a track
tracks.points                               # each frame of each track, gaps included
link(detections, causal=True)               # the same as known in each frame, from past ones only
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.errors import InputError
from dimjax.tracks.appearance import APPEARANCE
from dimjax.tracks.arrays import DetectionArrays, to_arrays
from dimjax.tracks.following import extend, follow
from dimjax.tracks.joining import join
from dimjax.tracks.likelihood import trim
from dimjax.tracks.points import describe, empty_points
from dimjax.tracks.settings import LinkingConfig, check

COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "score")

Motions = Mapping[str, np.ndarray]  # sequence -> [T, 2] or [T, 4], see dimjax.data.scene_motion
Linker = Callable[[DetectionArrays, LinkingConfig], np.ndarray]  # to track numbers [D], -1: none

_NUMBERS = {"frame": "int64", **dict.fromkeys(("x", "y", "w", "h", "score"), "float64")}
_REMEDY = "Correct the table or remove the row."


class Tracks(NamedTuple):
    """Detections linked over frames."""

    # As given, and strong: may start a track, track: name or "", target_probability: see `link`
    detections: pd.DataFrame
    points: pd.DataFrame  # columns and units: dimjax.tracks.points.POINT_TYPES
    notes: tuple[str, ...]  # messages to the user
    settings: LinkingConfig = LinkingConfig()
    causal: bool = False  # rows use no later frames


def follow_and_join(detections: DetectionArrays, settings: LinkingConfig) -> np.ndarray:
    """Link forwards, then backwards, then join ends to starts: the default linker."""
    track = extend(detections, follow(detections, settings), settings)
    return trim(detections, join(detections, track, settings), settings)


def link(
    detections: pd.DataFrame,
    settings: LinkingConfig = LinkingConfig(),  # noqa: B008, since it cannot be changed
    motions: Motions | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
    linker: Linker | None = None,
    causal: bool = False,
) -> Tracks:
    """Link the detections of one or more sequences to tracks.

    The order of the rows does not matter. Only the strongest of several rows with the same
    sequence, frame, x and y is linked, and only the strongest settings.max_per_frame of a frame;
    the others get no track and are not strong. Both categories are linked together. The category
    of a track is that of the category model, or without one that with the larger sum of scores. The
    model also judges detections without a track: target_probability is NaN without a model, and
    for detections that are too weak to be linked. A track has 2 detections or more, and points from
    the first to the last. Its name consists of the sequence and a number, in the order of the
    first detections: flight3/0.

    With causal=True no row depends on later frames. A track has its name from its second detection
    on, positions are filtered instead of smoothed, and there are no points in gaps, because a
    target that has left the frame would get some too.

    Args:
      detections: COLUMNS, in pixels of the frame, and if there are category models APPEARANCE;
        other columns are kept.
      settings: See LinkingConfig.
      motions: For each sequence [T, 2] or [T, 4], the motion of its scene up to each frame, from
        camera_shifts or camera_similarities; tracks are linked with this motion removed.
      progress: Wraps the names of the sequences, e.g. a progress bar.
      linker: Returns the track number of each detection; None for `follow_and_join`, or the
        forward pass alone if causal.
      causal: Use only the past of each frame.

    Raises:
      InputError: A setting is out of its range, a column is missing, or a value is invalid.
    """
    check(settings)
    detections = _checked(detections, () if settings.categories is None else APPEARANCE)
    linker = linker or (follow if causal else follow_and_join)
    strong = np.zeros(len(detections), bool)
    names, probability = np.full(len(detections), "", object), np.full(len(detections), np.nan)
    points, notes = [empty_points()], []
    for name in progress(sorted(detections.sequence.unique())):
        rows, note = _linkable(detections, name, settings)
        notes += note
        if not len(rows):
            continue  # no detection of the sequence is strong enough
        table = detections.iloc[rows]
        table = table.assign(strong=_is_strong(table, settings))
        strong[rows] = table.strong
        motion = None if motions is None else _checked_motion(motions, name, table.frame)
        starts = table.strong | (table.score >= settings.start)
        arrays = to_arrays(table, starts.to_numpy(), motion, causal)
        track = linker(arrays, settings)
        described = describe(table, arrays, track, settings, motion, causal)
        names[rows], probability[rows], of_sequence = described
        points.append(of_sequence)
    track = pd.Series(names, detections.index, dtype="str")
    linked = detections.assign(strong=strong, track=track, target_probability=probability)
    points = pd.concat(points, ignore_index=True)
    return Tracks(linked, points, tuple(notes), settings, causal)


def _linkable(
    detections: pd.DataFrame, name: str, settings: LinkingConfig
) -> tuple[np.ndarray, list[str]]:
    """Ordered rows of the detections of a sequence that are linked, and notes."""
    table = detections.set_axis(range(len(detections)))
    table = table[(table.sequence == name).to_numpy()]
    table = table[(table.score >= settings.weak) | _is_strong(table, settings)]
    table = table.assign(weakness=-table.score)
    table = table.sort_values(["frame", "weakness", "x", "y", "w", "h", "category"], kind="stable")
    table = table[~table.duplicated(["frame", "x", "y"])]
    rank = table.groupby("frame").cumcount().to_numpy()
    full = int(np.count_nonzero(rank == settings.max_per_frame))
    note = (
        f"{name}: {full} frames hold more than {settings.max_per_frame} detections; "
        f"the strongest {settings.max_per_frame} of each were linked"
    )
    return table.index.to_numpy()[rank < settings.max_per_frame], [note] if full else []


def _is_strong(table: pd.DataFrame, settings: LinkingConfig) -> pd.Series:
    """Whether each detection reaches the threshold of its category."""
    return table.score >= np.where(table.category == CATEGORIES[0], *settings.strong)


def _checked(table: pd.DataFrame, more: tuple[str, ...]) -> pd.DataFrame:
    """Convert the numbers of a table of detections, and check its values and its columns."""
    missing = [name for name in (*COLUMNS, *more) if name not in table]
    if missing:
        rule = f"must have the columns {', '.join((*COLUMNS, *more))}"
        remedy = "Add the missing columns."
        raise InputError("detections", rule, f"no {', '.join(missing)}", remedy)
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in _NUMBERS}
    for name, values in numbers.items():
        _check_rows(table, name, np.isfinite(values.to_numpy(float)), "must be finite")
    frame, score = numbers["frame"].to_numpy(), numbers["score"].to_numpy()
    _check_rows(table, "frame", (frame >= 0) & (frame % 1 == 0), "must be a whole number from 0")
    _check_rows(table, "score", (score >= 0) & (score <= 1), "must lie between 0 and 1")
    for name in ("w", "h"):
        _check_rows(table, name, numbers[name].to_numpy() > 0, "must be above 0")
    valid = table.category.isin(CATEGORIES).to_numpy(bool)
    _check_rows(table, "category", valid, f"must be {' or '.join(CATEGORIES)}")
    return table.assign(**numbers).astype(_NUMBERS)


def _check_rows(table: pd.DataFrame, name: str, valid: np.ndarray, rule: str) -> None:
    if not valid.all():
        k = int(np.argmin(valid))
        subject = f"detections row {k} (sequence {table.sequence.iloc[k]})"
        raise InputError(subject, f"{name} {rule}", table[name].iloc[k], _REMEDY)


def _checked_motion(motions: Motions, name: str, frame: pd.Series) -> np.ndarray:
    """Camera motion of a sequence [T, 2] or [T, 4]."""
    motion = np.asarray(motions[name], float) if name in motions else np.zeros((0, 2))
    needed = int(frame.max()) + 1 if len(frame) else 0
    if motion.ndim != 2 or motion.shape[1] not in (2, 4) or len(motion) < needed:
        rule = f"the motion must be [T, 2] or [T, 4] with a row for each of {needed} frames"
        raise InputError(f"sequence {name}", rule, motion.shape, "Measure them with camera_shifts.")
    if not np.isfinite(motion).all():
        rule, remedy = "the motion must be finite", "Measure them again."
        raise InputError(f"sequence {name}", rule, "NaN or infinity", remedy)
    return motion
