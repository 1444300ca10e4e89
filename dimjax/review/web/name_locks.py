"""Locks on reviewer names: each name belongs to one page at a time.

Two pages under one name would receive the same items. The second page must therefore use another
name, or take the name over from a page that is no longer in use.

    names = NameLocks()
    names.acquire("ann", page="4f1c")               # repeated while the page is open
    names.acquire("ann", page="77aa")               # InputError
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from dimjax.errors import InputError

TIMEOUT_SECONDS = 90.0  # browsers may silence a hidden page for a minute


class _Holder(NamedTuple):
    page: str
    seen_at: float


class NameLocks:
    """Names and the pages that hold them; after a restart of the server, all names are free."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._holders: dict[str, _Holder] = {}
        self._lock = threading.Lock()

    def acquire(self, reviewer: str, page: str, take_over: bool = False) -> None:
        """Take or keep a name.

        Raises:
          InputError: Another page holds the name, and take_over is False.
        """
        with self._lock:
            holder = self._holders.get(reviewer)
            is_held = (
                holder is not None
                and holder.page != page
                and self._clock() < holder.seen_at + TIMEOUT_SECONDS
            )
            if is_held and not take_over:
                rule = "a reviewer works on one page at a time"
                remedy = "Give another name, or take the name over from that page."
                raise InputError(reviewer, rule, "another page under that name", remedy)
            self._holders[reviewer] = _Holder(page, self._clock())

    def release(self, reviewer: str, page: str) -> None:
        """Give a name back, if the page holds it."""
        with self._lock:
            if reviewer in self._holders and self._holders[reviewer].page == page:
                del self._holders[reviewer]
