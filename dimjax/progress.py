"""Progress bars, and lines of text that do not disturb them, with numbers of things in words.

for batch in bar(batches, "search"):
    say(f"half way through {counted(9, 'sequence')}")
"""

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator

from tqdm import tqdm

from dimjax.errors import InputError

_LINE_SECONDS = 30  # between the lines of a progress that no terminal shows


def bar(items: Iterable, description: str, unit: str = "it") -> Iterable:
    """Wrap an iterable in a progress bar with rate and time left.

    The bar is shown after two seconds, on stderr. If that is no terminal, e.g. a log file, a line
    is printed there every 30 seconds instead.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        return tqdm(items, desc=description, unit=unit, delay=2, leave=False)
    return _with_lines(items, description, unit)


def _with_lines(items: Iterable, description: str, unit: str) -> Iterator:
    total = len(items) if hasattr(items, "__len__") else None
    started = printed = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - printed >= _LINE_SECONDS:
            printed = now
            _print_line(f"{description}: {progress_text(done, total, now - started, unit)}")
        yield item


def progress_text(done: int, total: int | None, seconds: float, unit: str) -> str:
    """Describe how far a work is, its rate and the time left.

    Args:
      done: Items that are done.
      total: All items, None if their number is unknown.
      seconds: Time since the start.
      unit: Name of an item.
    """
    rate = done / seconds if seconds else 0.0
    speed = f"{rate:.3g} {unit}/s" if rate >= 1 or not rate else f"{1 / rate:.3g} s/{unit}"
    if total is None:
        return f"{done:,}, {speed}"
    left = f", {tqdm.format_interval((total - done) / rate)} left" if rate else ""
    return f"{done:,}/{total:,}, {speed}{left}"


def _print_line(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # a reader that has gone does not end the work
            print(text, file=sys.stderr, flush=True)


def counted(number: float, noun: str) -> str:
    """Write a number of things: 1 sequence, 1,204 sequences, 0.5 epochs."""
    text = f"{number:,}".removesuffix(".0")
    return f"{text} {noun}" if number == 1 else f"{text} {noun}s"


def say(text: str) -> None:
    """Print a line above any progress bar, at once.

    Raises:
      InputError: Standard output is full or closed at its other end.
    """
    try:
        with tqdm.external_write_mode():
            print(text, flush=True)
    except OSError as error:
        rule, remedy = "its reader must accept all lines", "Nothing is lost; run it again."
        raise InputError("standard output", rule, error.strerror, remedy) from error
