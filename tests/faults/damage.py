"""Each kind of file of a run damaged in five ways: named by the commands that read it, or unread.

A kind is a path without its numbers: rounds/0/labels.csv and rounds/1/labels.csv are of one.
"""

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.faults.programs import fork
from tests.faults.tries import (
    ACCEPTED,
    FAILED,
    REFUSED,
    Case,
    copy_of,
    differing,
    generator,
    is_trained,
    judge,
    main_job,
)

DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "emptied": lambda file, content: file.write_bytes(b""),
    "cut": lambda file, content: file.write_bytes(content[: len(content) * 2 // 3]),
    "flipped": lambda file, content: file.write_bytes(_flipped(content)),
    "replaced": lambda file, content: file.write_bytes(b"\x00another file\n" * 9),
    "removed": lambda file, content: file.unlink(),
}
_IGNORED = (
    *("tensorboard", "run.lock", "error.log", "commit_success", ".backup."),
    *("report.html", "report_files", "training.html"),  # only people read these
)
_VERBS = ("rounds", "check", "score", "detect", "export")


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Damage `count` triples of kind, damage and command in a random order.

    Those whose command reads a file of the kind in an undamaged run come first: the others are the
    less likely to fail.
    """
    verbs = _VERBS if is_trained(expected) else ["check"]
    kinds = _kinds(expected)
    read = {verb: _read(_undamaged(folder, expected, verb)) for verb in verbs}
    triples = [(kind, damage, verb) for kind in kinds for damage in DAMAGES for verb in verbs]
    generator("damage", 0).shuffle(triples)
    triples.sort(key=lambda triple: read[triple[2]].isdisjoint(kinds[triple[0]]))
    for kind, damage, verb in triples[:count]:
        names = [name for name in kinds[kind] if name in read[verb]] or kinds[kind]
        name = generator(f"damage {kind} {damage}", 0).choice(names)
        attempt = partial(_attempt, folder, expected, name, damage, verb)
        yield Case("damaged files", f"{verb}: {damage} {kind}", attempt)


def _kinds(workdir: Path) -> dict[str, list[Path]]:
    """The files of a run by kind, relative to its directory."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(workdir.rglob("*")):
        name = path.relative_to(workdir)
        if path.is_file() and not any(part in str(name) for part in _IGNORED):
            kind = re.sub(r"[0-9a-f]{32}|\d+", "N", name.as_posix())
            kinds.setdefault(kind, []).append(name)
    return kinds


def _undamaged(folder: Path, expected: Path, verb: str) -> Path:
    """Return an undamaged run after a command; the files that it read have been accessed since."""
    undamaged = folder / f"undamaged-{verb}"
    if not undamaged.exists():
        made = copy_of(expected, folder / "made")  # an interrupted campaign makes it again
        for path in made.rglob("*"):
            os.utime(path, (0, path.stat().st_mtime))
        _run(verb, expected, made)
        made.rename(undamaged)
    return undamaged


def _read(workdir: Path) -> set[Path]:
    """The files of a run that have been read, relative to its directory."""
    paths = (path for path in workdir.rglob("*") if path.stat().st_atime > 0)
    return {path.relative_to(workdir) for path in paths}


def _attempt(folder: Path, expected: Path, name: Path, damage: str, verb: str) -> tuple[str, str]:
    workdir = copy_of(expected, folder / "damaged")
    DAMAGES[damage](workdir / name, (expected / name).read_bytes())
    outcome, detail = _run(verb, expected, workdir, str(name))
    if outcome == REFUSED:
        return outcome, f"{name}: {detail}"
    (workdir / name).parent.mkdir(parents=True, exist_ok=True)
    (workdir / name).write_bytes((expected / name).read_bytes())
    names = differing(expected, workdir) if outcome == ACCEPTED else []
    others = _results(_undamaged(folder, expected, verb)) != _results(workdir)
    outcome = FAILED if names or others else outcome
    return outcome, f"{name}: {detail} {names or ''} {'other results' if others else ''}"


def _run(verb: str, expected: Path, workdir: Path, damaged: str = "") -> tuple[str, str]:
    (workdir / "report.html").unlink(missing_ok=True)
    source = expected / "sky" / "sequences" / "test-0000"
    words = {
        "rounds": main_job(expected),
        "detect": ("detect", f"--input={source}", "--pictures=0"),
    }
    program = fork(*words.get(verb, (verb,)), workdir=workdir)
    outcome, detail = judge(program)
    if verb == "check" and "status 1, 0 lines" in detail:  # it lists the problems as its result
        return (REFUSED if damaged in program.output.read_text() else FAILED), "listed"
    return outcome, detail


def _results(workdir: Path) -> dict[str, bytes]:
    """The files that commands beside the main job make."""
    patterns = ("detect/*/*.csv", "rounds/*/scores/*.parquet", "export/*.onnx")
    files = [path for pattern in patterns for path in workdir.glob(pattern)]
    return {path.relative_to(workdir).as_posix(): path.read_bytes() for path in files}


def _flipped(content: bytes) -> bytes:
    """Flip a bit in the middle."""
    middle = len(content) // 2
    flipped = bytes(byte ^ 4 for byte in content[middle : middle + 1])
    return content[:middle] + flipped + content[middle + 1 :]
