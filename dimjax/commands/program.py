"""A program that ends with a status and, if it fails, with one line; its traceback is in a file.

    exit_on_signals()                             # before slow imports
    run(main, log_folder=lambda: "runs/demo")     # does not return

Exit status  0  done
             1  a fault, or problems found
             2  wrong usage of the command line
             3  a run waits for the decisions of a person
           130  interrupted by Ctrl-C, SIGTERM or a closed terminal

Errors that libraries log, and exceptions in their threads, are kept for the file, and not printed.
"""

import contextlib
import logging
import math
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dimjax.atomic_files import atomic_write
from dimjax.commands.failures import INTERRUPTED, explain
from dimjax.errors import Note, one_line
from dimjax.progress import say

DONE, WAITING = 0, 3

_LOG = "error.log"
# Their native code calls Python in places from where an exception ends the process.
_NATIVE = {"jax", "jaxlib", "onnxruntime", "orbax", "tensorstore"}
_RETRY_S, _LONGEST_S = 0.05, 10.0  # until they have returned, but not for longer
_MAX_NOISE = 1000  # records of libraries that are kept


def exit_on_signals() -> None:
    """Let signals end the program at once, while there is nothing to finish."""

    def leave(number: int, frame) -> None:
        os.write(2, b"interrupted: nothing was begun.\n")
        os._exit(INTERRUPTED)

    _on_signals(leave)


def run(main: Callable[[], int | None], log_folder: Callable[[], str | Path | None]) -> NoReturn:
    """Run a program, print the line of its failure on stderr, and exit with its status.

    Args:
      main: The program; it returns an exit status, or None for DONE.
      log_folder: Returns the folder of error.log; if it is None or no folder, or cannot be written
        to, the folder for temporary files is used.
    """
    noise = _Noise()
    noise.capture()
    _on_signals(_Interrupt())
    _print_notes()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # e.g. a name that is not UTF-8, or a terminal of ASCII
            stream.reconfigure(errors="backslashreplace")
    try:
        status = main() or DONE
        if sys.stdout is not None:
            sys.stdout.flush()
        _on_signals(signal.SIG_IGN)  # all is done; a late signal would end the shutdown without it
    except SystemExit:
        raise
    except BaseException as error:
        _on_signals(signal.SIG_IGN)
        _fail(error, noise, log_folder())
    sys.exit(status)


def _print_notes() -> None:
    """Print notes without the place in the code that Python adds to warnings."""
    show = warnings.showwarning

    def show_note(message, category, *place) -> None:
        if issubclass(category, Note):
            say(f"note: {one_line(message)}")
        else:
            show(message, category, *place)

    warnings.showwarning = show_note


def _fail(error: BaseException, noise: "_Noise", folder: str | Path | None) -> NoReturn:
    """Print the line of a failure and exit at once.

    Threads of libraries may be in the middle of their work: they would print more, or crash.
    """
    failure = explain(error, folder or ".")
    text = failure.text
    if not failure.is_explained:
        log = _write_log(error, noise, folder)
        text += f" Traceback: {log}" if log else " The traceback could not be written."
    for stream, line in ((sys.stdout, ""), (sys.stderr, f"{text}\n")):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it is closed
            stream.write(line)
            stream.flush()
    os._exit(failure.status)


def _write_log(error: BaseException, noise: "_Noise", folder: str | Path | None) -> Path | None:
    """Write the traceback and the records of libraries; return the file, or None without room."""
    now = time.strftime("%Y-%m-%d %H:%M:%S %z")
    parts = [f"{now}  {shlex.join(sys.argv)}\n", *traceback.format_exception(error), *noise.records]
    text = "\n".join(parts).encode(errors="backslashreplace")
    files = [Path(tempfile.gettempdir()) / f"dimjax-{os.getpid()}-{_LOG}"]
    if folder and os.path.isdir(folder):  # unlike Path.is_dir, it raises for no path
        files.insert(0, Path(folder) / _LOG)
    for file in files:
        with contextlib.suppress(OSError):
            with atomic_write(file) as partial:
                partial.write_bytes(text)
            return file
    return None


class _Noise(logging.Handler):
    """Records of libraries, kept for the error log."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def capture(self) -> None:
        """Receive the errors of all loggers, threads and finalizers from now on."""
        logging.getLogger().handlers[:] = [self]
        threading.excepthook = lambda args: self.keep(*args[:3])
        sys.unraisablehook = self._keep_unraisable

    def emit(self, record: logging.LogRecord) -> None:
        self._append(self.format(record))

    def keep(self, kind, error, trace) -> None:
        """Keep an exception that a library cannot raise."""
        self._append("".join(traceback.format_exception(kind, error, trace)))

    def _keep_unraisable(self, args) -> None:
        self.keep(args.exc_type, args.exc_value, args.exc_traceback)
        if issubclass(args.exc_type, KeyboardInterrupt):  # e.g. JAX's callback of the collector
            _retry_each(_RETRY_S)  # once this callback has returned

    def _append(self, text: str) -> None:
        if len(self.records) < _MAX_NOISE:
            self.records.append(text)


class _Interrupt:
    """Handler of signals that raises KeyboardInterrupt, once libraries of native code returned."""

    def __init__(self):
        self._first: float | None = None  # time of the signal that waits
        self._raised = -math.inf  # time of the last exception

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now, is_retry = time.monotonic(), number == getattr(signal, "SIGALRM", None)
        if is_retry and now - self._raised < 2 * _RETRY_S:
            return  # sent before the timer was stopped
        self._first = self._first or now
        is_urgent = now > self._first and not is_retry
        if is_urgent or now - self._first > _LONGEST_S or not _in_native(frame):
            self._first, self._raised = None, now
            _retry_each(0.0)
            raise KeyboardInterrupt
        # Again and again: a signal that comes just before a call sleeps does not wake it.
        _retry_each(_RETRY_S)


def _retry_each(seconds: float) -> None:
    """Call the handler of signals in intervals, by SIGALRM; no longer, if they are 0."""
    if hasattr(signal, "setitimer"):  # which Windows lacks
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)


def _in_native(frame: FrameType | None) -> bool:
    """Whether a frame was called by one of the libraries of native code, or is in one."""
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _NATIVE:
            return hasattr(signal, "setitimer")  # which Windows lacks
        frame = frame.f_back
    return False


def _on_signals(handler) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM"):
        number = getattr(signal, name, None)  # Windows lacks the last two
        is_ignored = name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN  # by nohup
        if number is not None and not is_ignored:
            signal.signal(number, handler)
