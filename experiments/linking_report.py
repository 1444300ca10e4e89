"""Report of experiments/linking.py: figures, tables and pictures from the counts of each part.

write(out, "cpu", scenes, rows)     # rows: scene, linker, seed and the counts of that part
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure
from planted_detections import HEIGHT, THRESHOLD, WIDTH, Planted, Scene
from result_files import as_json, interval, markdown, number, versions

from dimjax.atomic_files import write_text
from dimjax.drawing.charts import COLOURS, Axis, Series, chart, to_svg
from dimjax.mining import MiningConfig
from dimjax.tracks import LinkingConfig


class Goal(NamedTuple):
    """A limit for a figure, in all scenes with few uniform false alarms and a sufficient Pd."""

    figure: str
    least: float | None = None
    most: float | None = None


GOALS = (
    Goal("miss precision", least=0.95),
    Goal("miss recall, gaps 1-3", least=0.90),
    Goal("miss recall, gaps 4-6", least=0.75),
    Goal("false alarm precision", least=0.98),
    Goal("false alarm recall", least=0.95),
    Goal("harm", most=0.02),
    Goal("ms per frame", most=5.0),
)
_SHOWN = (
    "miss precision",
    "miss recall, gaps 1-3",
    "miss recall, gaps 4-6",
    "false alarm precision",
    "false alarm recall",
    "harm",
    "fragments",
    "switches",
    "swallowed",
    "items per fix",
    "doubtful per frame",
    "ms per frame",
)
_BY_RATE = {
    "miss precision": "misses: P",
    "miss recall, gaps 1-3": "misses: R",
    "false alarm precision": "false alarms: P",
    "false alarm recall": "R",
}
_RECALL = Axis("recall of misses", 0, 1)
_COLOUR = {name: light for name, (light, _) in COLOURS.items()}
_NOTES = """
Means over seeds; intervals and all figures are in linking.json. A scene is `base` (5 targets, 0-8
px/frame, Pd 0.8, 3 uniform false alarms and 4.5 weak ones per frame, planted gaps of 1-6 frames)
with the change that its name states. Miss: a frame of a target without a strong detection, right
within 2 px. Recall of misses: of the frames in gaps of that length. Harm: share of the targets'
detections that are offered as false alarms. Fragments, switches: tracks per target, changes from
one track to another. Swallowed: share of the false alarms in confirmed tracks. Items per fix: items
of misses and false alarms per right label or right false alarm. Times: processor time of linking
and mining; crowded scenes have 21 detections per frame.
"""


def write(out: Path, size: str, scenes: dict[str, Scene], rows: pd.DataFrame) -> None:
    """Write linking.json, linking.md and the charts; print the tables."""
    by_seed = figures(rows)
    summary = summarise(by_seed)
    goals = judge_goals(summary, scenes)
    record = {
        "size": size,
        "versions": versions(["numpy", "scipy", "pandas", *rivals_in(rows)]),
        "linking": LinkingConfig()._asdict(),
        "mining": MiningConfig()._asdict(),
        "scenes": {name: scene._asdict() for name, scene in scenes.items()},
        "rows": by_seed.to_dict("records"),
        "summary": summary,
        "goals": goals,
    }
    write_text(out / "linking.json", as_json(record))
    seeds = ", ".join(map(str, sorted(rows.seed.unique())))
    head = f"# Linking and mining of planted detections\n\nSize {size}, seeds {seeds}.\n{_NOTES}\n"
    text = f"{head}{_table(summary)}\n{_table_of_goals(goals)}"
    write_text(out / "linking.md", text)
    for name, picture in charts(summary, scenes).items():
        write_text(out / f"linking-{name}.svg", to_svg(picture))
    print(text)


def rivals_in(rows: pd.DataFrame) -> list[str]:
    """List the other packages whose linkers were measured."""
    return sorted(set(rows.linker) - {"dimjax"})


def figures(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute the figures of each scene, linker and seed from counts; NaN for 0 / 0."""

    def gaps(*lengths: int) -> pd.Series:
        mined = sum(rows[f"gap {k} mined"] for k in lengths)
        return mined / sum(rows[f"gap {k}"] for k in lengths)

    fixes = rows["right labels"] + rows["right offered"]
    columns = {
        "miss precision": rows["right misses"] / rows["misses"],
        "miss recall, gaps 1-3": gaps(1, 2, 3),
        "miss recall, gaps 4-6": gaps(4, 5, 6),
        **{f"miss recall, gap {k}": gaps(k) for k in range(1, 7)},
        "label precision": rows["right labels"] / rows["labels"],
        "labels within 1 px": rows["labels within 1 px"] / rows["labels"],
        "false alarm precision": rows["right offered"] / rows["offered"],
        "false alarm recall": rows["right offered"] / rows["false alarms"],
        "false alarm recall, doubtful too": rows["known false alarms"] / rows["false alarms"],
        "harm": rows["harmed"] / rows["true detections"],
        "fragments": rows["fragments"] / rows["targets"],
        "switches": rows["switches"] / rows["targets"],
        "swallowed": rows["swallowed"] / rows["false alarms"],
        "items per fix": rows["items"] / fixes,
        "doubtful per frame": rows["doubtful items"] / rows["frames"],
        "detections per frame": rows["detections"] / rows["frames"],
        "link ms per frame": 1e3 * rows["link s"] / rows["frames"],
        "mine ms per frame": 1e3 * rows["mine s"] / rows["frames"],
        "ms per frame": 1e3 * (rows["link s"] + rows["mine s"]) / rows["frames"],
    }
    return rows[["scene", "linker", "seed"]].assign(**columns)


def summarise(by_seed: pd.DataFrame) -> dict[str, dict[str, dict]]:
    """Compute scene -> linker -> figure -> mean and 95 % interval over the seeds."""
    summary: dict[str, dict[str, dict]] = {}
    for (scene, linker), rows in by_seed.groupby(["scene", "linker"], sort=False):
        values = rows.drop(columns=["scene", "linker", "seed"])
        summary.setdefault(scene, {})[linker] = {name: interval(values[name]) for name in values}
    return summary


def judge_goals(summary: dict, scenes: dict[str, Scene]) -> list[dict]:
    """Find for each goal the worst mean among its scenes, and whether the goal is reached there."""
    fair = [
        name
        for name, scene in scenes.items()
        if scene.clutter == "uniform" and scene.false_alarms <= 3 and scene.pd >= 0.8
    ]
    judged = []
    for goal in GOALS:
        judged_scenes = ["crowded"] if goal.figure == "ms per frame" else fair
        means = {name: summary[name]["dimjax"][goal.figure]["mean"] for name in judged_scenes}
        least = goal.least is not None
        worst = (min if least else max)(means, key=means.get)
        holds = means[worst] >= goal.least if least else means[worst] <= goal.most
        base = summary["base"]["dimjax"][goal.figure]["mean"]
        values = {"base": base, "worst": means[worst], "scene": worst, "holds": bool(holds)}
        judged.append({**goal._asdict(), **values})
    return judged


def charts(summary: dict, scenes: dict[str, Scene]) -> dict[str, Figure]:
    """Draw recall by gap length, and precision and recall by the rate of false alarms."""
    series = []
    for style, (linker, figures_of) in enumerate(summary["base"].items()):
        recall = [figures_of[f"miss recall, gap {k}"]["mean"] for k in range(1, 7)]
        series.append(Series(linker, list(range(1, 7)), recall, style))
    gaps = chart(series, Axis("length of the gap, frames", 1, 6, whole=True), _RECALL)
    base = scenes["base"]
    rates = sorted(
        (scene.false_alarms, name)
        for name, scene in scenes.items()
        if scene == base._replace(false_alarms=scene.false_alarms)
    )
    series = []
    for style, name in enumerate(_BY_RATE):
        values = [summary[scene]["dimjax"][name]["mean"] for _, scene in rates]
        series.append(Series(_BY_RATE[name], [rate for rate, _ in rates], values, style, style > 1))
    rate = Axis("false alarms per frame", 0.1, 20, log=True)
    return {"gaps": gaps, "clutter": chart(series, rate, Axis("precision P, recall R", 0.9, 1))}


def draw(planted: Planted, points: pd.DataFrame) -> Figure:
    """Draw a scene: detections as dots, target paths in grey, tracks, and rings at their gaps."""
    figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0), xlabel="x, pixels", ylabel="y, pixels")
    strong = planted.detections[planted.detections.score >= THRESHOLD]
    axes.plot(strong.x, strong.y, ".", markersize=2, color=_COLOUR["c1"])
    for _, path in planted.truth.groupby("track"):
        path = path.sort_values("frame")
        axes.plot(path.x, path.y, linewidth=0.8, color=_COLOUR["line"], zorder=0)
    confirmed = points[points.confirmed]
    for _, track in confirmed.groupby("track"):
        track = track.sort_values("frame")
        axes.plot(track.x, track.y, linewidth=1.8, color=_COLOUR["c0"])
    gaps = confirmed[~confirmed.strong]
    axes.plot(gaps.x, gaps.y, "o", markersize=8, fillstyle="none", color=_COLOUR["c2"])
    return figure


def _table(summary: dict) -> str:
    lines = [["scene", "linker", *_SHOWN]]
    for scene, linkers in summary.items():
        for linker, values in linkers.items():
            lines.append([scene, linker, *(number(values[name]["mean"]) for name in _SHOWN)])
    return markdown(lines)


def _table_of_goals(goals: list[dict]) -> str:
    lines = [["goal", "base", "worst scene", "value there", "reached in all"]]
    for goal in goals:
        limit = f">= {goal['least']:g}" if goal["least"] is not None else f"<= {goal['most']:g}"
        holds = "yes" if goal["holds"] else "no"
        figures = number(goal["base"]), goal["scene"], number(goal["worst"])
        lines.append([f"{goal['figure']} {limit}", *figures, holds])
    return markdown(lines)
