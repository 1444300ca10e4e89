"""Files of another user, and a prefix of commands that do without the rights of root.

give_away(folder)
subprocess.run([*WITHOUT_RIGHTS, sys.executable, "main.py", ...])
"""

import os
import shutil

import pytest

_RIGHTS = "-dac_override,-dac_read_search,-fowner"
WITHOUT_RIGHTS = ["setpriv", f"--bounding-set={_RIGHTS}", f"--inh-caps={_RIGHTS}"]
needs_root = pytest.mark.skipif(
    getattr(os, "geteuid", lambda: 1)() != 0 or not shutil.which("setpriv"),
    reason="only root may give files to another user",
)


def give_away(folder):
    """Give a folder and all that lies in it to another user; others may read it."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
