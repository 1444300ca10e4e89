"""Run the campaign and write its table into docs/reliability.md.

    python -m tests.faults.campaign                  all of it, hours
    python -m tests.faults.campaign --short          a few of each kind, minutes; the docs stay

Each failure is printed with the seed that repeats it. The exit status is 1 if there is any.
"""

import itertools
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tests.faults import damage, disk, kills, mutants, pairs
from tests.faults.tries import FAILED, OUTCOMES, ROOT, Try, reference

_DOCUMENT = ROOT / "docs" / "reliability.md"
_MARK = "<!-- table of the campaign -->\n"


def main(short: bool) -> int:
    """Run all campaigns; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="dimjax-faults-") as name:
        folder = Path(name)
        started = time.monotonic()
        expected = reference(folder)
        seconds = time.monotonic() - started
        tries = []
        for one in _all(folder, expected, seconds, short):
            tries.append(one)
            if one.outcome == FAILED:
                print(f"FAILED {one.campaign} [{one.seed}]: {one.detail}", flush=True)
    table = _table(tries)
    print(table)
    if not short:
        _write(table)
    return int(any(one.outcome == FAILED for one in tries))


def _all(folder: Path, expected: Path, seconds: float, short: bool) -> Iterator[Try]:
    counts = (1, 2, 4, 60) if short else (100, 30, 100_000, 500)
    yield from mutants.tries(folder, expected, counts[3])
    yield from damage.tries(folder, expected, counts[2])
    yield from kills.tries(folder, expected, counts[0], seconds)
    yield from disk.tries(folder, expected, counts[1])
    yield from itertools.islice(pairs.tries(folder, expected), 2 if short else None)


def _table(tries: list[Try]) -> str:
    """Count the outcomes of each campaign, as Markdown."""
    frame = pd.DataFrame(tries)
    counts = pd.crosstab(frame.campaign, frame.outcome).reindex(columns=OUTCOMES, fill_value=0)
    rows = [f"| {name} | {' | '.join(map(str, row))} |" for name, *row in counts.itertuples()]
    header = f"| campaign | {' | '.join(OUTCOMES)} |\n| --- |{' ---: |' * len(OUTCOMES)}"
    return "\n".join([header, *rows])


def _write(table: str) -> None:
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    machine = f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}"
    note = f"{time.strftime('%Y-%m-%d')}, commit {commit}, {machine}:\n\n{table}\n"
    text = _DOCUMENT.read_text(encoding="utf-8")
    before, _, _ = text.partition(_MARK)
    _DOCUMENT.write_text(f"{before}{_MARK}\n{note}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main("--short" in sys.argv[1:]))
