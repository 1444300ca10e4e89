"""The parts of a page that only a run of several rounds has: rounds, reviews, tracks, mined items.

sections(context)               # context: of the last round
"""

from typing import NamedTuple

import pandas as pd
from markupsafe import Markup

from dimjax import ledger
from dimjax.data.labels import CATEGORIES
from dimjax.drawing.data_uri import data_uri, png_uri
from dimjax.drawing.text_tables import Table
from dimjax.evaluation.slices import must_be_found
from dimjax.evaluation.thresholds import accepted
from dimjax.progress import bar
from dimjax.report import crops, curves, mined_examples, round_table, tables, trajectories
from dimjax.report.network_view import NetworkView
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.training.training_log import TrainingLog


class LongestTrack(NamedTuple):
    """The longest confirmed track in the new sequences."""

    round_number: int  # of the round that predicted its sequence
    name: str
    points: pd.DataFrame  # of all tracks in its sequence


def sections(context: RoundContext) -> dict:
    """Return the variables of rounds.html; empty if there is only one round."""
    if context.number == 0:
        return {}
    rounds = round_table.read_rounds(context.paths)
    with ledger.open_ledger(context.paths.ledger) as db:
        return {
            "table": round_table.as_table(rounds),
            "proposed": context.starts_without_labels,
            "later_trainings": sum(one.figures is not None for one in rounds) - 1,
            "loss_change": _loss_change(context),
            "review_table": _review_table(db),
            "has_new": bool(context.folder.splits.get("new")),
            "tracks": _tracks(context),
            "mined": _draw_mined(context, db, rounds),
        }


def _loss_change(context: RoundContext) -> Markup | None:
    """Draw the losses of the last epoch of the first and of the last training, if there are two."""
    if context.trains_first:
        return None
    losses = {}
    for number in (int(context.starts_without_labels), context.number):
        log = TrainingLog(context.paths.of_round(number).round)
        losses[f"round {number}"] = log.read_losses(["total"], last=True).total.to_numpy()
    return curves.loss_change(losses)


def _review_table(db: ledger.Ledger) -> Table | None:
    items = ledger.item_table(db)
    return None if items.empty else round_table.review_table(items, ledger.standing_decisions(db))


def _tracks(context: RoundContext) -> dict | None:
    """Draw the longest track of the new sequences; None if no track is confirmed."""
    longest = _longest_track(context)
    if longest is None:
        return None
    track = longest.points[longest.points.track == longest.name]
    name, middle = track.sequence.iloc[0], track.frame.iloc[len(track) // 2]
    sequence = context.folder.sequence(name)
    animation = trajectories.animate(sequence, longest.points, longest.name)
    return {
        "round": longest.round_number,
        "sequence": name,
        "number": trajectories.track_number(longest.name),
        "category": track.category.iloc[0],
        "reason": track.reason.iloc[0],
        "first": track.frame.iloc[0],
        "last": track.frame.iloc[-1],
        "hits": int(track.detected.sum()),
        "confirmed": longest.points[longest.points.confirmed].track.nunique(),
        "all": longest.points.track.nunique(),
        "max_drawn": trajectories.MAX_TRACKS,
        "frame": middle,
        "picture": trajectories.draw_tracks(sequence, longest.points, middle),
        "scale": trajectories.SCALE,
        "animation": animation,
        "webp_uri": data_uri(animation.webp, "webp"),
        "still_uri": png_uri(animation.still),
    }


def _longest_track(context: RoundContext) -> LongestTrack | None:
    """Link the predictions in all new sequences again; return None if no track is confirmed."""
    candidates = []
    for earlier in context.earlier_rounds():
        names = earlier.new_sequences
        if names:
            points = earlier.link(_predictions(earlier.paths, names), names).points
            track = trajectories.longest_track(points)
            if track is not None:
                name = points[points.track == track].sequence.iloc[0]
                points = points[points.sequence == name]
                candidates.append(LongestTrack(earlier.number, track, points))
    if not candidates:
        return None
    tracks = [one.points[one.points.track == one.name] for one in candidates]
    longest = trajectories.longest_track(pd.concat(tracks))
    return next(one for one in candidates if one.name == longest)


def _draw_mined(
    context: RoundContext, db: ledger.Ledger, rounds: list[round_table.Round]
) -> dict[str, list[dict]]:
    """Draw mined items of each kind of mined_examples.KINDS, each with its decision."""
    folder, config = context.folder, context.config
    items, decisions = ledger.item_table(db), ledger.standing_decisions(db)
    chosen = mined_examples.choose_items(items[items["round"] < context.number])
    changed = decisions.groupby("item").labels.sum()
    truth = context.reference[must_be_found(context.reference)]

    def draw(frames: pd.DataFrame) -> dict:
        number, name = frames["round"].iloc[0], frames.sequence.iloc[0]
        predictions = _predictions(context.paths.of_round(number), [name])
        row = mined_examples.choose_frame(frames, predictions, config.detection.match_px)
        thresholds = _thresholds(context.of_round(number), rounds[number].figures)
        detections = accepted(crops.of_frame(predictions, row), thresholds)
        marks = [
            *crops.marks("item", pd.DataFrame([row])),
            *crops.marks("truth", crops.of_frame(truth, row)),
            *crops.marks("detection", detections),
        ]
        return {
            "row": row,
            "reason": ledger.get_item(db, int(row["item"])).reason,
            "decision": round_table.decision_text(row.verb),
            "labels": int(changed.get(row["item"], 0)),
            "picture": crops.draw_crops(NetworkView(folder.sequence(name), config), row, marks),
        }

    return {
        kind: [draw(item) for _, item in bar(list(frames.groupby("item", sort=False)), kind)]
        for kind, frames in chosen.items()
    }


def _thresholds(context: RoundContext, figures: dict | None) -> dict[str, float]:
    """Return the threshold of each category; the untrained detector has no figures."""
    if figures is None:
        return dict(zip(CATEGORIES, context.linking.strong, strict=True))
    return tables.thresholds(figures)


def _predictions(paths: Paths, names: list[str]) -> pd.DataFrame:
    return pd.read_parquet(paths.predictions, filters=[("sequence", "in", names)])
