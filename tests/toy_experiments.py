"""Runs of the experiments at toy size.

printed = run_toy("limit", tmp_path, "--seeds=0")
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Compiling costs more than running: without its costly passes a run takes half the time.
_XLA_FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


def run_toy(script: str, out: Path, *options: str) -> str:
    """Run experiments/SCRIPT.py with a folder for its results; return what it prints."""
    command = [sys.executable, f"experiments/{script}.py", "--size=toy", f"--out={out}", *options]
    environment = {**os.environ, "XLA_FLAGS": _XLA_FLAGS}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
