"""Line and bar charts, drawn by Matplotlib as SVG for files and for pages with a dark theme.

    figure = chart([Series("target", x=[0.1, 0.5], y=[0.9, 0.7])],
                   x=Axis("recall", 0, 1), y=Axis("precision", 0, 1))
    to_svg(figure)                  # a file with a white background
    to_markup(figure)               # for a page that defines COLOURS

Lines also differ in their dashes, for print in grey. The same data give the same text. Matplotlib
takes half a second to import, so it is imported when the first chart is drawn.
"""

import io
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Name -> colour in a light and a dark theme; a page defines them as CSS variables. c0 to c3 are
# those of series, which readers of all colour visions can tell apart.
COLOURS = {
    "page": ("#ffffff", "#14171b"),
    "ink": ("#1b1f24", "#e3e6ea"),
    "soft": ("#5b6570", "#9aa5b1"),
    "line": ("#d8dde2", "#353c44"),
    "faint": ("#eef1f4", "#20252b"),
    "c0": ("#c25700", "#ffa31a"),
    "c1": ("#0072b2", "#56b4e9"),
    "c2": ("#00805e", "#3cc49a"),
    "c3": ("#a0508a", "#e29bc4"),
}

_WIDTH, _HEIGHT = 460, 300  # points
_BAR_HEIGHT, _BARS_MARGIN = 34, 62
_LEGEND_LENGTH = 63  # characters in a row of a legend; a line takes as much room as 6
_LIGHT = {name: light for name, (light, _) in COLOURS.items()}
_SERIES = tuple(_LIGHT[name] for name in ("c0", "c1", "c2", "c3", "soft"))
_STYLE = {
    "figure.constrained_layout.use": True,
    "figure.facecolor": _LIGHT["page"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "text.color": _LIGHT["soft"],
    "text.parse_math": False,
    "axes.facecolor": "none",
    "axes.edgecolor": _LIGHT["soft"],
    "axes.labelcolor": _LIGHT["ink"],
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LIGHT["line"],
    "grid.linewidth": 0.6,
    "xtick.color": _LIGHT["soft"],
    "ytick.color": _LIGHT["soft"],
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 7,
    "ytick.major.pad": 7,
    "lines.linewidth": 1.8,
    "lines.dashed_pattern": (3.4, 2.0),
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.handletextpad": 0.6,
    "legend.columnspacing": 1.2,
    "svg.fonttype": "none",
}


class Axis(NamedTuple):
    """One axis of a chart; without low or high it ends near the end of the data."""

    label: str  # with its unit
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False  # ticks at whole numbers only


class Series(NamedTuple):
    """One line of a chart; without a name it is left out of the legend."""

    name: str
    x: list
    y: list
    style: int = 0  # number of the colour
    dashed: bool = False


class Point(NamedTuple):
    """A marked point with a name beside it."""

    name: str
    x: float
    y: float
    style: int = 0
    left: bool = False  # the name stands to the left
    below: bool = False  # and lower than the point


def chart(series: list[Series], x: Axis, y: Axis, points: tuple[Point, ...] = ()) -> "Figure":
    """Draw lines over a grid; values outside the axes are moved to their ends."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        figure, axes = _new_figure(_HEIGHT)
        for line in series:
            _add_line(axes, line, x, y)
        _set_axis(axes, "x", x)
        _set_axis(axes, "y", y)
        for point in points:
            _add_point(axes, point, x, y)
        names = [line.name for line in series if line.name]
        if names:
            figure.legend(loc="outside upper left", ncols=_legend_columns(names))
    return figure


def bars(names: list[str], shares: list[float], notes: list[str], label: str) -> "Figure":
    """Draw horizontal bars of shares between 0 and 1, first on top, a note right of each."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        figure, axes = _new_figure(_BARS_MARGIN + _BAR_HEIGHT * len(names))
        axes.barh(names, np.ones(len(names)), 0.55, color=_LIGHT["faint"])
        axes.barh(names, shares, 0.55, color=_SERIES[0])
        axes.set(xlim=(0, 1), xticks=(0, 0.5, 1), xticklabels=("0", "0.5", "1"), xlabel=label)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.invert_yaxis()
        for k, note in enumerate(notes):
            axes.annotate(note, (1, k), (8, 0), textcoords="offset points", va="center_baseline")
    return figure


def to_svg(figure: "Figure") -> str:
    """Return a figure as the text of an SVG file; its title names both axes."""
    import matplotlib

    axes = figure.axes[0]
    title = " against ".join(filter(None, (axes.get_ylabel(), axes.get_xlabel())))
    buffer = io.StringIO()
    # Several figures may stand in one page: their ids differ by the salt.
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": title}):
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=metadata)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'\s*<g id="[^"]*"/>', "", text)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    return text.replace(">", f' stroke-linejoin="round"><title>{escape(title)}</title>', 1)


def to_markup(figure: "Figure") -> Markup:
    """Return a figure as SVG to set into a page; its colours are CSS variables such as --ink."""
    text = to_svg(figure)
    for name, colour in _LIGHT.items():
        text = text.replace(f": {colour}", f": var(--{name})")
    return Markup(text.replace("<svg", '<svg class="chart" role="img"', 1))


def _new_figure(height: float) -> tuple["Figure", "Axes"]:
    """Return a figure of a height in points that pyplot does not keep, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 72, height / 72))
    return figure, figure.subplots()


def _legend_columns(names: list[str]) -> int:
    """Choose one row if it is not too long, else columns for the longest name."""
    lengths = [len(name) + 6 for name in names]
    return len(names) if sum(lengths) <= _LEGEND_LENGTH else _LEGEND_LENGTH // max(lengths) or 1


def _set_axis(axes: "Axes", which: str, axis: Axis) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    axes.set(**{f"{which}label": axis.label, f"{which}scale": "log" if axis.log else "linear"})
    axes.set(**{f"{which}lim": (axis.low, axis.high)})
    drawn = axes.xaxis if which == "x" else axes.yaxis
    ticks = LogLocator() if axis.log else MaxNLocator(6, steps=[1, 2, 5, 10], integer=axis.whole)
    drawn.set_major_locator(ticks)
    drawn.set_minor_locator(NullLocator())
    drawn.set_major_formatter(lambda value, _: f"{value:,.6g}")


def _add_line(axes: "Axes", line: Series, x: Axis, y: Axis) -> None:
    style = {"linestyle": "--" if line.dashed else "-", "color": _SERIES[line.style]}
    marker = "o" if len(line.x) == 1 else None  # a line of one point is invisible
    values = _clipped(line.x, x), _clipped(line.y, y)
    axes.plot(*values, marker=marker, label=line.name or "_", clip_on=False, **style)


def _clipped(values: list, axis: Axis) -> np.ndarray:
    low, high = (limit if limit is not None else np.nan for limit in (axis.low, axis.high))
    return np.fmin(np.fmax(np.asarray(values, float), low), high)


def _add_point(axes: "Axes", point: Point, x: Axis, y: Axis) -> None:
    at = _clipped([point.x], x)[0], _clipped([point.y], y)[0]
    rim = {"markeredgecolor": _LIGHT["page"], "markeredgewidth": 1.5}
    colour = _SERIES[point.style]
    axes.plot(*at, "o", color=colour, markersize=9, clip_on=False, label="_", **rim)
    share, _ = axes.transAxes.inverted().transform(axes.transData.transform(at))
    left = point.left and share > 0.1 or share > 0.9
    axes.annotate(
        point.name,
        at,
        (-9 if left else 9, -20 if point.below else 11),
        textcoords="offset points",
        color=_LIGHT["ink"],
        ha="right" if left else "left",
        va="center",
        in_layout=False,
    )
