"""What experiments/refinement.py writes: its JSON, its table and its pictures."""

import math
import re
from pathlib import Path

import jax
import numpy as np
from result_files import as_json, markdown, number, svg_file, versions
from suspect_scores import LOOKED_AT, RANDOM, SCORES

from dimjax.report.charts import Axis, Point, Series, chart
from dimjax.runs import write_whole
from dimjax.suspects import KINDS

_GOALS = {"all": 0.95, **dict.fromkeys(KINDS, 0.90)}
_PRECISION_GOAL, _SHARE_GOAL = 0.75, 0.10
_STYLES = {"calibrated": 0, "mean rank": 1, "last loss": 2, RANDOM: 4}
_NOTES = f"""
Calibrated: what the review shows; mean rank: the same measures without fitting; last loss: the
paper's, the total loss of the last epoch. {RANDOM.capitalize()}: of the labels and of those that
lack, but of no place where nothing is. Looked at: labels and proposed places, to one label, so that
a share may be above 1. K: the number of errors.
"""


def write(results: dict, summaries: dict, out: Path, size: str) -> None:
    """Write refinement.json, refinement.md and a picture a data set; print the table.

    Args:
      results: Data set -> seed -> figures of one seed.
      summaries: Data set -> means over the seeds.
      out: Folder to write to.
      size: "toy", "cpu" or "paper".
    """
    record = {
        "size": size,
        "versions": versions(("dimjax", "jax", "numpy")),
        "device": jax.devices()[0].device_kind,
        "results": results,
        "summary": summaries,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "refinement.json", as_json(record))
    parts = [as_markdown(name, list(results[name]), own) for name, own in summaries.items()]
    text = "\n".join([f"# Label refinement\n\nSize {size}.\n{_NOTES}", *parts])
    write_whole(out / "refinement.md", text)
    for name, own in summaries.items():
        write_whole(out / f"refinement-{slug(name)}.svg", svg_file(picture(own["curve"])))
    print(text)


def slug(name: str) -> str:
    """A data set's name as part of a file's: "sky, chips of 32 px" gives "sky-32"."""
    return re.sub(r"\W+", "-", name.replace(", chips of ", " ").removesuffix(" px"))


def as_markdown(name: str, seeds: list[str], own: dict) -> str:
    """The tables of one data set.

    Args:
      name: Of the data set.
      seeds: That were measured.
      own: Means over the seeds.
    """
    count = f"{len(seeds)} seeds, {', '.join(seeds)}" if len(seeds) > 1 else f"seed {seeds[0]}"
    tables = markdown(_ranking_lines(own)) + "\n" + markdown(_effect_lines(own))
    return f"## {name} ({count})\n\n{tables}"


def picture(curve: dict[str, list[float]]) -> str:
    """Share of the errors found against the units looked at, a line for each score."""
    series = [
        Series(score, LOOKED_AT.tolist(), curve[score], style, dashed=score == RANDOM)
        for score, style in _STYLES.items()
        if score in curve
    ]
    x = Axis("looked at, to one label", 0, float(LOOKED_AT[-1]))
    goal = Point("goal", _SHARE_GOAL, 0.9, _STYLES[RANDOM])
    return chart(series, x, Axis("share of the errors found", 0, 1), (goal,))


def _ranking_lines(own: dict) -> list[list[str]]:
    scores = (*SCORES, RANDOM)
    lines = [["ranking", *scores, "goal"]]
    for kind, goal in _GOALS.items():
        values = [own["auroc"].get(kind, {}).get(score, math.nan) for score in scores]
        lines.append([f"AUROC, {_spaced(kind)}", *map(number, values), f"{goal:.2f}"])
    for kind in _GOALS:
        values = [own["precision_at_k"].get(kind, {}).get(score, math.nan) for score in scores]
        goal = f"{_PRECISION_GOAL}" if kind == "all" else ""
        lines.append([f"precision in the top K, {_spaced(kind)}", *map(number, values), goal])
    for share in (80, 90):
        values = [own[f"reviewed_share_at_{share}"][score] for score in scores]
        goal = f"{_SHARE_GOAL:.2f}" if share == 90 else ""
        lines.append([f"looked at to find {share} %", *map(number, values), goal])
    return lines


def _effect_lines(own: dict) -> list[list[str]]:
    f1 = own["f1"]
    lost = f1["clean"] - f1["noisy"]
    back = (f1["fixed"] - f1["noisy"]) / lost if lost else np.nan
    return [
        ["effect", "value"],
        *[[f"F1, labels {key}", number(f1[key])] for key in ("noisy", "fixed", "clean")],
        ["share of the lost F1 that comes back", number(back, 2)],
        ["fall of the mean loss", number(own["mean_loss_drop"])],
        ["labels", number(own["labels"], 0)],
        ["errors", number(own["errors"], 0)],
        ["share of labels put up for review", number(own["shown_share"])],
        ["labels to a review item", number(own["labels_per_item"], 2)],
    ]


def _spaced(kind: str) -> str:
    return kind.replace("_", " ")
