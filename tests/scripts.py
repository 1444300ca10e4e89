"""Scripts of the repository, run to their end in processes that need not import anything anew.

done = run_script(ROOT / "main.py", "check", "--config=configs/demo.py")
done.returncode, done.stdout, done.stderr
"""

import os
import subprocess
from pathlib import Path

from tests.faults.programs import ROOT, Program, fork_script, preload

# One device. A script compiles little for its time: some of the costly passes pay.
_XLA_FLAGS = "--xla_backend_optimization_level=1 --xla_llvm_disable_expensive_passes=true"


def start_script(path: Path, *words: str | Path, folder: Path = ROOT) -> Program:
    """Start a script in a folder, the root of the repository by default, with its arguments."""
    preload()
    # Huge pages would cost a restart of the interpreter.
    environment = {**os.environ, "GLIBC_TUNABLES": "", "XLA_FLAGS": _XLA_FLAGS}
    return fork_script([str(path), *map(str, words)], environment, folder)


def run_script(
    path: Path, *words: str | Path, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end with its arguments."""
    program = start_script(path, *words, folder=folder)
    status, error = program.finish()
    return subprocess.CompletedProcess([path, *words], status, program.output.read_text(), error)
