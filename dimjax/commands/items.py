"""Review items for CVAT or Label Studio, and the decisions that were taken there.

write("runs/two")                                       # runs/two/export/items: items.json, images
read("runs/two", "instances_default.json", "ann")       # appends decisions to the ledger
"""

from collections import Counter
from pathlib import Path

from dimjax import ledger
from dimjax.atomic_files import exclusive_lock
from dimjax.commands.results import check_output
from dimjax.data.listing import locations
from dimjax.errors import InputError
from dimjax.progress import say
from dimjax.review.coco import export_items, import_items, write_images
from dimjax.runs import digests
from dimjax.runs.context import open_data_folder
from dimjax.runs.workdir import Paths, read_config

_FILE, _IMAGES, _LOCK = "items.json", "images", "items.lock"


def write(workdir: str | Path, output: str | Path | None = None) -> Path:
    """Write the waiting items of a run as a COCO file with images.

    Args:
      workdir: The run's directory.
      output: Folder to write to; by default export/items in the run's directory.

    Returns:
      The folder written to.

    Raises:
      InputError: There is no run, no item waits, or the folder holds something else.
    """
    paths = Paths(workdir)
    digests.verify(paths, "simulate")
    folder = open_data_folder(read_config(workdir), paths)
    output = _folder(paths, output)
    check_output(output, folder.path, locations(folder.files), _LOCK, paths)
    rule, remedy = "one process at a time writes items", "Wait for its end, or end it."
    with ledger.open_ledger(paths.ledger) as db, exclusive_lock(output / _LOCK, rule, remedy):
        items = export_items(db, output / _FILE)
        if not items:
            rule, remedy = "items of the run must wait for a decision", "Continue the run."
            raise InputError(workdir, rule, "none", remedy)
        count = write_images(output / _FILE, folder.sequence, output / _IMAGES)
    say(f"{output}: {len(items)} items in {_FILE}, {count} images in {_IMAGES}")
    return output


def read(
    workdir: str | Path,
    edited: str | Path,
    reviewer: str | None,
    output: str | Path | None = None,
    finished: bool = False,
) -> None:
    """Append the decisions of an edited COCO file to the ledger of a run.

    Args:
      workdir: The run's directory.
      edited: The file that the annotation program saved.
      reviewer: Name of the person who edited it.
      output: Folder that `write` wrote to.
      finished: Whether items without a change are decided as they are.

    Raises:
      InputError: There is no reviewer, a file is invalid, or the ledger refuses a decision.
    """
    if reviewer is None:
        rule, remedy = "a decision has a reviewer", "Give --reviewer=NAME."
        raise InputError("--reviewer", rule, "nothing", remedy)
    paths = Paths(workdir)
    with ledger.open_ledger(paths.ledger) as db:
        exported = _folder(paths, output) / _FILE
        if not exported.exists():
            rule, remedy = "the edited items must have been written by `items`", "Write them first"
            remedy += ", without --input, or give the --output that they lie in."
            raise InputError(exported, rule, "no file", remedy)
        decisions = import_items(db, edited, reviewer, exported, finished)
        waiting = len(ledger.get_items(db, ["open", "skipped"], round=ledger.current_round(db)))
    verbs = Counter(decision.verb for decision in decisions)
    texts = ", ".join(f"{count} {verb}" for verb, count in sorted(verbs.items()))
    say(f"{edited}: {len(decisions)} decisions by {reviewer} ({texts or 'none'}), {waiting} wait")


def _folder(paths: Paths, output: str | Path | None) -> Path:
    return Path(output) if output else paths.exported / "items"
