"""Long work of the commands: memory, descriptors and temporary files stay flat.

    python -m tests.faults.soak              30 minutes: 10 of review, detect and rounds each
    python -m tests.faults.soak 5            5 minutes in all

A review server serves 4 reviewers who decide and undo 10,000 items as fast as they can; `detect`
searches a long sequence; a run at toy size goes through 20 rounds. Each ends after its time.
"""

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.faults.programs import ROOT, Program, fork, prepare
from tests.faults.server import Server, make_run
from tests.faults.tries import TOY, copy_of, reference

_FOLDER = ROOT / "runs" / "faults"  # the campaign has the same reference
_SAMPLE_S = 1.0
_ITEMS = 10_000
_FRAMES = 5000
_ROUNDS = 20


class Sample(NamedTuple):
    """The resources of a process at a moment."""

    seconds: float  # since the begin
    memory_mb: float  # resident
    descriptors: int


def main(minutes: float) -> None:
    """Run all parts and print their table."""
    prepare(_FOLDER / "compiled")
    seconds = 60 * minutes / 3
    print("| work | done | memory after a quarter, half, all, MB | descriptors | temporary files |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="dimjax-soak-") as name:
        folder = Path(name)
        _FOLDER.mkdir(parents=True, exist_ok=True)
        expected = copy_of(reference(_FOLDER), folder / "trained")
        print(_review(folder, seconds), flush=True)
        print(_detect(folder, expected, seconds), flush=True)
        print(_rounds(folder, seconds), flush=True)


def _review(folder: Path, seconds: float) -> str:
    server = Server(make_run(folder / "review", _ITEMS))
    end, counts = time.monotonic() + seconds, [0] * 4
    threads = [threading.Thread(target=_decide, args=(server, k, counts, end)) for k in range(4)]
    for thread in threads:
        thread.start()
    samples = list(_samples(server.program, seconds))
    for thread in threads:
        thread.join()
    wrong = server.stop()
    return _row("review, 4 reviewers", f"{sum(counts):,} decisions {wrong}", samples, folder)


def _decide(server: Server, number: int, counts: list[int], end: float) -> None:
    """Decide items and undo every other decision until the end."""
    page = {"reviewer": f"reviewer {number}", "page": f"page {number}"}
    filters = {"kinds": [], "sequences": [], "skipped": False, "count": 4}
    while time.monotonic() < end:
        for item in server.post("/next_items", **page, **filters)[1].get("items", []):
            server.request("GET", f"/items/{item['id']}/0/chip")
            values = {"item": item["id"], "verb": "accept", "changes": None}
            _, decided = server.post("/decide", **page, **values)
            counts[number] += 1
            if counts[number] % 2 and "decision" in decided:
                server.post("/undo", **page, decision=decided["decision"])


def _detect(folder: Path, expected: Path, seconds: float) -> str:
    rng = np.random.default_rng(0)
    frames = rng.normal(3000, 20, (_FRAMES, 96, 128)).astype(np.uint16)
    np.save(folder / "long.npy", frames)
    words = ("detect", f"--input={folder / 'long.npy'}", "--pictures=0")
    program = fork(*words, workdir=expected)
    samples = list(_samples(program, seconds))
    status, _ = _end(program)
    done = f"{_FRAMES:,} frames" if status == 0 else f"ended after {seconds:.0f} s"
    return _row("detect", done, samples, folder)


def _rounds(folder: Path, seconds: float) -> str:
    workdir = folder / "rounds"
    words = (*TOY, f"--config.rounds.count={_ROUNDS}", f"--config.sky.sequences.new={_ROUNDS}")
    program = fork(*words, workdir=workdir)
    samples = list(_samples(program, seconds))
    _end(program)
    done = len(list(workdir.glob("rounds/*/evaluation.json")))
    return _row("rounds", f"{done} rounds", samples, folder)


def _end(program: Program) -> tuple[int, str]:
    program.kill(signal.SIGTERM)
    return program.finish()


def _samples(program: Program, seconds: float) -> Iterator[Sample]:
    """Measure a process until it ends or its time is over."""
    began, process = time.monotonic(), Path(f"/proc/{program.pid}")
    while program.wait(_SAMPLE_S) is None and time.monotonic() < began + seconds:
        try:
            status = (process / "status").read_text()
            descriptors = len(list((process / "fd").iterdir()))
        except FileNotFoundError:
            return
        memory = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        if not memory:  # it has ended
            return
        yield Sample(time.monotonic() - began, int(memory[0]) / 1024, descriptors)


def _row(work: str, done: str, samples: list[Sample], folder: Path) -> str:
    """Describe a part as a row of the table."""
    moments = [samples[len(samples) * share // 4 - 1] for share in (1, 2, 4)]
    memory = ", ".join(f"{one.memory_mb:.0f}" for one in moments)
    descriptors = ", ".join(str(one.descriptors) for one in moments)
    leftovers = len(list(folder.rglob("*.part")))
    took = f"{samples[-1].seconds:.0f} s"
    return f"| {work}, {took} | {done} | {memory} | {descriptors} | {leftovers} |"


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30)
