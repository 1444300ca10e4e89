"""Odd environments: commands end as in an ordinary one, or are refused in one line."""

import contextlib
import os
import pty
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.faults.programs import Program, start
from tests.faults.tries import (
    ACCEPTED,
    FAILED,
    REFUSED,
    Case,
    copy_of,
    differing,
    is_trained,
    judge,
)

_WITHOUT = "env -u"
# Name -> shell command before the verb, and whether it may be refused.
_PREFIXES = {
    "no HOME": (f"{_WITHOUT} HOME", False),
    "HOME that cannot be written to": ("env HOME=/proc/none", False),
    "XDG_CACHE_HOME that is a file": ("env XDG_CACHE_HOME=/etc/hostname", False),
    "no folder for temporary files": ("env TMPDIR=/proc/none", False),
    "LANG=C": ("env LANG=C LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0", False),
    "Latin-1": ("env PYTHONIOENCODING=latin-1", False),
    "ASCII": ("env PYTHONIOENCODING=ascii", False),
    "no variables but PATH": ("env -i PATH=$PATH PYTHONPATH=$PYTHONPATH JAX_PLATFORMS=cpu", False),
    "no user name": (f"{_WITHOUT} USER {_WITHOUT[4:]} LOGNAME", False),
    "another time zone": ("env TZ=Pacific/Kiritimati", False),
    "python -O": ("env PYTHONOPTIMIZE=1", False),
    "umask 077": ("umask 077;", False),
    "64 descriptors": ("ulimit -n 64;", True),
    "files of at most 1 kB": ("ulimit -f 1;", True),
    "3 GB of addresses": ("ulimit -v 3000000;", True),
    "no such device": ("env JAX_PLATFORMS=cuda", True),
    "closed standard input": ("exec <&-;", False),
    "closed standard output": ("exec >&-;", False),
    "full standard output": ("exec >/dev/full;", True),
    "a reader that goes away": ("exec > >(true); sleep 0.1;", True),
    "a folder that was removed": ("mkdir -p {gone}; cd {gone}; rmdir {gone};", False),
}
_VERBS = {"check": ("check",), "report": ("report",), "detect": ("detect", "--pictures=1")}


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Run a command in each of the first `count` environments; the verbs take turns."""
    names = [*_PREFIXES, "a terminal", "closed standard error"][:count]
    verbs = list(_VERBS) if is_trained(expected) else ["check"]
    for number, name in enumerate(names):
        verb = verbs[number % len(verbs)]
        attempt = partial(_attempt, folder, expected, name, verb)
        yield Case("environments", f"{verb}: {name}", attempt)


def _attempt(folder: Path, expected: Path, name: str, verb: str) -> tuple[str, str]:
    workdir = copy_of(expected, folder / "environment")
    (workdir / "report.html").unlink(missing_ok=True)
    words = [*_VERBS[verb]]
    if verb == "detect":
        words.append(f"--input={expected}/sky/sequences/test-0000")
    prefix, may_refuse = _PREFIXES.get(name, ("", False))
    prefix = prefix.format(gone=folder / "gone") if "{" in prefix else prefix
    program = _in_terminal(words, workdir) if name == "a terminal" else None
    if name == "closed standard error":
        prefix = "exec 2>&-;"
    outcome, detail = judge(program or start(*words, workdir=workdir, prefix=prefix))
    if outcome == REFUSED and not may_refuse:
        outcome = FAILED
    made = {"check": "contact_sheet.png", "report": "report.html"}.get(
        verb, "detect/test-0000/detections.csv"
    )
    if outcome == ACCEPTED and not (workdir / made).exists():
        outcome, detail = FAILED, f"no {made}"
    names = differing(expected, workdir)
    return (FAILED if names else outcome), f"{detail} {names or ''}"


def _in_terminal(words: list[str], workdir: Path) -> Program:
    """Start a command whose input and output are a terminal."""
    first, second = pty.openpty()
    program = start(*words, workdir=workdir, stdin=second, stdout=second)
    os.close(second)
    threading.Thread(target=_drain, args=(first,), daemon=True).start()
    return program


def _drain(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # the command has ended
        while os.read(descriptor, 4096):
            pass
