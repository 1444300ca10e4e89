"""Build the chips of a round from its label snapshot, through the TFDS builder.

The labels are those of the ledger as of the round. Where a refinement follows, errors are planted
into them first, and known. The plan of the chips is made in round 0 and grows by what the reviews
added.
"""

import contextlib
import functools
import io
import shutil
from collections.abc import Callable

import numpy as np
import pandas as pd

from dimjax import ledger, suspects
from dimjax.chips import planning
from dimjax.data.csv_files import write_csv
from dimjax.data.folders import Folder
from dimjax.data.labels import COLUMNS, write_table
from dimjax.data.splits import with_validation
from dimjax.label_noise import planting
from dimjax.mining import read_mined
from dimjax.progress import say
from dimjax.runs.workdir import Paths
from dimjax.stages import intake
from dimjax.stages.simulate import data_folder

# So many labels count as alike dim: false labels would be the dimmest, and hovering targets.
_DIM_SHARE = 0.2


def run(config, paths: Paths, make_builder: Callable) -> None:
    """Write paths.labels, planted, plan, new and, last, examples.

    Args:
      config: Of the run.
      paths: Of the round.
      make_builder: Keywords of DimTargetsConfig and data_dir -> TFDS builder. It is given,
        because datasets/ is no package that this one could import.
    """
    if paths.built:
        return
    folder = data_folder(config, paths)
    paths.round.mkdir(parents=True, exist_ok=True)
    splits = with_validation(folder.splits, config.data.val_share, config.seed)
    intake.check(config, folder, paths)
    if "all" in folder.splits and not paths.number:
        say(f"{folder.path}: no file of splits; all {len(folder.names)} sequences are trained on")
    with open_book(config, folder, paths) as book:
        ledger.begin_round(book, paths.number)
        labels = ledger.labels_as_of(book, paths.number)
        planted = _planted(config, paths, folder, labels, splits)
        plan = _plan(config, paths, folder, labels, planted, splits, book)
    write_csv(planted, paths.planted)
    write_table(planting.apply(labels, planted), paths.labels)
    write_csv(plan, paths.plan)
    intake.deal(config, folder, paths)
    make_chips(config, folder, paths, make_builder)


def make_chips(config, folder: Folder, paths: Paths, make_builder: Callable) -> None:
    """Write paths.examples from the labels and the plan that lie in the round."""
    shutil.rmtree(paths.examples, ignore_errors=True)  # half a data set, of a build that was killed
    builder = make_builder(
        data_dir=paths.examples,
        name="chips",
        folder=str(folder.path),
        layout=folder.layout._asdict(),
        labels=str(paths.labels),
        plan=str(paths.plan),
        chip_px=config.chips.chip_px,
        stride=config.data.stride,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS speaks of downloads of unknown size
        builder.download_and_prepare(file_format="array_record")
    counts = (f"{split.num_examples:,} {name}" for name, split in builder.info.splits.items())
    say(f"chips of {config.chips.chip_px} px: {', '.join(counts)}")


def open_book(config, folder: Folder, paths: Paths) -> ledger.Ledger:
    """The run's ledger; it begins with the labels of the sequences that are in a split.

    What is known of other sequences, e.g. the new ones, is never looked at.
    """
    splits = with_validation(folder.splits, config.data.val_share, config.seed)
    known = [name for names in splits.values() for name in names]
    labels = folder.labels[folder.labels.sequence.isin(known)]
    return ledger.begin(paths.ledger, labels[list(COLUMNS)], folder.shapes)


def trained_labels(paths: Paths, book: ledger.Ledger) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The labels that a round was trained on, ids in their index, and what was planted."""
    planted = planting.read(paths.planted)
    return planting.apply(ledger.labels_as_of(book, paths.number), planted), planted


def _planted(config, paths, folder: Folder, labels, splits: dict) -> pd.DataFrame:
    """Errors planted into the labels that are trained on; none in the last round."""
    share = config.refinement.planted_share
    if share == 0 or paths.number == config.rounds.count - 1:
        return pd.DataFrame(columns=planting.PLANTED_COLUMNS)

    @functools.lru_cache(maxsize=8)
    def frames_of(name: str) -> np.ndarray:
        sequence = folder.sequence(name)
        return np.stack([sequence.frame(t) for t in range(len(sequence))])

    rng = np.random.default_rng([config.seed, paths.number])
    labels = labels[~labels.sequence.isin([*splits.get("val", []), *splits.get("test", [])])]
    seen = suspects.look(labels, folder.sequence, config.data.stride)
    snr = seen.image_snr.clip(lower=seen.image_snr.quantile(_DIM_SHARE)).to_numpy()
    return planting.plant(labels, frames_of, share, rng, snr)


def _plan(config, paths, folder: Folder, labels, planted, splits, book) -> pd.DataFrame:
    """The plan of the round's chips, with their splits."""
    settings = config.chips
    # As they are trained on: a planted error must look like one of the annotator's.
    labels = planting.apply(labels, planted)
    if paths.number:
        last = paths.of_round(paths.number - 1)
        before = planning.read_plan(last.plan, folder.shapes, settings.chip_px)
        places = _reviewed_places(book, paths.number)
        plan = planning.grow(before, places, folder.shapes, settings.chip_px, config.seed)
        # Labels were moved, left out on purpose in the last round, or now are wrong on purpose.
        new = labels.sequence.isin(folder.splits.get("new", []))
        cut = labels[new | (labels.frame % settings.frame_step == 0)]
        lacking = planning.lacking(plan, cut, settings.chip_px).assign(reason="label")
        plan = planning.grow(plan, lacking, folder.shapes, settings.chip_px, config.seed)
        return _with_backgrounds(config, plan, folder, labels, paths, book)
    split_of = {name: split for split, names in splits.items() for name in names}
    shapes = {name: folder.shapes[name] for name in split_of}
    mix = settings.backgrounds_per_label
    plan = planning.plan(labels, shapes, settings.chip_px, settings.frame_step, mix, config.seed)
    return plan.assign(split=plan.sequence.map(split_of))


def _with_backgrounds(config, plan, folder: Folder, labels, paths: Paths, book) -> pd.DataFrame:
    """The plan, with background chips of the new sequences in the mix of the first ones.

    First those of sure false alarms that were not put up: nothing is as hard to tell. What else was
    suspected or mined and has no label may be a target all the same: it is left out.
    """
    mined = pd.concat([read_mined(paths.of_round(k).mined) for k in range(paths.number)])
    sure = mined.kind.eq("false_alarm") & mined.category.eq("") & mined.shown.eq(0)
    sure &= mined.probability >= config.rounds.auto_probability
    likely = mined[sure].sort_values("score", ascending=False, kind="stable")
    columns = ["sequence", "frame", "x", "y"]
    others = [labels[columns], ledger.item_table(book)[columns], mined[~sure][columns]]
    new = {name: folder.shapes[name] for name in folder.splits.get("new", [])}
    mix = config.chips.backgrounds_per_label
    occupied = pd.concat(others, ignore_index=True)
    return planning.fill(plan, occupied, likely, new, config.chips.chip_px, mix, config.seed)


def _reviewed_places(book: ledger.Ledger, number: int) -> pd.DataFrame:
    """Where the last review added labels, and where it confirmed false alarms."""
    changes = ledger.diff(book, number - 1, number)
    added = changes[changes.change == "added"].rename(columns={"x_b": "x", "y_b": "y"})
    items = ledger.item_table(book)
    false = items[(items.kind == "false_alarm") & (items["round"] == number - 1)]
    false = false[false.verb.isin(["accept", "keep"]) & false.state.eq("decided")]
    columns = ["sequence", "frame", "x", "y", "reason"]
    parts = [added.assign(reason="miss")[columns], false.assign(reason="false_alarm")[columns]]
    return pd.concat(parts, ignore_index=True)
