"""Interference by the names of sequences, of their folders and of label files that hold "bird".

birds_by_name(folder)                               # ["*bird*"]
birds_by_folder(folder)                             # {"birds": ["clip3", "clip4"]}
targets_called_birds(path, layout)          # InputError: labels/birds.csv: the class ...
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from dimjax.data.folders import Folder
from dimjax.data.layouts import Layout
from dimjax.data.listing import locations
from dimjax.data.patterns import glob_of, literal, match
from dimjax.errors import InputError
from dimjax.progress import counted

# A word: neither earlybird nor birdseye.
BIRD = re.compile(r"((?<![A-Za-z])[Bb]|(?<=[a-z])B)irds?(?![a-z])|(?<![A-Za-z])BIRDS?(?![A-Za-z])")


def birds_by_name(folder: Folder) -> list[str]:
    """Return patterns of the sequences that are called so, such as *bird*."""
    called = {name: found[0] for name in folder.names if (found := BIRD.search(name))}
    patterns = [f"*{word}*" for word in sorted({*called.values()})]
    is_exact = not any(fnmatchcase(name, it) for it in patterns for name in folder.names
                       if name not in called)  # fmt: skip
    return patterns if is_exact else [*map(literal, called)]


def birds_by_folder(folder: Folder) -> dict[str, list[str]]:
    """Return which folders are called so -> patterns of their sequences; {} if all are in them."""
    found: dict[str, list[str]] = {}
    places = locations(folder.files)
    for name, place in places.items():
        parts = [it for it in place.relative_to(folder.path).parts[:-1] if BIRD.search(it)]
        parts = [it for it in parts if it != name]
        if parts:
            found.setdefault(parts[0], []).append(literal(name))
    return found if sum(map(len, found.values())) < len(places) else {}


def targets_called_birds(path: Path, layout: Layout) -> InputError | None:
    """Return the doubt about label files that are called so, if no name tells their classes."""
    pattern, shared = layout.labels, {*PurePosixPath(layout.sequences).parts}
    are_named = not layout.category or any(re.search("[^-0-9*]", it) for it in layout.category)
    if are_named or not ("*" in pattern or BIRD.search(pattern)):
        return None
    files = (file.relative_to(path) for file in sorted(path.glob(glob_of(pattern))))
    called = [it for it in files if _is_called_so(it, match(pattern, it.as_posix()) or {}, shared)]
    if not called:
        return None
    value = f"{counted(len(called), 'file')} called as birds are, with labels of targets"
    remedy = (
        "Give each label a class, as in a column category, or set the keys labels and category."
    )
    return InputError(path / called[0], "the class of labels must be told", value, remedy)


def _is_called_so(file: Path, texts: Mapping[str, str], shared: set[str]) -> bool:
    """Whether the path of a label file tells so, apart from its sequence and frame."""
    parts = [it for it in file.parts if it not in shared]
    rest = "/".join(parts)
    for text in texts.values():
        rest = rest.replace(text, "")
    return BIRD.search(rest) is not None
