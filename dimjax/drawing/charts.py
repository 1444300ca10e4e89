"""Charts: curves and bars as SVG, drawn in the colours and type of the page they stand in.

In come series and axes; out comes markup to set into an HTML page, whose style sheet gives the
colours of the classes s0, s1, ... The lines also differ in their dashes, for print in grey.

    chart([Series("target", x=[0.1, 0.5], y=[0.9, 0.7])],
          x=Axis("recall", 0, 1), y=Axis("precision", 0, 1))
"""

import math
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

WIDTH, HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 34, 46  # margins of the plot
_TICKS = 6
_MOST_POINTS = 500
_ROW = 18  # height of a row of the legend


class Axis(NamedTuple):
    """One axis of a chart."""

    label: str  # with its unit
    low: float
    high: float
    log: bool = False
    whole: bool = False  # ticks at whole numbers only


class Series(NamedTuple):
    """One line of a chart."""

    name: str
    x: list
    y: list
    style: int = 0  # number of the colour and the dashes
    dashed: bool = False


class Point(NamedTuple):
    """A marked point with a name beside it."""

    name: str
    x: float
    y: float
    style: int = 0
    left: bool = False  # the name stands to the left
    below: bool = False  # and lower than the point


def chart(series: list[Series], x: Axis, y: Axis, points: tuple[Point, ...] = ()) -> Markup:
    """Lines over a grid; what lies outside the axes is moved to their rim."""
    parts = [_frame(x, y)]
    parts += [_line(line, x, y) for line in series]
    parts += [_point(point, x, y) for point in points]
    legend, rows = _legend(series)
    more = _ROW * (rows - 1)  # a legend of several rows moves the plot down
    plot = [f'<g transform="translate(0 {more})">', *parts, "</g>"] if more else parts
    return _svg([*plot, legend], f"{y.label} against {x.label}", HEIGHT + more)


def bars(names: list[str], shares: list[float], notes: list[str], x: Axis) -> Markup:
    """Bars that lie one below the other, each with its name on the left and a note on the right."""
    row, left, right = 34, 110, 120
    parts, width = [], WIDTH - left - right
    for k, (name, share, note) in enumerate(zip(names, shares, notes, strict=True)):
        middle = 14 + k * row + row / 2
        length = width * (share - x.low) / (x.high - x.low)
        parts.append(_text(left - 10, middle, name, "end"))
        parts.append(
            f'<rect class="track" x="{left}" y="{middle - 9}" width="{width}" height="18"/>'
        )
        parts.append(
            f'<rect class="f0" x="{left}" y="{middle - 9}" width="{length:.1f}" height="18"/>'
        )
        parts.append(_text(left + width + 10, middle, note, "start"))
    bottom = 14 + len(names) * row + 14
    for tick in (x.low, (x.low + x.high) / 2, x.high):
        place = left + width * (tick - x.low) / (x.high - x.low)
        parts.append(_text(place, bottom, f"{tick:g}", "middle"))
    parts.append(_text(left + width / 2, bottom + 20, x.label, "middle", "label"))
    return _svg(parts, x.label, bottom + 34)


def histogram(groups: dict[str, np.ndarray], x: Axis, bins: int = 48) -> list[Series]:
    """Outlines over a logarithmic axis: the number of values, one or more a group, in each bin."""
    edges = np.geomspace(x.low, x.high, bins + 1)
    series = []
    for style, (name, values) in enumerate(groups.items()):
        counts, _ = np.histogram(np.clip(values, x.low, x.high), edges)
        filled = np.flatnonzero(counts)
        part = slice(filled[0], filled[-1] + 1)
        heights = [0, *counts[part].repeat(2).tolist(), 0]
        places = edges[part.start : part.stop + 1].repeat(2).tolist()
        series.append(Series(name, places, heights, style))
    return series


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, ... times a power of ten: where a linear axis may end."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _frame(x: Axis, y: Axis) -> str:
    """Grid, ticks and labels."""
    parts = []
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    for tick in _ticks(x):
        at = _across(tick, x)
        parts.append(f'<path class="grid" d="M{at:.1f} {_TOP}V{bottom}"/>')
        parts.append(_text(at, bottom + 15, _number(tick), "middle"))
    for tick in _ticks(y):
        at = _down(tick, y)
        parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{right}"/>')
        parts.append(_text(_LEFT - 8, at, _number(tick), "end"))
    parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>')
    parts.append(_text((_LEFT + right) / 2, HEIGHT - 9, x.label, "middle", "label"))
    middle = (_TOP + bottom) / 2
    parts.append(
        f'<g transform="translate(13 {middle}) rotate(-90)">'
        + _text(0, 0, y.label, "middle", "label")
        + "</g>"
    )
    return "".join(parts)


def _line(series: Series, x: Axis, y: Axis) -> str:
    if not len(series.x):
        return ""
    some = np.unique(np.linspace(0, len(series.x) - 1, _MOST_POINTS).astype(int))
    path = "L".join(
        f"{_across(series.x[k], x):.1f} {_down(series.y[k], y):.1f}" for k in some.tolist()
    )
    if len(some) == 1:  # a path of one point would not be seen
        return _dot(path.split(), f"f{series.style}")
    return f'<path class="line s{series.style}{_dashes(series)}" d="M{path}"/>'


def _dashes(series: Series) -> str:
    return " dashed" if series.dashed else ""


def _point(point: Point, x: Axis, y: Axis) -> str:
    across, down = _across(point.x, x), _down(point.y, y)
    left = point.left and across > _LEFT + 40 or across > WIDTH - 50
    name = _text(
        across + (-9 if left else 9),
        down + (20 if point.below else -11),
        point.name,
        "end" if left else "start",
        "label halo",
    )
    return _dot((f"{across:.1f}", f"{down:.1f}"), f"f{point.style} mark") + name


def _dot(place, style: str) -> str:
    return f'<circle class="{style}" cx="{place[0]}" cy="{place[1]}" r="4.5"/>'


def _legend(series: list[Series]) -> tuple[str, int]:
    """The names of the lines, and the number of rows that they take."""
    parts, at, down = [], _LEFT, 14
    for line in series:
        if not line.name:
            continue
        width = 28 + 6.6 * len(line.name)
        if at > _LEFT and at + width > WIDTH:
            at, down = _LEFT, down + _ROW
        parts.append(f'<path class="line s{line.style}{_dashes(line)}" d="M{at:g} {down}h22"/>')
        parts.append(_text(at + 28, down, line.name, "start"))
        at += width + 14
    return "".join(parts), 1 + (down - 14) // _ROW


def _ticks(axis: Axis) -> list[float]:
    if axis.log:
        first, last = (
            math.ceil(math.log10(axis.low) - 1e-9),
            math.floor(math.log10(axis.high) + 1e-9),
        )
        return [10.0**power for power in range(first, last + 1)]
    step = max(round_up((axis.high - axis.low) / _TICKS), 1.0 if axis.whole else 0.0)
    first, last = math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _number(value: float) -> str:
    return f"{value:g}" if value < 10_000 else f"{value:,.0f}".replace(",", "\N{THIN SPACE}")


def _across(value: float, axis: Axis) -> float:
    return _LEFT + _share(value, axis) * (WIDTH - _LEFT - _RIGHT)


def _down(value: float, axis: Axis) -> float:
    return HEIGHT - _BOTTOM - _share(value, axis) * (HEIGHT - _TOP - _BOTTOM)


def _share(value: float, axis: Axis) -> float:
    low, high = axis.low, axis.high
    if axis.log:
        value, low, high = (math.log(max(v, axis.low)) for v in (value, low, high))
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    style = f' class="{style}"' if style else ""
    place = f'x="{x:.1f}" y="{y:.1f}" dy=".35em" text-anchor="{anchor}"'
    return f"<text{style} {place}>{escape(text)}</text>"


def _svg(parts: list[str], title: str, height: float = HEIGHT) -> Markup:
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img">'
    return Markup(head + f"<title>{escape(title)}</title>" + "".join(parts) + "</svg>")
