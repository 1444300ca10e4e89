"""A disk that is full at every stage: one line names it, and with more room the run goes on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.tries import FAILED, REFUSED, SAME, TOY, Try, run, same

_MB = 2**20


def tries(folder: Path, expected: Path, count: int) -> Iterator[Try]:
    """Run on a disk that grows in `count` steps up to the size of a whole run."""
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    needed = 1.3 * sum(path.stat().st_size for path in expected.rglob("*") if path.is_file())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_MB}", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        return  # only root may
    try:
        for number in range(count):
            size = int(_MB + needed * number / count)
            yield _step(disk, size)
        subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)
        outcome, detail = run(*TOY, workdir=disk / "run")
        differing = same(expected, disk / "run")
        ended = FAILED if outcome == FAILED or differing else SAME
        yield Try("full disk", "the end", ended, f"{detail} {differing}")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _step(disk: Path, size: int) -> Try:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
    outcome, detail = run(*TOY, workdir=disk / "run")
    if outcome == REFUSED and "there must be room on the disk" not in detail:
        outcome = FAILED
    return Try("full disk", f"{size:,} bytes", outcome, detail)
