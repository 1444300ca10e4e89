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
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_MB}", "tmpfs", str(disk)]
    is_there = disk.is_mount()
    if not is_there and (
        shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode
    ):
        return
    for number in range(count):
        size = int(_MB + needed * number / count)
        yield Case("full disk", f"{size:,} bytes", partial(_step, expected, disk, size))
    yield Case("full disk", "the end", partial(_end, expected, disk))


def _step(expected: Path, disk: Path, size: int) -> tuple[str, str]:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
    outcome, detail = run(*main_job(expected), workdir=disk / "run")
    if outcome == REFUSED and not ("room" in detail and "MB free" in detail):
        outcome = FAILED
    return outcome, detail


def _end(expected: Path, disk: Path) -> tuple[str, str]:
    subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)
    outcome = resume(expected, disk / "run", "after all sizes")
    subprocess.run(["umount", str(disk)], check=True)
    return outcome
