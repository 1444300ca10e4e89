"""Commands of dimjax in processes of their own, started anew or forked from a warm server.

A forked one has the modules of JAX and dimjax already and runs main.py from its first line, as a
process of its own with its own output; it takes a third of the time of a new one.

    program = start("score", workdir=workdir)              # or fork(...)
    program.finish()                                        # (exit status, standard error)
"""

import atexit
import contextlib
import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dimjax.training.process_settings import HUGE_PAGES

ROOT = Path(__file__).parents[2]
HANG_S = 1800  # machines that run campaigns are often busy
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",  # else its keys contain its folder
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    "PYTHONPATH": str(ROOT),
    "GLIBC_TUNABLES": HUGE_PAGES,  # main.py need not restart itself
}
# Only the reference writes compiled programs: a cache that a kill has cut is not what is tested.
WRITES_CACHE = "env JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0"
_READS_CACHE = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1000000",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
_forks = multiprocessing.get_context("forkserver")


class Program(NamedTuple):
    """A command that runs."""

    pid: int
    wait: Callable[[float], int | None]  # exit status within some seconds, or None
    output: Path  # file of its standard output
    error: Path  # file of its standard error

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; a process that has ended is left alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def finish(self, seconds: float = HANG_S) -> tuple[int, str]:
        """Return exit status and standard error; a hang is ended and described."""
        status = self.wait(seconds)
        if status is None:
            self.kill()
            self.wait(HANG_S)
            return -signal.SIGKILL, f"no end within {seconds:.0f} s"
        return status, self.error.read_text(errors="replace")


def prepare(cache: Path) -> None:
    """Set the environment of all commands, with a cache of compiled programs; ready the server."""
    os.environ.update(ENVIRONMENT | _READS_CACHE, JAX_COMPILATION_CACHE_DIR=str(cache))
    preload()


def preload() -> None:
    """Let the server import the modules of commands when it starts, with the first fork.

    It reads the variables of JAX then; those that XLA reads may differ between forks.
    """
    _forks.set_forkserver_preload(["tests.faults.preloaded"])


def command(*words: str, workdir: Path) -> list[str]:
    """Return the command line of a verb on a run."""
    return [str(ROOT / "main.py"), f"--workdir={workdir}", *words]


def start(*words: str, workdir: Path, prefix: str = "", **options) -> Program:
    """Start a verb in a new interpreter.

    Args:
      *words: Verb and flags.
      workdir: The run's directory.
      prefix: Begin of its command line, such as "env LANG=C", or commands: "ulimit -n 64;".
      **options: Of subprocess.Popen.
    """
    folder = _folder()
    with open(folder / "out", "wb") as output, open(folder / "err", "wb") as error:
        line = [sys.executable, *command(*words, workdir=workdir)]
        if prefix:
            begin = f"{prefix} exec" if prefix.endswith(";") else f"exec {prefix}"
            line = ["bash", "-c", f'{begin} "$@"', "bash", *line]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": error, "cwd": ROOT}
        process = subprocess.Popen(line, **{**pipes, **options})

    def wait(seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(seconds)

    return Program(process.pid, wait, folder / "out", folder / "err")


def fork(*words: str, workdir: Path) -> Program:
    """Start a verb in a process that is forked from the server."""
    return fork_script(command(*words, workdir=workdir), os.environ)


def fork_script(
    argv: Sequence[str], environment: Mapping[str, str], folder: Path = ROOT
) -> Program:
    """Start a script in a process that is forked from the server.

    Args:
      argv: Path of the script, and its arguments.
      environment: Its environment.
      folder: Its working directory.
    """
    outputs = _folder()
    process = _forks.Process(target=_run, args=(list(argv), outputs, dict(environment), folder))
    process.start()

    def wait(seconds: float) -> int | None:
        process.join(seconds)
        return process.exitcode

    return Program(process.pid, wait, outputs / "out", outputs / "err")


def _run(argv: list[str], outputs: Path, environment: Mapping[str, str], folder: Path) -> None:
    """Run a script in this process."""
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = argv
    sys.path.insert(0, str(Path(argv[0]).resolve().parent))
    for descriptor, name, mode in ((0, os.devnull, "rb"), (1, "out", "wb"), (2, "err", "wb")):
        with open(outputs / name, mode) as file:
            os.dup2(file.fileno(), descriptor)
    try:
        runpy.run_path(argv[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # as a new interpreter would; a forked process leaves them out


def _folder() -> Path:
    """Make a folder for the outputs of a command, removed when the campaign ends."""
    folder = Path(tempfile.mkdtemp(prefix="dimjax-faults-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("out", "err"):
        (folder / name).touch()  # a forked command may be killed before it opens them
    return folder
