"""Settings that libraries read when a process starts, and a restart of the process with them.

    restart_with_settings()                             # before anything else, and before JAX
    os.environ.setdefault("GLIBC_TUNABLES", HUGE_PAGES)  # for child processes

glibc gets huge pages and keeps them for later allocations: without them a training step on a CPU
spends a quarter of its time on page faults; with huge pages that are returned to the system after
each step, up to a sixth. OpenBLAS, by which NumPy and SciPy multiply, gets one thread: all
matrices outside of JAX are small, and threads wait for each other longer than they compute.
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


def restart_with_settings() -> None:
    """Set one thread for OpenBLAS; restart this script with HUGE_PAGES, on Linux.

    Variables that are set already are kept; if GLIBC_TUNABLES is, there is no restart. glibc reads
    its settings only when a process starts. Call this before JAX is imported, because modules
    imported before the restart are imported twice. Signals that end it wait until the restarted
    script calls this again, so that it can handle them first.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform != "linux":
        return
    signals = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    if "GLIBC_TUNABLES" in os.environ:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return
    os.environ["GLIBC_TUNABLES"] = HUGE_PAGES
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        os.execv(sys.executable, [sys.executable, *sys.argv])
    except OSError:  # as of an interpreter that this user may not start: slower, but the same
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
