"""Safe files: atomic writes, exclusive locks, and a check of files before they are read.

A file written here appears under its name complete and on the disk, or not at all. A lock is held
by one process at a time and ends with it.

    with atomic_write("runs/demo/report.html") as partial:
        partial.write_text("...")
    write_text("runs/demo/report.html", "...")          # the same; write_parquet for tables
    check_regular("data/labels.csv")                    # no named pipe, device or folder
    read_record("runs/demo/detect/x/source.json")       # JSON; None if it is none
    with exclusive_lock("runs/demo/run.lock", "one at a time", "End it first."):
        ...
"""

import contextlib
import errno
import glob
import json
import math
import os
import platform
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from dimjax.errors import InputError

if TYPE_CHECKING:  # locks and text files need no pandas
    import pandas as pd

_MAX_RECORD_BYTES = 2**26
_KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFDIR: "a folder", stat.S_IFSOCK: "a socket"}


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield the path of a temporary file, which replaces a file at the end of the block.

    The temporary file is flushed to the disk first. If two processes write the same file, the last
    one wins. If the block raises, an existing file stays as it was. Missing folders are created.
    Temporary files for the same path that killed processes of this machine left are removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f"{path.name}.{platform.node()}."
    for leftover in path.parent.glob(f"{glob.escape(prefix)}*.part"):
        if not _is_running(leftover.name.removeprefix(prefix).removesuffix(".part")):
            leftover.unlink(missing_ok=True)
    partial = path.with_name(f"{prefix}{os.getpid()}.part")
    try:
        with named_in_errors(path):
            yield partial
            _flush(partial, os.O_RDWR)  # else a power cut may keep the name and lose the contents
            os.replace(partial, path)
            if os.name != "nt":  # Windows cannot open a folder
                _flush(path.parent, os.O_RDONLY)
    except OSError as error:
        if str(error.filename or "").startswith(str(partial)):
            raise _about(path, error) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def named_in_errors(path: str | Path) -> Iterator[Path]:
    """Yield a path, and name it in errors of the system that name no file, e.g. of a full disk."""
    try:
        yield Path(path)
    except OSError as error:
        if type(error) is OSError and error.errno is None:  # a library's, with nothing but a text
            raise OSError(errno.EIO, str(error), str(path)) from error
        if error.errno is not None and not error.filename:
            raise _about(path, error) from error
        raise


def _about(path: str | Path, error: OSError) -> OSError:
    """Return an error that names a file; that of a library may not be changed."""
    return OSError(error.errno, error.strerror, str(path))


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_parquet(table: "pd.DataFrame", path: str | Path) -> None:
    """Write a table to a Parquet file atomically, without its index."""
    with atomic_write(path) as partial:
        table.to_parquet(partial, index=False)


def check_regular(path: str | Path, max_bytes: float = math.inf) -> None:
    """Check that a path is a file of bounded size, before it is opened. A missing file passes.

    Opening a named pipe would wait for its writer, and a device has no end.

    Raises:
      InputError: It is something else, or larger than max_bytes.
    """
    path = Path(path)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:  # e.g. a loop of links, or a name of 300 bytes
        raise InputError(path, "the file must be readable", error, "Correct the path.") from error
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a device")
        raise InputError(path, "it must be a file", kind, "Replace it by a file.")
    if status.st_size > max_bytes:
        rule, value = f"it must have at most {max_bytes:,} bytes", f"{status.st_size:,}"
        raise InputError(path, rule, value, "Split it, or restore it.")


def read_record(path: str | Path, max_bytes: float = _MAX_RECORD_BYTES) -> Any:
    """Read a file of JSON that may come from somebody else; return None if it is no JSON.

    Raises:
      InputError: It is no file, or larger than max_bytes.
      OSError: It does not exist, or cannot be read.
    """
    check_regular(path, max_bytes)
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(Path(path).read_text(encoding="utf-8"))
    return None


def check_folder(subject: str, path: str | Path) -> None:
    """Check that a path is a folder, or can become one.

    Raises:
      InputError: It is something else, or lies in something else.
    """
    path = Path(path)
    first = next((one for one in (path, *path.parents) if one.exists()), None)
    if first is not None and not first.is_dir():
        rule, value = "it must be a folder, or not exist", f"the file {first}"
        raise InputError(subject, rule, value, "Choose another place.")


@contextlib.contextmanager
def exclusive_lock(
    path: str | Path,
    rule: str,
    remedy: str,
    describe_holder: Callable[[str], str] = str,
) -> Iterator[None]:
    """Hold a lock file. The lock ends with the block or the process, however that ends.

    Args:
      path: The lock file. It names process, host and start of its present or last holder, and
        stays.
      rule: The rule in the error.
      remedy: The remedy in the error.
      describe_holder: "process 12 on host3 since ..." -> description of the holder in the error.

    Raises:
      InputError: Another process holds the lock, or it is a link.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise InputError(path, "a lock must be a file", "a link", "Remove the link.")
    lock = FileLock(path, blocking=False, on_acquired=_write_holder)
    try:
        with named_in_errors(path):
            lock.acquire()
    except Timeout as error:
        raise InputError(path, rule, describe_holder(lock_holder(path)), remedy) from error
    try:
        yield
    finally:
        lock.release()


def _write_holder(descriptor: int) -> None:
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {platform.node()} since {now}\n".encode())


def lock_is_held(path: Path) -> bool:
    """Whether a process holds a lock file; False where that cannot be known, as on Windows."""
    if fcntl is None:
        return False
    with contextlib.suppress(OSError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def lock_holder(lock_file: Path) -> str:
    """Describe the present or last holder of a lock file, by its text."""
    try:
        text = lock_file.read_text(encoding="utf-8", errors="replace")[:200]
    except PermissionError:  # on Windows a lock forbids reading as well
        return "another process"
    return "".join(one for one in text if one.isprintable())


def _is_running(process_id: str) -> bool:
    """Whether this machine may have a process of that ID."""
    if os.name == "nt":  # there os.kill(..., 0) sends Ctrl+C
        return True
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):
        pass
    return True


def _flush(path: Path, mode: int) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
