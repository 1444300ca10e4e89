"""The integrity of a run: its ledger, and the files of all stages that are done.

check_run(Paths("runs/demo"), on_error=problems.append)
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax import ledger
from dimjax.data.labels import read_table
from dimjax.errors import InputError, OnError
from dimjax.label_noise import planting
from dimjax.runs import digests
from dimjax.runs.workdir import Paths

_NUMBERS = ["frame", "x", "y", "w", "h"]
_TEXTS = ["sequence", "category", "track", "source"]
_BACKUP = "Restore ledger.backup.sqlite, which was made when the last round began."


def check_run(paths: Paths, on_error: OnError) -> None:
    """Verify the ledger and the digests of a run, and report each problem.

    Args:
      paths: Paths of any round. The run may have just begun, or be at work.
      on_error: Called with each problem: that of the ledger, and the first of each stage.
    """
    try:
        require_ledger(paths)
        if paths.ledger.exists():
            with ledger.open_ledger(paths.ledger) as db:
                damage = db.problems()
            if damage:
                raise InputError(paths.ledger, "the ledger must be whole", damage, _BACKUP)
    except InputError as problem:
        on_error(problem)
    try:
        require_rounds(paths)
    except InputError as problem:
        on_error(problem)
    for number in _rounds(paths) or [0]:
        for stage in digests.STAGES:
            if stage == "simulate" and number:
                continue  # it belongs to the run
            try:
                digests.verify(paths.of_round(number), stage)
                if stage == "build":
                    require_own_ledger(paths.of_round(number))
            except InputError as problem:
                on_error(problem)


def require_ledger(paths: Paths) -> None:
    """Check that a run that has begun has its ledger.

    Raises:
      InputError: It has not.
    """
    first = paths.of_round(0)  # one of these files is written once the ledger exists
    begun = first.planted.exists() or first.mined.exists()
    if begun and not paths.ledger.exists():
        rule = "a run that has begun has a ledger, with its labels and decisions"
        remedy = "Restore it, e.g. from ledger.backup.sqlite, or choose another --workdir."
        raise InputError(paths.ledger, rule, "no file", remedy)


def require_own_ledger(paths: Paths) -> None:
    """Check that the ledger has the labels that a round was built with.

    A ledger that is missing or damaged is named elsewhere.

    Args:
      paths: Paths of the round, whose files are as they were written.

    Raises:
      InputError: They differ: it is the ledger of another run.
    """
    if not (paths.built and paths.ledger.exists()):
        return
    try:
        db = ledger.open_ledger(paths.ledger)
    except InputError:
        return
    with db:
        # Of a restored backup, the round has not begun.
        number = paths.number if paths.number <= ledger.current_round(db) else None
        labels = ledger.labels_as_of(db, number)
    planted, trained = planting.read(paths.planted), read_table(paths.labels)
    changed = planted.label[planted.label > 0]
    if not (
        changed.isin(labels.index).all() and _are_same(planting.apply(labels, planted), trained)
    ):
        rule = f"it must have the {len(trained)} labels that round {paths.number} was built with"
        remedy = "Restore the ledger of this run, or choose another --workdir."
        raise InputError(paths.ledger, rule, f"{len(labels)} others", remedy)


def _are_same(labels: pd.DataFrame, others: pd.DataFrame) -> bool:
    return (
        len(labels) == len(others)
        and np.array_equal(labels[_TEXTS], others[_TEXTS])
        and np.allclose(labels[_NUMBERS], others[_NUMBERS])
    )


def require_rounds(paths: Paths) -> None:
    """Check that no round of a run is gone which the ledger knows, or whose successor is there.

    Raises:
      InputError: One is: it would be begun anew, with other decisions than those in the ledger.
    """
    begun = _begun_rounds(paths)
    rounds = _rounds(paths)
    newest = max(rounds, default=0)
    for number in range(max(newest, begun)):
        if number not in rounds:
            rule = f"a run with a round {newest} has all rounds before it"
            if number >= newest:
                rule = f"{paths.ledger.name} knows round {number}, so that it must be there"
            remedy = "Restore the folder, or choose another --workdir."
            raise InputError(paths.of_round(number).round, rule, "no folder", remedy)


def _begun_rounds(paths: Paths) -> int:
    """Count the rounds that have begun by the ledger; each has made its folder before.

    A ledger that cannot be opened counts none: it is named where it is used.
    """
    if paths.ledger.exists():
        with contextlib.suppress(InputError), ledger.open_ledger(paths.ledger) as db:
            return ledger.current_round(db) + 1
    return 0


def _rounds(paths: Paths) -> list[int]:
    """Numbers of the rounds that have a folder; a user may keep others beside them."""
    folders = [folder for folder in paths.workdir.glob("rounds/*") if folder.is_dir()]
    return sorted(int(folder.name) for folder in folders if folder.name.isdecimal())


def while_kept(file: Path, items: Iterable) -> Iterator:
    """Yield items as long as a file that exists at the start still does.

    Raises:
      InputError: The file is gone, e.g. with the run that it belongs to.
    """
    existed = file.exists()
    for item in items:
        yield item
        if existed and not file.exists():
            rule, remedy = "it must stay while it is in use", "Restore the run, or begin anew."
            raise InputError(file, rule, "it is gone", remedy)
