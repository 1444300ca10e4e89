"""The folder of the results of `detect`: one source, one process at a time, complete tables.

    with open_results(output, source, files) as results:
        results.append(detections, points)          # of each sequence
        results.finish()                            # the tables get their names

The folder remembers its source and its sequences in source.json. That file may come from somebody
else: names in it only ever select files of the folder itself.
"""

import contextlib
import glob
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from dimjax.atomic_files import exclusive_lock, named_in_errors, read_record, write_text
from dimjax.data.label_writing import FORMS
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths, run_around

_TABLES = ("detections.csv", "tracks.csv")
_RECORD, _LOCK = "source.json", "detect.lock"
_WRITERS = ("compare", "detect", "evaluate", "export", "implant", "items")  # verbs
_UNKNOWN = "those of an unknown source"


class Results:
    """The folder of the results of one source, held by this process."""

    def __init__(self, folder: Path):
        self.folder = folder

    def append(self, *tables: pd.DataFrame) -> None:
        """Append the detections and the points of the tracks in a sequence to the tables."""
        for rows, name in zip(tables, _TABLES, strict=True):
            with named_in_errors(_part(self.folder / name)) as into:
                new = not into.exists()
                rows.to_csv(into, mode="a", header=new, index=False, lineterminator="\n")

    def finish(self) -> None:
        """Give the tables their names; without any sequence there are none."""
        for name in _TABLES:
            if _part(self.folder / name).exists():
                _part(self.folder / name).replace(self.folder / name)


@contextlib.contextmanager
def open_results(
    output: Path, source: Path, files: dict[str, Path], form: str | None = None
) -> Iterator[Results]:
    """Make the folder for a source, remove its earlier results and hold it during the block.

    Args:
      output: The folder.
      source: The sequence or data folder that is searched.
      files: Sequence name -> its file or folder.
      form: Name of a folder for labels in it, one of dimjax.data.label_writing.FORMS.

    Raises:
      InputError: The folder lies in the source, holds other files, or another process writes to
        it.
    """
    check_output(output, source, files, _LOCK)
    resolved = str(source.resolve())
    _earlier(output, resolved)  # raises before anything is written
    rule, remedy = "one process at a time writes results", "Wait for its end, or end it."
    with exclusive_lock(output / _LOCK, rule, remedy):
        earlier = _earlier(output, resolved)
        if form not in (None, earlier.get("form")):
            check_unoccupied(output / form, _LOCK)
        _remove(output, earlier)
        record = {"source": resolved, "sequences": list(files), "form": form}
        write_text(output / _RECORD, json.dumps(record, indent=1) + "\n")
        yield Results(output)


def check_output(
    output: Path, source: Path, files: dict[str, Path], lock: str, paths: Paths | None = None
) -> None:
    """Raise if a command may not write into a folder.

    Args:
      output: The folder.
      source: The sequence or data folder that is read.
      files: Sequence name -> its file or folder.
      lock: Name of the command's lock file.
      paths: Paths of the run that is read; None if there is none.
    """
    check_outside(output, source, files)
    if paths is not None:
        check_place(output, paths)
    check_unoccupied(output, lock)


def check_outside(output: Path, source: Path, files: dict[str, Path]) -> None:
    """Raise if results would lie in the data that is read, or among the files of any run."""
    folder = output.resolve()
    around = (folder, *folder.parents)
    among = any(path.resolve().parent == folder for path in files.values())
    data = [path.resolve() for path in (source, *files.values())]
    # In the default layout all that lies beside a sequence is another one.
    data += [path.parent for path in data if path.parent.name == "sequences"]
    if among or any(path in around for path in data):
        rule, remedy = "the results must not lie in the data", "Choose another folder."
        raise InputError("--output", rule, output, remedy)
    if run := run_around(output):
        check_place(output, Paths(run))


def check_place(output: Path, paths: Paths) -> None:
    """Raise if results would lie among the files of a run, beyond the folders for them."""
    folder = output.resolve()
    around = (folder, *folder.parents)
    places = (paths.detect, paths.exported, paths.evaluations, paths.comparisons)
    if paths.workdir.resolve() in around and not any(it.resolve() in around for it in places):
        names = ", ".join(place.name for place in places)
        rule = f"in a run's directory only {names} are for results"
        raise InputError("--output", rule, output, "Choose another folder.")


def check_unoccupied(output: Path, lock: str) -> None:
    """Raise if a folder holds files, and the command with this lock file did not write them.

    Raises:
      InputError: It does, or a folder in it is a link out of it, where others would be replaced.
    """
    folder = output.resolve()  # "new/.." is what it will be once "new" is made
    # A folder with a lock in it is the output of another command, such as export/csv in export.
    others = folder.iterdir() if folder.is_dir() else ()
    others = [one for one in others if not any((one / f"{it}.lock").exists() for it in _WRITERS)]
    if others and not (folder / lock).exists():
        rule = "the output folder must be empty, or hold earlier results of the same command"
        raise InputError("--output", rule, output, "Choose another folder.")
    for place, names, _ in os.walk(folder):
        for path in (Path(place, name) for name in names):
            if path.is_symlink() and folder not in path.resolve().parents:
                rule, value = "a folder in the output must not be a link out of it", path.resolve()
                raise InputError(path, rule, value, "Remove the link.")


def _earlier(output: Path, source: str) -> dict:
    """Record of the results in the folder: their source, sequences and form.

    Raises:
      InputError: They belong to another source, or their record is damaged.
    """
    earlier = {"source": source, "sequences": []}
    if (output / _RECORD).exists():
        earlier = _read_record(output / _RECORD)
    elif any((output / name).exists() for name in _TABLES):
        earlier["source"] = _UNKNOWN
    if earlier["source"] != source:
        rule = f"the folder must hold no results but those of {source}"
        remedy = "Choose another folder with --output, or remove this one."
        raise InputError(output, rule, earlier["source"], remedy)
    return earlier


def _read_record(path: Path) -> dict:
    record = read_record(path)
    names = record.get("sequences") if isinstance(record, dict) else None
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    is_known = is_list and record.get("form") in (None, *FORMS)
    if not is_known or not isinstance(record.get("source"), str) or not all(map(_is_name, names)):
        rule = "it must contain the source and the names of its sequences"
        remedy = "Choose another folder with --output, or remove this one."
        raise InputError(path, rule, "something else", remedy)
    return record


def _is_name(name: str) -> bool:
    """Whether files that begin with the name lie in the folder itself."""
    return "/" not in name and "\\" not in name and "\0" not in name


def _remove(output: Path, earlier: dict) -> None:
    """Remove the results of some sequences, the tables and the folder of labels."""
    for name in earlier["sequences"]:
        escaped = glob.escape(name)
        for old in [*output.glob(f"{escaped}-{'[0-9]' * 6}*.png"), *output.glob(f"{escaped}.mp4")]:
            old.unlink()
    for name in _TABLES:
        (output / name).unlink(missing_ok=True)
        _part(output / name).unlink(missing_ok=True)
    if earlier.get("form"):
        shutil.rmtree(output / earlier["form"], ignore_errors=True)  # a link is not followed


def _part(path: Path) -> Path:
    """Path of a table that is not complete yet."""
    return path.with_name(f"{path.name}.part")
