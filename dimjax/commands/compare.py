"""Compare two runs on a page in a folder.

run("runs/a", "runs/b")                 # runs/b/comparisons/a/compare.html
"""

from pathlib import Path

from dimjax.atomic_files import exclusive_lock
from dimjax.commands.results import check_outside, check_place, check_unoccupied
from dimjax.data.listing import locations
from dimjax.report import compare
from dimjax.runs import digests
from dimjax.runs.context import open_data_folder
from dimjax.runs.workdir import Paths, newest_round, read_config

_LOCK = "compare.lock"


def run(first: str | Path, second: str | Path, output: str | Path | None = None) -> Path:
    """Write a page that compares the newest rounds of two runs, and print its tables.

    Args:
      first: Directory of the first run.
      second: Directory of the second run.
      output: Folder to write to; by default comparisons/NAME in the second run's directory, NAME
        being that of the first.

    Returns:
      The page.

    Raises:
      InputError: A run is not evaluated or damaged, they share no sequence with the same truth, the
        folder lies in the data or holds something else, or another process writes to it.
    """
    paths = Paths(second, newest_round(second))
    folder = Path(output) if output else paths.comparisons / Path(first).resolve().name
    for workdir in (first, second):
        digests.verify(Paths(workdir), "simulate")
        data = open_data_folder(read_config(workdir), Paths(workdir))
        check_outside(folder, data.path, locations(data.files))
        if output:
            check_place(folder, Paths(workdir))
    check_unoccupied(folder, _LOCK)
    rule, remedy = "one process at a time writes a comparison", "Wait for its end, or end it."
    with exclusive_lock(folder / _LOCK, rule, remedy):
        return compare(first, second, folder)
