"""Files of frames that are none: pipes, devices and sockets.

is_special(Path("images/0.png"))                    # True for a named pipe
"""

import stat
from pathlib import Path

from dimjax.data.image_folders import SUFFIXES
from dimjax.data.sequences import OPENERS


def is_special(file: Path) -> bool:
    """Whether a file of frames is a pipe, a device or a socket: opening it may wait for ever."""
    if file.suffix.lower() not in OPENERS and file.suffix.lower() not in SUFFIXES:
        return False
    try:
        return not stat.S_ISREG(file.stat().st_mode)
    except OSError:  # a broken link is reported when it is read
        return False
