"""The folder of compiled programs: those of one start are there for the next one.

cache()                                 # before anything imports JAX
"""

import os


def cache() -> None:
    """Let JAX cache compiled programs for the next start, unless it has a folder for them.

    JAX reads the variable when it is imported, which a configuration may do already.
    """
    folder = cache_folder()
    if folder:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", folder)


def cache_folder() -> str | None:
    """Folder of compiled programs; None for a user without a home, as in some containers."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(caches, "dimjax", "xla") if os.path.isabs(caches) else None
