"""What experiments/table3.py writes: its JSON, its tables and its pictures.

write({"0": {"oracle": rows, ...}, "1": ...}, Path("experiments/results"), "cpu")
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from result_files import NONE, as_json, interval, markdown, number, svg_file, versions
from round_rows import LEAST_PRECISION

from dimjax.atomic_files import write_whole
from dimjax.drawing.charts import Axis, Point, Series, chart

RUNS = {
    "oracle": "mined, oracle",
    "erring": "mined, 5 % errors",
    "random": "random chips",
    "no-mining": "no mining",
    "all": "all new data",
}
AT_ONCE = ("no-mining", "all")
_COLUMNS = {  # column -> its head, digits
    "round": ("round", 0),
    "epochs": ("epochs", 0),
    "images": ("images", 0),
    "precision": ("precision", 3),
    "recall": ("recall", 3),
    "f1": ("F1", 3),
    "recall_at_precision": (f"recall at precision {LEAST_PRECISION:g}", 3),
    "loss": ("mean loss", 3),
    "same_loss": ("of the first chips", 3),
    "shown": ("items shown", 0),
    "worth": ("worth it", 0),
    "changed": ("labels changed", 0),
    "decisions": ("decisions", 0),
    "by_frame": ("frame by frame", 0),
}
_NOTES = f"""
Means over seeds; intervals and each seed are in table3.json. Images: chips that were trained on.
Precision, recall and F1: targets on full frames of sequences apart, at the threshold of the highest
F1 on the validation frames. Recall at precision {LEAST_PRECISION:g}: the highest recall on the test
frames' own curve. Mean loss: of the last epoch; of the first chips: of those that were in the first
round, without errors that dimjax planted. Items shown, worth it (a label was changed), labels
changed, decisions: in the review that follows the round.
Frame by frame: decisions if each frame had its own; the oracle judges each by itself, so that
labels, and with them F1, would be the same.

Runs beside the mined ones start from the same first round and have the same refined labels of the
first sequences. Random chips: as many as were mined, round by round. No mining, all new data: once,
in one training of as many epochs as all later rounds together.
"""

Runs = dict[str, list[dict]]  # of one seed: run -> rows of its rounds


class Claim(NamedTuple):
    """A figure of one seed, and what its mean has to reach."""

    name: str
    of: Callable[[Runs], float]
    least: float = -math.inf
    most: float = math.inf


def gain(runs: Runs, column: str, run: str = "oracle", other: str = "") -> float:
    """What a run's last round has more of than another's last, or else than its own first."""
    before = runs[other][-1] if other else runs[run][0]
    return runs[run][-1][column] - before[column]


def fall(runs: Runs, column: str) -> float:
    """The share by which a column is lower in the oracle's last round than in its first."""
    return 1 - runs["oracle"][-1][column] / runs["oracle"][0][column]


def decisions_a_label(runs: Runs, count: str = "decisions", changed: str = "changed") -> float:
    """Decisions to each label corrected, added or removed, over all rounds; NaN without any."""
    reviewed = [row for row in runs["oracle"] if not math.isnan(row[changed])]
    labels = sum(row[changed] for row in reviewed)
    return sum(row[count] for row in reviewed) / labels if labels else math.nan


CLAIMS = (
    Claim(
        f"rise of recall at precision {LEAST_PRECISION:g}, last round over first",
        lambda runs: gain(runs, "recall_at_precision"),
        least=0.20,
    ),
    Claim("F1 over random chips", lambda runs: gain(runs, "f1", other="random"), least=0.03),
    Claim("decisions to a changed label", decisions_a_label, most=1 / 3),
    Claim(
        "decisions to a changed label, mined items alone",
        lambda runs: decisions_a_label(runs, "mined_decisions", "mined_changed"),
    ),
    Claim(
        "decisions to a changed label, frame by frame",
        lambda runs: decisions_a_label(runs, "by_frame"),
    ),
    Claim("F1 over no mining", lambda runs: gain(runs, "f1", other="no-mining")),
    Claim("F1 over all new data", lambda runs: gain(runs, "f1", other="all")),
    Claim("F1 over a reviewer who errs", lambda runs: gain(runs, "f1", other="erring")),
    Claim("images to all new data", lambda r: r["oracle"][-1]["images"] / r["all"][-1]["images"]),
    Claim("fall of the mean loss, share", lambda runs: fall(runs, "loss")),
    Claim("fall of the first chips' mean loss, share", lambda runs: fall(runs, "same_loss")),
)


def write(results: dict[str, Runs], out: Path, size: str) -> None:
    """Write table3.json, table3.md and the pictures, and print the tables.

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
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "table3.json", as_json(record))
    text = as_markdown(summary, list(results), size)
    write_whole(out / "table3.md", text)
    for column, name in (("f1", "f1"), ("recall_at_precision", "recall")):
        write_whole(out / f"table3-{name}.svg", svg_file(picture(summary["runs"], column)))
    print(text)


def summarise(results: dict[str, Runs]) -> dict:
    """Means and intervals over seeds.

    Returns:
      runs: run -> list of rounds -> column -> mean, low, high; claims: name, least, most, each
      seed's value, mean, low, high and whether the mean holds.
    """
    seeds = list(results.values())
    runs = {
        run: [
            {column: interval(row[column] for row in rows) for column in rows[0]}
            for rows in zip(*(own[run] for own in seeds), strict=True)
        ]
        for run in RUNS
    }
    return {"runs": runs, "claims": [judged(claim, seeds) for claim in CLAIMS]}


def judged(claim: Claim, seeds: list[Runs]) -> dict:
    """A claim with its value for each seed; without limits it neither holds nor fails."""
    values = [claim.of(runs) for runs in seeds]
    own = interval(values)
    limits = {"least": claim.least, "most": claim.most}
    limits = {name: value for name, value in limits.items() if math.isfinite(value)}
    holds = claim.least <= own["mean"] <= claim.most if limits else None
    return {"claim": claim.name, **limits, "seeds": values, **own, "holds": holds}


def as_markdown(summary: dict, seeds: list[str], size: str) -> str:
    """The table of rounds of both reviews, that of the others, and the claims."""
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
    return text + "\n## What is claimed\n\n" + markdown(_claim_lines(summary["claims"]))


def picture(runs: dict, column: str) -> str:
    """A column by round; what was added at once is a dot."""
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
        spread = f"{number(claim['low'])} to {number(claim['high'])}"
        holds = {True: "yes", False: "no", None: NONE}[claim["holds"]]
        lines.append([claim["claim"], number(claim["mean"]), spread, goal, holds])
    return lines


_SIGNS = (("least", ">="), ("most", "<="))
