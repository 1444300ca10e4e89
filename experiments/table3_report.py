"""Report of experiments/table3.py: a JSON file, tables and pictures.

write({"0": {"oracle": rows, ...}, "1": ...}, Path("experiments/results"), "cpu")
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from result_files import as_json, interval, markdown, number, versions
from round_rows import MIN_PRECISION

from dimjax.atomic_files import write_text
from dimjax.drawing.charts import Axis, Point, Series, chart, to_svg
from dimjax.drawing.text_tables import NONE

RUNS = {
    "oracle": "mined, oracle",
    "erring": "mined, 5 % errors",
    "random": "random chips",
    "no-mining": "no mining",
    "all": "all new data",
}
AT_ONCE = ("no-mining", "all")
_COLUMNS = {  # column -> header, digits
    "round": ("round", 0),
    "epochs": ("epochs", 0),
    "images": ("images", 0),
    "precision": ("precision", 3),
    "recall": ("recall", 3),
    "f1": ("F1", 3),
    "recall_at_precision": (f"recall at precision {MIN_PRECISION:g}", 3),
    "loss": ("mean loss", 3),
    "same_loss": ("of the first chips", 3),
    "shown": ("items queued", 0),
    "worth": ("items with a correction", 0),
    "changed": ("labels changed", 0),
    "decisions": ("decisions", 0),
    "by_frame": ("frame by frame", 0),
}
_NOTES = f"""
Means over seeds; intervals and the values of each seed are in table3.json. Images: chips in the
training data. Precision, recall and F1: targets on full frames of separate test sequences, at the
run's own threshold, which is chosen on the validation frames. Recall at precision
{MIN_PRECISION:g}: the highest recall on the curve of the test frames. Mean loss: of the last epoch;
of the first chips: of those in the first round, without chips near planted errors. Items queued,
items with a correction, labels changed, decisions: in the review that follows the round. Frame by
frame: decisions if each frame needed its own; the oracle judges each frame by itself, so that
labels and F1 would be the same.

The other runs start from the same first round and have the same refined labels of the first
sequences. Random chips: as many as were mined, round by round. No mining, all new data: in one
training of as many epochs as all later rounds together.
"""

Runs = dict[str, list[dict]]  # of one seed: run -> rows of its rounds


class Claim(NamedTuple):
    """A figure of one seed, and limits for its mean over seeds."""

    name: str
    compute: Callable[[Runs], float]
    least: float = -math.inf
    most: float = math.inf


def gain(runs: Runs, column: str, run: str = "oracle", other: str = "") -> float:
    """Compute the difference of a run's last round to another run's last, or to its own first."""
    before = runs[other][-1] if other else runs[run][0]
    return runs[run][-1][column] - before[column]


def fall(runs: Runs, column: str) -> float:
    """Compute the relative fall of a column from the oracle's first round to its last."""
    return 1 - runs["oracle"][-1][column] / runs["oracle"][0][column]


def decisions_per_label(runs: Runs, count: str = "decisions", changed: str = "changed") -> float:
    """Compute the decisions per corrected, added or removed label, over all rounds.

    NaN without such a label.
    """
    reviewed = [row for row in runs["oracle"] if not math.isnan(row[changed])]
    labels = sum(row[changed] for row in reviewed)
    return sum(row[count] for row in reviewed) / labels if labels else math.nan


CLAIMS = (
    Claim(
        f"rise of recall at precision {MIN_PRECISION:g}, last round over first",
        lambda runs: gain(runs, "recall_at_precision"),
        least=0.20,
    ),
    Claim("F1 over random chips", lambda runs: gain(runs, "f1", other="random"), least=0.03),
    Claim("decisions per changed label", decisions_per_label, most=1 / 3),
    Claim(
        "decisions per changed label, mined items only",
        lambda runs: decisions_per_label(runs, "mined_decisions", "mined_changed"),
    ),
    Claim(
        "decisions per changed label, frame by frame",
        lambda runs: decisions_per_label(runs, "by_frame"),
    ),
    Claim("F1 over no mining", lambda runs: gain(runs, "f1", other="no-mining")),
    Claim("F1 over all new data", lambda runs: gain(runs, "f1", other="all")),
    Claim("F1 over a reviewer with 5 % errors", lambda runs: gain(runs, "f1", other="erring")),
    Claim(
        "images, relative to all new data",
        lambda r: r["oracle"][-1]["images"] / r["all"][-1]["images"],
    ),
    Claim("relative fall of the mean loss", lambda runs: fall(runs, "loss")),
    Claim("relative fall of the first chips' mean loss", lambda runs: fall(runs, "same_loss")),
)


def write(results: dict[str, Runs], out: Path, size: str) -> None:
    """Write table3.json, table3.md and the pictures; print the tables.

    Args:
      results: Seed -> runs.
      out: Folder to write to.
      size: "toy", "cpu" or "paper".
    """
    summary = summarise(results)
    record = {
        "size": size,
        "versions": versions(("dimjax", "jax", "numpy")),
        "results": results,
        "summary": summary,
    }
    write_text(out / "table3.json", as_json(record))
    text = as_markdown(summary, list(results), size)
    write_text(out / "table3.md", text)
    for column, name in (("f1", "f1"), ("recall_at_precision", "recall")):
        write_text(out / f"table3-{name}.svg", to_svg(picture(summary["runs"], column)))
    print(text)


def summarise(results: dict[str, Runs]) -> dict:
    """Compute means and intervals over seeds.

    Returns:
      runs: run -> list of rounds -> column -> mean, low, high; claims: name, limits, values of the
      seeds, mean, low, high, and whether the mean is within the limits.
    """
    seeds = list(results.values())
    runs = {
        run: [
            {column: interval(row[column] for row in rows) for column in rows[0]}
            for rows in zip(*(seed[run] for seed in seeds), strict=True)
        ]
        for run in RUNS
    }
    return {"runs": runs, "claims": [judged(claim, seeds) for claim in CLAIMS]}


def judged(claim: Claim, seeds: list[Runs]) -> dict:
    """Evaluate a claim for each seed; without limits `holds` is None."""
    values = [claim.compute(runs) for runs in seeds]
    mean = interval(values)
    limits = {"least": claim.least, "most": claim.most}
    limits = {name: value for name, value in limits.items() if math.isfinite(value)}
    holds = claim.least <= mean["mean"] <= claim.most if limits else None
    return {"claim": claim.name, **limits, "seeds": values, **mean, "holds": holds}


def as_markdown(summary: dict, seeds: list[str], size: str) -> str:
    """Format the rounds of both reviews, the last round of all runs, and the claims."""
    text = f"# Rounds with mining\n\nSize {size}, seeds {', '.join(seeds)}.\n{_NOTES}"
    head = [name for name, _ in _COLUMNS.values()]
    for run in ("oracle", "erring"):
        lines = [_texts(row) for row in summary["runs"][run]]
        text += f"\n## {RUNS[run][0].upper()}{RUNS[run][1:]}\n\n" + markdown([head, *lines])
    count = list(_COLUMNS).index("shown")
    others = [
        [name, *_texts(row)[:count]]
        for run, name in RUNS.items()
        for row in summary["runs"][run][-1:]
    ]
    text += "\n## The last round of all\n\n" + markdown([["run", *head[:count]], *others])
    return text + "\n## Claims\n\n" + markdown(_claim_lines(summary["claims"]))


def picture(runs: dict, column: str) -> Figure:
    """Draw a column by round; runs that added all chips at once are dots."""
    series, points, last = [], [], len(runs["oracle"])
    for style, (run, name) in enumerate(RUNS.items()):
        y = [row[column]["mean"] for row in runs[run]]
        if run in AT_ONCE:
            points.append(Point(name, last, y[-1], style, left=True))
        else:
            x = [row["round"]["mean"] for row in runs[run]]
            series.append(Series(name, x, y, style, dashed=run == "erring"))
    axis = Axis("round", 1, last + 0.2, whole=True)
    return chart(series, axis, Axis(_COLUMNS[column][0], 0, 1), tuple(points))


def _texts(row: dict[str, dict]) -> list[str]:
    return [number(row[column]["mean"], digits) for column, (_, digits) in _COLUMNS.items()]


def _claim_lines(claims: list[dict]) -> list[list[str]]:
    lines = [["figure", "mean", "95 % interval", "goal", "holds"]]
    for claim in claims:
        goal = next((f"{s} {claim[n]:.3g}" for n, s in _SIGNS if n in claim), NONE)
        limits = f"{number(claim['low'])} to {number(claim['high'])}"
        holds = {True: "yes", False: "no", None: NONE}[claim["holds"]]
        lines.append([claim["claim"], number(claim["mean"]), limits, goal, holds])
    return lines


_SIGNS = (("least", ">="), ("most", "<="))
