"""Tables of figures, each with the unit in its column's head, as text and for the page.

print(as_text(categories(figures)))          # figures: what dimjax.stages.evaluate wrote
"""

import numpy as np

from dimjax.data.labels import CATEGORIES
from dimjax.drawing.text_tables import NONE, Table
from dimjax.evaluation.figures import RATIOS

_PARTS = {"frames": "full frames", "tracks": "with tracks", "chips": "chips"}
_RATIO_UNITS = {"snr": "noise sigmas", "scr": "ring sigmas"}


def categories(figures: dict) -> Table:
    """Both categories on full frames, also where tracks have voted, and on chips if there are."""
    radii = list(figures["frames"]["categories"]["target"]["ap"])
    columns = [
        ("on", ""),
        ("category", ""),
        ("truths", "number"),
        ("threshold", "score"),
        ("precision", "0-1"),
        ("recall = Pd", "0-1"),
        ("F1", "0-1"),
        *(("AP", f"{radius} px") for radius in radii),
        ("false alarms", "a frame"),
        ("false alarms", "a megapixel"),
    ]
    rows = []
    for part in (part for part in _PARTS if part in figures):
        for category in CATEGORIES:
            own = figures[part]["categories"][category]
            rows.append([_PARTS[part], category, *_figures(own, radii)])
    return Table(columns, rows, names=2)


def ratio_of(figures: dict) -> str | None:
    """By which ratio the targets are sliced: "snr", "scr" or, where neither is known, None."""
    return next((ratio for ratio in RATIOS if ratio in figures["frames"]), None)


def ratio_slices(figures: dict) -> Table | None:
    """Targets on full frames by how far they stand out; None where it is not known."""
    ratio = ratio_of(figures)
    if ratio is None:
        return None
    columns = [
        (f"{ratio.upper()} of the target", _RATIO_UNITS[ratio]),
        ("truths", "number"),
        ("found", "number"),
        ("recall = Pd", "0-1"),
        ("precision", "0-1, all false alarms"),
    ]
    rows = []
    for part in figures["frames"][ratio]:
        found = round(part["recall"] * part["truths"])
        shares = [share(part[n]) if part["truths"] else NONE for n in ("recall", "precision")]
        rows.append([snr_range(part), f"{part['truths']:,}", f"{found:,}", *shares])
    return Table(columns, rows, names=1)


def confusion(figures: dict) -> Table:
    """Truths against accepted detections on full frames."""
    heads = [(name, "number") for name in ("found as target", "as interference", "not found")]
    counts = [[f"{count:,}" for count in row] for row in figures["frames"]["confusion"]]
    counts[2][2] = NONE  # nothing that was not found
    names = ("target", "interference", "nothing (false alarm)")
    rows = [[name, *row] for name, row in zip(names, counts, strict=True)]
    return Table([("truth", ""), *heads], rows, names=1)


def losses(groups: dict[str, np.ndarray]) -> Table:
    """Loss of the examples of each kind."""
    columns = [("examples that hold", ""), ("examples", "number")]
    columns += [(name, "loss") for name in ("mean", "median", "99th percentile")]
    rows = [
        [kind, f"{len(own):,}", *(rate(v) for v in (own.mean(), *np.percentile(own, (50, 99))))]
        for kind, own in groups.items()
    ]
    return Table(columns, rows, names=1)


def accepted(own: dict) -> bool:
    """Whether a category has accepted detections, so that its precision has a meaning."""
    return own["recall"] > 0 or own["false_alarms_per_frame"] > 0


def basic(own: dict) -> list[str]:
    """Precision, recall and F1 of a category."""
    precision = share(own["precision"]) if accepted(own) else NONE
    known = own["truths"] > 0
    return [precision, *(share(own[name]) if known else NONE for name in ("recall", "f1"))]


def share(value: float) -> str:
    """A figure between 0 and 1."""
    return f"{value:.3f}"


def rate(value: float) -> str:
    """False alarms: three figures, however small."""
    return f"{value:.3g}"


def snr_range(part: dict) -> str:
    """Name of a slice of the SNR."""
    if part["high"] is None:
        return f"{part['low']:g} and above"
    return f"{part['low']:g} to {part['high']:g}"


def _figures(own: dict, radii: list[str]) -> list[str]:
    known = own["truths"] > 0
    return [
        f"{own['truths']:,}",
        share(own["threshold"]),
        *basic(own),
        *(share(own["ap"][radius]) if known else NONE for radius in radii),
        rate(own["false_alarms_per_frame"]),
        rate(own["false_alarms_per_pixel"] * 1e6),
    ]
