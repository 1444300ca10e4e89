"""The report of a run: one HTML page that needs nothing beside it, and tables for the terminal.

run(config, paths)                  # paths: of the last round; writes paths.report, prints tables
print(table(figures))               # figures: what dimjax.stages.evaluate wrote
"""

import json

import jinja2
import pandas as pd

from dimjax.atomic_files import write_whole
from dimjax.data.folders import Folder
from dimjax.data.labels import read_table
from dimjax.drawing import text_tables
from dimjax.evaluation.figures import LEAST_VISIBLE
from dimjax.progress import bar, say
from dimjax.report import crops, curves, round_table, tables
from dimjax.report.round_sections import sections
from dimjax.runs.workdir import Paths, flat
from dimjax.stages.simulate import data_folder

_TITLES = {
    "hit": "Hits, from dim to bright",
    "miss": "Misses, from dim to bright",
    "false alarm": "False alarms, the strongest first",
}


def run(config, paths: Paths) -> None:
    """Write paths.report where it is missing or older than what it tells of; print the tables."""
    figures = json.loads(paths.evaluation.read_text())
    sources = [paths.config, paths.metrics, paths.losses, paths.detections, paths.evaluation]
    sources += [paths.of_round(number).reviewed for number in range(paths.number)]
    changed = max(source.stat().st_mtime for source in sources)
    if not paths.report.exists() or paths.report.stat().st_mtime < changed:
        write_whole(paths.report, page(config, paths, figures))
    say(table(figures))
    if paths.number:
        say("\nrounds\n" + text_tables.as_text(round_table.table(round_table.read(paths))))
    say(f"\nreport: {paths.report}")


def table(figures: dict) -> str:
    """The figures of an evaluation as plain text: what was measured, then the tables."""
    texts = [measured(figures), text_tables.as_text(tables.categories(figures))]
    slices = tables.ratio_slices(figures)
    if slices is not None:
        texts.append(
            "targets on full frames by how far they stand out\n" + text_tables.as_text(slices)
        )
    return "\n\n".join(texts)


def measured(figures: dict) -> str:
    """What the figures were measured on, and how, in words."""
    frames, chips = figures["frames"], figures.get("chips")
    on_chips = f"; {chips['images']:,} chips of {_pixels(chips)}" if chips else ""
    count = {name: own["truths"] for name, own in frames["categories"].items()}
    return (
        f"{figures['split'].capitalize()} split: {len(figures['sequences'])} sequences, "
        f"{frames['images']:,} full frames of {_pixels(frames)} with {count['target']:,} targets "
        f"and {count['interference']:,} interferences{on_chips}.\n"
        f"A detection is a hit if its centre is less than "
        f"{frames['match_px']:g} px from a truth's. {_chosen_on(figures)}"
    )


def page(config, paths: Paths, figures: dict) -> str:
    """The page as HTML."""
    folder = data_folder(config, paths)
    lines = [json.loads(line) for line in paths.metrics.read_text().splitlines()]
    loss_curve, f1_curve = curves.training(lines)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dimjax", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    record = json.loads(paths.config.read_text())
    target = figures["frames"]["categories"]["target"]
    labels = read_table(paths.labels)
    # Of the last epoch alone: all epochs of a large run would fill the memory.
    last = pd.read_parquet(paths.losses, filters=[("epoch", "==", lines[-1]["epoch"])])
    losses = curves.losses_by_content(last, labels)
    return environment.get_template("page.html").render(
        name=paths.workdir.resolve().name,
        figures=figures,
        target=target,
        frames=figures["frames"],
        measured=measured(figures),
        categories=tables.categories(figures),
        slices=tables.ratio_slices(figures),
        ratio=tables.ratio_of(figures),
        confusion=tables.confusion(figures),
        ratio_bars=curves.ratio_bars(figures["frames"], tables.ratio_of(figures)),
        curves=curves.detection(figures["frames"]),
        loss_curve=loss_curve,
        f1_curve=f1_curve,
        losses_chart=curves.losses(losses),
        losses=tables.losses(losses),
        pd=_percent(target["recall"] if target["truths"] else None),
        precision=_percent(target["precision"] if tables.accepted(target) else None),
        crops=_crops(config, paths, figures, folder),
        crop_px=crops.CROP_PX,
        heads=crops.heads(),
        titles=_TITLES,
        least_visible=LEAST_VISIBLE,
        keys=flat(record["config"]),
        versions=record["versions"],
        found=sections(config, paths, folder),
    )


def _chosen_on(figures: dict) -> str:
    thresholds = "The thresholds were chosen for a high F1 on full frames of the "
    if figures["split"] == "test":
        return thresholds + "validation split."
    return thresholds + f"{figures['split']} split itself, which flatters."


def _percent(share: float | None) -> str:
    return text_tables.NONE if share is None else f"{100 * share:.1f} %"


def _pixels(part: dict) -> str:
    return f"{part['pixels'] / part['images']:,.0f} px"


def _crops(config, paths: Paths, figures: dict, folder: Folder) -> dict[str, list[dict]]:
    """For each kind a list of crops, each with its row, its svg and how it is shown."""
    truth = folder.labels if folder.truth is None else folder.truth
    truth = truth[truth.sequence.isin(figures["sequences"])]
    found = pd.read_csv(paths.detections, dtype={"sequence": "str"}, keep_default_na=False)
    frames = figures["frames"]
    thresholds = {name: own["threshold"] for name, own in frames["categories"].items()}
    chosen = crops.choose(truth, found, thresholds, frames["match_px"])
    if "visible" in truth:
        truth = truth[truth.visible >= LEAST_VISIBLE]
    accepted = found[found.score >= found.category.map(thresholds).astype(float)]

    def drawn(row, kind: str) -> dict:
        there = truth[(truth.sequence == row.sequence) & (truth.frame == row.frame)]
        own = accepted[(accepted.sequence == row.sequence) & (accepted.frame == row.frame)]
        marks = [*crops.marks("truth", there), *crops.marks("detection", own)]
        picture = crops.draw(folder.sequence(row.sequence), row, marks, config.data.stride)
        near = crops.nearest(row, there) if kind == "false alarm" else ""
        return {"row": row, "near": near, **picture}

    return {
        kind: [drawn(row, kind) for row in bar(rows.itertuples(), f"draw {kind} crops", "crop")]
        for kind, rows in chosen.items()
    }
