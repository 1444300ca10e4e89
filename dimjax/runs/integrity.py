"""The integrity of a run: its ledger, and the files of all stages that are done.

check_run(Paths("runs/demo"), on_error=problems.append)
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from dimjax import ledger
from dimjax.errors import InputError, OnError
from dimjax.runs import digests
from dimjax.runs.workdir import Paths

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
    names = [folder.name for folder in paths.workdir.glob("rounds/*")]
    rounds = [int(name) for name in names if name.isdecimal()]  # a user may keep notes there
    for number in sorted(rounds) or [0]:
        for stage in digests.STAGES:
            if stage == "simulate" and number:
                continue  # it belongs to the run
            try:
                digests.verify(paths.of_round(number), stage)
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
