"""Two commands at once on one run: both are right, or one is refused in one line."""

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.faults.programs import fork
from tests.faults.tries import (
    ACCEPTED,
    FAILED,
    REFUSED,
    TOY,
    Case,
    copy_of,
    differing,
    judge,
)

_NAMES = ("rounds", "detect", "score", "check", "report", "export")


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Start each of the first `count` pairs of commands at the same time."""
    pairs = itertools.combinations_with_replacement(_NAMES, 2)
    for pair in itertools.islice(pairs, count):
        yield Case("two at once", " and ".join(pair), partial(_attempt, folder, expected, pair))


def _attempt(folder: Path, expected: Path, pair: tuple[str, str]) -> tuple[str, str]:
    source = expected / "sky" / "sequences" / "test-0000"
    words = {"rounds": TOY, "detect": ("detect", f"--input={source}", "--pictures=0")}
    workdir = copy_of(expected, folder / "pair")
    (workdir / "report.html").unlink()
    programs = [fork(*words.get(name, (name,)), workdir=workdir) for name in pair]
    ends = [judge(program) for program in programs]
    outcomes, names = [outcome for outcome, _ in ends], differing(expected, workdir)
    if FAILED in outcomes or outcomes == [REFUSED, REFUSED] or names:
        outcome = FAILED
    else:
        outcome = REFUSED if REFUSED in outcomes else ACCEPTED
    return outcome, f"{ends} {names}"
