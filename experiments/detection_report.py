"""Figures and tables of experiments/detection.py.

results = read_results(out / "detection.json", "cpu")           # of earlier calls
results[sky][seed][variant] = figures_of(evaluation, cpu_s)     # evaluation.json of a run
write_text(out / "detection.json", as_json(record_of(results, "cpu")))
text = as_markdown(results, "cpu")                              # detection.md
"""

import json
import math
from pathlib import Path
from typing import Any

from detection_runs import AS_CONFIGURED
from result_files import interval, markdown, number, versions

from dimjax.errors import InputError
from dimjax.evaluation.figures import ANYTHING
from dimjax.evaluation.slices import SLICES, range_record

PARTS = {"frames": "each frame alone", "tracks": "with tracks", "online": "with tracks, online"}
_NOTE = (
    "R: recall of targets at that number of false alarms per frame, in the second tables by "
    "effective SNR (or SCR). The F1 of the untrained filter is the highest at any threshold."
)
_DIFFERENCES = f'Differences from "{AS_CONFIGURED}" on the same sequences, {{title}}'
_DIGITS = 4  # of the figures in the record
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
    """Make the record of all figures, which further calls add to.

    Args:
      results: Sky -> seed -> variant -> part -> name -> value.
      size: Name of the size.
    """
    return {
        "size": size,
        "versions": versions(("dimjax", "jax")),
        "results": _each(results, lambda value: round(value, _DIGITS)),
    }


def read_results(file: Path, size: str) -> dict:
    """Read the results in a file of record_of, with NaN for null; none if there is no file.

    Raises:
      InputError: They are of another size.
    """
    if not file.exists():
        return {}
    record = json.loads(file.read_text())
    if record["size"] != size:
        remedy = f"Choose another --out, or --size={record['size']}."
        raise InputError(file, f"must hold results of size {size}", record["size"], remedy)
    return _each(record["results"], lambda value: math.nan if value is None else value)


def as_markdown(results: dict, size: str) -> str:
    """Format the means over the seeds of each sky, and the differences that a change makes."""
    text = "# Detection\n"
    for sky, by_seed in results.items():
        text += f"\n## {sky}\n\nSize {size}, seeds {', '.join(by_seed)}. {_NOTE}\n"
        summary = average(list(by_seed.values()))
        changes = average([_differences(variants) for variants in by_seed.values()])
        for part, title in PARTS.items():
            tables = [(title, summary, False), (title, summary, True)]
            tables += [(_DIFFERENCES.format(title=title), changes, False)]
            for caption, figures, sliced in tables:
                rows = {name: parts[part] for name, parts in figures.items() if part in parts}
                text += f"\n{caption}\n\n{markdown(_table(rows, sliced))}" if rows else ""
    return text


def average(seeds: list[dict]) -> dict:
    """Compute mean and interval of each figure over the seeds that have the variant."""
    names = dict.fromkeys(variant for variants in seeds for variant in variants)
    return {name: _averaged([one[name] for one in seeds if name in one]) for name in names}


def _averaged(runs: list[dict]) -> dict:
    return {
        part: {"seeds": {"mean": len(runs), "low": math.nan, "high": math.nan}}
        | {name: interval(run[part][name] for run in runs) for name in figures}
        for part, figures in runs[0].items()
    }


def _differences(variants: dict) -> dict:
    """Subtract the figures as configured from those of the other variants."""
    if (base := variants.get(AS_CONFIGURED)) is None:
        return {}
    return {
        variant: {
            part: {name: value - base[part][name] for name, value in figures.items()}
            for part, figures in parts.items()
        }
        for variant, parts in variants.items()
        if variant not in (AS_CONFIGURED, "untrained")
    }


def _each(value: Any, function) -> Any:
    """Apply a function to each number of nested dictionaries."""
    if isinstance(value, dict):
        return {key: _each(inner, function) for key, inner in value.items()}
    return function(value)


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


def _table(rows: dict[str, dict], sliced: bool) -> list[list[str]]:
    """Lines of the figures of all variants; either the recalls by slice or all others."""
    names = [name for name in next(iter(rows.values())) if _is_sliced(name) == sliced]
    lines = [[_cell(name, figures[name]) for name in names] for figures in rows.values()]
    return [["", *names], *([name, *line] for name, line in zip(rows, lines, strict=True))]


def _is_sliced(name: str) -> bool:
    return any(name.endswith(_slice_name("", range_record(*bounds))) for bounds in SLICES)


def _cell(name: str, figure: dict) -> str:
    digits = 0 if name in ("CPU s", "seeds") else 3
    mean, low, high = (number(figure[key], digits) for key in ("mean", "low", "high"))
    return mean if math.isnan(figure["low"]) else f"{mean} ({low} to {high})"
