"""The player: frames of the evaluated sequences with truth, detections and tracks over them.

    write(context, evaluated)

    runs/demo/report_files/player.html          slider, keys and play; opens from the disk
    runs/demo/report_files/frames/0/00012.jpg   frame 12 of the first sequence

The frames of all sequences could take gigabytes: sequences share MAX_PIXELS evenly, those with the
most errors first, and a long one is shown round its errors.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from dimjax.atomic_files import atomic_write, write_text
from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import Sequence
from dimjax.drawing.pictures import grey_range, to_grey8
from dimjax.evaluation.outcomes import FALSE_ALARM, MISS, outcomes
from dimjax.evaluation.slices import must_be_found
from dimjax.progress import bar, counted
from dimjax.report import pages
from dimjax.report.examples import Evaluated
from dimjax.runs.context import RoundContext

MAX_FRAMES = 300  # of a sequence
MIN_FRAMES = 24  # of a sequence; else it is left out
MAX_PIXELS = 200e6  # of all frames: about 60 MB

_FRAMES = "frames"  # folder of the pictures
_QUALITY = 92  # of JPEG; a lower one smooths dim targets
_SAMPLED = 8  # frames that the grey range of a sequence is chosen from


class Part(NamedTuple):
    """The frames of a sequence that are shown, without last."""

    name: str
    first: int
    stop: int


def write(context: RoundContext, evaluated: Evaluated) -> None:
    """Write the player of a round.

    Args:
      context: Context of the round.
      evaluated: Truth and detections of its evaluation.
    """
    folder, shapes = context.paths.report_files, context.folder.shapes
    names = sorted({*evaluated.truth.sequence, *evaluated.detections.sequence} & set(shapes))
    table = outcomes(evaluated.truth, evaluated.accepted, evaluated.match_px)
    parts = choose_parts(table, {name: shapes[name] for name in names})
    pages.replace_by_note(folder / "player.html")
    shutil.rmtree(folder / _FRAMES, ignore_errors=True)
    points = context.link(evaluated.detections, [part.name for part in parts]).points
    hidden = evaluated.truth.assign(hidden=~must_be_found(evaluated.truth))
    sequences = []
    for k, part in enumerate(bar(parts, "write frames for the player", "sequence")):
        _write_frames(context.folder.sequence(part.name), part, folder / _FRAMES / str(k))
        overlays = [_of_part(one, part) for one in (hidden, table, points)]
        sequences.append({**_described(part, shapes, k), **_overlays(*overlays)})
    page = pages.render(
        "player.html",
        name=context.paths.workdir.resolve().name,
        sequences=sequences,
        notes=_notes(parts, shapes, names),
    )
    write_text(folder / "player.html", page)


def choose_parts(table: pd.DataFrame, shapes: dict[str, tuple[int, int, int]]) -> list[Part]:
    """Choose the frames to show, those with the most errors of each sequence.

    Args:
      table: From dimjax.evaluation.outcomes.
      shapes: Sequence -> T, H, W.

    Returns:
      The parts of the sequences, most errors first.
    """
    errors = table[table.outcome.isin((MISS, FALSE_ALARM))]
    parts, left = [], MAX_PIXELS
    order = sorted(shapes, key=lambda name: (-(errors.sequence == name).sum(), name))
    for k, name in enumerate(order):
        length, height, width = shapes[name]
        affordable = left // (height * width)
        share = max(affordable // (len(order) - k), MIN_FRAMES)
        count = int(min(length, MAX_FRAMES, share))
        if count <= affordable:
            left -= count * height * width
            frames = errors.frame[errors.sequence == name].to_numpy(int)
            sums = np.cumsum([0, *np.bincount(frames, minlength=length)])
            first = int((sums[count:] - sums[: len(sums) - count]).argmax())
            parts.append(Part(name, first, first + count))
    return parts


def _notes(parts: list[Part], shapes: dict, names: list[str]) -> list[str]:
    """Say which frames are left out."""
    shortened = [part for part in parts if part.stop - part.first < shapes[part.name][0]]
    notes = []
    if shortened:
        notes.append(f"{counted(len(shortened), 'sequence')} are shown round most of their errors.")
    if len(parts) < len(names):
        left = counted(len(names) - len(parts), "sequence")
        notes.append(f"{left} with the fewest errors are left out, to limit the size of the files.")
    return notes


def _described(part: Part, shapes: dict, number: int) -> dict:
    length, height, width = shapes[part.name]
    return {
        **{"name": part.name, "folder": f"{_FRAMES}/{number}", "first": part.first},
        **{"count": part.stop - part.first, "length": length, "width": width, "height": height},
    }


def _of_part(table: pd.DataFrame, part: Part) -> pd.DataFrame:
    inside = table.frame.between(part.first, part.stop, inclusive="left")
    return table[(table.sequence == part.name) & inside]


def _write_frames(sequence: Sequence, part: Part, folder: Path) -> None:
    """Write the frames of a part as JPEG, all with one grey range."""
    folder.mkdir(parents=True)
    numbers = range(part.first, part.stop)
    sample = np.unique(np.linspace(part.first, part.stop - 1, _SAMPLED).astype(int))
    limits = grey_range(np.stack([sequence.frame(int(t)) for t in sample]))
    for t in numbers:
        image = Image.fromarray(to_grey8(sequence.frame(t), *limits))
        with atomic_write(folder / f"{t:05d}.jpg") as partial:
            image.save(partial, "jpeg", quality=_QUALITY)


def _overlays(truth: pd.DataFrame, table: pd.DataFrame, points: pd.DataFrame) -> dict:
    """Return truths, detections and confirmed tracks as rows of numbers for the script."""
    detections = table[table.outcome != MISS]
    missed = table[table.outcome == MISS]
    misses = set(zip(missed.frame, missed.x, missed.y, strict=True))
    key = truth.frame, truth.x.round(4), truth.y.round(4)
    states = [
        "hidden" if hidden else "missed" if at in misses else ""
        for hidden, at in zip(truth.hidden, zip(*key, strict=True), strict=True)
    ]
    confirmed = points[points.confirmed]
    return {
        "truth": [[*row, state] for row, state in zip(_boxes(truth), states, strict=True)],
        "detections": [
            [*row, round(score, 3), outcome]
            for row, score, outcome in zip(
                _boxes(detections), detections.score, detections.outcome, strict=True
            )
        ],
        "tracks": [_track(track) for _, track in confirmed.groupby("track", sort=False)],
    }


def _boxes(table: pd.DataFrame) -> list[list]:
    """Rows of frame, x, y, w, h and the number of the category."""
    category = table.category.map(CATEGORIES.index)
    values = table[["frame", "x", "y", "w", "h"]].to_numpy(float).round(1).tolist()
    return [[int(row[0]), *row[1:], k] for row, k in zip(values, category, strict=True)]


def _track(points: pd.DataFrame) -> dict:
    rows = points.sort_values("frame")
    at = rows[["frame", "x", "y"]].to_numpy(float).round(1).tolist()
    return {
        "category": CATEGORIES.index(rows.category.iloc[0]),
        "name": rows.track.iloc[0].rsplit("/", 1)[-1],
        "points": [[int(t), x, y, int(d)] for (t, x, y), d in zip(at, rows.detected, strict=True)],
    }
