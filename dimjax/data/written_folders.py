"""Data folders that `implant` writes: nobody reads one while it is replaced, or two versions of it.

writer = last_writer(folder)                        # raises while it is being written
require_same_writer(folder, writer)                 # raises if another process has written it
"""

from pathlib import Path

from dimjax.atomic_files import lock_holder, lock_is_held
from dimjax.errors import InputError

LOCK = "implant.lock"


def last_writer(folder: Path) -> str:
    """Describe the process that wrote a data folder last; "" if it has no lock file.

    Raises:
      InputError: The process is still writing.
    """
    lock = folder / LOCK
    if not lock.is_file():
        return ""
    writer = lock_holder(lock)
    if lock_is_held(lock):
        rule = "a data folder must be complete before it is read"
        raise InputError(lock, rule, f"{writer}, which writes it", "Wait for its end, or end it.")
    return writer


def require_same_writer(folder: Path, writer: str) -> None:
    """Check that a data folder is as it was opened.

    Args:
      folder: The data folder.
      writer: Its last writer at that time.

    Raises:
      InputError: It has been replaced, or is being replaced.
    """
    now = last_writer(folder)
    if now != writer:
        rule, remedy = "it must stay as it is while it is read", "Give the command again."
        raise InputError(folder, rule, f"a folder replaced by {now or 'others'}", remedy)
