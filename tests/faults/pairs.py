"""Two commands at once on one run: both are right, or one is refused in one line."""

import itertools
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.faults.programs import Program, fork
from tests.faults.tries import (
    ACCEPTED,
    FAILED,
    REFUSED,
    Case,
    copy_of,
    differing,
    judge,
    main_job,
)

_NAMES = ("rounds", "detect", "score", "check", "report", "export", "review")
_SAME_LOCK = {"report": "rounds"}  # the others have locks of their own; check has none
_STEP_S = 0.2


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Start each of the first `count` pairs of commands on a trained run at the same time."""
    pairs = itertools.combinations_with_replacement(_NAMES, 2)
    for pair in itertools.islice(pairs, count):
        yield Case("two at once", " and ".join(pair), partial(_attempt, folder, expected, pair))


def _attempt(folder: Path, expected: Path, pair: tuple[str, str]) -> tuple[str, str]:
    source = expected / "sky" / "sequences" / "test-0000"
    words = {
        "rounds": main_job(expected),
        "detect": ("detect", f"--input={source}", "--pictures=0"),
    }
    workdir = copy_of(expected, folder / "pair")
    (workdir / "report.html").unlink(missing_ok=True)
    programs = [fork(*words.get(name, (name,)), workdir=workdir) for name in pair]
    for program in (program for name, program in zip(pair, programs, strict=True)
                    if name == "review"):  # fmt: skip
        _wait_for_page(program)
    ends = [judge(program) for program in _in_order(pair, programs)]
    outcomes, names = [outcome for outcome, _ in ends], differing(expected, workdir)
    first, second = (_SAME_LOCK.get(name, name) for name in pair)
    allowed = 1 if first == second != "check" else 0
    failed = FAILED in outcomes or outcomes.count(REFUSED) > allowed or names
    outcome = REFUSED if REFUSED in outcomes else ACCEPTED
    return (FAILED if failed else outcome), f"{ends} {names}"


def _wait_for_page(program: Program) -> None:
    """Wait until a review server has announced its page, or has ended."""
    while program.wait(_STEP_S) is None and not program.output.read_text():
        pass


def _in_order(pair: tuple[str, str], programs: list[Program]) -> Iterator[Program]:
    """Yield the commands that end by themselves, then the review servers, which are ended."""
    yield from (one for name, one in zip(pair, programs, strict=True) if name != "review")
    for program in (one for name, one in zip(pair, programs, strict=True) if name == "review"):
        program.kill(signal.SIGTERM)
        yield program
