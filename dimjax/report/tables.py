"""Figures of an evaluation and of losses as tables, each with the unit in its column's head.

print(as_text(category_table(figures)))     # figures: evaluation.json
"""

import numpy as np

from dimjax.data.labels import CATEGORIES
from dimjax.drawing.text_tables import NONE, Table
from dimjax.evaluation.figures import ANYTHING
from dimjax.progress import counted

FULL_FRAMES = {"frames": "full frames", "tracks": "with tracks", "online": "tracks, online"}
_PARTS = {**FULL_FRAMES, "chips": "chips"}
_RULES = {"basicirstd": "BasicIRSTD", "dnanet": "DNANet", "dtum": "DTUM"}
RATIOS = {"snr": "effective SNR", "scr": "SCR"}
RATIO_UNITS = {"snr": "noise sigmas", "scr": "ring sigmas"}


def measurement_text(figures: dict) -> str:
    """Describe the evaluated images, the matching and the choice of the thresholds in words."""
    frames, chips = figures["frames"], figures.get("chips")
    on_chips = f"; {counted(chips['images'], 'chip')} of {_pixels(chips)}" if chips else ""
    truths = {name: part["truths"] for name, part in frames["categories"].items()}
    split = figures["split"]
    independent = split == "test" or "folder" in figures
    chosen_on = "validation split" if independent else f"{split} split itself, which flatters"
    subject = figures.get("folder", f"{split.capitalize()} split")
    return (
        f"{subject}: {counted(len(figures['sequences']), 'sequence')}, "
        f"{counted(frames['images'], 'full frame')} of {_pixels(frames)} with "
        f"{counted(truths['target'], 'target')} and "
        f"{counted(truths['interference'], 'interference object')}{on_chips}.\n"
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
        ratio = ratio_of(figures)
        if ratio and "from_5" in category:
            name = f"interference {ratio.upper()} 5+"
            rows.append([_PARTS[part], name, *_category_cells(category["from_5"], radii)])
        anything = {**figures[part][ANYTHING], "ap": {}}
        rows.append([_PARTS[part], ANYTHING, *_category_cells(anything, radii)])
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
        (RATIOS[ratio], RATIO_UNITS[ratio]),
        ("truths", "number"),
        ("detected", "number"),
        ("recall = Pd", "0-1"),
        ("precision", "0-1, all false alarms"),
    ]
    rows = []
    for part in figures["frames"][ratio]:
        hits = round(part["recall"] * part["truths"])
        recall = share(part["recall"]) if part["truths"] else NONE
        shares = [recall, precision_recall_f1(part)[0] if part["truths"] else NONE]
        rows.append([range_text(part), f"{part['truths']:,}", f"{hits:,}", *shares])
    return Table(columns, rows, text_columns=1)


def sequence_table(figures: dict) -> Table | None:
    """Tabulate the outcomes in each sequence, most misses and false alarms of targets first.

    None for an evaluation that did not count them.
    """
    if "by_sequence" not in figures:
        return None
    columns = [("sequence", ""), ("frames", "number")]
    for category in CATEGORIES:
        columns += [(name, category) for name in ("truths", "hits", "misses", "false alarms")]
    rows = []
    for name, counts in sorted(figures["by_sequence"].items(), key=_errors_first):
        of_categories = [counts[category] for category in CATEGORIES]
        names = ("truths", "hits", "misses", "false_alarms")
        numbers = [part[count] for part in of_categories for count in names]
        rows.append([name, *(f"{number:,}" for number in (counts["frames"], *numbers))])
    return Table(columns, rows, text_columns=1)


def _errors_first(entry: tuple[str, dict]) -> tuple[int, str]:
    name, counts = entry
    return -counts["target"]["misses"] - counts["target"]["false_alarms"], name


def other_tables(figures: dict) -> dict[str, Table]:
    """Tabulate the figures of targets by the rules of other codes; title -> table."""
    if "other_rules" not in figures:  # written before these figures were measured
        return {}
    return {
        "Pd and Fa of targets in pixels, as other codes count them": _pixel_table(figures),
        "AP50 of targets with boxes of one size": _box_table(figures),
    }


def _pixel_table(figures: dict) -> Table:
    columns = [("on", ""), ("masks of", ""), ("truths", "blobs")]
    for name in _RULES.values():
        columns += [(f"{name} Pd", "0-1"), (f"{name} Fa", "pixels per megapixel")]
    rows = []
    for part, other in figures["other_rules"].items():
        for row in other["pixels"]:
            rows.append([FULL_FRAMES[part], row["mask"], f"{row['truths']:,}"])
            for rule in _RULES:
                pd, fa = row[rule]["pd"], row[rule]["fa"]
                rows[-1] += [NONE if pd is None else share(pd), three_digits(fa * 1e6)]
    return Table(columns, rows, text_columns=2)


def _box_table(figures: dict) -> Table:
    sizes = figures["other_rules"]["frames"]["ap50"]
    rows = [
        [FULL_FRAMES[part], *(NONE if ap is None else share(ap) for ap in other["ap50"].values())]
        for part, other in figures["other_rules"].items()
    ]
    return Table([("on", ""), *(("AP50", size) for size in sizes)], rows, text_columns=1)


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
    """Format a rate or a loss to three significant digits, a whole number from 100 on."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:#.3g}".rstrip(".")


def range_text(part: dict) -> str:
    """Name the range of a slice of SNR or SCR."""
    if part["high"] is None:
        return f"{part['low']:g} and above"
    return f"{part['low']:g} to {part['high']:g}"


def _category_cells(category: dict, radii: list[str]) -> list[str]:
    has_truths = category["truths"] > 0
    return [
        f"{category['truths']:,}",
        NONE if category["threshold"] is None else share(category["threshold"]),
        *precision_recall_f1(category),
        *(share(category["ap"][r]) if has_truths and category["ap"] else NONE for r in radii),
        three_digits(category["false_alarms_per_frame"]),
        three_digits(category["false_alarms_per_pixel"] * 1e6),
    ]


def _pixels(part: dict) -> str:
    return f"{part['pixels'] / part['images']:,.0f} px"
