"""Run the campaign and write its table into docs/reliability.md.

    python -m tests.faults.campaign                  all of it, hours
    python -m tests.faults.campaign kills disk       some parts
    python -m tests.faults.campaign --short          a few cases of each part, on a run without
                                                     training; the docs stay

Each failure is printed with the seed that repeats it; the exit status is 1 if there is any. The
tries are kept in runs/faults/tries.jsonl: a campaign that was interrupted goes on after them, and
the table counts them all. Remove the folder to begin anew.
"""

import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tests.faults import damage, disk, environments, kills, mutants, pairs, reported, server
from tests.faults.programs import ROOT, prepare
from tests.faults.tries import FAILED, OUTCOMES, Case, reference

# Part -> its cases, and their number in the whole and in the short campaign.
PARTS = {
    "mutants": (mutants.cases, 500, 30),
    "server": (server.cases, 1000, 50),
    "reported": (reported.cases, 100, 100),
    "environments": (environments.cases, 100, 3),
    "pairs": (pairs.cases, 100, 0),
    "damage": (damage.cases, 100_000, 6),
    "disk": (disk.cases, 30, 2),
    "kills": (kills.cases, 140, 2),
}
_DOCUMENT = ROOT / "docs" / "reliability.md"
_MARK = "<!-- table of the campaign -->\n"
_FOLDER = ROOT / "runs" / "faults"


def main(arguments: list[str]) -> int:
    """Run parts of the campaign; return the exit status."""
    unknown = [word for word in arguments if word not in (*PARTS, "--short")]
    if unknown:
        sys.exit(f"error: the words must be of --short, {', '.join(PARTS)}; found {unknown[0]}.")
    short = "--short" in arguments
    parts = [name for name in arguments if name in PARTS] or list(PARTS)
    with tempfile.TemporaryDirectory(prefix="dimjax-faults-") as temporary:
        folder = Path(temporary) if short else _FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder / "compiled")
        log = folder / "tries.jsonl"
        expected = reference(folder, "build" if short else "rounds")
        for name in parts:
            make, *counts = PARTS[name]
            _run(name, make(folder, expected, counts[short]), log)
        tries = _read(log)
    table = _table(tries)
    print(table)
    if not short:
        _write(table)
    return int((tries.outcome == FAILED).any())


def _run(part: str, cases: Iterator[Case], log: Path) -> None:
    """Try the cases that are not in the log, and append them to it."""
    tried = _read(log)
    done = set(zip(tried.campaign, tried.seed, strict=True)) if len(tried) else set()
    commit = _git("rev-parse", "--short", "HEAD")
    for case in cases:
        if (case.campaign, case.seed) in done:
            continue
        began = time.monotonic()
        outcome, detail = case.attempt()
        line = {"part": part, "campaign": case.campaign, "seed": case.seed, "outcome": outcome,
                "detail": detail, "commit": commit,
                "seconds": round(time.monotonic() - began, 1)}  # fmt: skip
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if outcome == FAILED:
            print(f"FAILED {case.campaign} [{case.seed}]: {detail}", flush=True)


def _read(log: Path) -> pd.DataFrame:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    columns = ["part", "campaign", "seed", "outcome", "detail", "commit", "seconds"]
    return pd.DataFrame([json.loads(line) for line in lines], columns=columns)


def _table(tries: pd.DataFrame) -> str:
    """Count the outcomes of each campaign, as Markdown."""
    counts = pd.crosstab(tries.campaign, tries.outcome).reindex(columns=OUTCOMES, fill_value=0)
    counts = counts.loc[tries.campaign.unique()]
    rows = [f"| {name} | {sum(row)} | {' | '.join(map(str, row))} |"
            for name, *row in counts.itertuples()]  # fmt: skip
    header = f"| campaign | tries | {' | '.join(OUTCOMES)} |\n"
    return "\n".join([header + f"| --- |{' ---: |' * (1 + len(OUTCOMES))}", *rows])


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, cwd=ROOT).stdout.strip()


def _write(table: str) -> None:
    """Put the table into the document."""
    commit = _git("rev-parse", "--short", "HEAD")
    machine = f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}"
    note = f"{time.strftime('%Y-%m-%d')}, commit {commit}, {machine}:\n\n{table}\n"
    text = _DOCUMENT.read_text(encoding="utf-8")
    before, _, after = text.partition(_MARK)
    after = "".join(
        itertools.dropwhile(lambda line: not line.startswith("#"), after.splitlines(True))
    )
    _DOCUMENT.write_text(f"{before}{_MARK}\n{note}" + (f"\n{after}" if after else ""), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
