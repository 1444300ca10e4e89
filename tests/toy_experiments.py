"""Runs of the experiments at toy size.

printed = run_toy("limit", tmp_path, "--seeds=0")
"""

from pathlib import Path

from scripts import run_script

ROOT = Path(__file__).parents[1]


def run_toy(script: str, out: Path, *options: str) -> str:
    """Run experiments/SCRIPT.py with a folder for its results; return what it prints."""
    words = "--size=toy", f"--out={out}", *options
    done = run_script(ROOT / "experiments" / f"{script}.py", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout
