"""Runs killed at random moments, up to three times, then resumed: they end as if undisturbed."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.tries import FAILED, SAME, TOY, Try, finish, generator, same, start

_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def tries(folder: Path, expected: Path, count: int, seconds: float) -> Iterator[Try]:
    """Kill `count` runs; an undisturbed one takes `seconds`."""
    for number in range(count):
        random, workdir = generator("kills", number), folder / f"kill-{number}"
        moments = []
        for _ in range(random.randint(1, 3)):
            delay = random.choice([random.uniform(0, 1), random.uniform(0, seconds)])
            moments.append(f"{random.choice(_SIGNALS).name} at {delay:.1f} s")
            detail = _killed(workdir, delay, getattr(signal, moments[-1].split()[0]))
            if detail:
                yield Try("kills", str(number), FAILED, f"{moments}: {detail}")
        status, error = finish(start(*TOY, workdir=workdir))
        differing = same(expected, workdir) if status == 0 else [error[-160:]]
        yield Try("kills", str(number), FAILED if differing else SAME, f"{moments}: {differing}")
        if not differing:
            shutil.rmtree(workdir)


def _killed(workdir: Path, delay: float, number: int) -> str:
    """Kill a run after a delay; return a complaint about the way it ends, or an empty string."""
    process = start(*TOY, workdir=workdir)
    try:
        process.communicate(timeout=delay)
        return ""  # it was faster
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    status, error = finish(process)
    ended = {-number, 130, 0} if number != signal.SIGKILL else {-number, 0}
    lines = error.splitlines()
    early = delay < 0.3  # before main.py handles signals, Python prints its own traceback
    return "" if status in ended and (early or len(lines) <= 1) else f"{status}: {lines[-1:]}"
