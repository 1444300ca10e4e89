"""Data folders: sequences, labels and splits, located and read by a layout.

    folder = open_folder("data/drone-ir", DRONE_IR)
    folder.names                                        # sequence names, 2 before 10
    folder.sequence("IR_DRONE_012").frame(0)            # [H, W]
    folder.labels                                       # checked label table
    folder.splits                                       # {"train": [names], "val": [names]}

All files are opened on demand.
"""

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dimjax.data import labels as label_files
from dimjax.data.frame_survey import Survey
from dimjax.data.layouts import DIMJAX, SEQUENCE, Layout, check_layout
from dimjax.data.sequences import OPENERS, Sequence, open_sequence, skip_repeated
from dimjax.data.splits import LABELLED_SPLITS, read_splits
from dimjax.errors import InputError, OnError, raise_error

Shapes = Mapping[str, tuple[int, int, int]]  # T, H, W of each sequence

_TRUTH = "truth.csv"


def open_folder(
    path: str | Path, layout: Layout = DIMJAX, on_error: OnError = raise_error
) -> "Folder":
    """Open a folder: list its sequences without decoding a frame.

    Args:
      path: The folder.
      layout: Locations and formats of its files.
      on_error: Is called for each file that is no sequence, and for each name that occurs twice.

    Raises:
      InputError: The layout is invalid, the folder is missing or contains no sequence, or, by
        default, the first error of a file.
    """
    path = Path(path)
    check_layout(layout, f"layout of {path}")
    if not path.is_dir():
        raise InputError(path, "a data folder must exist", "no folder", "Correct the path.")
    files = _list_sequences(path, layout, on_error)
    if not files:
        rule = f"there must be sequences at {layout.sequences}"
        raise InputError(path, rule, "none", "Correct the path or the layout.")
    return Folder(path, layout, {name: files[name] for name in sorted(files, key=natural_key)})


@dataclass(frozen=True)
class Folder:
    """Sequences, labels and splits of a data folder, read on demand.

    Attributes:
      path: The folder.
      layout: Locations and formats of its files.
      files: Sequence name -> its file or folder, in natural order.
    """

    path: Path
    layout: Layout
    files: dict[str, Path]

    @property
    def names(self) -> list[str]:
        """Names of the sequences in natural order: 2 before 10."""
        return list(self.files)

    def sequence(self, name: str) -> Sequence:
        """Open a sequence.

        Each call returns a new object, which caches frames only as long as it lives.

        Raises:
          InputError: The folder has no such sequence, or it cannot be read.
        """
        if name not in self.files:
            rule = f"a sequence must be one of the {len(self.files)} in the folder"
            raise InputError(self.path, rule, repr(name), "Correct the name.")
        sequence = open_sequence(self.files[name], name)
        if self.layout.repeated_frames == "keep":
            return sequence
        return replace(sequence, survey=lambda: self.survey(name))

    @cached_property
    def _surveys(self) -> dict[str, Survey]:
        return {}

    def survey(self, name: str) -> Survey:
        """Find the repeated and flat frames of a sequence; its frames are read only once."""
        if name not in self._surveys:
            survey = skip_repeated(open_sequence(self.files[name], name)).survey
            self._surveys[name] = survey()
        return self._surveys[name]

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """T, H, W of each sequence, from the headers of its files."""
        return {name: self.sequence(name).shape for name in self.files}

    @cached_property
    def labels(self) -> pd.DataFrame:
        """All labels, checked against the sequences, in the order of the files.

        If there is one label file per sequence, only those of the splits train, val and test (or
        of all sequences, if the folder has no splits) must exist. The single file of all labels may
        be missing if none of these splits names a sequence.

        Raises:
          InputError: A file is missing or belongs to no sequence, or a row is invalid.
        """
        return self.read_labels(self.shapes)

    @cached_property
    def truth(self) -> pd.DataFrame | None:
        """The error-free labels of a simulated folder, with snr and visible; None for others."""
        return self.read_truth(self.shapes)

    @property
    def reference(self) -> pd.DataFrame:
        """The labels to evaluate against: the truth if there is one, else the labels."""
        return self.labels if self.truth is None else self.truth

    @cached_property
    def splits(self) -> dict[str, list[str]]:
        """Sequence names of each split, as its file lists them.

        A split without a file is empty. If no split has a file, all sequences are in "all".

        Raises:
          InputError: Only the file of "train" is missing, though "new" is empty, or a name is
            unknown or occurs twice.
        """
        return self.read_splits()

    def read_labels(self, shapes: Shapes, on_error: OnError = raise_error) -> pd.DataFrame:
        """Read all labels from the files; see `labels`.

        Args:
          shapes: T, H, W of each sequence.
          on_error: Is called for each error; invalid rows and files are left out.
        """
        if SEQUENCE not in self.layout.labels:
            file = self.path / self.layout.labels
            only_new = not self._labelled() and self._splits.get("new")
            if only_new and not file.exists():
                return pd.DataFrame(columns=label_files.COLUMNS).astype({"frame": int})
            self._require(file)
            table = label_files.read_table(file, on_error=on_error)
            return self._check(table, file, shapes, on_error)
        tables = []
        for name, file in self._label_files(on_error).items():
            try:
                self._require(file)
                table = self._read(name, file, on_error)
            except InputError as error:
                on_error(error)
                continue
            tables.append(self._check(table, file, {name: shapes[name]}, on_error))
        empty = pd.DataFrame(columns=label_files.COLUMNS)
        return pd.concat(tables or [empty], ignore_index=True)

    def read_truth(self, shapes: Shapes, on_error: OnError = raise_error) -> pd.DataFrame | None:
        """Read the truth from its file, with arguments as in `read_labels`; None without a file."""
        file = self.path / _TRUTH
        if not file.exists():
            return None
        table = label_files.read_table(file, label_files.TRUTH_COLUMNS, on_error)
        return label_files.check_labels(table, shapes, file, on_error)

    def read_splits(self, on_error: OnError = raise_error) -> dict[str, list[str]]:
        """Read the splits from their files; see `splits`. `on_error` is called for each error."""
        files = {split: self.path / file for split, file in self.layout.splits.items()}
        if not any(file.exists() for file in files.values()):
            return {"all": self.names}
        return read_splits(files, self.files, self.layout.sequences, on_error)

    def _label_files(self, on_error: OnError) -> dict[str, Path]:
        """Sequence name -> its label file; files that may be missing and are, are left out."""
        files = {name: self.path / _fill(self.layout.labels, name) for name in self.files}
        existing = set(self.path.glob(_fill(self.layout.labels, "*")))
        for file in sorted(existing - set(files.values())):
            rule = f"a label file must be that of a sequence at {self.layout.sequences}"
            on_error(InputError(file, rule, "none", "Add the sequence or remove the file."))
        required = self._labelled()
        return {name: file for name, file in files.items() if name in required or file.exists()}

    def _labelled(self) -> set[str]:
        """Names of the sequences that must have labels: those of labelled splits."""
        splits = self._splits
        return {name for split in ("all", *LABELLED_SPLITS) for name in splits.get(split, [])}

    @property
    def _splits(self) -> dict[str, list[str]]:
        """The splits without their errors, which the caller of read_splits reports."""
        return self.read_splits(lambda error: None)

    def _require(self, file: Path) -> None:
        """Raise if a label file is missing."""
        if not file.exists():
            new = self.layout.splits.get("new", "the file of a split new (data.layout.splits)")
            remedy = "Correct the layout or, to start without labels, name the sequences only in"
            raise InputError(file, "the file must exist", "none", f"{remedy} {new}.")

    def _read(self, name: str, file: Path, on_error: OnError) -> pd.DataFrame:
        """Read the label file of a sequence."""
        layout = self.layout
        if layout.label_format == "table":
            return label_files.read_table(file, on_error=on_error)
        category = self._value("category", name)
        if layout.label_format == "boxes":
            return label_files.read_boxes(file, name, category, on_error)
        origin = self._value("centroid_origin", name)
        order, size_px = layout.centroid_order, layout.centroid_size_px
        return label_files.read_centroids(file, name, category, order, origin, size_px, on_error)

    def _value(self, key: str, name: str) -> Any:
        """Value of a sequence in a mapping from patterns, a key of the layout."""
        patterns = getattr(self.layout, key)
        matching = [pattern for pattern in patterns if fnmatchcase(name, pattern)]
        if matching:  # not the first one: a configuration does not keep the order of its keys
            return patterns[max(matching, key=len)]
        rule = f"a pattern of {key} must match sequence {name}"
        raise InputError(f"layout of {self.path}", rule, list(patterns), "Add a pattern.")

    def _check(
        self, table: pd.DataFrame, file: Path, shapes: Shapes, on_error: OnError
    ) -> pd.DataFrame:
        if self.layout.surplus_rows == "drop":
            table = _without_surplus(table, shapes, file)
        return label_files.check_labels(table, shapes, file, on_error)


def _list_sequences(path: Path, layout: Layout, on_error: OnError) -> dict[str, Path]:
    """Sequence name -> its file or folder; hidden ones are ignored."""
    files: dict[str, Path] = {}
    matches = (match for match in path.glob(layout.sequences) if not match.name.startswith("."))
    for match in sorted(matches):
        name = match.name if match.is_dir() else match.stem
        if not match.is_dir() and match.suffix.lower() not in OPENERS:
            rule = f"{layout.sequences} must match folders or files of type {', '.join(OPENERS)}"
            on_error(InputError(match, rule, "something else", "Move it elsewhere or convert it."))
        elif not name.isprintable():  # e.g. a line break, or bytes that are no UTF-8
            rule = "the name of a sequence must be printable UTF-8 text"
            on_error(InputError(match, rule, repr(name), "Rename it."))
        elif name in files:
            on_error(InputError(match, "names must be unique", files[name], "Rename one of them."))
        else:
            files[name] = match
    return files


def _without_surplus(table: pd.DataFrame, shapes: Shapes, file: Path) -> pd.DataFrame:
    """Drop rows beyond the last frame of their sequence, with a warning."""
    lengths = [shapes[name][0] if name in shapes else math.inf for name in table.sequence]
    surplus = table.frame.to_numpy() >= np.array(lengths)
    if surplus.any():
        message = f"{file}: {int(surplus.sum())} rows beyond the last frame are left out."
        warnings.warn(message, stacklevel=2)
    return table[~surplus]


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key for natural order: 2 before 10."""
    parts = re.split(r"(\d{1,18})", name)  # Python refuses to read numbers of 4,301 digits
    return [(int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)]


def _fill(pattern: str, name: str) -> str:
    return pattern.replace(SEQUENCE, name)
