"""Files of results: intervals over seeds, JSON without NaN, Markdown tables.

interval([0.61, 0.64, 0.60])                    # mean and 95 % interval
write_text(out / "table3.json", as_json(record))
write_text(out / "table3.md", markdown([["round", "F1"], ["1", "0.61"]]))
"""

import importlib.metadata
import json
import math
import platform
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import stats

from dimjax.drawing.text_tables import NONE


def interval(values: Iterable[float]) -> dict[str, float]:
    """Compute the mean of the seeds' values and its 95 % interval (Student's t).

    Args:
      values: One value per seed; NaN is left out.

    Returns:
      mean, low, high; all NaN without a value, low and high NaN with a single one.
    """
    values = np.array(list(values), float)
    values = values[~np.isnan(values)]
    if not len(values):
        return dict.fromkeys(("mean", "low", "high"), math.nan)
    mean, half = float(values.mean()), math.nan
    if len(values) > 1:
        error = values.std(ddof=1) / math.sqrt(len(values))
        half = float(stats.t.ppf(0.975, len(values) - 1) * error)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of some packages."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def as_json(record: Any) -> str:
    """Convert to JSON text; NaN becomes null."""
    return json.dumps(_without_nan(record), indent=1, allow_nan=False) + "\n"


def markdown(lines: list[list[str]]) -> str:
    """Format a Markdown table; the first line is its header."""
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def number(value: float, digits: int = 3) -> str:
    """Format a figure with thousands separators; NONE if it is NaN."""
    return NONE if math.isnan(value) else f"{value:,.{digits}f}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
