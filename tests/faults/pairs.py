"""Two commands at once on one run: both are right, or one is refused in one line."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from tests.faults.tries import (
    ACCEPTED,
    FAILED,
    REFUSED,
    TOY,
    Try,
    copy_of,
    finish,
    judge,
    same,
    start,
)

_NAMES = ("rounds", "detect", "score", "check", "report", "export")


def tries(folder: Path, expected: Path) -> Iterator[Try]:
    """Start each pair of commands at the same time."""
    source = expected / "sky" / "sequences" / "test-0000"
    verbs = {
        "rounds": TOY,
        "detect": ("detect", f"--input={source}", "--pictures=0"),
        "score": ("score",),
        "check": ("check",),
        "report": ("report",),
        "export": ("export",),
    }
    for pair in itertools.combinations_with_replacement(_NAMES, 2):
        workdir = copy_of(expected, folder / "pair")
        (workdir / "report.html").unlink()
        processes = [start(*verbs[name], workdir=workdir) for name in pair]
        ends = [judge(*finish(process)) for process in processes]
        outcomes, differing = [outcome for outcome, _ in ends], same(expected, workdir)
        if FAILED in outcomes or outcomes == [REFUSED, REFUSED] or differing:
            outcome = FAILED
        else:
            outcome = REFUSED if REFUSED in outcomes else ACCEPTED
        yield Try("two at once", " and ".join(pair), outcome, f"{ends} {differing}")
