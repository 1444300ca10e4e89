"""Digests of the files of a run: a file that is damaged or gone is named before it is used.

When a stage is done, rounds/<r>/digests/<stage>.json records the SHA-256 of each of its files. A
reader of the files verifies them first. Simulated frames and chips may take terabytes: of these, a
file with the size and the time of its last change that were recorded is not read again.

    record(paths, "train")
    verify(paths, "train")              # raises an InputError that names the file
    keep_intact_epochs(paths)           # of a training that is resumed
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from dimjax.atomic_files import check_regular, read_record, write_text
from dimjax.errors import InputError, program
from dimjax.progress import say
from dimjax.runs.workdir import Paths

# Stage -> its files and folders: of the run for simulate, of the round for the others.
_OUTPUTS = {
    "simulate": ("sky", "implants.csv"),
    "propose": ("new.csv", "predictions.parquet"),
    "build": ("labels.csv", "planted.csv", "plan.csv", "new.csv", "examples"),
    "train": (
        "checkpoints",
        "best",
        "best.json",
        "checkpoints.json",  # never written: of another origin, it would change the detector
        "losses",
        "label_outputs",
        "metrics.jsonl",
        "training.json",
    ),
    "evaluate": ("evaluation.json", "detections.csv", "outcomes.csv", "speed.json"),
    "predict": ("predictions.parquet",),
    "refine": ("suspects.csv",),
    "mine": ("mined.csv",),
    "decide": ("review.json",),
}
STAGES = tuple(_OUTPUTS)
_LAST = {  # marks completion
    "simulate": "sky",
    "propose": "predictions.parquet",
    "build": "examples",
    "train": "training.json",
}
_BULK = ("sky/sequences/", "examples/")
_MAX_BYTES = 2**26  # of a record
_OWN = "this record"  # key of the digest of all other entries


def record(paths: Paths, stage: str) -> None:
    """Record the digests of the files of a stage that is done."""
    _write(_record_of(paths, stage), _root_of(paths, stage), _OUTPUTS[stage])


def verify(paths: Paths, stage: str) -> None:
    """Verify the files of a stage that is done, if they were recorded.

    Raises:
      InputError: A file is missing, damaged or new; the error names the file and the command that
        makes it again.
    """
    problem = _find_problem(_record_of(paths, stage), _root_of(paths, stage), _OUTPUTS[stage])
    if stage == "train":
        problem = problem or _find_empty([*paths.checkpoints.glob("*"), *paths.best.glob("*")])
    if problem is not None:
        last = _root_of(paths, stage) / _LAST.get(stage, _OUTPUTS[stage][0])
        last = problem[0] if problem[0] == paths.implants else last
        remedy = f"Restore it, or make it again: remove {last} and run {program()} {stage} "
        remedy += f"--workdir={paths.workdir}."
        if stage == "train":
            remedy += " The training goes on from its last whole checkpoint."
        raise InputError(problem[0], f"it must be as `{stage}` wrote it", problem[1], remedy)


def verify_or_record(paths: Paths, stage: str) -> None:
    """Verify a stage that is done; record it if the process was killed before it could."""
    if _record_of(paths, stage).exists():
        verify(paths, stage)
    else:
        record(paths, stage)


def record_epoch(paths: Paths, epoch: int) -> None:
    """Record the digests of the files of an epoch: its checkpoint and its record."""
    _write(_epoch_record(paths, epoch), paths.round, _of_epoch(epoch))


def keep_intact_epochs(paths: Paths) -> None:
    """Remove the newest checkpoints of a training until one is whole, each with a message."""
    numbers = [int(one.name) for one in paths.checkpoints.glob("*") if one.name.isdecimal()]
    for epoch in sorted(numbers, reverse=True):
        folder = paths.checkpoints / str(epoch)
        problem = _find_problem(_epoch_record(paths, epoch), paths.round, _of_epoch(epoch))
        problem = problem or _find_empty([folder])
        if problem is None:
            return
        say(f"{problem[0]}: {problem[1]}; epoch {epoch + 1} is trained again")
        shutil.rmtree(folder)


def digest(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    check_regular(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_epoch(epoch: int) -> tuple[str, ...]:
    tables = (f"{folder}/{epoch:04d}.parquet" for folder in ("losses", "label_outputs"))
    return (f"checkpoints/{epoch}", *tables)


def _root_of(paths: Paths, stage: str) -> Path:
    return paths.workdir if stage == "simulate" else paths.round


def _record_of(paths: Paths, stage: str) -> Path:
    return _root_of(paths, stage) / "digests" / f"{stage}.json"


def _epoch_record(paths: Paths, epoch: int) -> Path:
    return paths.round / "digests" / f"epoch-{epoch:04d}.json"


def _write(file: Path, root: Path, outputs: tuple[str, ...]) -> None:
    digests = {}
    for path in _files(root, outputs):
        name = path.relative_to(root).as_posix()
        of_file = digest(path)
        digests[name] = [of_file, *_state(path)] if name.startswith(_BULK) else of_file
    write_text(file, json.dumps(digests | {_OWN: _digest_of(digests)}, indent=1) + "\n")


def _find_problem(file: Path, root: Path, outputs: tuple[str, ...]) -> tuple[Path, str] | None:
    """Return the first file that differs from its record, and how; None if all are as recorded."""
    if not file.exists():
        return None
    digests = _read(file)
    present = {path.relative_to(root).as_posix(): path for path in _files(root, outputs)}
    for name in sorted(digests.keys() | present.keys()):
        if name not in present:
            return root / name, "no file"
        if name not in digests:
            return root / name, "a file of another origin"
        recorded, *state = digests[name] if isinstance(digests[name], list) else [digests[name]]
        if state != _state(present[name]) and recorded != digest(present[name]):
            return root / name, "a damaged file"
    return None


def _find_empty(folders: Iterable[Path]) -> tuple[Path, str] | None:
    """Return the first checkpoint without any file; a record of files passes over its folder."""
    for folder in folders:
        if folder.is_dir() and not any(one.is_file() for one in folder.rglob("*")):
            return folder, "an empty folder"
    return None


def _state(path: Path) -> list[int]:
    """Size of a file and the time of its last change, nanoseconds."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _digest_of(digests: dict[str, str | list]) -> str:
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _read(file: Path) -> dict[str, str | list]:
    digests = read_record(file, _MAX_BYTES)
    if isinstance(digests, dict) and all(digests.values()):
        own = digests.pop(_OWN, None)
        if own == _digest_of(digests):
            return digests
    remedy = "Restore it, or remove it to trust the files as they are."
    raise InputError(file, "it must contain the digests of a stage", "a damaged file", remedy)


def _files(root: Path, outputs: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files among the outputs and in their folders."""
    for name in outputs:
        path = root / name
        if path.is_dir():
            for folder, _, names in os.walk(path):
                yield from (Path(folder) / one for one in names)
        elif path.exists() or path.is_symlink():
            yield path
