"""Figures and tables of experiments/zero_labels.py.

results[seed][run] = figures_of(Paths(workdir, 1))      # of an evaluated round
record = record_of(results, "cpu")                      # zero_labels.json
text = as_markdown(record, "the demo's sky")            # zero_labels.md
"""

import json
import math

import pandas as pd
from result_files import NONE, interval, markdown, versions

from dimjax import ledger
from dimjax.evaluation.slices import must_be_found
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, read_config
from dimjax.tracks import has_neighbour

COLUMNS = {  # column -> header, digits
    "decisions": ("decisions", 0),
    "labels": ("labels", 0),
    "per_decision": ("labels per decision", 1),
    "by_hand": ("of them by hand", 0),
    "labelled": ("objects labelled", 3),
    "right": ("labels right", 3),
    "f1": ("F1", 3),
    "f1_tracks": ("F1, tracks", 3),
    "f1_online": ("F1, online", 3),
    "recall": ("R at 0.1", 3),
    "recall_tracks": ("R at 0.1, tracks", 3),
    "f1_interference": ("F1 of interference, tracks", 3),
}
_TITLES = {
    "untrained": "untrained filter",
    "oracle": "no labels, oracle",
    "auto": "no labels, nobody",
    "one": "one labelled sequence",
    "all": "all labels",
}
_NOTES = """
Decisions and labels: in the sequences of training and validation; of one labelled sequence its
labels. By hand: labels that are not as proposed, since the position or the category was off, a
click in each of their frames. Objects labelled: share of the visible objects of both categories
with a label. Labels right: share of the labels at an object of their category. F1: of targets on
full frames of the test sequences, at the run's own threshold; that of the untrained filter is the
highest at any threshold. R at 0.1: recall of targets at 0.1 false alarms per frame.
"""


def figures_of(paths: Paths) -> dict[str, float]:
    """Compute the figures of an evaluated round of a run: those of COLUMNS.

    Args:
      paths: Of the first round that trained.
    """
    context = RoundContext(read_config(paths.workdir), paths)
    evaluation = json.loads(paths.evaluation.read_text())
    parts = {"": "frames", "_tracks": "tracks", "_online": "online"}
    f1 = {f"f1{end}": _f1(evaluation[part], "target") for end, part in parts.items()}
    recall = {
        f"recall{end}": _recall(evaluation[part]) for end, part in parts.items() if end != "_online"
    }
    interference = _f1(evaluation["tracks"], "interference")
    return {**_labels(context), **f1, **recall, "f1_interference": interference}


def figures_of_untrained(paths: Paths) -> dict[str, float]:
    """Compute those of the untrained filter, which the evaluation of every run contains."""
    evaluation = json.loads(paths.evaluation.read_text())
    figures = dict.fromkeys(COLUMNS, math.nan)
    for end, part in (("", "untrained"), ("_tracks", "untrained_tracks")):
        if part in evaluation:
            figures[f"f1{end}"] = evaluation[part]["best_f1"]["target"]
            figures[f"recall{end}"] = _recall(evaluation[part])
    return figures


def record_of(results: dict[str, dict[str, dict]], size: str) -> dict:
    """Average over the seeds."""
    seeds = list(results.values())
    summary = {
        run: {column: interval(seed[run][column] for seed in seeds) for column in COLUMNS}
        for run in seeds[0]
    }
    packages = versions(("dimjax", "jax"))
    return {"size": size, "versions": packages, "results": results, "summary": summary}


def as_markdown(record: dict, sky: str) -> str:
    """Format the table of a sky's runs."""
    lines = [["", *(head for head, _ in COLUMNS.values())]]
    for run, figures in record["summary"].items():
        cells = (_cell(figures[column], digits) for column, (_, digits) in COLUMNS.items())
        lines.append([_TITLES[run], *cells])
    head = f"# A start without labels: {sky}\n\nSize {record['size']}, "
    return f"{head}seeds {', '.join(record['results'])}.\n{_NOTES}\n{markdown(lines)}"


def _labels(context: RoundContext) -> dict[str, float]:
    """Count decisions and labels, and compare the labels with the truth."""
    with ledger.open_ledger(context.paths.ledger) as db:
        labels = ledger.labels_as_of(db, context.number)
        decisions = ledger.standing_decisions(db)
        suggested = _suggested(db)
    names = [*context.splits["train"], *context.splits.get("val", [])]
    labels = labels[labels.sequence.isin(names)]
    truth = context.folder.reference
    truth = truth[truth.sequence.isin(names)]
    visible = truth[must_be_found(truth)]
    match_px = context.config.detection.match_px
    right = sum(
        has_neighbour(rows, truth[truth.category == category], match_px).sum()
        for category, rows in labels.groupby("category")
    )
    reviewed = context.starts_without_labels
    changed = labels.merge(suggested, how="left", indicator=True)["_merge"].eq("left_only").sum()
    return {
        "decisions": len(decisions) if reviewed else math.nan,
        "labels": len(labels),
        "per_decision": len(labels) / len(decisions) if len(decisions) else math.nan,
        "by_hand": int(changed) if reviewed else math.nan,
        "labelled": float(has_neighbour(visible, labels, match_px).mean()),
        "right": float(right / len(labels)),
    }


def _suggested(db: ledger.Ledger) -> pd.DataFrame:
    """Table of the labels that review items suggested."""
    columns = ["sequence", "frame", "x", "y", "category"]
    changes = (change for item in ledger.get_items(db) for change in item.suggestion)
    rows = [[getattr(change, name) for name in columns] for change in changes]
    table = pd.DataFrame(rows, columns=columns).drop_duplicates()
    return table.astype({"frame": "int64", "x": float, "y": float})


def _f1(part: dict, category: str) -> float:
    figures = part["categories"][category]
    return figures["f1"] if figures["truths"] else math.nan


def _recall(part: dict) -> float:
    recall = part["recall_at"]["target"][0]["recall"]
    return math.nan if recall is None else recall


def _cell(figure: dict[str, float], digits: int) -> str:
    if math.isnan(figure["mean"]):
        return NONE
    text = f"{figure['mean']:,.{digits}f}"
    if math.isnan(figure["low"]):
        return text
    return f"{text} ({figure['low']:,.{digits}f} to {figure['high']:,.{digits}f})"
