"""Progress bars, and lines of text that do not disturb them.

for batch in bar(batches, "search"):
    say("half way")
"""

from collections.abc import Iterable

from tqdm import tqdm

from dimjax.errors import InputError


def bar(items: Iterable, description: str, unit: str = "it") -> tqdm:
    """Wrap an iterable in a progress bar with rate and time left.

    The bar is shown after two seconds, on stderr, and only if that is a terminal.
    """
    return tqdm(items, desc=description, unit=unit, delay=2, disable=None, leave=False)


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
