"""Build the chips of a round from its label snapshot, through the TFDS builder.

The labels are those of the ledger as of the round. If the round is refined, known errors are
planted into them first. The plan of the chips is made for the first training and then extended by
the results of each review.
"""

import contextlib
import functools
import io
import shutil
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax import ledger, suspects
from dimjax.chips import planning
from dimjax.data.csv_files import write_csv
from dimjax.data.labels import CATEGORIES, write_table
from dimjax.data.splits import check_train_labels
from dimjax.errors import InputError
from dimjax.label_noise import planting
from dimjax.mining import read_mined
from dimjax.progress import counted, say
from dimjax.runs import data_notes, intake
from dimjax.runs.context import RoundContext, clip_stride
from dimjax.training.inputs import uses_evidence

# SNR is clipped at this quantile: below it lie false labels and hovering targets.
_DIM_SHARE = 0.2
# On the demo's sky, 4 labels of targets gave an F1 of 0, 19 of 0.36, 112 of 0.96 (docs/results.md).
_FEW_TARGETS = 50


def run(context: RoundContext, make_builder: Callable) -> None:
    """Write paths.labels, planted, plan, new and, last, examples.

    Args:
      context: Round to build.
      make_builder: (data_dir, keywords of DimTargetsConfig) -> TFDS builder. It is passed in
        because datasets/ is not an importable package.
    """
    paths, folder = context.paths, context.folder
    if paths.built:
        return
    paths.round.mkdir(parents=True, exist_ok=True)
    intake.check_stills(context)
    intake.check_evidence_windows(context)
    intake.check(context)
    if "all" in folder.splits and not context.number:
        count, held_back = len(folder.names), len(context.splits.get("val", ()))
        text = f"all {count} sequences are trained on"
        if held_back:
            text = f"{count - held_back} of {count} sequences for training, "
            text += f"{held_back} for validation"
        say(f"{folder.path}: no split files; {text}")
    if not context.number:
        data_notes.report(context)
    with context.open_ledger() as db:
        if context.trains_first:
            _check_labels(context, ledger.labels_as_of(db))
        if context.number > ledger.current_round(db):
            db.backup(paths.ledger_backup)
        ledger.begin_round(db, context.number)
        labels = ledger.labels_as_of(db, context.number)
        planted = _planted(context, labels)
        # Chips are planned for the labels that are trained on, so that a planted error gets a chip
        # just as an annotator's error does.
        trained = planting.apply(labels, planted)
        plan_of = _first_plan if context.trains_first else _extended_plan
        plan = plan_of(context, trained, db)
        plan = _usable(context, plan)
    _warn_of_few_targets(trained[trained.sequence.isin(plan.sequence[plan.split == "train"])])
    write_csv(planted, paths.planted)
    write_table(trained, paths.labels)
    write_csv(plan, paths.plan)
    intake.assign_to_round(context)
    make_chips(context, make_builder)


def make_chips(context: RoundContext, make_builder: Callable) -> None:
    """Write paths.examples from the round's labels and plan."""
    config, paths, folder = context.config, context.paths, context.folder
    shutil.rmtree(paths.examples, ignore_errors=True)  # what a killed build left
    builder = make_builder(
        data_dir=paths.examples,
        name="chips",
        folder=str(folder.path),
        layout=folder.layout._asdict(),
        align=config.data.align,
        align_rotation=config.data.align_rotation,
        implants=str(paths.implants) if paths.implants.exists() else None,
        labels=str(paths.labels),
        plan=str(paths.plan),
        chip_px=config.chips.chip_px,
        stride=clip_stride(config),
        evidence=config.evidence.to_dict() if uses_evidence(config.model.input) else None,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints a download of unknown size
        builder.download_and_prepare(file_format="array_record")
    counts = (f"{split.num_examples:,} {name}" for name, split in builder.info.splits.items())
    say(f"chips of {config.chips.chip_px} px: {', '.join(counts)}")


def _planted(context: RoundContext, labels: pd.DataFrame) -> pd.DataFrame:
    """Plant errors into the training labels; none in the last round, which is not refined."""
    share, folder = context.config.refinement.planted_share, context.folder
    if share == 0 or context.is_last:
        return pd.DataFrame(columns=planting.PLANTED_COLUMNS)

    @functools.lru_cache(maxsize=8)
    def frames_of(name: str) -> np.ndarray:
        sequence = folder.sequence(name)
        return np.stack([sequence.frame(t) for t in range(len(sequence))])

    rng = np.random.default_rng([context.config.seed, context.number])
    held_out = [*context.splits.get("val", []), *context.splits.get("test", [])]
    labels = labels[~labels.sequence.isin(held_out)]
    measured = suspects.measure_frames(labels, folder.sequence, clip_stride(context.config))
    snr = measured.image_snr.clip(lower=measured.image_snr.quantile(_DIM_SHARE)).to_numpy()
    return planting.plant(labels, frames_of, share, rng, snr)


def _warn_of_few_targets(labels: pd.DataFrame) -> None:
    count = int((labels.category == CATEGORIES[0]).sum())
    if count < _FEW_TARGETS:
        say(
            f"warning: only {counted(count, 'label')} of targets to train on; from fewer than "
            f"{_FEW_TARGETS} a detector hardly learns. Label more, or let rounds find them."
        )


def _check_labels(context: RoundContext, labels: pd.DataFrame) -> None:
    """Raise if no sequence of the first training has a label."""
    folder, train = context.folder, context.splits["train"]
    if context.starts_without_labels and not labels.sequence.isin(train).any():
        rule = "the review of the proposals must add labels to train on"
        remedy = "Undo decisions, or start anew with another reviewer or rounds.auto_probability."
        raise InputError(folder.path, rule, "none", remedy)
    check_train_labels(folder.path, labels, train, folder.layout.splits)


def _first_plan(context: RoundContext, labels: pd.DataFrame, db: ledger.Ledger) -> pd.DataFrame:
    """Plan the chips of the first training, with their splits."""
    settings, shapes = context.config.chips, context.folder.shapes
    split_of = {name: split for split, names in context.splits.items() for name in names}
    mined = _mined_locations(context, labels, db) if context.starts_without_labels else None
    plan = planning.plan_chips(
        labels,
        {name: shapes[name] for name in split_of},
        settings.chip_px,
        settings.frame_step,
        settings.backgrounds_per_label,
        context.config.seed,
        None if mined is None else mined.occupied,
    )
    plan = plan.assign(split=plan.sequence.map(split_of))
    if mined is None:
        return plan
    items = ledger.item_table(db, context.number - 1)
    rejected = items[items.verb.eq("keep")]
    hard = pd.concat([rejected, mined.negatives])[["sequence", "frame", "x", "y"]]
    hard = hard[hard.sequence.isin(plan.sequence) & (hard.frame % settings.frame_step == 0)]
    hard = hard.assign(reason="false_alarm")
    return planning.extend_plan(plan, hard, shapes, settings.chip_px, context.config.seed)


def _usable(context: RoundContext, plan: pd.DataFrame) -> pd.DataFrame:
    """Leave out the chips of repeated and flat frames, if clips skip them."""
    usable = {name: context.folder.sequence(name).usable for name in plan.sequence.unique()}
    of_sequence = plan.groupby("sequence").frame.transform(lambda t: t.isin(usable[t.name]))
    return plan[of_sequence.astype(bool)].reset_index(drop=True)


def _extended_plan(context: RoundContext, labels: pd.DataFrame, db: ledger.Ledger) -> pd.DataFrame:
    """Extend the last round's plan by what its review confirmed and by uncovered labels."""
    settings, shapes, seed = context.config.chips, context.folder.shapes, context.config.seed
    last = context.paths.of_round(context.number - 1)
    plan = planning.read_plan(last.plan, shapes, settings.chip_px)
    reviewed = _reviewed_locations(db, context.number)
    plan = planning.extend_plan(plan, reviewed, shapes, settings.chip_px, seed)
    # Labels may have been moved, dropped by planting in the last round, or corrupted by it now.
    # Of sequences that were mined, every frame is cut at; of those of a split, every few frames.
    in_splits = labels.sequence.isin([name for split in context.splits.values() for name in split])
    covered = labels[~in_splits | (labels.frame % settings.frame_step == 0)]
    uncovered = planning.uncovered_labels(plan, covered, settings.chip_px).assign(reason="label")
    plan = planning.extend_plan(plan, uncovered, shapes, settings.chip_px, seed)
    return _with_backgrounds(context, plan, labels, db)


def _with_backgrounds(context: RoundContext, plan, labels, db: ledger.Ledger) -> pd.DataFrame:
    """Add background chips of the new sequences, in the mix of the first sequences.

    Confident false alarms that were not queued for review come first: they are the hardest
    negatives.
    """
    config, folder = context.config, context.folder
    mined = _mined_locations(context, labels, db)
    return planning.add_backgrounds(
        plan,
        mined.occupied,
        mined.negatives,
        {name: folder.shapes[name] for name in folder.splits.get("new", [])},
        config.chips.chip_px,
        config.chips.backgrounds_per_label,
        config.seed,
    )


class _MinedLocations(NamedTuple):
    """Locations in new sequences that background chips contain or avoid."""

    occupied: pd.DataFrame  # sequence, frame, x, y of labels and of anything that may be a target
    negatives: pd.DataFrame  # confident false alarms that were not queued, the strongest first


def _mined_locations(context: RoundContext, labels, db: ledger.Ledger) -> _MinedLocations:
    """Everything but confident false alarms that was suspected or mined may be a target."""
    mined = pd.concat([read_mined(earlier.paths.mined) for earlier in context.earlier_rounds()])
    sure = mined.kind.eq("false_alarm") & mined.category.eq("") & mined.shown.eq(0)
    sure &= mined.probability >= context.config.rounds.auto_probability
    negatives = mined[sure].sort_values("score", ascending=False, kind="stable")
    columns = ["sequence", "frame", "x", "y"]
    occupied = [labels[columns], ledger.item_table(db)[columns], mined[~sure][columns]]
    return _MinedLocations(pd.concat(occupied, ignore_index=True), negatives)


def _reviewed_locations(db: ledger.Ledger, number: int) -> pd.DataFrame:
    """Locations where the last review added labels, and where it confirmed false alarms."""
    changes = ledger.diff(db, number - 1, number)
    added = changes[changes.change == "added"].rename(columns={"x_b": "x", "y_b": "y"})
    items = ledger.item_table(db)
    false = items[(items.kind == "false_alarm") & (items["round"] == number - 1)]
    false = false[false.verb.isin(["accept", "keep"]) & false.state.eq("decided")]
    columns = ["sequence", "frame", "x", "y", "reason"]
    parts = [added.assign(reason="miss")[columns], false.assign(reason="false_alarm")[columns]]
    return pd.concat(parts, ignore_index=True)
