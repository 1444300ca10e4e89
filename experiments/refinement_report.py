"""What experiments/refinement.py writes: its JSON, its table and its pictures."""

import json
import math
import re
from pathlib import Path

import jax
from refinement_summary import Results, joined, summarise
from result_files import as_json, markdown, number, svg_file, versions
from suspect_scores import DRAWS, LOOKED_AT, OUT_OF_FOLD, RANDOM

from dimjax.atomic_files import write_whole
from dimjax.drawing.charts import Axis, Point, Series, chart
from dimjax.suspects import KINDS

_GOALS = {"all": 0.95, **dict.fromkeys(KINDS, 0.90)}
_PRECISION_GOAL, _SHARE_GOAL = 0.75, 0.10
_CLAIMED = "calibrated"
_STYLES = {_CLAIMED: 0, OUT_OF_FOLD: 0, "mean rank": 1, "last loss": 2, "cleanlab": 3, RANDOM: 4}
_NOTES = f"""
Calibrated: what the review shows; {OUT_OF_FOLD}: the same, each label judged by a network that was
not trained on its sequence; mean rank: the same measures without fitting; last loss: the
paper's, the total loss of the last epoch; cleanlab: its scores of overlooked, badly located and
swapped boxes, where it is installed. {RANDOM.capitalize()}: of the labels and of those that
lack, but of no place where nothing is. Looked at: labels and proposed places, to one label, so
that a share may be above 1. K: the number of errors. In brackets 95 % intervals: of rankings by
{DRAWS} draws of as many sequences as there are, with replacement; of F1 by what the seeds differ.
"""


def write(found: Results, out: Path, size: str) -> None:
    """Write refinement.json, refinement.md and a picture a data set; print the table.

    What refinement.json holds of other data sets and seeds stays, if it is of the same size.

    Args:
      found: Data set -> seed -> figures of one seed, as JSON has them.
      out: Folder to write to.
      size: "toy", "cpu" or "paper".
    """
    file = out / "refinement.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    results = joined(known["results"] if known.get("size") == size else {}, found)
    summaries = {name: summarise(list(seeds.values())) for name, seeds in results.items()}
    record = {
        "size": size,
        "versions": versions(("dimjax", "jax", "numpy")),
        "device": jax.devices()[0].device_kind,
        "results": results,
        "summary": summaries,
    }
    write_whole(file, as_json(record))
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
        Series(
            score, LOOKED_AT.tolist(), curve[score], style, dashed=score in (OUT_OF_FOLD, RANDOM)
        )
        for score, style in _STYLES.items()
        if score in curve
    ]
    x = Axis("looked at, to one label", 0, float(LOOKED_AT[-1]))
    goal = Point("goal", _SHARE_GOAL, 0.9, _STYLES[RANDOM], below=True)
    return chart(series, x, Axis("share of the errors found", 0, 1), (goal,))


def _ranking_lines(own: dict) -> list[list[str]]:
    lines = [["ranking", *_scores(own), "goal"]]
    for kind, goal in _GOALS.items():
        lines.append([f"AUROC, {_spaced(kind)}", *_texts(own, "auroc", kind), f"{goal:.2f}"])
    for kind in _GOALS:
        goal = f"{_PRECISION_GOAL}" if kind == "all" else ""
        texts = _texts(own, "precision_at_k", kind)
        lines.append([f"precision in the top K, {_spaced(kind)}", *texts, goal])
    for share in (80, 90):
        goal = f"{_SHARE_GOAL:.2f}" if share == 90 else ""
        texts = _texts(own, f"reviewed_share_at_{share}")
        lines.append([f"looked at to find {share} %", *texts, goal])
    return lines


def _texts(own: dict, *path: str) -> list[str]:
    """A figure of all scores; the first one's with its interval."""
    values, limits = own, own["intervals"]
    for key in path:
        values, limits = values.get(key, {}), limits.get(key, {})
    texts = [number(values.get(score, math.nan)) for score in _scores(own)]
    return [_with_interval(texts[0], limits.get(_CLAIMED, [math.nan])), *texts[1:]]


def _scores(own: dict) -> list[str]:
    """The scores that were measured."""
    return [score for score in _STYLES if score in own["curve"]]


def _with_interval(text: str, limits: list[float]) -> str:
    if any(map(math.isnan, limits)):
        return text
    return f"{text} ({number(limits[0], 2)}\N{EN DASH}{number(limits[1], 2)})"


def _effect_lines(own: dict) -> list[list[str]]:
    f1, limits = own["f1"], own["intervals"]["f1"]
    lost = f1["clean"] - f1["noisy"]
    back = (f1["fixed"] - f1["noisy"]) / lost if lost > 0 else math.nan
    names = ("noisy", "fixed", "clean")
    return [
        ["effect", "value"],
        *[[f"F1, labels {key}", _with_interval(number(f1[key]), limits[key])] for key in names],
        ["share of the lost F1 that comes back", number(back, 2)],
        ["fall of the mean loss", number(own["mean_loss_drop"])],
        ["labels", number(own["labels"], 0)],
        ["errors", number(own["errors"], 0)],
        ["share of labels put up for review", number(own["shown_share"])],
        ["labels to a review item", number(own["labels_per_item"], 2)],
    ]


def _spaced(kind: str) -> str:
    return kind.replace("_", " ")
