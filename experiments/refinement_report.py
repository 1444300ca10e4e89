"""Report of experiments/refinement.py: a JSON file, tables and pictures."""

import json
import math
import re
from pathlib import Path

import jax
from matplotlib.figure import Figure
from refinement_summary import Results, merged, summarise
from result_files import as_json, markdown, number, versions
from suspect_scores import DRAWS, OUT_OF_FOLD, RANDOM, REVIEWED

from dimjax.atomic_files import write_text
from dimjax.drawing.charts import Axis, Point, Series, chart, to_svg
from dimjax.suspects import KINDS

_GOALS = {"all": 0.95, **dict.fromkeys(KINDS, 0.90)}
_PRECISION_GOAL, _SHARE_GOAL = 0.75, 0.10
_CLAIMED = "calibrated"
_STYLES = {_CLAIMED: 0, OUT_OF_FOLD: 0, "mean rank": 1, "last loss": 2, "cleanlab": 3, RANDOM: 4}
_NOTES = f"""
Calibrated: the ranking that the review shows; {OUT_OF_FOLD}: the same, but each label is judged by
a network that was not trained on its sequence; mean rank: the same measures without fitting; last
loss: the paper's, the total loss of the last epoch; cleanlab: its scores of overlooked, badly
located and swapped boxes, if it is installed. {RANDOM.capitalize()}: of the labels and the missing
labels, but not of proposed places on background. Reviewed: labels and proposed places per label, so
that a share can be above 1. K: the number of errors. Brackets hold 95 % intervals: of rankings by
{DRAWS} draws of the sequences with replacement, of F1 by the variation of the seeds.
"""


def write(new: Results, out: Path, size: str) -> None:
    """Write refinement.json, refinement.md and a picture per data set; print the tables.

    Results of other data sets and seeds in refinement.json are kept if they are of the same size.

    Args:
      new: Data set -> seed -> figures of that seed, as read from JSON.
      out: Folder to write to.
      size: "toy", "cpu" or "paper".
    """
    file = out / "refinement.json"
    previous = json.loads(file.read_text()) if file.exists() else {}
    results = merged(previous["results"] if previous.get("size") == size else {}, new)
    summaries = {name: summarise(list(seeds.values())) for name, seeds in results.items()}
    record = {
        "size": size,
        "versions": versions(("dimjax", "jax", "numpy")),
        "device": jax.devices()[0].device_kind,
        "results": results,
        "summary": summaries,
    }
    write_text(file, as_json(record))
    parts = [as_markdown(name, list(results[name]), summary) for name, summary in summaries.items()]
    text = "\n".join([f"# Label refinement\n\nSize {size}.\n{_NOTES}", *parts])
    write_text(out / "refinement.md", text)
    for name, summary in summaries.items():
        write_text(out / f"refinement-{slug(name)}.svg", to_svg(picture(summary["curve"])))
    print(text)


def slug(name: str) -> str:
    """Shorten a data set's name for a file name: "sky, chips of 32 px" gives "sky-32"."""
    return re.sub(r"\W+", "-", name.replace(", chips of ", " ").removesuffix(" px"))


def as_markdown(name: str, seeds: list[str], summary: dict) -> str:
    """Format the tables of one data set.

    Args:
      name: Name of the data set.
      seeds: The seeds that were measured.
      summary: Their summary, from refinement_summary.summarise.
    """
    count = f"{len(seeds)} seeds, {', '.join(seeds)}" if len(seeds) > 1 else f"seed {seeds[0]}"
    tables = markdown(_ranking_lines(summary)) + "\n" + markdown(_effect_lines(summary))
    return f"## {name} ({count})\n\n{tables}"


def picture(curve: dict[str, list[float]]) -> Figure:
    """Draw the share of the errors found against the units reviewed, a line for each score."""
    series = [
        Series(score, REVIEWED.tolist(), curve[score], style, dashed=score in (OUT_OF_FOLD, RANDOM))
        for score, style in _STYLES.items()
        if score in curve
    ]
    x = Axis("reviewed, per label", 0, float(REVIEWED[-1]))
    goal = Point("goal", _SHARE_GOAL, 0.9, _STYLES[RANDOM], below=True)
    return chart(series, x, Axis("share of the errors found", 0, 1), (goal,))


def _ranking_lines(summary: dict) -> list[list[str]]:
    lines = [["ranking", *_scores(summary), "goal"]]
    for kind, goal in _GOALS.items():
        lines.append([f"AUROC, {_spaced(kind)}", *_texts(summary, "auroc", kind), f"{goal:.2f}"])
    for kind in _GOALS:
        goal = f"{_PRECISION_GOAL}" if kind == "all" else ""
        texts = _texts(summary, "precision_at_k", kind)
        lines.append([f"precision in the top K, {_spaced(kind)}", *texts, goal])
    for share in (80, 90):
        goal = f"{_SHARE_GOAL:.2f}" if share == 90 else ""
        texts = _texts(summary, f"reviewed_share_at_{share}")
        lines.append([f"reviewed to find {share} %", *texts, goal])
    return lines


def _texts(summary: dict, *path: str) -> list[str]:
    """Format a figure of all scores; that of the first one with its interval."""
    values, limits = summary, summary["intervals"]
    for key in path:
        values, limits = values.get(key, {}), limits.get(key, {})
    texts = [number(values.get(score, math.nan)) for score in _scores(summary)]
    return [_with_interval(texts[0], limits.get(_CLAIMED, [math.nan])), *texts[1:]]


def _scores(summary: dict) -> list[str]:
    """List the scores that were measured."""
    return [score for score in _STYLES if score in summary["curve"]]


def _with_interval(text: str, limits: list[float]) -> str:
    if any(map(math.isnan, limits)):
        return text
    return f"{text} ({number(limits[0], 2)}\N{EN DASH}{number(limits[1], 2)})"


def _effect_lines(summary: dict) -> list[list[str]]:
    return [
        ["review and its effect", "value"],
        *(_detector_lines(summary) if "f1" in summary else []),
        ["labels", number(summary["labels"], 0)],
        ["errors", number(summary["errors"], 0)],
        ["share of labels queued for review", number(summary["shown_share"])],
        ["labels per review item", number(summary["labels_per_item"], 2)],
    ]


def _detector_lines(summary: dict) -> list[list[str]]:
    f1, limits = summary["f1"], summary["intervals"]["f1"]
    lost = f1["clean"] - f1["noisy"]
    recovered = (f1["fixed"] - f1["noisy"]) / lost if lost > 0 else math.nan
    names = ("noisy", "fixed", "clean")
    return [
        *[[f"F1, labels {key}", _with_interval(number(f1[key]), limits[key])] for key in names],
        ["share of the lost F1 that is recovered", number(recovered, 2)],
        ["fall of the mean loss", number(summary["mean_loss_drop"])],
    ]


def _spaced(kind: str) -> str:
    return kind.replace("_", " ")
