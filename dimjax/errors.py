"""The error for bad input: it names the subject, the rule, the value found and the remedy.

raise InputError("labels.csv line 17", "x must lie in 0 <= x < 640", 640.2,
                 "Correct the row or remove it.")

Functions that check many values take a callback `on_error`. The default, `raise_error`, raises the
first error. Pass `errors.append` to collect all of them; invalid values are then left out.

    with doing("round 0, train"):                   # named in the message of any error
        ...
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path


class InputError(ValueError):
    """A file, configuration key or argument from the user is invalid.

    Args:
      subject: File (and line), configuration key or sequence that is invalid.
      rule: The rule that valid input follows.
      value: The value that breaks the rule.
      remedy: A sentence that tells the user how to correct it.
    """

    def __init__(self, subject: object, rule: str, value: object, remedy: str):
        super().__init__(one_line(f"{subject}: {rule}; found {_shortened(value)}. {remedy}"))


class UsageError(InputError):
    """The command line is wrong: a verb, or a flag and its value."""


class Note(UserWarning):
    """Something readable but suspicious: a program prints it as a line `note: ...`."""


_MAX_VALUE = 500  # characters of a value in an error
DURING = "during: "  # begins the notes of `doing`


def one_line(text: object) -> str:
    """Write a text on one line of printable characters; others are escaped."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text))


def _shortened(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}... ({len(text)} characters)"


def program() -> str:
    """Return how a user runs this program, for remedies that name a command."""
    return "python main.py" if Path(sys.argv[0]).name == "main.py" else "dimjax"


OnError = Callable[[InputError], None]


def raise_error(error: InputError) -> None:
    """Raise the error: the default of `on_error`."""
    raise error


@contextlib.contextmanager
def doing(activity: str) -> Iterator[None]:
    """Add a note that names the activity of a block to the errors that leave it."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"{DURING}{activity}")
        raise
