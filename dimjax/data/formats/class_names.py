"""Names of classes that label files state as numbers, from a file of their own.

classes = read_classes(Path("data"))                # ("drone", "bird") of classes.txt
class_name("1", Options(classes=classes))           # "bird"
"""

import contextlib
import os
import re
from pathlib import Path
from typing import Any

from dimjax.data.csv_files import read_text
from dimjax.data.formats.marks import Options, read_json
from dimjax.data.formats.yaml_texts import parse_yaml, shown
from dimjax.errors import InputError

_MOST_CLASSES = 10_000
_MOST_DIGITS = 9
_SEARCH_DEPTH = 2  # folders below that of the data
_CLASS_NAMES = re.compile(
    r"[^.].*\.(yaml|yml|names)|(classes|(class|obj)[_-]?names|names)\.txt|_?darknet\.labels"
    r"|notes\.json"
)
_CLASS_FILES = ("data.yaml", "dataset.yaml", "classes.txt", "obj.names", "labels/classes.txt")


def class_name(text: str, options: Options) -> str:
    """Return the name of a numbered class; the number itself if it has no name."""
    is_number = text.isdecimal() and len(text) <= _MOST_DIGITS  # int() refuses long ones
    known = is_number and int(text) < len(options.classes)
    return (options.classes[int(text)] if known else "") or text


def read_classes(folder: Path) -> tuple[str, ...]:
    """Read the names of the classes from data.yaml, classes.txt or obj.names, if there is one.

    If none is at its usual place, they are searched in the folder and two levels below it: in YAML
    with a key names, texts called classes.txt, class_names.txt or *.names, the _darknet.labels of
    Roboflow and the notes.json of Label Studio. The name of a number that has none, as 0 if they
    begin with 1, is "".

    Raises:
      InputError: The file is no YAML, or its key names is neither a list nor a numbered mapping; or
        files that were searched differ.
    """
    usual = [folder / name for name in _CLASS_FILES if (folder / name).is_file()]
    if usual:
        return _names_in(usual[0])
    found: dict[tuple[str, ...], Path] = {}
    for file in _searched(folder):
        with contextlib.suppress(InputError):  # it may be of another kind
            found.setdefault(_names_in(file), file)
    found.pop((), None)
    if len(found) > 1:
        (names, file), (others, other) = list(found.items())[:2]
        rule = "all files must name the classes alike"
        value = f"{', '.join(names)} in {file} and {', '.join(others)} in {other}"
        raise InputError(folder, rule, value, "Write the names to classes.txt in the folder.")
    return next(iter(found), ())


def _searched(folder: Path) -> list[Path]:
    """Files that may hold names of classes."""
    files = []
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(folders) if depth < _SEARCH_DEPTH else []
        files += [Path(place) / name for name in sorted(names) if _CLASS_NAMES.fullmatch(name)]
    return files


def _names_in(file: Path) -> tuple[str, ...]:
    if file.suffix in (".txt", ".names", ".labels"):
        return lines_of(file)
    if file.suffix in (".yaml", ".yml"):
        return _yaml_names(read_text(file), file)
    content = read_json(file)
    rows = content.get("categories") if isinstance(content, dict) else None
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return _by_number({row.get("id"): row.get("name") for row in rows}, file)


def lines_of(file: Path) -> tuple[str, ...]:
    """Read the names in a text, one in a line."""
    return tuple(line.strip() for line in read_text(file).split("\n") if line.strip())


def _yaml_names(text: str, file: Path) -> tuple[str, ...]:
    """Names by their numbers, "" for a number without a name."""
    content = parse_yaml(text, file)
    if not isinstance(content, dict) or "names" not in content:
        return ()
    names = content["names"]
    return _by_number(dict(enumerate(names)) if isinstance(names, list) else names, file)


def _by_number(numbered: Any, file: Path) -> tuple[str, ...]:
    try:
        by_number = {int(key): name for key, name in numbered.items()}
    except (AttributeError, TypeError, ValueError):
        by_number = {-1: numbered}
    is_text = all(isinstance(name, str) and name for name in by_number.values())
    if not is_text or not all(0 <= key < _MOST_CLASSES for key in by_number):
        rule = "names must be a list of texts, or a mapping of the numbers of classes to them"
        raise InputError(file, rule, shown(numbered), "Write e.g. names: {0: drone, 1: bird}.")
    return tuple(by_number.get(key, "") for key in range(max(by_number, default=-1) + 1))
