"""Search the sequences that a round has to say something about: the labelled and its new ones.

A round but the last looks at all sequences it was trained on, for suspects, and at its share of
the new sequences, for misses and false alarms. What it finds is written at all scores.
"""

import pandas as pd

from dimjax import search
from dimjax.errors import InputError
from dimjax.folders import Folder
from dimjax.progress import bar
from dimjax.runs import Paths, write_parquet
from dimjax.stages.simulate import data_folder


def run(config, paths: Paths) -> None:
    """Write paths.predictions."""
    if paths.predictions.exists():
        return
    folder = data_folder(config, paths)
    names = new_sequences(config, folder, paths.number)
    if config.refinement.planted_share:
        names = trained_sequences(paths) + names
    detector = search.restore_detector(paths.checkpoints)
    found = [
        search.search(detector, folder.sequence(name)) for name in bar(names, "predict", "sequence")
    ]
    columns = pd.DataFrame(columns=search.COLUMNS)
    write_parquet(pd.concat(found or [columns], ignore_index=True), paths.predictions)


def trained_sequences(paths: Paths) -> list[str]:
    """Sequences that a round was trained on."""
    plan = pd.read_csv(paths.plan, keep_default_na=False)
    return sorted(plan[plan.split == "train"].sequence.unique())


def new_sequences(config, folder: Folder, number: int) -> list[str]:
    """A round's share of the folder's split "new": equal shares for all rounds but the last.

    Raises:
      InputError: There are fewer new sequences than rounds to look at them.
    """
    names, shares = sorted(folder.splits.get("new", [])), config.rounds.count - 1
    if names and len(names) < shares:
        rule = f"each of the {shares} rounds before the last needs a new sequence"
        remedy = "Give more new sequences, or lower rounds.count."
        raise InputError("split new", rule, f"{len(names)} sequences", remedy)
    return names[len(names) * number // shares : len(names) * (number + 1) // shares]
