"""Memory of a process that trains on a CPU: huge pages that glibc keeps for later allocations.

    restart_with_huge_pages()                           # before anything else, and before JAX
    os.environ.setdefault("GLIBC_TUNABLES", HUGE_PAGES)  # for child processes

Without them a training step spends a quarter of its time on page faults; with huge pages that are
returned to the system after each step, up to a sixth.
"""

import os
import signal
import sys

HUGE_PAGES = ":".join(
    [
        "glibc.malloc.hugetlb=1",
        f"glibc.malloc.mmap_threshold={2**34}",
        f"glibc.malloc.trim_threshold={2**34}",
    ]
)


def restart_with_huge_pages() -> None:
    """Restart this script with HUGE_PAGES, unless GLIBC_TUNABLES is set or this is not Linux.

    glibc reads its settings only when a process starts. Call this before JAX is imported, because
    modules imported before the restart are imported twice. Signals that end it wait until the
    restarted script calls this again, so that it can handle them first.
    """
    if sys.platform != "linux":
        return
    signals = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    if "GLIBC_TUNABLES" in os.environ:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return
    os.environ["GLIBC_TUNABLES"] = HUGE_PAGES
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    os.execv(sys.executable, [sys.executable, *sys.argv])
