"""Tries of a campaign, the closed list of their outcomes, and the toy run that they attack.

outcome = run("score", workdir)                     # one of OUTCOMES
same(reference, workdir)                            # names of the files that differ
"""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SAME, REFUSED, ACCEPTED, FAILED = "same end", "refused", "accepted", "FAILED"
OUTCOMES = (SAME, REFUSED, ACCEPTED, FAILED)
STATUSES = {0, 1, 2, 3, 130}

_HANG_S = 600  # machines that run campaigns are often busy
_OVERRIDES = {
    "sky.sequences.train": 3,
    "sky.sequences.val": 1,
    "sky.sequences.test": 1,
    "sky.sequences.new": 1,
    "sky.errors.position": 0.02,
    "sky.errors.unlabelled": 0.02,
    "sky.settings.frames": 12,
    "sky.settings.height": 96,
    "sky.settings.width": 128,
    "model.input": "difference",
    "chips.chip_px": 32,
    "training.epochs": 3,
    "training.batch_size": 16,
    "rounds.count": 2,
    "rounds.later_epochs": 2,
    "rounds.reviewer": "oracle",
}
TOY = (
    "--config=configs/demo.py",
    *(f"--config.{key}={value}" for key, value in _OVERRIDES.items()),
)
# Names of files that differ between equal runs: times, locks, logs, order of writing.
_VOLATILE = ("checkpoints", "tensorboard", "digests", "detect", "scores", "export")
_ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
}


class Try(NamedTuple):
    """One attack and its outcome."""

    campaign: str
    seed: str  # repeats the attack
    outcome: str  # one of OUTCOMES
    detail: str = ""


def command(*words: str, workdir: Path) -> list[str]:
    """Return the command line of a verb on a run."""
    return [sys.executable, str(ROOT / "main.py"), *words, f"--workdir={workdir}"]


def environment() -> dict[str, str]:
    """Return the environment of all tries."""
    return {**os.environ, **_ENVIRONMENT, "PYTHONPATH": str(ROOT)}


def start(*words: str, workdir: Path) -> subprocess.Popen:
    """Start a verb; its output is read through pipes."""
    pipes = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "errors": "replace",
    }
    return subprocess.Popen(command(*words, workdir=workdir), cwd=ROOT, env=environment(), **pipes)


def finish(process: subprocess.Popen) -> tuple[int, str]:
    """Return exit status and standard error; a hang is ended and has the status of its kill."""
    try:
        error = process.communicate(timeout=_HANG_S)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return -9, "no end"
    return process.returncode, error


def judge(status: int, error: str) -> tuple[str, str]:
    """Return outcome and detail of a command: accepted, refused in one line, or failed."""
    lines = error.splitlines()
    if status == 0 and not lines:
        return ACCEPTED, ""
    last = lines[-1][-160:] if lines else ""
    is_one_line = len(lines) == 1 and lines[0].startswith(("error: ", "interrupted"))
    if status in STATUSES and is_one_line and "an unexpected error" not in lines[0]:
        return REFUSED, last
    return FAILED, f"status {status}, {len(lines)} lines: {last}"


def run(*words: str, workdir: Path) -> tuple[str, str]:
    """Run a verb to its end; return outcome and detail."""
    return judge(*finish(start(*words, workdir=workdir)))


def reference(folder: Path) -> Path:
    """Return an undisturbed toy run, made once."""
    workdir = folder / "reference"
    if not (workdir / "report.html").exists():
        status, error = finish(start(*TOY, workdir=workdir))
        assert status == 0, error
    return workdir


def copy_of(workdir: Path, target: Path) -> Path:
    """Copy a run for an attack, in place of an earlier copy."""
    shutil.rmtree(target, ignore_errors=True)
    return shutil.copytree(workdir, target, symlinks=True)


def same(expected: Path, workdir: Path) -> list[str]:
    """Return the names of files that differ between two runs, and of temporary files left over."""
    first, second = _contents(expected), _contents(workdir)
    names = sorted(first.keys() | second.keys())
    differing = [name for name in names if first.get(name) != second.get(name)]
    return differing + [str(path) for path in workdir.rglob("*.part")]


def _contents(workdir: Path) -> dict[str, object]:
    suffixes = {".csv", ".npy", ".parquet", ".jsonl", ".sqlite", ".json"}
    files = (path for path in workdir.rglob("*") if path.suffix in suffixes and path.is_file())
    names = {str(path.relative_to(workdir)): path for path in files}
    return {
        name: _comparable(path)
        for name, path in names.items()
        if not set(path.relative_to(workdir).parts) & set(_VOLATILE)
    }


def _comparable(path: Path) -> object:
    """Return the contents of a file without times."""
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [{k: v for k, v in line.items() if k != "chips_per_second"} for line in lines]
    if path.suffix == ".sqlite":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            names = [name for (name,) in db.execute(tables)]
            rows = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        return {name: [_without_times(row) for row in of] for name, of in rows.items()}
    if path.name in ("dataset_info.json", "features.json"):
        return path.stat().st_size > 0
    return path.read_bytes()


def _without_times(row: Sequence) -> tuple:
    return tuple("time" if isinstance(one, float) and one > 1e9 else one for one in row)


def generator(campaign: str, number: int) -> random.Random:
    """Return the source of all random choices of a try."""
    return random.Random(f"{campaign} {number}")
