"""Intake: which of the folder's new sequences each round looks at for misses and false alarms.

They are dealt out in equal shares to all rounds but the last. What a round was dealt is kept in
its directory: a sequence that joins the folder later is dealt out among the rounds to come.

    check(config, folder, paths)
    deal(config, folder, paths)
    new_sequences(paths)                                # ["b", "c"]
"""

import pandas as pd

from dimjax.chips import planning
from dimjax.data import splits
from dimjax.data.csv_files import read_columns, write_csv
from dimjax.data.duplicates import twins
from dimjax.data.folders import Folder
from dimjax.data.sequences import clip_frames
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths


def check(config, folder: Folder, paths: Paths) -> None:
    """See that every new sequence to come can be searched and cut, before a round is trained.

    Raises:
      InputError: There are fewer new sequences than rounds to look at them, the frames of one
        are too few or too small, or it is there already under another name.
    """
    names, shares = _to_come(folder, paths), config.rounds.count - 1 - paths.number
    if not shares:
        return
    if names and len(names) < shares:
        rule = f"each of the {shares} rounds before the last needs a new sequence"
        remedy = "Give more new sequences, or lower rounds.count."
        raise InputError("split new", rule, f"{len(names)} sequences", remedy)
    for name in names:
        shape = folder.shapes[name]
        planning.check_size(name, shape, config.chips.chip_px)
        clip_frames(0, shape[0], config.data.stride, f"sequence {name}")
    known = [name for split in (*splits.CUT, "all", "new") for name in folder.splits.get(split, [])]
    known = [name for name in known if name not in names]
    for name, same in twins(map(folder.sequence, names), map(folder.sequence, known)).items():
        rule, remedy = "a new sequence must not be there already", "Leave one of them out."
        raise InputError(f"sequence {name}", rule, f"the frames of sequence {same}", remedy)


def deal(config, folder: Folder, paths: Paths) -> None:
    """Write paths.new: a round's share of the new sequences that no round before it was dealt."""
    rest, shares = _to_come(folder, paths), config.rounds.count - 1 - paths.number
    share = rest[: len(rest) // shares] if shares else []
    write_csv(pd.DataFrame({"sequence": share}, dtype="str"), paths.new)


def new_sequences(paths: Paths) -> list[str]:
    """The new sequences that a round was dealt."""
    return read_columns(paths.new, ["sequence"])["sequence"]


def _to_come(folder: Folder, paths: Paths) -> list[str]:
    """The new sequences that no round before was dealt."""
    before = {name for k in range(paths.number) for name in new_sequences(paths.of_round(k))}
    return sorted(set(folder.splits.get("new", [])) - before)
