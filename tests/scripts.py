"""Scripts of the repository, run to their end in processes that need not import anything anew.

done = run_script(ROOT / "main.py", "check", "--config=configs/demo.py")
done.returncode, done.stdout, done.stderr
"""

import os
import subprocess
from pathlib import Path

from tests.faults.programs import Program, fork_script, preload


def start_script(path: Path, *words: str | Path, xla_flags: str = "") -> Program:
    """Start a script in the root of the repository.

    Args:
      path: The script.
      *words: Its arguments.
      xla_flags: Flags of XLA in place of those of the tests.
    """
    preload()
    # Huge pages would cost a restart of the interpreter.
    environment = {**os.environ, "GLIBC_TUNABLES": ""}
    if xla_flags:
        environment["XLA_FLAGS"] = xla_flags
    return fork_script([str(path), *map(str, words)], environment)


def run_script(
    path: Path, *words: str | Path, xla_flags: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; arguments as of start_script."""
    program = start_script(path, *words, xla_flags=xla_flags)
    status, error = program.finish()
    return subprocess.CompletedProcess([path, *words], status, program.output.read_text(), error)
