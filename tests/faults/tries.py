"""Cases of a campaign, the closed list of their outcomes, and the toy run that they attack.

outcome, detail = run("score", workdir=workdir)     # one of OUTCOMES
differing(reference, workdir)                       # names of the files that differ
"""

import functools
import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from dimjax.detection.detector import restore_detector
from dimjax.runs.workdir import Paths
from tests.faults.programs import HANG_S, WRITES_CACHE, Program, fork, start

SAME, REFUSED, ACCEPTED, FAILED = "same end", "refused", "accepted", "FAILED"
OUTCOMES = (SAME, REFUSED, ACCEPTED, FAILED)
STATUSES = {0, 1, 2, 3, 130}

_MAX_DETAIL = 400
# Lines beside the one of a failure: of slow machines, and of streams.
_PROGRESS = re.compile(r"[a-z\d/ ]+: [\d,]+(/[\d,]+)?, [\d.]+ (s/\w+|\w+/s)|detector: ")
_REFERENCE_S = 3600  # nothing is compiled yet
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
    "model.width": 0.25,
    "training.epochs": 3,
    "training.batch_size": 32,
    "rounds.count": 2,
    "rounds.later_epochs": 2,
    "rounds.reviewer": "oracle",
}
TOY = (
    "--config=configs/demo.py",
    *(f"--config.{key}={value}" for key, value in _OVERRIDES.items()),
)
# Names of files that differ between equal runs: times, locks, logs, order of writing.
_VOLATILE = ("checkpoints", "tensorboard", "digests", "detect", "scores", "export", "speed.json")
_ADDRESS = "review.json"  # of the run's review page, not of a round


class Case(NamedTuple):
    """An attack that has not been tried yet."""

    campaign: str
    seed: str  # repeats the attack, together with the name of the campaign
    attempt: Callable[[], tuple[str, str]]  # returns one of OUTCOMES, and details


def judge(program: Program, seconds: float = HANG_S) -> tuple[str, str]:
    """Return outcome and detail of a command: accepted, refused in one line, or failed."""
    status, error = program.finish(seconds)
    lines = [line for line in error.splitlines() if not _PROGRESS.match(line)]
    if status == 0 and not lines:
        return ACCEPTED, ""
    last = lines[-1][:_MAX_DETAIL] if lines else ""
    is_one_line = len(lines) == 1 and lines[0].startswith(("error: ", "interrupted"))
    if status in STATUSES - {0} and is_one_line and "an unexpected error" not in lines[0]:
        return REFUSED, last
    return FAILED, f"status {status}, {len(lines)} lines: {last}"


def run(*words: str, workdir: Path) -> tuple[str, str]:
    """Run a verb to its end; return outcome and detail."""
    return judge(fork(*words, workdir=workdir))


def resume(expected: Path, workdir: Path, story: object) -> tuple[str, str]:
    """Run the main job to its end; it must be the one of an undisturbed run."""
    is_over = not is_trained(expected) and Paths(workdir).built  # `build` would go on to round 1
    ended = (ACCEPTED, "") if is_over else run(*main_job(expected), workdir=workdir)
    outcome, detail = ended
    names = differing(expected, workdir) if outcome == ACCEPTED else []
    outcome = FAILED if outcome != ACCEPTED or names else SAME
    return outcome, f"{story} {detail} {names or ''}".strip()


def is_trained(workdir: Path) -> bool:
    """Whether a reference has gone through all stages."""
    return (workdir / "report.html").exists()


def main_job(expected: Path) -> tuple[str, ...]:
    """Return the words of the main job that leads to a reference."""
    return TOY if is_trained(expected) else ("build", *TOY)


def reference(folder: Path, last: str = "rounds") -> Path:
    """Return an undisturbed toy run up to a stage, made once."""
    workdir = folder / "reference"
    source = workdir / "sky" / "sequences" / "test-0000"
    if not is_trained(workdir):
        outcome, detail = judge(
            start(last, *TOY, workdir=workdir, prefix=WRITES_CACHE), _REFERENCE_S
        )
        assert outcome == ACCEPTED, detail
    if last == "rounds" and not (folder / "compiling").exists():
        copy = copy_of(workdir, folder / "compiling")
        for words in (("score",), ("detect", f"--input={source}"), ("export",)):
            start(*words, workdir=copy, prefix=WRITES_CACHE).finish()
    return workdir


def copy_of(workdir: Path, target: Path) -> Path:
    """Copy a run for an attack, in place of an earlier copy."""
    shutil.rmtree(target, ignore_errors=True)
    return shutil.copytree(workdir, target, symlinks=True)


def differing(expected: Path, workdir: Path) -> list[str]:
    """Return the names of files that differ between two runs, and of temporary files left over.

    Checkpoints differ if the weights do.
    """
    first, second = _contents(expected), _contents(workdir)
    names = sorted(first.keys() | second.keys())
    names = [name for name in names if first.get(name) != second.get(name)]
    for folder in sorted(expected.glob("rounds/*/checkpoints")):
        other = workdir / folder.relative_to(expected)
        if _reference_weights(folder) != _weights(other):
            names.append(str(other))
    leftovers = ("*.part", "incomplete*", "*orbax-checkpoint-tmp*", "partial_epoch.npz")
    return names + [str(path) for pattern in leftovers for path in workdir.rglob(pattern)]


def _weights(checkpoints: Path) -> list[bytes]:
    """The variables of the detector in the newest checkpoint."""
    try:
        variables = restore_detector(checkpoints).variables
    except Exception as error:  # damaged weights are other weights
        return [repr(error).encode()]
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(variables)]


_reference_weights = functools.cache(_weights)


def _contents(workdir: Path) -> dict[str, object]:
    suffixes = {".csv", ".npy", ".parquet", ".jsonl", ".sqlite", ".json"}
    files = (path for path in workdir.rglob("*") if path.suffix in suffixes and path.is_file())
    names = {str(path.relative_to(workdir)): path for path in files}
    names.pop(_ADDRESS, None)
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
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
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
