"""Lists of sequences: files with one name per line, by split; also tables, JSON and YAML.

A line is the name of a sequence, or names one of its frames, as the lists of public sets do:

    4/1
    Sequence1/Mix/00001.mat
    dataset/SatVideoIRSDT/train/000001/img/000002.png

A sequence of which some frames are listed is used as a whole, since splits are by sequence.

A CSV may have a header with a column such as `sequence` or `file`; if it has a column `split` too,
or a JSON has a list for each split, one file is the list of several splits:

    sequence,split                  {"train": ["s1"], "test": ["s2"]}
    s1,train

So may a YAML, which Ultralytics trains with: `train: images/s1`.
"""

import csv
import itertools
import json
import re
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Any

from dimjax.data.csv_files import read_text, separator_of
from dimjax.data.formats.yaml_texts import parse_yaml
from dimjax.data.frame_index import FrameIndex
from dimjax.data.patterns import split_of
from dimjax.data.unicode_names import same_name
from dimjax.errors import InputError, OnError

# Names of columns, without separators and in lower case; of several, the first one is used.
_NAMES = ("sequence", "sequencename", "seq", "video", "videoname", "clip", "name", "path")
_NAMES += ("filepath", "file", "filename", "image", "img", "id")
_SPLITS = ("split", "subset", "set", "phase")
YAML = (".yaml", ".yml")
_TABLES = (".csv", ".tsv")
_KEY_OF_SPLIT = re.compile(r'"(\w+)"\s*:\s*\[')


class ListReader:
    """Reads the lists of all splits; a sequence may be in one of them.

    Args:
      names: Names of all sequences.
      make_index: Makes the index of all frames, which takes time, when a line needs it.
      rule: What a line must name.
      on_error: Is called for each invalid line.
    """

    def __init__(
        self,
        names: Collection[str],
        make_index: Callable[[], FrameIndex],
        rule: str,
        on_error: OnError,
    ):
        self._names, self._make_index, self._rule = names, make_index, rule
        self._on_error = on_error
        self._assigned: dict[str, tuple[str, str]] = {}  # sequence -> subject, split

    def read(self, file: Path, split: str) -> list[str]:
        """Return the sequences that a file lists, in its order."""
        try:
            listed = entries(file, split, self._names)
        except InputError as error:
            self._on_error(error)
            return []
        for place, text in listed:
            self.add(text, f"{file} {place}", split)
        return [name for name, (_, of) in self._assigned.items() if of == split]

    def add(self, text: str, subject: str, split: str) -> None:
        """Add the sequence that a line names to a split."""
        called = same_name(text, self._names)
        is_name, name = called is not None, called or self._sequence_of(text)
        if name is None:
            remedy = "Correct the name or remove the line."
            self._on_error(InputError(subject, self._rule, repr(text), remedy))
            return
        earlier, of_split = self._assigned.setdefault(name, (subject, split))
        if of_split != split or is_name and earlier != subject:
            rule = f"{name} must be in one split, once"
            of_frames = "Splits are by sequence: list all of its frames in one of them."
            remedy = "Remove one of them." if is_name else of_frames
            self._on_error(InputError(subject, rule, f"it in {earlier} too", remedy))

    def _sequence_of(self, text: str) -> str | None:
        """Return the sequence of a frame that a line names."""
        path = _without_boxes(text)
        frame = self._make_index().find(path)
        if frame is not None:
            return frame[0]
        *folders, last = re.split(r"[/\\]+", path)
        stem = PurePosixPath(last).stem
        parts = (same_name(part, self._names) for part in (*reversed(folders), stem))
        return next(filter(None, parts), None)


def _without_boxes(text: str) -> str:
    """Return the path in a line, which boxes may follow; in time in proportion to its length."""
    words = text.split()
    boxes = list(itertools.takewhile(_is_box, reversed(words[1:])))
    return text.rsplit(maxsplit=len(boxes))[0] if boxes else text


def _is_box(word: str) -> bool:
    return "/" not in word and "," in word and re.match(r"-?\d", word) is not None


def entries(file: Path, split: str, names: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return the places and texts of a file that name sequences or frames of a split.

    Args:
      file: A text, or a CSV, JSON or YAML file by its suffix.
      split: Split that is meant, if the file tells those of its entries.
      names: Names of sequences, which are no header.

    Raises:
      InputError: The file cannot be read, or is no such JSON or YAML.
    """
    text = read_text(file)
    if file.suffix.lower() in (".json", *YAML):
        return _of_lists(file, text, split)
    lines = [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    header = _header(lines[0][1], names) if lines and file.suffix.lower() in _TABLES else []
    column = next((header.index(name) for name in _NAMES if name in header), None)
    if column is None:
        return [(f"line {n}", line) for n, line in lines]
    rows = csv.reader((line for _, line in lines[1:]), delimiter=separator_of(lines[0][1]))
    of_splits = _column_of_splits(header)
    found: dict[str, str] = {}  # text -> place; a table of labels names a sequence in each row
    for (n, _), row in zip(lines[1:], rows, strict=False):
        row += [""] * (len(header) - len(row))
        if of_splits is None or split_of(row[of_splits].strip()) == split:
            found.setdefault(row[column].strip(), f"line {n}")
    return [(place, text) for text, place in found.items()]


def splits_in(file: Path) -> set[str]:
    """Return the splits that a table, JSON or YAML tells by entries; none for other files."""
    suffix = file.suffix.lower()
    try:
        text = read_text(file) if suffix in (*_TABLES, *YAML, ".json") else ""
        content = _content(file, text) if suffix in YAML else {}
    except InputError:
        return set()
    if suffix in YAML:
        keys = content if isinstance(content, dict) else {}
        return {split_of(key) for key, value in keys.items() if value} - {None}
    if suffix == ".json":
        return {split for key in _KEY_OF_SPLIT.findall(text) if (split := split_of(key))}
    lines = text.split("\n")
    column = _column_of_splits(_header(lines[0], ()))
    if column is None:
        return set()
    rows = csv.reader(filter(str.strip, lines[1:]), delimiter=separator_of(lines[0]))
    found = {split_of(row[column].strip()) for row in rows if len(row) > column}
    return found - {None}


def _content(file: Path, text: str) -> Any:
    """Parse JSON or YAML."""
    if file.suffix.lower() != ".json":
        return parse_yaml(text, file)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(file, "it must be JSON", error, "Export it again.") from error


def _of_lists(file: Path, text: str, split: str) -> list[tuple[str, str]]:
    content = _content(file, text)
    lists = content if isinstance(content, dict) else {split: content}
    lists = {
        key: [names] if isinstance(names, str) and file.suffix.lower() in YAML else names
        for key, names in lists.items()
        if split_of(key) == split
    }
    is_list = bool(lists) and all(isinstance(names, list) for names in lists.values())
    names = [(f"{key}[{k}]", name) for key in lists if is_list for k, name in enumerate(lists[key])]
    if not is_list or not all(isinstance(name, str) for _, name in names):
        rule = f"it must be a list of names of sequences, or have a list {split} of them"
        raise InputError(file, rule, text[:60], "Correct the file or the key splits.")
    return names


def _header(line: str, names: Collection[str]) -> list[str]:
    """Names of the columns, without separators; none if the line names a sequence."""
    cells = [cell.strip() for cell in line.split(separator_of(line))]
    plain = [re.sub(r"[\W_]", "", cell.lower()) for cell in cells]
    is_header = any(name in _NAMES for name in plain) and not set(cells) & set(names)
    return plain if is_header else []


def _column_of_splits(header: list[str]) -> int | None:
    return next((header.index(name) for name in _SPLITS if name in header), None)
