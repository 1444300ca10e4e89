"""What experiments write: figures over seeds, JSON without NaN, Markdown tables, SVG files.

interval([0.61, 0.64, 0.60])                    # mean and 95 % interval
write_whole(out / "table3.json", as_json(record))
write_whole(out / "table3.md", markdown([["round", "F1"], ["1", "0.61"]]))
write_whole(out / "table3.svg", svg_file(chart(...)))
"""

import importlib.metadata
import json
import math
import platform
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import stats

NONE = "\N{EN DASH}"  # where a figure has no meaning

_STYLE = (
    "text{font:12px sans-serif;fill:#5b6570}.label{fill:#1b1f24}"
    ".halo{paint-order:stroke;stroke:#fff;stroke-width:3px}.grid{stroke:#d8dde2}"
    ".axis{stroke:#5b6570;fill:none}.line{fill:none;stroke-width:1.8}"
    ".dashed{stroke-dasharray:6 3.5}"
    ".s0{stroke:#c25700}.s1{stroke:#0072b2}.s2{stroke:#00805e}.s3{stroke:#a0508a}"
    ".s4{stroke:#5b6570}"
    ".f0{fill:#c25700}.f1{fill:#0072b2}.f2{fill:#00805e}.f3{fill:#a0508a}.f4{fill:#5b6570}"
)


def interval(values: Iterable[float]) -> dict[str, float]:
    """Mean and 95 % interval (Student's t) of the values of the seeds; NaN where there are few."""
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
    """Python's version and those of packages."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def as_json(record: Any) -> str:
    """JSON text; NaN becomes null."""
    return json.dumps(_without_nan(record), indent=1, allow_nan=False) + "\n"


def markdown(lines: list[list[str]]) -> str:
    """A table whose first line is its head."""
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def number(value: float, digits: int = 3) -> str:
    """A figure as text, NONE if it is NaN."""
    return NONE if math.isnan(value) else f"{value:,.{digits}f}"


def svg_file(markup: str) -> str:
    """A chart of dimjax.drawing.charts as a file of its own, with its colours."""
    first, rest = str(markup).removeprefix("<svg").split(">", 1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg"{first}>'
    return f'{head}<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{rest}'


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
