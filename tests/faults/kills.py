"""Commands killed at random moments, up to three times, then repeated: they end as undisturbed."""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.faults.programs import Program, fork, start
from tests.faults.tries import (
    ACCEPTED,
    FAILED,
    SAME,
    Case,
    copy_of,
    generator,
    is_trained,
    main_job,
    resume,
    run,
)

_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_MAIN_SHARE = 0.7  # of the kills; the others hit commands beside the main job
_STARTED_S = 0.3  # before that, Python itself prints a traceback on Ctrl-C
_VERBS = {  # command -> the files that it makes, in the run's directory
    ("check",): ["contact_sheet.png"],
    ("score",): ["rounds/1/scores/train.parquet"],
    ("export", "--labels=coco"): ["export/coco/*.json"],
    ("detect", "--pictures=2", "--input={test}"): ["detect/test-0000/*.csv"],
}


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Kill `count` commands, most of them the main job."""
    began = time.monotonic()
    run("check", workdir=expected)
    seconds = 4 * (time.monotonic() - began)  # about that of a run from the begin
    for number in range(count):
        random = generator("kills", number)
        if random.random() < _MAIN_SHARE:
            attempt = partial(_main_job, folder, expected, number, seconds)
            yield Case("kills of the main job", str(number), attempt)
        else:
            attempt = partial(_verb, folder, expected, number, seconds / 4)
            yield Case("kills of other commands", str(number), attempt)


def _main_job(folder: Path, expected: Path, number: int, seconds: float) -> tuple[str, str]:
    workdir = folder / f"kill-{number}"
    shutil.rmtree(workdir, ignore_errors=True)
    words = main_job(expected)
    story, complaint = _kills(number, seconds, lambda begin: begin(*words, workdir=workdir))
    outcome, detail = resume(expected, workdir, story)
    if outcome == SAME:
        shutil.rmtree(workdir)
    return (FAILED, f"{story} {complaint}") if complaint else (outcome, detail)


def _verb(folder: Path, expected: Path, number: int, seconds: float) -> tuple[str, str]:
    workdir = copy_of(expected, folder / "killed")
    words = generator("verbs", number).choice(
        sorted(_VERBS) if is_trained(expected) else [("check",)]
    )
    patterns = _VERBS[words]
    words = [word.format(test=expected / "sky" / "sequences" / "test-0000") for word in words]
    story, complaint = _kills(number, seconds, lambda begin: begin(*words, workdir=workdir))
    outcome, detail = run(*words, workdir=workdir)
    if complaint or outcome != ACCEPTED:
        return FAILED, f"{words[0]} {story} {complaint} {detail}"
    first = _files(workdir, patterns)
    outcome, detail = run(*words, workdir=copy_of(expected, folder / "undisturbed"))
    others = _files(folder / "undisturbed", patterns)
    leftovers = [str(path) for path in workdir.rglob("*.part")]
    same = outcome == ACCEPTED and first == others and others and not leftovers
    return (SAME if same else FAILED), f"{words[0]} {story} {detail} {leftovers or ''}"


def _files(workdir: Path, patterns: list[str]) -> dict[str, bytes]:
    files = [path for pattern in patterns for path in workdir.glob(pattern)]
    return {path.relative_to(workdir).as_posix(): path.read_bytes() for path in files}


def _kills(
    number: int, seconds: float, launch: Callable[[Callable[..., Program]], Program]
) -> tuple[list[str], str]:
    """Kill a command up to three times; return the moments, and complaints about the ends."""
    random, story, complaints = generator("moments", number), [], []
    for _ in range(random.randint(1, 3)):
        delay = random.choice([random.uniform(0, 2), random.uniform(0, seconds)])
        kind, begin = random.choice(_SIGNALS), random.choice([fork, fork, start])
        story.append(f"{kind.name} at {delay:.1f} s")
        complaints.append(_killed(launch(begin), delay, kind))
    return story, " ".join(filter(None, complaints))


def _killed(program: Program, delay: float, kind: signal.Signals) -> str:
    """Kill a command after a delay; return a complaint about its end, or an empty string."""
    if program.wait(delay) is not None:
        return ""  # it was faster
    program.kill(kind)
    status, error = program.finish()
    ends = {-kind, 0} if kind == signal.SIGKILL else {-kind, 130, 0}
    lines = error.splitlines()
    if status in ends and (delay < _STARTED_S or len(lines) <= 1):
        return ""
    return f"{status}: {lines[-1:]}"
