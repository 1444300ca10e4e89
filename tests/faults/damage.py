"""Each kind of file of a run damaged in five ways: named by the verbs that read it, or unread."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.tries import FAILED, TOY, Try, copy_of, generator, run, same

DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "emptied": lambda file, content: file.write_bytes(b""),
    "cut": lambda file, content: file.write_bytes(content[: len(content) * 2 // 3]),
    "flipped": lambda file, content: file.write_bytes(_flipped(content)),
    "replaced": lambda file, content: file.write_bytes(b"\x00another file\n" * 9),
    "removed": lambda file, content: file.unlink(),
}
_IGNORED = ("tensorboard", "run.lock", "error.log", "commit_success", ".backup.", "report.html")


def tries(folder: Path, expected: Path, count: int) -> Iterator[Try]:
    """Damage `count` of the pairs of file and damage, and give the main command."""
    files = [path for path in sorted(expected.rglob("*")) if path.is_file()]
    files = [path for path in files if not any(part in str(path) for part in _IGNORED)]
    pairs = [(path, damage) for path in files for damage in DAMAGES]
    generator("damage", 0).shuffle(pairs)
    for path, damage in pairs[:count]:
        workdir = copy_of(expected, folder / "damaged")
        (workdir / "report.html").unlink(missing_ok=True)
        name = path.relative_to(expected)
        DAMAGES[damage](workdir / name, path.read_bytes())
        outcome, detail = run(*TOY, workdir=workdir)
        if outcome != FAILED and not detail and same(expected, workdir):
            outcome, detail = FAILED, f"another end in silence: {same(expected, workdir)}"
        yield Try("damaged files", f"{damage} {name}", outcome, detail)
    shutil.rmtree(folder / "damaged", ignore_errors=True)


def _flipped(content: bytes) -> bytes:
    """Flip a bit in the middle."""
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(b ^ 4 for b in content[middle : middle + 1])
        + content[middle + 1 :]
    )
