"""Progress bars, and lines of text that do not disturb them.

for batch in bar(batches, "search"):
    say("half way")
"""

from collections.abc import Iterable

from tqdm import tqdm


def bar(items: Iterable, description: str, unit: str = "it") -> tqdm:
    """Wrap an iterable in a progress bar with rate and time left.

    The bar is shown after two seconds, on stderr, and only if that is a terminal.
    """
    return tqdm(items, desc=description, unit=unit, delay=2, disable=None, leave=False)


def say(text: str) -> None:
    """Print a line above any progress bar."""
    tqdm.write(text)
