"""Figures and tables of experiments/detection.py.

results[sky][seed][variant] = figures_of(evaluation, cpu_s)     # evaluation.json of a run
record = record_of(results, "cpu")                              # detection.json
text = as_markdown(record)                                      # detection.md
"""

import math

from result_files import interval, markdown, number, versions

from dimjax.evaluation.figures import ANYTHING
from dimjax.evaluation.slices import SLICES, range_record

PARTS = {"frames": "each frame alone", "tracks": "with tracks", "online": "with tracks, online"}
_NOTE = (
    "R: recall of targets at that number of false alarms per frame, in the second tables by "
    "effective SNR (or SCR). The F1 of the untrained filter is the highest at any threshold."
)
_UNTRAINED = {"frames": "untrained", "tracks": "untrained_tracks"}


def figures_of(evaluation: dict, cpu_s: float | None) -> dict:
    """Read the figures of a run: part -> name -> value, NaN if it has none.

    Args:
      evaluation: evaluation.json of the run.
      cpu_s: Processor seconds of the whole run.
    """
    figures = {}
    for part in PARTS:
        categories = evaluation[part]["categories"]
        bright = categories["interference"].get("from_5", {"f1": math.nan, "truths": 0})
        figures[part] = {
            **_recalls(evaluation[part]["recall_at"]),
            "F1": categories["target"]["f1"],
            "F1, anything": evaluation[part][ANYTHING]["f1"],
            "F1, interference from 5 on": bright["f1"] if bright["truths"] else math.nan,
            "CPU s": math.nan if cpu_s is None else cpu_s,
        }
    return figures


def figures_of_untrained(evaluation: dict) -> dict:
    """Read those of the untrained filter; its F1 is the highest at any threshold."""
    figures = {}
    for part, name in _UNTRAINED.items():
        if name in evaluation:
            figures[part] = {
                **_recalls(evaluation[name]["recall_at"]),
                "F1": evaluation[name]["best_f1"]["target"],
                "F1, anything": evaluation[name]["best_f1"][ANYTHING],
                "F1, interference from 5 on": math.nan,
                "CPU s": math.nan,
            }
    return figures


def record_of(results: dict, size: str) -> dict:
    """Average over the seeds.

    Args:
      results: Sky -> seed -> variant -> part -> name -> value.
      size: Name of the size.
    """
    summary = {sky: _average(list(by_seed.values())) for sky, by_seed in results.items()}
    return {
        "size": size,
        "versions": versions(("dimjax", "jax")),
        "results": results,
        "summary": summary,
    }


def as_markdown(record: dict) -> str:
    """Format the figures and the recall by slice of each sky."""
    text = "# Detection\n"
    for sky, summary in record["summary"].items():
        seeds = ", ".join(record["results"][sky])
        text += f"\n## {sky}\n\nSize {record['size']}, seeds {seeds}. {_NOTE}\n"
        for part, title in PARTS.items():
            rows = {name: parts[part] for name, parts in summary.items() if part in parts}
            for sliced in (False, True):
                text += f"\n{title}\n\n{markdown(_table(rows, sliced))}" if rows else ""
    return text


def _recalls(recall_at: dict) -> dict[str, float]:
    """Recall of targets at each number of false alarms, overall and by slice, and of anything."""
    recalls = {}
    for category, prefix in (("target", ""), (ANYTHING, f"{ANYTHING}, ")):
        for row in recall_at[category]:
            allowed = f"{prefix}R at {row['false_alarms_per_frame']:g}"
            recalls[allowed] = _number(row["recall"])
            for part in row["slices"] if category == "target" else ():
                recalls[_slice_name(allowed, part["range"])] = _number(part["recall"])
    return recalls


def _slice_name(name: str, bounds: dict) -> str:
    high = " on" if bounds["high"] is None else f" to {bounds['high']:g}"
    return f"{name}, {bounds['low']:g}{high}"


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _average(seeds: list[dict]) -> dict:
    """Mean and interval of each figure of each part of each variant."""
    return {
        variant: {
            part: {name: interval(seed[variant][part][name] for seed in seeds) for name in figures}
            for part, figures in parts.items()
        }
        for variant, parts in seeds[0].items()
    }


def _table(rows: dict[str, dict], sliced: bool) -> list[list[str]]:
    """Lines of the figures of all variants; either the recalls by slice or all others."""
    names = [name for name in next(iter(rows.values())) if _is_sliced(name) == sliced]
    lines = [[_cell(name, figures[name]) for name in names] for figures in rows.values()]
    return [["", *names], *([name, *line] for name, line in zip(rows, lines, strict=True))]


def _is_sliced(name: str) -> bool:
    return any(name.endswith(_slice_name("", range_record(*bounds))) for bounds in SLICES)


def _cell(name: str, figure: dict) -> str:
    digits = 0 if name == "CPU s" else 3
    mean, low, high = (number(figure[key], digits) for key in ("mean", "low", "high"))
    return mean if math.isnan(figure["low"]) else f"{mean} ({low} to {high})"
