"""What the rounds of a run found, for its page: all that a run of one round lacks.

sections(config, paths, folder)      # paths: of the last round
"""

import base64
import io
from typing import NamedTuple

import pandas as pd
from PIL import Image

from dimjax import ledger
from dimjax.data.folders import Folder
from dimjax.drawing.text_tables import Table
from dimjax.evaluation.figures import LEAST_VISIBLE
from dimjax.progress import bar
from dimjax.report import crops, curves, mined_examples, round_table, trajectories
from dimjax.runs.workdir import Paths
from dimjax.stages.intake import new_sequences
from dimjax.stages.motion import camera_motion
from dimjax.stages.refine import linked


class Longest(NamedTuple):
    """The new sequence with the longest track."""

    number: int  # of the round that predicted it
    track: str
    points: pd.DataFrame  # of all tracks of its sequence


def sections(config, paths: Paths, folder: Folder) -> dict:
    """What the page shows of the rounds; empty if there is only one."""
    if paths.number == 0:
        return {}
    told = round_table.read(paths)
    losses = {
        f"round {number}": round_table.last_losses(paths.of_round(number))
        for number in (0, paths.number)
    }
    with ledger.open_ledger(paths.ledger) as book:
        return {
            "rounds": round_table.table(told),
            "loss_change": curves.loss_change(losses),
            "reviewed": _reviewed(book),
            "has_new": bool(folder.splits.get("new")),
            "tracks": _tracks(config, paths, folder),
            "mined": _mined(config, paths, folder, book, told),
        }


def _reviewed(book: ledger.Ledger) -> Table | None:
    items = ledger.item_table(book)
    return None if items.empty else round_table.kinds(items, ledger.decision_table(book))


def _tracks(config, paths: Paths, folder: Folder) -> dict | None:
    found = _longest(config, paths, folder)
    if found is None:
        return None
    own = found.points[found.points.track == found.track]
    name = own.sequence.iloc[0]
    sequence, middle = folder.sequence(name), own.frame.iloc[len(own) // 2]
    film = trajectories.film(sequence, found.points, found.track)
    first = own.iloc[0]
    return {
        "round": found.number,
        "sequence": name,
        "number": trajectories.number_of(found.track),
        "category": first.category,
        "first": first.frame,
        "last": own.frame.iloc[-1],
        "hits": int(own.detected.sum()),
        "confirmed": found.points[found.points.confirmed].track.nunique(),
        "all": found.points.track.nunique(),
        "scale": trajectories.SCALE,
        "most_drawn": trajectories.MOST_DRAWN,
        "frame": middle,
        "picture": trajectories.picture(sequence, found.points, middle),
        "film": film,
        "animation": _uri(film.animation, "webp"),
        "still": _uri(_as_png(film.still), "png"),
    }


def _longest(config, paths: Paths, folder: Folder) -> Longest | None:
    """Links all new sequences anew; None if no track is confirmed."""
    found = []
    for number in range(paths.number):
        own = paths.of_round(number)
        names = new_sequences(own)
        if names:
            shifts = camera_motion(config, folder.sequence, names)
            points = linked(own, _predictions(own, names), shifts).points
            track = trajectories.longest(points)
            if track is not None:
                name = points[points.track == track].sequence.iloc[0]
                found.append(Longest(number, track, points[points.sequence == name]))
    if not found:
        return None
    ends = pd.concat([one.points[one.points.track == one.track] for one in found])
    best = trajectories.longest(ends)
    return next(one for one in found if one.track == best)


def _mined(config, paths: Paths, folder: Folder, book, told) -> dict[str, list[dict]]:
    """For each of mined.KINDS a list of crops, each with its row and what became of it."""
    items, decisions = ledger.item_table(book), ledger.decision_table(book)
    chosen = mined_examples.choose(items[items["round"] < paths.number])
    standing = decisions[~decisions.undone & (decisions.verb != "undo")]
    changed = standing.groupby("item").labels.sum()
    truth = folder.labels if folder.truth is None else folder.truth
    if "visible" in truth:
        truth = truth[truth.visible >= LEAST_VISIBLE]

    def drawn(places: pd.DataFrame) -> dict:
        number, name = places["round"].iloc[0], places.sequence.iloc[0]
        predictions = _predictions(paths.of_round(number), [name])
        row = mined_examples.telling(places, predictions, config.detection.match_px)
        marks = [
            *crops.marks("asked", pd.DataFrame([row])),
            *crops.marks("truth", _of_frame(truth, row)),
            *crops.marks("detection", _accepted(_of_frame(predictions, row), told[number])),
        ]
        return {
            "row": row,
            "reason": ledger.get_item(book, int(row["item"])).reason,
            "verdict": round_table.verdict(row.verb),
            "labels": int(changed.get(row["item"], 0)),
            **crops.draw(folder.sequence(name), row, marks, config.data.stride),
        }

    return {
        kind: [drawn(own) for _, own in bar(list(places.groupby("item", sort=False)), kind)]
        for kind, places in chosen.items()
    }


def _of_frame(table: pd.DataFrame, row) -> pd.DataFrame:
    return table[(table.sequence == row.sequence) & (table.frame == row.frame)]


def _accepted(detections: pd.DataFrame, told: round_table.Round) -> pd.DataFrame:
    """The detections that reach their round's thresholds."""
    categories = told.figures["frames"]["categories"]
    thresholds = {name: own["threshold"] for name, own in categories.items()}
    return detections[detections.score >= detections.category.map(thresholds).astype(float)]


def _predictions(paths: Paths, names: list[str]) -> pd.DataFrame:
    return pd.read_parquet(paths.predictions, filters=[("sequence", "in", names)])


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
