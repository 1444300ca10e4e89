"""Runs of the experiments at toy size.

printed = run_toy("limit", tmp_path, "--seeds=0")
"""

from pathlib import Path

from scripts import run_script

ROOT = Path(__file__).parents[1]
# Compiling costs more than running: without its costly passes a run takes half the time.
_XLA_FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


def run_toy(script: str, out: Path, *options: str) -> str:
    """Run experiments/SCRIPT.py with a folder for its results; return what it prints."""
    words = "--size=toy", f"--out={out}", *options
    done = run_script(ROOT / "experiments" / f"{script}.py", *words, xla_flags=_XLA_FLAGS)
    assert done.returncode == 0, done.stderr
    return done.stdout
