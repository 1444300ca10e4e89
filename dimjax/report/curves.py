"""The report's charts, each from the file of a run that holds its figures.

In come parsed metrics.jsonl, evaluation.json and losses.parquet; out comes SVG markup, or None
where there is nothing to draw.

    loss, f1 = training(lines)                  # over the epochs
    detection(figures["frames"])                # precision-recall, F1 by threshold, ROC
"""

import math

import numpy as np
import pandas as pd
from markupsafe import Markup

from dimjax.chips.cutting import holds
from dimjax.data.labels import CATEGORIES
from dimjax.drawing.charts import Axis, Point, Series, bars, chart, histogram, round_up
from dimjax.report.tables import snr_range

_PARTS = ("total", "confidence", "location", "category")
_SHARE = Axis("", 0.0, 1.0)
_LEAST_LOSS = 1e-4


def training(lines: list[dict]) -> tuple[Markup, Markup | None]:
    """Loss parts of training and validation, and the F1 on validation chips, over the epochs."""
    epochs = [line["epoch"] + 1 for line in lines]
    x = Axis("epoch", 1, max(2, *epochs), whole=True)
    series = [
        Series(
            part if data == "train" else "",
            epochs,
            [line[f"{data}/{part}"] for line in lines],
            style,
            dashed=data == "val",
        )
        for style, part in enumerate(_PARTS)
        for data in ("train", "val")
        if f"{data}/{part}" in lines[0]
    ]
    most = max(max(line.y) for line in series)
    losses = chart(series, x, Axis("loss, mean over examples", 0.0, round_up(most)))
    if "val/f1" not in lines[0]:
        return losses, None
    f1 = Series("", epochs, [line["val/f1"] for line in lines])
    return losses, chart([f1], x, _SHARE._replace(label="best F1 of targets, validation chips"))


def detection(frames: dict) -> dict[str, Markup]:
    """Precision against recall, F1 against threshold and ROC on full frames, by category."""
    own = frames["categories"]
    names = [name for name in CATEGORIES if own[name]["truths"]]

    def lines(x: str, y: str) -> list[Series]:
        return [
            Series(name, own[name]["curve"][x], own[name]["curve"][y], k, dashed=k > 0)
            for k, name in enumerate(names)
        ]

    def points(x: str, y: str, left: bool = False) -> tuple[Point, ...]:
        return tuple(
            Point(f"{own[name]['threshold']:.2f}", own[name][x], own[name][y], k, left)
            for k, name in enumerate(names)
            if own[name]["recall"] > 0
        )

    precision, recall, threshold, f1, pd = (
        _SHARE._replace(label=label)
        for label in ("precision", "recall", "threshold, score", "F1", "Pd (recall)")
    )
    alarms = _alarms_axis(
        [a for name in names for a in own[name]["curve"]["false_alarms_per_frame"]],
        frames["images"],
    )
    return {
        "precision_recall": chart(
            lines("recall", "precision"), recall, precision, points("recall", "precision")
        ),
        "f1": chart(lines("threshold", "f1"), threshold, f1, points("threshold", "f1")),
        "roc": chart(
            lines("false_alarms_per_frame", "recall"),
            alarms,
            pd,
            points("false_alarms_per_frame", "recall", left=True),
        ),
    }


def ratio_bars(frames: dict, ratio: str | None) -> Markup | None:
    """Recall of targets by slices of SNR or SCR that do not overlap."""
    slices = [part for part in frames.get(ratio, [])[:-1] if part["truths"]]
    if not slices:
        return None
    notes = [f"{part['recall']:.0%} of {part['truths']:,}" for part in slices]
    names = [snr_range(part) for part in slices]
    shares = [part["recall"] for part in slices]
    return bars(
        names,
        shares,
        notes,
        _SHARE._replace(label=f"recall = Pd, by {ratio.upper()} of the target"),
    )


def losses(groups: dict[str, np.ndarray]) -> Markup:
    """How the total loss of examples is spread, by what they hold."""
    lowest = max(_LEAST_LOSS, min(own.min() for own in groups.values()))
    highest = max(own.max() for own in groups.values())
    x = Axis("total loss of an example", *_decades(lowest, highest), log=True)
    series = histogram(groups, x)
    most = max(max(line.y) for line in series)
    return chart(series, x, Axis("examples", 0.5, _decades(1, most)[1], log=True))


def loss_change(groups: dict[str, np.ndarray]) -> Markup:
    """How the total loss of examples is spread in a few rounds, each with its mean (Fig. 11).

    In shares of a round's examples, since their number grows.

    Args:
      groups: Name of a round -> [N] losses.
    """
    lowest = max(_LEAST_LOSS, min(own.min() for own in groups.values()))
    highest = max(own.max() for own in groups.values())
    x = Axis("total loss of an example", *_decades(lowest, highest), log=True)
    series = [
        line._replace(
            name=f"{line.name}, mean {own.mean():.3g}", y=[100 * n / len(own) for n in line.y]
        )
        for line, own in zip(histogram(groups, x), groups.values(), strict=True)
    ]
    most = round_up(max(max(line.y) for line in series))
    means = [
        Series("", [own.mean()] * 2, [0, most], style, dashed=True)
        for style, own in enumerate(groups.values())
    ]
    return chart(series + means, x, Axis("training examples, %", 0.0, most))


def losses_by_content(table: pd.DataFrame, labels: pd.DataFrame) -> dict[str, np.ndarray]:
    """What examples hold -> their total losses in a table of one epoch; no kind is empty."""
    kinds, total = contents(table, labels), table.total.to_numpy()
    groups = {kind: total[kinds == kind] for kind in (*CATEGORIES, "background")}
    return {kind: own for kind, own in groups.items() if len(own)}


def contents(examples: pd.DataFrame, labels: pd.DataFrame) -> np.ndarray:
    """What each example [N] holds: "target" (and perhaps more), "interference", "background".

    Args:
      examples: With the columns id (of dimjax.chips.cutting.chip_id), sequence and frame.
      labels: The label table that they were cut by.
    """
    boxes = {
        key: (own[["x", "y"]].to_numpy(), own.category.to_numpy())
        for key, own in labels.groupby(["sequence", "frame"])
    }
    nothing = (np.empty((0, 2)), np.empty(0, object))
    kinds = []
    for row in examples[["id", "sequence", "frame"]].itertuples(index=False):
        _, _, origin, chip_px = row.id.rsplit("/", 3)
        x0, y0 = (int(part) for part in origin.split("+"))
        centres, categories = boxes.get((row.sequence, row.frame), nothing)
        inside = set(categories[holds(centres, x0, y0, int(chip_px))])
        kinds.append(next((name for name in CATEGORIES if name in inside), "background"))
    return np.array(kinds, object)


def _alarms_axis(values: list[float], images: int) -> Axis:
    """From the decade of one false alarm in all images; no alarm at all stands at its rim."""
    low, high = _decades(1 / images, max([*values, 10 / images]))
    return Axis("false alarms a frame", low, high, log=True)


def _decades(low: float, high: float) -> tuple[float, float]:
    """The powers of ten round a range, one apart at least."""
    first = math.floor(math.log10(low) + 1e-9)
    return 10.0**first, 10.0 ** max(math.ceil(math.log10(high) - 1e-9), first + 1)
