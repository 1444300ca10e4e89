"""Tables of the recall at fixed false alarms: of a run, and of two runs side by side.

for title, table in recall_tables(figures).items():     # figures: evaluation.json
    print(title, as_text(table))
"""

from collections.abc import Sequence

from dimjax.drawing.text_tables import NONE, Table
from dimjax.report.tables import FULL_FRAMES, RATIO_UNITS, RATIOS, range_text, ratio_of, share

_UNTRAINED = {"untrained": "untrained filter", "untrained_tracks": "untrained, tracks"}
_QUOTES = "\N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}"


def recall_tables(figures: dict) -> dict[str, Table]:
    """Tabulate the recall at each number of false alarms, by category and slice; title -> table."""
    allowed = [row["false_alarms_per_frame"] for row in figures["frames"]["recall_at"]["target"]]
    return {
        f"recall at {rate:g} false alarms per frame": _recall_table(figures, k)
        for k, rate in enumerate(allowed)
    }


def _recall_table(figures: dict, k: int) -> Table:
    """Tabulate the recalls at the k-th number of false alarms, without empty slices."""
    ratio = ratio_of(figures)
    parts = _parts(figures)
    columns = [
        ("category", ""),
        ("range", "") if ratio is None else (RATIOS[ratio], RATIO_UNITS[ratio]),
        ("truths", "number"),
        *((head, "95 % interval" if _has_interval(figures) else "") for head in parts.values()),
    ]
    rows = []
    for name, recalls in figures["frames"]["recall_at"].items():
        of_parts = [figures[part]["recall_at"].get(name) for part in parts]
        rows.append([name, "all", f"{recalls[k]['truths']:,}"])
        rows[-1] += [_interval(of_part and of_part[k]) for of_part in of_parts]
        for i, part in enumerate(recalls[k]["slices"]):
            if not part["truths"]:
                continue
            slices = (of_part and of_part[k]["slices"][i] for of_part in of_parts)
            rows.append([name, range_text(part["range"]), f"{part['truths']:,}"])
            rows[-1] += map(_interval, slices)
    return Table(columns, rows, text_columns=2)


def _interval(figure: dict | None) -> str:
    """Format a recall with its interval; NONE without truths, or if it was not measured."""
    if figure is None or figure["recall"] is None:
        return NONE
    if figure["low"] is None:
        return share(figure["recall"])
    return f"{share(figure['recall'])} ({share(figure['low'])}-{share(figure['high'])})"


def _has_interval(figures: dict) -> bool:
    """Whether there are several sequences to draw from."""
    return any(row["low"] is not None for row in figures["frames"]["recall_at"]["target"])


def _parts(figures: dict) -> dict[str, str]:
    """Parts of the figures that have recalls -> their heads."""
    heads = FULL_FRAMES | _UNTRAINED
    parts = {part: head for part, head in heads.items() if part in figures}
    return parts | ({"bound": _bound_name(figures)} if "bound" in figures else {})


def _bound_name(figures: dict) -> str:
    return f"bound of {figures['bound']['window']} frames"


def bound_text(figures: dict) -> str | None:
    """Describe the bound of detection in words; None if it was not computed."""
    if "bound" not in figures:
        return None
    name, frames = _bound_name(figures).capitalize(), figures["bound"]["window"]
    return (
        f"{_QUOTES.format(name)}: the recall of a detector that is given the background, and the "
        "shape and the path of each target, so that only the noise and the interference in "
        f"{frames} frames limit it. Interference counts as it is: a detector that tells it from "
        "targets, or that uses more frames, as tracks do, may find more."
    )


def compared_recalls(runs: Sequence[tuple[str, dict]]) -> Table:
    """Tabulate the recalls of targets of some runs, given by their names and figures."""
    rates = sorted({rate for _, figures in runs for rate in _targets(figures, "frames")})
    has_interval = any(_has_interval(figures) for _, figures in runs)
    interval = ", 95 % interval" if has_interval else ""
    heads = [
        (f"recall of targets at {rate:g}", f"false alarms per frame{interval}") for rate in rates
    ]
    parts = {name: part for _, figures in runs for part, name in _parts(figures).items()}
    rows = []
    for name, part in parts.items():
        for run, figures in runs:
            if _parts(figures).get(part) == name:
                of_rate = _targets(figures, part)
                rows.append([name, run, *(_interval(of_rate.get(rate)) for rate in rates)])
    return Table([("on", ""), ("run", ""), *heads], rows, text_columns=2)


def _targets(figures: dict, part: str) -> dict[float, dict]:
    """Recalls of targets by the number of false alarms per frame."""
    return {row["false_alarms_per_frame"]: row for row in figures[part]["recall_at"]["target"]}
