"""The charts of the report, as SVG for the page.

losses, f1 = training_curves(metrics)           # metrics: TrainingLog.read_metrics()
learning_rate(config.training, steps_per_epoch=25, epochs=18)
detection_curves(figures["frames"])             # precision-recall, F1 by threshold, ROC
"""

import math

import jax
import numpy as np
import pandas as pd
from markupsafe import Markup

from dimjax.chips.cutting import lies_in_chip
from dimjax.data.labels import CATEGORIES
from dimjax.drawing.charts import Axis, Point, Series, bars, chart, to_markup
from dimjax.report import tables
from dimjax.training.train_state import make_schedule

_PARTS = ("total", "confidence", "location", "category")
_SHARE = Axis("", 0.0, 1.0)
_MIN_LOSS = 1e-4
_BINS = 48
_RATES = 200  # points of the learning rate


def training_curves(metrics: list[dict]) -> tuple[Markup, Markup | None]:
    """Draw the losses, and the F1 on validation chips if there is one, over the epochs.

    Args:
      metrics: Lines of metrics.jsonl, one an epoch.
    """
    epochs = [line["epoch"] + 1 for line in metrics]
    x = Axis("epoch", 1, max(2, *epochs), whole=True)
    series = [
        Series(
            part if data == "train" else "",
            epochs,
            [line[f"{data}/{part}"] for line in metrics],
            style,
            dashed=data == "val",
        )
        for style, part in enumerate(_PARTS)
        for data in ("train", "val")
        if f"{data}/{part}" in metrics[0]
    ]
    losses = to_markup(chart(series, x, Axis("loss, mean over examples", 0.0)))
    if "val/f1" not in metrics[0]:
        return losses, None
    f1 = Series("", epochs, [line["val/f1"] for line in metrics])
    y = _SHARE._replace(label="best F1 of targets, validation chips")
    return losses, to_markup(chart([f1], x, y))


def learning_rate(training, steps_per_epoch: int, epochs: int) -> Markup:
    """Draw the learning rate over the epochs of a training.

    Args:
      training: Keys optimizer, learning_rate and warmup_epochs.
      steps_per_epoch: Steps of an epoch.
      epochs: All epochs of the training.
    """
    warmup = round(training.warmup_epochs * steps_per_epoch)
    steps = epochs * steps_per_epoch
    rate = make_schedule(training.optimizer, training.learning_rate, warmup, steps)
    at = np.unique(np.linspace(0, steps, min(steps, _RATES) + 1).round().astype(int))
    rates = np.asarray(jax.jit(rate)(at))
    line = Series("", (at / steps_per_epoch).tolist(), rates.tolist())
    x = Axis("epochs done", 0, max(1, epochs), whole=True)
    return to_markup(chart([line], x, Axis("learning rate", 0.0)))


def f1_of_runs(runs: dict[str, list[dict]]) -> Markup | None:
    """Draw the F1 on validation chips of several trainings; None unless all have one.

    Args:
      runs: Name of a run -> lines of its metrics.jsonl.
    """
    if not all(lines and "val/f1" in lines[0] for lines in runs.values()):
        return None
    series = [
        Series(name, [one["epoch"] + 1 for one in run], [one["val/f1"] for one in run], k, k > 0)
        for k, (name, run) in enumerate(runs.items())
    ]
    x = Axis("epoch", 1, max(2, *(line.x[-1] for line in series)), whole=True)
    y = _SHARE._replace(label="best F1 of targets, validation chips")
    return to_markup(chart(series, x, y))


def detection_curves(frames: dict) -> dict[str, Markup]:
    """Draw precision-recall curve, F1 by threshold and ROC of each category on full frames.

    Args:
      frames: The figures of full frames in evaluation.json.
    """
    categories = frames["categories"]
    names = [name for name in CATEGORIES if categories[name]["truths"]]
    recall, precision, threshold, f1, pd = (
        _SHARE._replace(label=label)
        for label in ("recall", "precision", "threshold, score", "F1", "Pd (recall)")
    )
    rates = [a for name in names for a in categories[name]["curve"]["false_alarms_per_frame"]]
    rate = false_alarm_axis(rates, frames["images"])
    axes = {
        "precision_recall": (recall, "recall", precision, "precision"),
        "f1": (threshold, "threshold", f1, "f1"),
        "roc": (rate, "false_alarms_per_frame", pd, "recall"),
    }
    drawn = {}
    for title, (x, across, y, down) in axes.items():
        series, points = [], []
        for style, name in enumerate(names):
            category = categories[name]
            curve = category["curve"]
            series.append(Series(name, curve[across], curve[down], style, dashed=style > 0))
            if category["recall"] > 0:
                text, at = f"{category['threshold']:.2f}", (category[across], category[down])
                points.append(Point(text, *at, style, left=title == "roc"))
        drawn[title] = to_markup(chart(series, x, y, tuple(points)))
    return drawn


def ratio_bars(frames: dict, ratio: str | None) -> Markup | None:
    """Draw the recall of targets by slices of a ratio that do not overlap; None without any."""
    slices = [part for part in frames.get(ratio, [])[:-1] if part["truths"]]
    if not slices:
        return None
    notes = [f"{100 * part['recall']:.0f} % of {part['truths']:,}" for part in slices]
    names = [tables.range_text(part) for part in slices]
    shares = [part["recall"] for part in slices]
    return to_markup(bars(names, shares, notes, f"recall = Pd, by {tables.RATIOS[ratio]}"))


def loss_histogram(groups: dict[str, np.ndarray]) -> Markup:
    """Draw how many examples of each group have which total loss [N]."""
    x = _loss_axis(groups)
    series = histogram(groups, x)
    largest = max(max(line.y) for line in series)
    y = Axis("examples", 0.5, _decades(1, largest)[1], log=True)
    return to_markup(chart(series, x, y))


def loss_change(groups: dict[str, np.ndarray]) -> Markup:
    """Draw how the losses are distributed in a few rounds, each with its mean (Fig. 11).

    The number of examples grows over the rounds, so the chart shows shares of a round's examples.

    Args:
      groups: Name of a round -> [N] losses.
    """
    x = _loss_axis(groups)
    series = []
    for line, losses in zip(histogram(groups, x), groups.values(), strict=True):
        shares = [100 * count / len(losses) for count in line.y]
        series.append(
            line._replace(name=f"{line.name}, mean {tables.three_digits(losses.mean())}", y=shares)
        )
    largest = max(max(line.y) for line in series)
    for style, losses in enumerate(groups.values()):
        series.append(Series("", [losses.mean()] * 2, [0, largest], style, dashed=True))
    return to_markup(chart(series, x, Axis("training examples, %", 0.0)))


def losses_by_content(
    losses: pd.DataFrame, plan: pd.DataFrame, labels: pd.DataFrame, chip_px: int
) -> dict[str, np.ndarray]:
    """Group the losses of an epoch by the content of their chips; no group is empty.

    Args:
      losses: Table with id and total, one row an example.
      plan: The chips, see dimjax.chips.planning; those of the examples among them.
      labels: Label table that the chips were cut by.
      chip_px: Height and width of a chip in pixels.
    """
    chips = losses.merge(plan[["id", "sequence", "frame", "x0", "y0"]], on="id", how="left")
    contents, total = chip_contents(chips, labels, chip_px), losses.total.to_numpy()
    groups = {name: total[contents == name] for name in (*CATEGORIES, "background")}
    return {name: group for name, group in groups.items() if len(group)}


def chip_contents(chips: pd.DataFrame, labels: pd.DataFrame, chip_px: int) -> np.ndarray:
    """Find what each chip [N] contains: "target" (perhaps with others), "interference", or neither.

    Args:
      chips: Table with sequence, frame, x0 and y0.
      labels: Label table.
      chip_px: Height and width of a chip in pixels.

    Returns:
      A category or "background" for each chip [N].
    """
    origins = chips[["sequence", "frame", "x0", "y0"]].assign(chip=np.arange(len(chips)))
    columns = ["sequence", "frame", "x", "y", "category"]
    pairs = origins.merge(labels[columns], on=["sequence", "frame"])
    corners = (pairs[name].to_numpy() for name in ("x0", "y0"))
    pairs = pairs[lies_in_chip(pairs[["x", "y"]].to_numpy(), *corners, chip_px)]
    contents = np.full(len(chips), "background", object)
    for name in reversed(CATEGORIES):
        contents[pairs.chip[pairs.category == name]] = name
    return contents


def histogram(groups: dict[str, np.ndarray], x: Axis) -> list[Series]:
    """Count the values [N] of each group in bins of a logarithmic axis, as outlines."""
    edges = np.geomspace(x.low, x.high, _BINS + 1)
    series = []
    for style, (name, values) in enumerate(groups.items()):
        counts, _ = np.histogram(np.clip(values, x.low, x.high), edges)
        filled = np.flatnonzero(counts)
        part = slice(filled[0], filled[-1] + 1)
        heights = [0, *counts[part].repeat(2).tolist(), 0]
        positions = edges[part.start : part.stop + 1].repeat(2).tolist()
        series.append(Series(name, positions, heights, style))
    return series


def _loss_axis(groups: dict[str, np.ndarray]) -> Axis:
    lowest = max(_MIN_LOSS, min(losses.min() for losses in groups.values()))
    highest = max(losses.max() for losses in groups.values())
    return Axis("total loss of an example", *_decades(lowest, highest), log=True)


def false_alarm_axis(rates: list[float], images: int) -> Axis:
    """Begin at the decade of one false alarm in all images; a rate of 0 is drawn at its end."""
    low, high = _decades(1 / images, max([*rates, 10 / images]))
    return Axis("false alarms per frame", low, high, log=True)


def _decades(low: float, high: float) -> tuple[float, float]:
    """Return the powers of ten that enclose a range, at least one decade apart."""
    first = math.floor(math.log10(low) + 1e-9)
    return 10.0**first, 10.0 ** max(math.ceil(math.log10(high) - 1e-9), first + 1)
