"""A disk that is full at every stage: one line names it, and with more room the run goes on."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.faults.tries import FAILED, REFUSED, Case, main_job, resume, run

_MB = 2**20


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Run on a disk that grows in `count` steps up to the size of a whole run; only root may."""
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    needed = 1.3 * sum(path.stat().st_size for path in expected.rglob("*") if path.is_file())
    if not _mount(disk, _MB):
        return
    for number in range(count):
        size = int(_MB + needed * number / count)
        yield Case("full disk", f"{number + 1} of {count}", partial(_step, expected, disk, size))
    yield Case("full disk", "the end", partial(_end, expected, disk))


def _mount(disk: Path, size: int) -> bool:
    """Give the disk a size; return whether that is possible."""
    options = f"remount,size={size}" if disk.is_mount() else f"size={size}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    return (
        shutil.which("mount") is not None
        and not subprocess.run(command, capture_output=True).returncode
    )


def _step(expected: Path, disk: Path, size: int) -> tuple[str, str]:
    _mount(disk, size)
    outcome, detail = run(*main_job(expected), workdir=disk / "run")
    if outcome == REFUSED and not ("room" in detail and "MB free" in detail):
        outcome = FAILED
    return outcome, f"{size:,} bytes: {detail}"


def _end(expected: Path, disk: Path) -> tuple[str, str]:
    _mount(disk, 2**30)
    outcome = resume(expected, disk / "run", "after all sizes")
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # a reader may still close files
    return outcome
