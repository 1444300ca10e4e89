"""The restart with settings: once, with the arguments, and not if the user chose settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")

VARIABLES = ("GLIBC_TUNABLES", "OPENBLAS_NUM_THREADS")
ROOT = Path(__file__).parents[1]
SCRIPT = """
import os, sys
print("started", flush=True)
from dimjax.training.process_settings import restart_with_settings
if "without_restart" in os.environ:
    sys.executable = "/nowhere/python"
restart_with_settings()
assert "jax" not in sys.modules
print(os.environ["GLIBC_TUNABLES"], os.environ["OPENBLAS_NUM_THREADS"], *sys.argv[1:])
"""


def _run(tmp_path, **variables):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, script, "--width=0.5", "two words"]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment)


def test_a_process_restarts_once_with_its_arguments(tmp_path):
    lines = _run(tmp_path).stdout.splitlines()
    settings = "hugetlb=1", "mmap_threshold=17179869184", "trim_threshold=17179869184"
    tunables = ":".join(f"glibc.malloc.{setting}" for setting in settings)
    assert lines == ["started", "started", f"{tunables} 1 --width=0.5 two words"]


def test_a_process_that_cannot_restart_goes_on(tmp_path):
    lines = _run(tmp_path, without_restart="yes").stdout.splitlines()
    assert [line.split()[1:] for line in lines] == [[], ["1", "--width=0.5", "two", "words"]]


def test_settings_of_the_user_are_kept(tmp_path):
    chosen = dict(zip(VARIABLES, ("glibc.malloc.arena_max=1", "2"), strict=True))
    lines = _run(tmp_path, **chosen).stdout.splitlines()
    assert lines == ["started", "glibc.malloc.arena_max=1 2 --width=0.5 two words"]
