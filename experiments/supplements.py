"""Alternatives to mining for supplementing a data set, trained from the same first round.

The runs share the first round of a finished run with mining and its refined labels of the first
sequences. They differ from it only in the chips that are added from the new sequences.

- no-mining: none.
- random: round by round as many chips as the mined round has, anywhere in the same sequences.
- all: a chip for each label of all new sequences, plus background chips, all at once.

The labels in chips of new sequences are the truth. Chips added at once are trained on in one round
of as many epochs as all later rounds together, which is an advantage: the learning rate falls only
once.

    run(config, Path("table3.work/cpu-0/oracle"), make_builder)
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.chips import planning
from dimjax.data.csv_files import write_csv
from dimjax.data.folders import Folder
from dimjax.data.labels import COLUMNS, read_table, write_table
from dimjax.evaluation.slices import must_be_found
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, write_config
from dimjax.stages import rounds

NAMES = ("no-mining", "random", "all")


def run(config, mined_workdir: Path, make_builder: Callable) -> None:
    """Train and evaluate all three runs beside the mined one; finished parts are skipped.

    Args:
      config: Configuration of the mined run.
      mined_workdir: Directory of the mined run, all of whose rounds are done.
      make_builder: See dimjax.stages.build.
    """
    count = config.rounds.count
    staged = config.copy_and_resolve_references()
    staged.data.folder = str(mined_workdir / "sky")
    once = staged.copy_and_resolve_references()
    once.rounds.count = 2
    once.rounds.later_epochs = (count - 1) * config.rounds.later_epochs
    last = RoundContext(staged, Paths(mined_workdir, count - 1))
    for number in range(1, count):
        context = begin(staged, last.paths, mined_workdir.with_name("random"), number)
        mined = last.of_round(number)
        _run_round(context, mined, random_plan(context, mined), make_builder)
    for name, make_plan in (("no-mining", first_chips), ("all", all_chips)):
        context = begin(once, last.paths, mined_workdir.with_name(name), 1)
        _run_round(context, last, make_plan(last), make_builder)


def begin(config, source: Paths, workdir: Path, number: int) -> RoundContext:
    """Return the context of a round of a run that shares its first round with another run."""
    write_config(config, workdir)
    first = Paths(workdir).round
    if not first.exists():
        first.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source.of_round(0).round, first, copy_function=os.link)
    return RoundContext(config, Paths(workdir, number))


def fork(source_workdir: Path, workdir: Path) -> None:
    """Begin a run with a copy of another's first round, up to its review, which is made anew."""
    if workdir.exists():
        return
    aside, shared = workdir.with_name(workdir.name + ".part"), ("examples", "checkpoints")
    shutil.rmtree(aside, ignore_errors=True)
    first, copy = Paths(source_workdir), Paths(aside)
    shutil.copytree(first.round, copy.round, ignore=shutil.ignore_patterns(*shared))
    for name in shared:
        shutil.copytree(first.round / name, copy.round / name, copy_function=os.link)
    for file in first.workdir.glob(f"{first.ledger.name}*"):
        shutil.copy2(file, aside)
    aside.rename(workdir)


def first_chips(mined: RoundContext) -> pd.DataFrame:
    """Select the part of a mined round's plan that is cut from the first sequences."""
    chip_px = mined.config.chips.chip_px
    plan = planning.read_plan(mined.paths.plan, mined.folder.shapes, chip_px)
    return plan[~plan.sequence.isin(mined.folder.splits["new"])]


def all_chips(mined: RoundContext) -> pd.DataFrame:
    """Plan a mined round's chips of the first sequences and chips of all labels of the new ones."""
    config, folder = mined.config, mined.folder
    added = planning.plan_chips(
        true_labels(folder),
        {name: folder.shapes[name] for name in folder.splits["new"]},
        config.chips.chip_px,
        config.chips.frame_step,
        config.chips.backgrounds_per_label,
        config.seed,
    )
    return pd.concat([first_chips(mined), added.assign(split="train")], ignore_index=True)


def random_plan(context: RoundContext, mined: RoundContext) -> pd.DataFrame:
    """Plan a mined round with random chips in place of those from new sequences.

    The chips that the mined round has in addition to the round before are replaced by random chips
    in the sequences that it was the first to mine; random chips of earlier rounds stay.

    Args:
      context: Round to plan; the plan of the round before it exists.
      mined: The same round of the mined run.
    """
    config, folder = context.config, mined.folder
    new, chip_px = folder.splits["new"], config.chips.chip_px
    plan = planning.read_plan(mined.paths.plan, folder.shapes, chip_px)
    count = int(plan.sequence.isin(new).sum())
    plan = plan[~plan.sequence.isin(new)]
    if context.number > 1:
        before = context.paths.of_round(context.number - 1).plan
        earlier = planning.read_plan(before, folder.shapes, chip_px)
        plan = pd.concat([plan, earlier[earlier.sequence.isin(new)]], ignore_index=True)
    rng = np.random.default_rng([config.seed, context.number])
    names = mined.of_round(mined.number - 1).new_sequences
    shapes = {name: folder.shapes[name] for name in names}
    # Locations of existing chips add none, so that several draws may be needed.
    while (missing := count - int(plan.sequence.isin(new).sum())) > 0:
        locations = random_locations(shapes, missing, rng)
        plan = planning.extend_plan(plan, locations, folder.shapes, chip_px, config.seed)
    return plan


def random_locations(
    shapes: dict[str, tuple[int, int, int]], count: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw locations in any frame of some sequences, as planning.extend_plan takes them.

    Args:
      shapes: T, H, W of each sequence.
      count: Number of locations.
      rng: Source of all choices.
    """
    names = np.array(sorted(shapes), object)
    name = names[rng.integers(len(names), size=count)]
    sizes = np.array([shapes[one] for one in name]).reshape(-1, 3)
    frame, y, x = (rng.random((count, 3)) * sizes).T
    columns = {"sequence": name, "frame": frame.astype(np.int64), "x": x, "y": y}
    return pd.DataFrame(columns).assign(reason="background")


def true_labels(folder: Folder) -> pd.DataFrame:
    """Return the labels of the new sequences that an annotator without errors would give."""
    truth = folder.truth[folder.truth.sequence.isin(folder.splits["new"])]
    return truth[must_be_found(truth)][list(COLUMNS)]


def _run_round(context: RoundContext, mined: RoundContext, plan, make_builder: Callable) -> None:
    """Build, train and evaluate; labels of the first sequences are those of a mined round."""
    paths = context.paths
    if not paths.built:
        paths.round.mkdir(parents=True, exist_ok=True)
        labels, folder = read_table(mined.paths.labels), mined.folder
        first = labels[~labels.sequence.isin(folder.splits["new"])]
        write_table(pd.concat([first, true_labels(folder)], ignore_index=True), paths.labels)
        write_csv(plan, paths.plan)
        shutil.copy2(mined.paths.planted, paths.planted)
    rounds.run_planned(context, make_builder)
