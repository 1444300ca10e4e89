"""Linking: a table of detections in, the same with tracks and a table of track points out.

tracks = link(detections, Linking(strong=(0.69, 0.5)))
tracks.detections.track                     # "flight3/0", ..., "" for a detection in no track
tracks.points                               # each frame of each track, gaps too
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.errors import InputError
from dimjax.tracks.arrays import Found, arrange
from dimjax.tracks.following import extend, follow
from dimjax.tracks.joining import join
from dimjax.tracks.likelihood import trim
from dimjax.tracks.points import describe, no_points
from dimjax.tracks.settings import Linking, check

COLUMNS = ("sequence", "frame", "x", "y", "w", "h", "category", "score")

Shifts = Mapping[str, np.ndarray]  # sequence -> [T, 2], as camera_shifts gives it, pixels
Linker = Callable[[Found, Linking], np.ndarray]  # to [D] the number of each one's track, or -1

_NUMBERS = {"frame": "int64", **dict.fromkeys(("x", "y", "w", "h", "score"), "float64")}
_REMEDY = "Correct the table or remove the row."


class Tracks(NamedTuple):
    """Detections linked over frames."""

    detections: pd.DataFrame  # as given, and strong: may start a track, track: name or ""
    points: pd.DataFrame  # columns and units: dimjax.tracks.points.POINT_TYPES
    notes: tuple[str, ...]  # what the user should be told


def follow_and_join(found: Found, settings: Linking) -> np.ndarray:
    """The usual linker: forwards through the frames, backwards, then ends to starts."""
    track = extend(found, follow(found, settings), settings)
    return trim(found, join(found, track, settings), settings)


def link(
    detections: pd.DataFrame,
    settings: Linking = Linking(),  # noqa: B008, since it cannot be changed
    shifts: Shifts | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
    linker: Linker = follow_and_join,
) -> Tracks:
    """Link the detections of one or more sequences to tracks.

    The order of the rows does not matter. Of rows with the same sequence, frame and place only
    the strongest is linked, of a frame only the strongest settings.most_per_frame; the others are
    in no track and not strong. Both categories are linked together, and the track gets that of
    the larger sum of scores. A track has 2 detections or more, and points from its first to its
    last; its name is the sequence's and a number, counted by the first detection: flight3/0.

    Args:
      detections: COLUMNS, in pixels of the frame; others are kept.
      settings: See Linking.
      shifts: For each sequence [T, 2], the displacement of its scene in each frame, as
        camera_shifts gives it; tracks are straight when it is taken out.
      progress: Wraps the names of the sequences, e.g. a progress bar.
      linker: Gives each detection the number of its track.

    Raises:
      InputError: A setting is wrong; a column lacks; a value is not finite or cannot be.
    """
    check(settings)
    detections = _checked(detections)
    strong = np.zeros(len(detections), bool)
    names = np.full(len(detections), "", object)
    points, notes = [no_points()], []
    for name in progress(sorted(detections.sequence.unique())):
        rows, note = _linkable(detections, name, settings)
        notes += note
        if not len(rows):
            continue  # nothing here is strong enough
        table = detections.iloc[rows]
        strong[rows] = table.score.to_numpy() >= _thresholds(table, settings)
        shift = None if shifts is None else _shift(shifts, name, table.frame)
        found = arrange(table, strong[rows], shift)
        names[rows], own = describe(table, found, linker(found, settings), settings, shift)
        points.append(own)
    track = pd.Series(names, detections.index, dtype="str")
    linked = detections.assign(strong=strong, track=track)
    return Tracks(linked, pd.concat(points, ignore_index=True), tuple(notes))


def _linkable(
    detections: pd.DataFrame, name: str, settings: Linking
) -> tuple[np.ndarray, list[str]]:
    """Rows of the detections of a sequence that are linked, in order, and notes."""
    table = detections.set_axis(range(len(detections)))
    weak = _thresholds(table, settings) * settings.weak_share
    table = table[(table.sequence == name).to_numpy() & (table.score.to_numpy() >= weak)]
    table = table.assign(weakness=-table.score)
    table = table.sort_values(["frame", "weakness", "x", "y", "w", "h", "category"], kind="stable")
    table = table[~table.duplicated(["frame", "x", "y"])]
    rank = table.groupby("frame").cumcount().to_numpy()
    full = int(np.count_nonzero(rank == settings.most_per_frame))
    note = (
        f"{name}: {full} frames hold more than {settings.most_per_frame} detections; "
        f"the strongest {settings.most_per_frame} of each were linked"
    )
    return table.index.to_numpy()[rank < settings.most_per_frame], [note] if full else []


def _thresholds(table: pd.DataFrame, settings: Linking) -> np.ndarray:
    """Score from which each detection is strong."""
    return np.where(table.category == CATEGORIES[0], *settings.strong)


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    """The table with numbers as numbers, if they can be true."""
    lacking = [name for name in COLUMNS if name not in table]
    if lacking:
        rule = f"a table of detections has the columns {', '.join(COLUMNS)}"
        raise InputError("detections", rule, f"no {', '.join(lacking)}", "Add what lacks.")
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in _NUMBERS}
    for name, values in numbers.items():
        _check_rows(table, name, np.isfinite(values.to_numpy(float)), "must be finite")
    frame, score = numbers["frame"].to_numpy(), numbers["score"].to_numpy()
    _check_rows(table, "frame", (frame >= 0) & (frame % 1 == 0), "must be a whole number from 0")
    _check_rows(table, "score", (score >= 0) & (score <= 1), "must lie between 0 and 1")
    for name in ("w", "h"):
        _check_rows(table, name, numbers[name].to_numpy() > 0, "must be above 0")
    known = table.category.isin(CATEGORIES).to_numpy(bool)
    _check_rows(table, "category", known, f"must be {' or '.join(CATEGORIES)}")
    return table.assign(**numbers).astype(_NUMBERS)


def _check_rows(table: pd.DataFrame, name: str, right: np.ndarray, rule: str) -> None:
    if not right.all():
        k = int(np.argmin(right))
        where = f"detections row {k} (sequence {table.sequence.iloc[k]})"
        raise InputError(where, f"{name} {rule}", table[name].iloc[k], _REMEDY)


def _shift(shifts: Shifts, name: str, frame: pd.Series) -> np.ndarray:
    """Camera motion of a sequence [T, 2]."""
    shift = np.asarray(shifts[name], float) if name in shifts else np.zeros((0, 2))
    needed = int(frame.max()) + 1 if len(frame) else 0
    if shift.ndim != 2 or shift.shape[1] != 2 or len(shift) < needed:
        rule = f"the shifts must be [T, 2] with a row for each of {needed} frames"
        raise InputError(f"sequence {name}", rule, shift.shape, "Measure them with camera_shifts.")
    if not np.isfinite(shift).all():
        rule = "the shifts must be finite"
        raise InputError(f"sequence {name}", rule, "NaN or infinity", "Measure them anew.")
    return shift
