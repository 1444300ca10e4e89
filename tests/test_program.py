"""Failures in one line, their traceback in a file, and the exit status, with real processes."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from dimjax.atomic_files import write_text
from dimjax.commands.failures import Failure, explain
from dimjax.errors import InputError, UsageError, doing

PROGRAM = """
import gc, logging, signal, sys, threading, time
from dimjax.commands import program
from dimjax.errors import InputError, doing

def main():
    with doing("round 0, train"):
        {body}

program.run(main, lambda: sys.argv[1])
"""


def start(body, folder, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    code = PROGRAM.format(body=body.replace("\n", "\n        "))
    return subprocess.Popen([sys.executable, "-c", code, str(folder)], **pipes)


def run(body, folder, **options):
    """Return the exit status, standard output and standard error of a program."""
    process = start(body, folder, **options)
    output = process.communicate(timeout=60)
    return process.returncode, *output


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        ("pass", 0, ""),
        ("return program.WAITING", 3, ""),
        ("raise InputError('a.csv', 'x must be y', 3, 'Correct it.')", 1,
         "error: a.csv: x must be y; found 3. Correct it.\n"),
        ("raise SystemExit(5)", 5, ""),
    ],
)  # fmt: skip
def test_a_program_ends_with_its_status(tmp_path, body, status, line):
    assert run(body, tmp_path) == (status, "", line)
    assert not list(tmp_path.iterdir())


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_the_log(tmp_path):
    body = """
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
logging.getLogger("asyncio").error("Task exception was never retrieved")
logging.getLogger("absl").error("Checkpoint failed")
raise ValueError("first line" + chr(10) + "second line")
"""
    status, output, line = run(body, tmp_path)
    assert (status, output) == (1, "")
    assert line == (
        "error: round 0, train: an unexpected error; found ValueError: first line second line. "
        f"Report it, with its traceback. Traceback: {tmp_path}/error.log\n"
    )
    log = (tmp_path / "error.log").read_text()
    expected = (
        "ValueError: first line",
        "ZeroDivisionError",
        "never retrieved",
        "Checkpoint failed",
    )
    assert all(text in log for text in expected)


def test_without_a_folder_the_log_is_a_temporary_file(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    line = run("raise ValueError('bad')", tmp_path / "none", env=environment)[2]
    (log,) = tmp_path.iterdir()
    assert line.endswith(f"Traceback: {log}\n") and "bad" in log.read_text()


def test_the_log_of_a_prepared_folder_overwrites_no_other_file(tmp_path):
    (tmp_path / "victim").write_text("foreign")
    (tmp_path / "error.log").symlink_to(tmp_path / "victim")
    run("raise ValueError('bad')", tmp_path)
    assert (tmp_path / "victim").read_text() == "foreign"
    assert "bad" in (tmp_path / "error.log").read_text()


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.ENOSPC])
def test_a_folder_with_too_long_a_name_does_not_hide_the_failure(tmp_path, number):
    line = run(f"raise OSError({number}, 'reason')", tmp_path / ("x" * 300))[2]
    assert line.startswith("error: round 0, train: ") and line.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_program_names_its_activity(tmp_path, number):
    process = start("print('ready', flush=True)\ntime.sleep(600)", tmp_path)
    process.stdout.readline()
    process.send_signal(number)
    _, line = process.communicate(timeout=60)
    expected = "interrupted in round 0, train: finished work is kept; give the same command again"
    assert (process.returncode, line) == (130, f"{expected}.\n")


def test_an_interrupt_that_a_callback_of_the_collector_swallows_comes_again(tmp_path):
    body = """
gc.callbacks.append(lambda *args: signal.raise_signal(signal.SIGINT))
gc.collect()
gc.callbacks.clear()
time.sleep(30)
"""
    started = time.monotonic()
    assert run(body, tmp_path)[0] == 130 and time.monotonic() - started < 20


# A function as if of JAX, which gets the signals and goes on for a while.
NATIVE = """
def work():
    for _ in range({signals}):
        signal.raise_signal(signal.SIGINT)
    time.sleep(0.3)
    print("left, retries each", signal.getitimer(signal.ITIMER_REAL)[1], flush=True)

exec_globals = {{**globals(), "__name__": "jax._src.compiler"}}
try:
    type(work)(work.__code__, exec_globals)()
    time.sleep(30)
finally:
    time.sleep(0.2)  # no retry comes here
    print(signal.getitimer(signal.ITIMER_REAL)[1])
"""


@pytest.mark.parametrize(
    ("signals", "output"), [(1, "left, retries each 0.05\n0.0\n"), (2, "0.0\n")]
)
def test_an_interrupt_waits_until_native_libraries_have_returned(tmp_path, signals, output):
    started = time.monotonic()
    status, printed, line = run(NATIVE.format(signals=signals), tmp_path)
    assert (status, printed) == (130, output)  # a second one is urgent
    assert line.startswith("interrupted in round 0") and time.monotonic() - started < 20


def test_a_program_that_nohup_started_goes_on(tmp_path):
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which a program inherits
    try:
        assert run("signal.raise_signal(signal.SIGHUP)", tmp_path) == (0, "", "")
    finally:
        signal.signal(signal.SIGHUP, ignored)


def test_a_note_is_one_line_without_its_place_in_the_code(tmp_path):
    body = """
import warnings
from dimjax.errors import Note
warnings.warn("3 frames without a file", Note)
warnings.warn("of a library")
"""
    status, output, line = run(body, tmp_path)
    assert (status, output) == (0, "note: 3 frames without a file\n")
    assert "UserWarning: of a library" in line


def test_threads_do_not_hold_up_the_end_of_a_failed_program(tmp_path):
    started = time.monotonic()
    body = "threading.Thread(target=time.sleep, args=(30,)).start()\nraise OSError(28, 'full')"
    status, _, line = run(body, tmp_path)
    assert status == 1 and time.monotonic() - started < 20
    assert "there must be room on the disk; found" in line


def test_standard_output_of_ascii_prints_every_name(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    status, output, line = run("print(chr(0x2013), chr(0xDCFF))", tmp_path, env=environment)
    assert (status, output, line) == (0, "\\u2013 \\udcff\n", "")


def test_a_closed_reader_is_named(tmp_path):
    body = "from dimjax.progress import say\nfor _ in range(10000): say('line')"
    with start(body, tmp_path) as process:
        process.stdout.close()
        line = process.stderr.read()
    assert process.returncode == 1 and line.startswith("error: standard output: its reader must")


def error_of(function):
    try:
        with doing("round 1, mine"):
            function()
    except BaseException as error:
        return error


def cause(error, reason):
    """An error of a library that hides its reason."""
    try:
        try:
            raise reason
        except BaseException:
            raise error  # noqa: B904
    except BaseException as raised:
        return raised


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOSPC, "No space", "a.csv"), "a.csv: there must be room on the disk"),
        (OSError("147456 requested and 6080 written"), "there must be room on the disk"),
        (cause(ValueError("zarr"), OSError(errno.EDQUOT, "quota", "b")), "b: there must be room"),
        (OSError(errno.EFBIG, "File too large", "f"), "f: a file of that size must be allowed"),
        (sqlite3.OperationalError("disk I/O error"), "the disk must work and have room; "),
        (OSError(errno.EIO, "Input/output error", "e"), "e: the disk must work and have room"),
        (ExceptionGroup("g", [OSError(errno.ENOSPC, "No")]), "there must be room on the disk"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes"), "memory: the data"),
        (ImportError("x.so: failed to map segment from shared object"), "memory: the data must"),
        (MemoryError(), "memory: the data must fit into it"),
        (PermissionError(errno.EACCES, "Permission denied", "c"), "c: this user must have access"),
        (OSError(errno.EROFS, "Read-only", "d"), "d: it must be writable; found Read-only."),
        (RuntimeError("Unable to initialize backend 'cuda'"), "device: JAX must find a device"),
        (FloatingPointError("3 losses are not finite."), "mine: 3 losses are not finite."),
        (KeyError("x\x1b[31m\n"), "an unexpected error; found KeyError: 'x\\x1b[31m\\n'."),
    ],
)  # fmt: skip
def test_each_kind_of_error_is_explained(error, text):
    error.add_note("a note of JAX")
    error.add_note("during: mine")
    failure = explain(error)
    assert failure.text.startswith("error: mine: ") and text in failure.text
    assert "\n" not in failure.text and "\x1b" not in failure.text
    assert (failure.status, failure.is_explained) == (1, False)


def test_bad_input_and_wrong_usage_have_statuses_of_their_own():
    parts = ("--config", "it must exist", "none", "Give it.")
    text = "error: --config: it must exist; found none. Give it."
    assert explain(InputError(*parts)) == Failure(text, 1, True)
    assert explain(UsageError(*parts)) == Failure(text, 2, True)


def test_the_innermost_activity_is_named():
    def work():
        with doing("export"):
            raise KeyError("x")

    assert explain(error_of(work)).text.startswith("error: export: an unexpected error")


def test_a_failed_write_names_the_file_that_it_would_replace(tmp_path):
    (tmp_path / "file").touch()
    failure = explain(error_of(lambda: write_text(tmp_path / "file" / "a.csv", "")))
    assert failure.text.startswith(f"error: round 1, mine: {tmp_path}/file: it must be a folder")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_end_does_not_change_the_status(tmp_path, number):
    """Python resets the handlers of signals before it destroys the modules and what they hold."""
    code = f"""
class Late:
    def __del__(self, kill=os.kill, own=os.getpid()):
        kill(own, {int(number)})

sys.late = Late()
print("done", flush=True)"""
    assert run(f"import os{code}", tmp_path) == (0, "done\n", "")
