"""Writes that fail as on a full disk.

with limited_size(4096):
    path.write_bytes(bytes(5000))               # OSError
"""

import contextlib
import resource


@contextlib.contextmanager
def limited_size(n_bytes):
    """No file may grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
