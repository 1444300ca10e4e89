"""What a training will take, told from its first steps.

forecast = Forecast(epochs=100, steps=703)
for block in forecast.watch(blocks):                # of each epoch
    train(block)                                    # waits for the device
"""

import time
from collections.abc import Iterable, Iterator

import numpy as np

from dimjax.progress import say

_MEASURED_CALLS = 5


class Forecast:
    """Tells compiling from training, after a few calls or at the end of the first epoch.

    Where an epoch is one call, as with few chips on an accelerator, its end gives a bound and
    that of the second epoch the forecast.
    """

    def __init__(self, epochs: int, steps: int):
        """A training of so many epochs of so many steps each."""
        self._epochs, self._steps = epochs, steps
        self._calls: list[tuple[int, float]] = []  # steps and seconds of each
        self._said = False

    def watch(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The blocks of steps [S, B] of an epoch; what is done with each is timed."""
        started = time.monotonic()
        for block in blocks:
            yield block
            done = time.monotonic()
            self._calls.append((len(block), done - started))
            started = done
            if len(self._calls) == 1 + _MEASURED_CALLS:
                self._say()
        self._say()

    def _say(self) -> None:
        if self._said or not self._calls:
            return
        (steps, first), *others = self._calls
        if not others:
            most = duration(first * self._epochs)
            say(f"compiling and the first {steps} steps took {first:.1f} s; all: less than {most}")
            return
        each = sum(seconds for _, seconds in others) / sum(count for count, _ in others)
        compiling = max(0.0, first - each * steps)
        left = duration(each * self._steps * self._epochs)
        say(f"compiling took {compiling:.1f} s; it will take about {left}, {each:.2g} s a step")
        self._said = True


def duration(seconds: float) -> str:
    """Seconds in words: the largest unit of which there are two or more."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
