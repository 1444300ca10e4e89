"""Failures in one line: the subject, the rule, the value found and the remedy, for any exception.

Besides bad input, which InputError describes, programs fail because of the operating system (no
space, no permission), the memory, a device, or a defect. `explain` describes all of them alike.

    try:
        with doing("round 0, train"):
            ...
    except Exception as error:
        print(explain(error, folder="runs/demo").text)
"""

import errno
import os
import re
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dimjax.errors import DURING, InputError, UsageError, one_line

FAULT, USAGE = 1, 2  # exit statuses
INTERRUPTED = 130

_AGAIN = "give the same command again to go on."
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FULL_TEXT = re.compile(
    r"No space left on device|disk is full|Disk quota exceeded|requested and \d+ written"
)
_SIZE_TEXT = re.compile(r"File too large")
_DISK_TEXT = re.compile(r"disk I/O error|Input/output error")  # often a full disk
_MEMORY_TEXT = re.compile(
    r"Out of memory|RESOURCE_EXHAUSTED|Cannot allocate memory|can't start new thread|bad_alloc"
    r"|failed to map segment"  # of a library that is imported
)
_DEVICE_TEXT = re.compile(r"Unable to initialize backend|Unknown backend|No visible .* devices")
# Errors of the operating system -> the rule that was broken, and the remedy.
_ACCESS = ("this user must have access to it", "Change its permissions, or choose another place.")
_SYSTEM = {
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.EROFS: ("it must be writable", "Choose another place."),
    errno.ENOENT: ("it must exist and stay while it is in use", "Correct the path."),
    errno.ENOTDIR: ("it must lie in a folder", "Correct the path."),
    errno.EISDIR: ("it must be a file", "Correct the path, or move the folder away."),
    errno.EEXIST: ("it must be a folder, or not exist", "Correct the path."),
    errno.ENAMETOOLONG: ("the path must be short enough for the system", "Choose a shorter one."),
    errno.EMFILE: ("fewer files must be open at once", "Raise the limit with `ulimit -n`."),
    errno.EPIPE: ("its reader must read to the end", f"Keep the reader open, and {_AGAIN}"),
}
_SYSTEM_REMEDY = f"Correct the cause, and {_AGAIN}"


class Failure(NamedTuple):
    """A failure for the user."""

    text: str  # one line
    status: int  # exit status of the program
    is_explained: bool  # whether the line says it all; otherwise the traceback is of use


def explain(error: BaseException, folder: str | Path = ".") -> Failure:
    """Describe an exception in one line.

    Args:
      error: The exception; see dimjax.errors.doing for its activity.
      folder: Folder that the program writes to, for its free space if the error names no file.
    """
    notes = [note for note in getattr(error, "__notes__", []) if note.startswith(DURING)]
    activity = notes[0].removeprefix(DURING) if notes else ""
    if isinstance(error, KeyboardInterrupt):
        at = f" in {activity}" if activity else ""
        text = f"interrupted{at}: finished work is kept; give the same command again."
        return Failure(text, INTERRUPTED, True)
    if isinstance(error, InputError):
        status = USAGE if isinstance(error, UsageError) else FAULT
        return Failure(f"error: {_one_line(error)}", status, True)
    at = f"{activity}: " if activity else ""
    for cause in _chain(error):
        description = _describe(cause, folder)
        if description is not None:
            return Failure(f"error: {at}{_one_line(description)}", FAULT, False)
    value = f"{type(error).__name__}: {_one_line(error)[:200]}"
    text = f"error: {at}an unexpected error; found {value}. Report it, with its traceback."
    return Failure(text, FAULT, False)


def _describe(error: BaseException, folder: str | Path) -> InputError | str | None:
    """Describe one exception; None for a kind without a description."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, FloatingPointError):
        return f"{error}"
    text = str(error)
    is_system = isinstance(error, OSError) and error.errno is not None
    subject = error.filename if is_system and error.filename else None
    if (is_system and error.errno in _FULL) or _FULL_TEXT.search(text):
        subject = subject or folder
        value = f"{_free_space(subject)} free"
        remedy = f"Free some space, and {_AGAIN}"
        return InputError(os.fspath(subject), "there must be room on the disk", value, remedy)
    if _SIZE_TEXT.search(text):
        rule, remedy = "a file of that size must be allowed", "Raise the limit with `ulimit -f`."
        return InputError(os.fspath(subject or folder), rule, "File too large", remedy)
    if _DISK_TEXT.search(text):
        rule, value = "the disk must work and have room", _one_line(text)[:100]
        remedy = f"Free some space or check the disk, and {_AGAIN}"
        return InputError(subject or folder, rule, f"{value}, {_free_space(folder)} free", remedy)
    if isinstance(error, MemoryError) or _MEMORY_TEXT.search(text):
        remedy = "Use smaller frames, chips or batches, or a machine with more memory."
        return InputError("memory", "the data must fit into it", _one_line(text)[:100], remedy)
    if _DEVICE_TEXT.search(text) or (not text and _raised_in(error, "xla_bridge.py")):
        platforms = os.environ.get("JAX_PLATFORMS", "")
        rule = f"JAX must find a device of JAX_PLATFORMS={platforms}"
        value = _one_line(text)[:100] or "none"
        return InputError("device", rule, value, "Unset JAX_PLATFORMS, or install its driver.")
    if is_system:
        rule, remedy = _SYSTEM.get(error.errno, ("the system must permit this", _SYSTEM_REMEDY))
        return InputError(subject or folder, rule, error.strerror, remedy)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, the members of a group, and all causes, each once."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += getattr(one, "exceptions", [])
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]


def _raised_in(error: BaseException, file: str) -> bool:
    """Whether an exception was raised in a file of that name."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).name == file


def _free_space(path: str | Path) -> str:
    """Free space of the disk of a path, which need not exist."""
    path = Path(os.fsdecode(path)).absolute()
    while not os.path.exists(path) and path != path.parent:  # no path raises
        path = path.parent
    return f"{shutil.disk_usage(path).free / 1e6:.1f} MB"


def _one_line(text: object) -> str:
    """Join the lines of a text, without empty ones."""
    lines = [line.strip() for line in str(text).splitlines()]
    return one_line(" ".join(line for line in lines if line))
