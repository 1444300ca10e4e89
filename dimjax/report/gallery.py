"""The gallery: every miss and false alarm of an evaluation, as a page with pictures beside it.

    write(context, evaluated)

    runs/demo/report_files/gallery.html         sorted and filtered by a script; opens from the disk
    runs/demo/report_files/crops/00000.png      what the network saw, a file an entry

A page of ten thousand pictures would take gigabytes and hours, so only the first MAX_PICTURES of
each kind and category are drawn, and the page says so.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from PIL import Image

from dimjax.atomic_files import atomic_write, write_text
from dimjax.data.labels import CATEGORIES
from dimjax.evaluation.slices import must_be_found
from dimjax.progress import bar, counted
from dimjax.report import crops, pages
from dimjax.report.examples import Evaluated, outcome_tables, round_robin
from dimjax.report.network_view import NetworkView
from dimjax.runs.context import RoundContext

MAX_PICTURES = 300  # of each kind and category
CROPS = "crops"  # folder of the pictures

_ORDER = {"miss": "ratio", "false alarm": "score"}  # the first are those that surprise most


class Entries(NamedTuple):
    """Rows to draw, and what is left out, in words."""

    rows: pd.DataFrame  # _COLUMNS of dimjax.report.examples, and kind
    notes: list[str]


def write(context: RoundContext, evaluated: Evaluated) -> None:
    """Write the gallery of a round.

    Args:
      context: Context of the round.
      evaluated: Truth and detections of its evaluation.
    """
    folder = context.paths.report_files
    entries = choose_entries(context, evaluated)
    pages.replace_by_note(folder / "gallery.html")
    drawn = draw(context, evaluated, entries.rows, folder)
    page = pages.render(
        "gallery.html",
        name=context.paths.workdir.resolve().name,
        title="Misses and false alarms",
        entries=drawn,
        notes=entries.notes,
        kinds=list(_ORDER),
        ratio=pages.ratio_name(context),
    )
    write_text(folder / "gallery.html", page)


def choose_entries(context: RoundContext, evaluated: Evaluated) -> Entries:
    """Choose misses of high ratio and false alarms of high score, from all sequences in turn."""
    chosen, notes = [], []
    for category in CATEGORIES:
        outcomes = outcome_tables(evaluated, category, context)
        for kind, column in _ORDER.items():
            rows = outcomes[kind].sort_values(column, ascending=False, kind="stable")
            first = round_robin(rows, "sequence", MAX_PICTURES)
            ordered = first.sort_values(column, ascending=False, kind="stable")
            chosen.append(ordered.assign(kind=kind))
            if len(rows) > MAX_PICTURES:
                notes.append(_left_out(kind, category, len(rows)))
    return Entries(pd.concat(chosen, ignore_index=True), notes)


def _left_out(kind: str, category: str, count: int) -> str:
    first = "clearest" if kind == "miss" else "strongest"
    things = "misses" if kind == "miss" else "false alarms"
    return (
        f"{MAX_PICTURES} of {count:,} {things} of {category} are shown, the {first} of each "
        "sequence in turn; outcomes.csv names all."
    )


def draw(
    context: RoundContext, evaluated: Evaluated, rows: pd.DataFrame, folder: Path
) -> list[dict]:
    """Draw the crops of rows into a folder, and describe them for the script of the page.

    Args:
      context: Context of the round; its folder holds the frames.
      evaluated: Truth and detections to mark.
      rows: sequence, frame, x, y, w, h, category, score, ratio and kind.
      folder: Folder of the page; its earlier crops are removed.
    """
    shutil.rmtree(folder / CROPS, ignore_errors=True)
    (folder / CROPS).mkdir(parents=True)
    truth = evaluated.truth[must_be_found(evaluated.truth)]
    by_frame = _by_frame(truth), _by_frame(evaluated.accepted)
    order = rows.sort_values(["sequence", "frame"], kind="stable")  # of the frames on the disk
    drawn, view, name = {}, None, None
    for row in _progress(order):
        if row.sequence != name:
            name = row.sequence
            view = NetworkView(context.folder.sequence(name), context.config)
        truths, detections = (tables.get((name, row.frame), ()) for tables in by_frame)
        drawn[row.Index] = _draw_one(view, row, (truths, detections), evaluated.match_px, folder)
    return [drawn[index] for index in rows.index]


def _progress(rows: pd.DataFrame) -> Iterable:
    return bar(list(rows.itertuples()), f"draw {counted(len(rows), 'crop')}", "crop")


def _by_frame(table: pd.DataFrame) -> dict[tuple[str, int], pd.DataFrame]:
    return dict(list(table.groupby(["sequence", "frame"])))


def _draw_one(view: NetworkView, row, nearby: tuple, match_px: float, folder: Path) -> dict:
    truths, detections = nearby
    tables = {"truth": truths, "detection": detections}
    shown = [crops.marks(kind, table) for kind, table in tables.items() if len(table)]
    marks = [mark for of_kind in shown for mark in of_kind]
    crop = crops.draw_crops(view, row, marks)
    file = f"{CROPS}/{row.Index:05d}.png"
    with atomic_write(folder / file) as partial:
        Image.fromarray(crop.strip).save(partial, "png")
    note = ""
    if len(detections) and row.score != row.score:
        note = crops.nearest_detection(row, detections, match_px)
    elif row.kind == "false alarm":
        note = crops.nearest_truth(row, truths) if len(truths) else "no truth in this frame"
    return {
        **{"file": file, "kind": row.kind, "category": row.category, "sequence": row.sequence},
        **{"frame": int(row.frame), "x": round(row.x, 1), "y": round(row.y, 1), "note": note},
        **{"score": _number(row.score), "ratio": _number(row.ratio)},
        **{"tiles": list(crop.names), "size": list(crop.strip.shape), "lines": crop.lines},
    }


def _number(value: float) -> float | None:
    return None if value != value else round(value, 3)
