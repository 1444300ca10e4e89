"""Files of a repository whose content Git LFS has not copied here: a pointer stands in its place.

check_pointer(Path("labels.csv"))                   # InputError: ... Run `git lfs pull`
"""

from pathlib import Path

from dimjax.errors import InputError

_POINTER = b"version https://git-lfs"


def check_pointer(path: Path) -> None:
    """Raise if a file is a pointer of Git LFS; a missing one passes."""
    try:
        with path.open("rb") as opened:
            is_pointer = opened.read(len(_POINTER)) == _POINTER
    except OSError:
        return
    if is_pointer:
        rule, remedy = "the file must hold its content", "Run `git lfs pull` in its repository."
        raise InputError(path, rule, "a pointer of Git LFS", remedy)
