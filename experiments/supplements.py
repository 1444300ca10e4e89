"""Other ways to supplement a data set than to mine it, trained from the same first round.

In comes a finished run with mining; out come runs that share its first round and its refined labels
of the first sequences, so that they differ from it only in what is added of the new sequences.

- no-mining: nothing.
- random: round by round as many chips as the mined round has, anywhere in the same sequences.
- all: a chip for each label of all new sequences, and background chips, at once.

Labels in the chips of new sequences are the truth. What is added at once is trained in one round of
as many epochs as all later rounds together, which favours it: its learning rate falls only once.

    run(config, Path("table3.work/cpu-0/oracle"), make_builder)
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.chips import planning
from dimjax.data.csv_files import write_csv
from dimjax.data.folders import Folder
from dimjax.data.labels import COLUMNS, read_table, write_table
from dimjax.evaluation.figures import LEAST_VISIBLE
from dimjax.runs.workdir import Paths, write_config
from dimjax.stages import build, evaluate, train
from dimjax.stages.intake import new_sequences
from dimjax.stages.simulate import data_folder

NAMES = ("no-mining", "random", "all")


def run(config, mined: Path, make_builder: Callable) -> None:
    """Train and evaluate all three beside the mined run; what is done there is not done again.

    Args:
      config: Of the mined run.
      mined: Directory of the mined run, all of whose rounds are done.
      make_builder: See dimjax.stages.build.
    """
    rounds = config.rounds.count
    staged = config.copy_and_resolve_references()
    staged.data.folder = str(mined / "sky")
    once = staged.copy_and_resolve_references()
    once.rounds.count = 2
    once.rounds.later_epochs = (rounds - 1) * config.rounds.later_epochs
    folder = data_folder(staged, Paths(mined))
    last = Paths(mined, rounds - 1)
    for number in range(1, rounds):
        own = begin(staged, mined, mined.with_name("random"), number)
        plan = random_plan(staged, Paths(mined, number), own, folder)
        _round(staged, own, Paths(mined, number), plan, folder, make_builder)
    for name, plan_of in (("no-mining", first_chips), ("all", all_chips)):
        own = begin(once, mined, mined.with_name(name), 1)
        _round(once, own, last, plan_of(once, last, folder), folder, make_builder)


def begin(config, source: Path, workdir: Path, number: int) -> Paths:
    """The paths of a round of a run that shares its first round with another."""
    write_config(config, workdir)
    first = Paths(workdir).round
    if not first.exists():
        first.parent.mkdir(parents=True, exist_ok=True)
        first.symlink_to(Paths(source).round.absolute())
    return Paths(workdir, number)


def fork(source: Path, workdir: Path) -> None:
    """Begin a run that shares another's first round, up to its review, which it makes itself."""
    if workdir.exists():
        return
    aside, shared = workdir.with_name(workdir.name + ".part"), ("examples", "checkpoints")
    shutil.rmtree(aside, ignore_errors=True)
    first, copy = Paths(source), Paths(aside)
    shutil.copytree(first.round, copy.round, ignore=shutil.ignore_patterns(*shared))
    for name in shared:
        (copy.round / name).symlink_to((first.round / name).absolute())
    for file in first.workdir.glob(f"{first.ledger.name}*"):
        shutil.copy2(file, aside)
    aside.rename(workdir)


def first_chips(config, mined: Paths, folder: Folder) -> pd.DataFrame:
    """The part of a mined round's plan that is cut from the first sequences."""
    plan = planning.read_plan(mined.plan, folder.shapes, config.chips.chip_px)
    return plan[~plan.sequence.isin(folder.splits["new"])]


def all_chips(config, mined: Paths, folder: Folder) -> pd.DataFrame:
    """A mined round's chips of the first sequences, and those of all labels of the new ones."""
    settings, new = config.chips, folder.splits["new"]
    shapes = {name: folder.shapes[name] for name in new}
    mix, seed = settings.backgrounds_per_label, config.seed
    added = planning.plan(
        true_labels(folder), shapes, settings.chip_px, settings.frame_step, mix, seed
    )
    parts = [first_chips(config, mined, folder), added.assign(split="train")]
    return pd.concat(parts, ignore_index=True)


def random_plan(config, mined: Paths, own: Paths, folder: Folder) -> pd.DataFrame:
    """A mined round's plan, with random chips in place of those from new sequences.

    As many chips as the mined round has beyond the last come from the sequences that it was the
    first to see; the random chips of earlier rounds stay.
    """
    new, chip_px = folder.splits["new"], config.chips.chip_px
    plan = planning.read_plan(mined.plan, folder.shapes, chip_px)
    count = int(plan.sequence.isin(new).sum())
    plan = plan[~plan.sequence.isin(new)]
    if own.number > 1:
        before = planning.read_plan(own.of_round(own.number - 1).plan, folder.shapes, chip_px)
        plan = pd.concat([plan, before[before.sequence.isin(new)]], ignore_index=True)
    rng = np.random.default_rng([config.seed, own.number])
    share = {name: folder.shapes[name] for name in new_sequences(mined.of_round(own.number - 1))}
    # A chip that is there already does not count.
    while (lacking := count - int(plan.sequence.isin(new).sum())) > 0:
        places = random_places(share, lacking, rng)
        plan = planning.grow(plan, places, folder.shapes, chip_px, config.seed)
    return plan


def random_places(
    shapes: dict[str, tuple[int, int, int]], count: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Places in any frame of some sequences, as chips.grow takes them.

    Args:
      shapes: T, H, W of each sequence.
      count: How many.
      rng: Source of all choices.
    """
    names = np.array(sorted(shapes), object)
    name = names[rng.integers(len(names), size=count)]
    sizes = np.array([shapes[own] for own in name]).reshape(-1, 3)
    frame, y, x = (rng.random((count, 3)) * sizes).T
    columns = {"sequence": name, "frame": frame.astype(np.int64), "x": x, "y": y}
    return pd.DataFrame(columns).assign(reason="background")


def true_labels(folder: Folder) -> pd.DataFrame:
    """The labels that an annotator without errors would give to the new sequences."""
    truth = folder.truth[folder.truth.sequence.isin(folder.splits["new"])]
    return truth[truth.visible >= LEAST_VISIBLE][list(COLUMNS)]


def _round(config, own: Paths, mined: Paths, plan, folder: Folder, make_builder: Callable) -> None:
    """Build, train and evaluate; labels of the first sequences are those of a mined round."""
    if not own.built:
        own.round.mkdir(parents=True, exist_ok=True)
        labels = read_table(mined.labels)
        first = labels[~labels.sequence.isin(folder.splits["new"])]
        write_table(pd.concat([first, true_labels(folder)], ignore_index=True), own.labels)
        write_csv(plan, own.plan)
        shutil.copy2(mined.planted, own.planted)
        build.make_chips(config, folder, own, make_builder)
    train.run(config, own)
    evaluate.run(config, own)
