"""Writing that outlasts kills, power cuts and other processes.

In comes a path; out come a file that stands under its name whole and on the disk or not at all,
or the sole right to do something, which ends with the process.

    with written_aside("runs/demo/report.html") as aside:
        aside.write_text("...")
    write_whole("runs/demo/report.html", "...")         # the same; so write_parquet with tables
    with sole_holder("runs/demo/run.lock", "one at a time", "End it first."):
        ...
"""

import contextlib
import fcntl
import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from dimjax.errors import InputError


@contextlib.contextmanager
def written_aside(path: str | Path) -> Iterator[Path]:
    """Where to write a file that gets its name at the end of the block, when it is on the disk.

    Two processes may write the same file: the last one's stays. Missing folders are made. Where
    the block raises, what stood under the name stays. What a killed process of this machine had
    written aside for the same file is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = f"{path.name}.{os.uname().nodename}"
    for old in path.parent.glob(f"{glob.escape(machine)}.*.part"):
        if not _runs(old.name.removeprefix(f"{machine}.").removesuffix(".part")):
            old.unlink(missing_ok=True)
    aside = path.with_name(f"{machine}.{os.getpid()}.part")
    try:
        yield aside
        _keep(aside)  # else a power cut may leave the name and lose the contents
        os.replace(aside, path)
        _keep(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file; under its name it is there whole or not at all."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table; under its name it is there whole or not at all."""
    with written_aside(path) as aside:
        table.to_parquet(aside, index=False)


@contextlib.contextmanager
def sole_holder(
    path: str | Path,
    rule: str,
    remedy: str,
    found: Callable[[str], str] = "process {}".format,
) -> Iterator[None]:
    """Hold a lock file; it is let go with the block or the process, however that ends.

    Args:
      path: The lock file; it holds the number of the process that has or had it, and stays.
      rule: What an error says must hold.
      remedy: What it says is to be done.
      found: The number of the process that holds it -> what an error says was found.

    Raises:
      InputError: Another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise InputError(path, rule, found(file.read().strip()), remedy) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _runs(process: str) -> bool:
    """Whether this machine has a process of that number, as far as can be told."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):
        pass
    return True


def _keep(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
