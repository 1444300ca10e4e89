"""Who is at work: each reviewer's name belongs to one page at a time.

Two browsers of one name would be handed the same items, so the second has to take another name,
or take the name over from a page that is no longer used.

    reviewers = Reviewers()
    reviewers.hold("ann", page="4f1c")              # asked again and again while the page is open
    reviewers.hold("ann", page="77aa")              # InputError
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from dimjax.errors import InputError

AWAY_SECONDS = 90.0  # a browser's hidden page may be silent for a minute


class _Seen(NamedTuple):
    page: str
    at: float


class Reviewers:
    """Names and the pages that hold them; after a restart of the server, whoever asks first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._lock = threading.Lock()

    def hold(self, reviewer: str, page: str, take_over: bool = False) -> None:
        """Take a name, or keep it.

        Raises:
          InputError: Another page holds it, and it is not to be taken over.
        """
        with self._lock:
            seen = self._seen.get(reviewer)
            elsewhere = seen is not None and seen.page != page
            if elsewhere and not take_over and self._clock() < seen.at + AWAY_SECONDS:
                rule = "a reviewer works on one page at a time"
                remedy = "Give another name, or take the name over from that page."
                raise InputError(reviewer, rule, "another page of that name", remedy)
            self._seen[reviewer] = _Seen(page, self._clock())
