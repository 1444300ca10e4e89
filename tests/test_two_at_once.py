"""Each pair of commands on one run: the table in docs/reliability.md.

A command meets another one as a held lock. It is run once while all others hold theirs, and once
while another process of the same command does.
"""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, tiny_config

from dimjax.commands import check, detect, export, review, score
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import rounds

LOCKS = {  # command -> the lock file that it holds, in the run's directory
    "rounds": "run.lock",
    "detect": "detect/test-0000/detect.lock",
    "score": "rounds/0/scores/val.lock",
    "export": "export/coco/export.lock",
    "review": "review.lock",
    "check": None,
}
HOLDER = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
with lock:
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def workdir(tiny_run, tmp_path_factory):
    return Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("pairs") / "run"))


@contextlib.contextmanager
def held(workdir, commands):
    """Hold the locks of some commands in processes of their own."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with contextlib.ExitStack() as stack:
        for lock in (LOCKS[name] for name in commands if LOCKS[name]):
            file = workdir / lock
            file.parent.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-c", HOLDER, str(file)]
            process = stack.enter_context(subprocess.Popen(command, **pipes))
            stack.callback(process.stdin.close)
            assert process.stdout.readline() == b"held\n"
        yield


def run(command, workdir, monkeypatch):
    """Run a command to its end; a review page ends once it is announced."""

    def stop(url):
        raise KeyboardInterrupt

    monkeypatch.setattr(review, "announce", stop)
    config, source = read_config(workdir), workdir / "sky" / "sequences" / "test-0000"
    {
        "rounds": lambda: rounds.run(tiny_config(), str(workdir), None),
        "detect": lambda: detect.run(workdir, source, pictures=0),
        "score": lambda: score.run(workdir, "val"),
        "export": lambda: export.run_labels(workdir, "coco"),
        "review": lambda: review.run(config, Paths(workdir)),
        "check": lambda: check.run(config, Paths(workdir)),
    }[command]()


@pytest.mark.parametrize("command", LOCKS)
def test_a_command_runs_while_all_others_do(workdir, monkeypatch, command):
    with held(workdir, LOCKS.keys() - {command}):
        run(command, workdir, monkeypatch)


@pytest.mark.parametrize("command", [name for name, lock in LOCKS.items() if lock])
def test_a_second_process_of_a_command_is_refused(workdir, monkeypatch, command):
    with held(workdir, [command]), pytest.raises(InputError) as error:
        run(command, workdir, monkeypatch)
    text = str(error.value)
    assert text.startswith(str(workdir / LOCKS[command])) and "at a time" in text
    run(command, workdir, monkeypatch)  # the lock ends with its process


def test_every_pair_is_in_the_document():
    lines = (ROOT / "docs" / "reliability.md").read_text().splitlines()
    (header,) = [line for line in lines if line.startswith("| first, then |")]
    names = [cell.strip() for cell in header.strip("|").split("|")][1:]
    assert names == list(LOCKS)
    for name in names:
        (row,) = [line for line in lines if line.startswith(f"| {name} |") and "refused" in line
                  or line.startswith(f"| {name} | runs")]  # fmt: skip
        cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
        second = ["refused" if other == name and LOCKS[name] else "runs" for other in names]
        assert cells == second
