"""Progress bars and lines of text that get along with them.

for batch in bar(batches, "search"):
    say("half way")
"""

from collections.abc import Iterable

from tqdm import tqdm


def bar(items: Iterable, what: str, unit: str = "it") -> tqdm:
    """A progress bar with rate and time left, from the second second on.

    Silent where stderr is no terminal.
    """
    return tqdm(items, desc=what, unit=unit, delay=2, disable=None, leave=False)


def say(text: str) -> None:
    """Print a line above any progress bar."""
    tqdm.write(text)
