"""Figures of an evaluation and of losses as tables, each with the unit in its column's head.

print(as_text(category_table(figures)))     # figures: evaluation.json
"""

import numpy as np

from dimjax.data.labels import CATEGORIES
from dimjax.drawing.text_tables import NONE, Table, as_text
from dimjax.evaluation.figures import RATIOS

_PARTS = {"frames": "full frames", "tracks": "with tracks", "chips": "chips"}
_RATIO_UNITS = {"snr": "noise sigmas", "scr": "ring sigmas"}


def figures_text(figures: dict) -> str:
    """Format the figures of an evaluation as plain text: how they were measured, and the tables."""
    texts = [measurement_text(figures), as_text(category_table(figures))]
    ratios = ratio_table(figures)
    if ratios is not None:
        texts.append(f"targets on full frames by {ratio_of(figures).upper()}\n" + as_text(ratios))
    return "\n\n".join(texts)


def measurement_text(figures: dict) -> str:
    """Describe the evaluated images, the matching and the choice of the thresholds in words."""
    frames, chips = figures["frames"], figures.get("chips")
    on_chips = f"; {chips['images']:,} chips of {_pixels(chips)}" if chips else ""
    truths = {name: part["truths"] for name, part in frames["categories"].items()}
    split = figures["split"]
    chosen_on = "validation split" if split == "test" else f"{split} split itself, which flatters"
    return (
        f"{split.capitalize()} split: {len(figures['sequences'])} sequences, "
        f"{frames['images']:,} full frames of {_pixels(frames)} with {truths['target']:,} targets "
        f"and {truths['interference']:,} interference objects{on_chips}.\n"
        f"A detection is a hit if its centre is less than {frames['match_px']:g} px from the "
        f"centre of a truth. The thresholds were chosen for a high F1 on full frames of the "
        f"{chosen_on}."
    )


def category_table(figures: dict) -> Table:
    """Tabulate both categories on full frames, after linking to tracks, and on chips if any."""
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
        ("false alarms", "per frame"),
        ("false alarms", "per megapixel"),
    ]
    rows = []
    for part in (part for part in _PARTS if part in figures):
        for name in CATEGORIES:
            category = figures[part]["categories"][name]
            rows.append([_PARTS[part], name, *_category_cells(category, radii)])
    return Table(columns, rows, text_columns=2)


def ratio_of(figures: dict) -> str | None:
    """Return the ratio by which targets are sliced: "snr", "scr", or None if neither is known."""
    return next((ratio for ratio in RATIOS if ratio in figures["frames"]), None)


def ratio_table(figures: dict) -> Table | None:
    """Tabulate the targets on full frames by slices of ratio_of; None if it is None."""
    ratio = ratio_of(figures)
    if ratio is None:
        return None
    columns = [
        (f"{ratio.upper()} of the target", _RATIO_UNITS[ratio]),
        ("truths", "number"),
        ("detected", "number"),
        ("recall = Pd", "0-1"),
        ("precision", "0-1, all false alarms"),
    ]
    rows = []
    for part in figures["frames"][ratio]:
        hits = round(part["recall"] * part["truths"])
        shares = [share(part[n]) if part["truths"] else NONE for n in ("recall", "precision")]
        rows.append([range_text(part), f"{part['truths']:,}", f"{hits:,}", *shares])
    return Table(columns, rows, text_columns=1)


def confusion_table(figures: dict) -> Table:
    """Tabulate truths against accepted detections on full frames."""
    names = ("detected as target", "as interference", "not detected")
    counts = [[f"{count:,}" for count in row] for row in figures["frames"]["confusion"]]
    counts[2][2] = NONE  # neither a truth nor a detection
    truths = ("target", "interference", "none (false alarm)")
    rows = [[name, *row] for name, row in zip(truths, counts, strict=True)]
    return Table([("truth", ""), *((name, "number") for name in names)], rows, text_columns=1)


def loss_table(groups: dict[str, np.ndarray]) -> Table:
    """Tabulate the losses [N] of groups of examples."""
    columns = [("examples with", ""), ("examples", "number")]
    columns += [(name, "loss") for name in ("mean", "median", "99th percentile")]
    rows = []
    for name, losses in groups.items():
        values = (losses.mean(), *np.percentile(losses, (50, 99)))
        rows.append([name, f"{len(losses):,}", *map(three_digits, values)])
    return Table(columns, rows, text_columns=1)


def thresholds(figures: dict) -> dict[str, float]:
    """Return the threshold of each category on full frames."""
    return {name: part["threshold"] for name, part in figures["frames"]["categories"].items()}


def has_detections(category: dict) -> bool:
    """Whether a category has accepted detections, so that its precision has a meaning."""
    return category["recall"] > 0 or category["false_alarms_per_frame"] > 0


def precision_recall_f1(category: dict) -> list[str]:
    """Format precision, recall and F1 of a category."""
    precision = share(category["precision"]) if has_detections(category) else NONE
    has_truths = category["truths"] > 0
    return [precision, *(share(category[n]) if has_truths else NONE for n in ("recall", "f1"))]


def share(value: float) -> str:
    """Format a figure between 0 and 1."""
    return f"{value:.3f}"


def three_digits(value: float) -> str:
    """Format a rate or a loss to three significant digits."""
    return f"{value:.3g}"


def range_text(part: dict) -> str:
    """Name the range of a slice of SNR or SCR."""
    if part["high"] is None:
        return f"{part['low']:g} and above"
    return f"{part['low']:g} to {part['high']:g}"


def _category_cells(category: dict, radii: list[str]) -> list[str]:
    has_truths = category["truths"] > 0
    return [
        f"{category['truths']:,}",
        share(category["threshold"]),
        *precision_recall_f1(category),
        *(share(category["ap"][radius]) if has_truths else NONE for radius in radii),
        three_digits(category["false_alarms_per_frame"]),
        three_digits(category["false_alarms_per_pixel"] * 1e6),
    ]


def _pixels(part: dict) -> str:
    return f"{part['pixels'] / part['images']:,.0f} px"
