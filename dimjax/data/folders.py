"""Folders of sequences and labels, each read in the layout that its user has it in.

In come a folder and a layout, plain values that say where sequences, labels and splits lie; out
comes a Folder, which opens files when they are asked for.

    folder = open_folder("data/drone-ir", DRONE_IR)
    folder.names                                        # sequence names, 2 before 10
    folder.sequence("IR_DRONE_012").frame(0)            # [H, W]
    folder.labels                                       # checked label table
    folder.splits                                       # {"train": [names], "val": [names]}
"""

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dimjax.data import labels as label_files
from dimjax.data.csv_files import read_text
from dimjax.data.layouts import (
    CLOUD_SEQS,
    DIMJAX,
    DRONE_IR,
    SEQUENCE,
    SKY_SEQS,
    Layout,
    check_layout,
    layout_from,
)
from dimjax.data.sequences import OPENERS, Sequence, open_sequence
from dimjax.data.splits import CUT
from dimjax.errors import InputError, Report, stop

__all__ = [
    "CLOUD_SEQS",
    "DIMJAX",
    "DRONE_IR",
    "SKY_SEQS",
    "Folder",
    "Layout",
    "layout_from",
    "open_folder",
]

Shapes = Mapping[str, tuple[int, int, int]]  # T, H, W of each sequence

_TRUTH = "truth.csv"


def open_folder(path: str | Path, layout: Layout = DIMJAX, report: Report = stop) -> "Folder":
    """Open a folder; sequences are listed, no frame is decoded.

    Args:
      path: The folder.
      layout: Where things lie in it.
      report: Is told of what is no sequence or has a name that is taken.

    Raises:
      InputError: The layout is wrong, or there are no sequences, or two of one name.
    """
    path = Path(path)
    check_layout(layout, f"layout of {path}")
    if not path.is_dir():
        raise InputError(path, "a data folder must exist", "no folder", "Correct the path.")
    found: dict[str, Path] = {}
    hits = (hit for hit in path.glob(layout.sequences) if not hit.name.startswith("."))
    for hit in sorted(hits):
        if not hit.is_dir() and hit.suffix.lower() not in OPENERS:
            rule = f"{layout.sequences} must match folders or files of kind {', '.join(OPENERS)}"
            report(InputError(hit, rule, "something else", "Move it elsewhere or convert it."))
            continue
        name = hit.name if hit.is_dir() else hit.stem
        if name in found:
            report(InputError(hit, "names must be unique", found[name], "Rename one of them."))
            continue
        found[name] = hit
    if not found:
        rule = f"there must be sequences at {layout.sequences}"
        raise InputError(path, rule, "none", "Correct the path or the layout.")
    return Folder(path, layout, {name: found[name] for name in sorted(found, key=natural)})


@dataclass(frozen=True)
class Folder:
    """Sequences, labels and splits of a data folder, read when asked for.

    Attributes:
      path: The folder.
      layout: Where things lie in it.
      files: Sequence name -> its file or folder, in natural order.
    """

    path: Path
    layout: Layout
    files: dict[str, Path]

    @property
    def names(self) -> list[str]:
        """Names of the sequences, numbers in them in numeric order."""
        return list(self.files)

    def sequence(self, name: str) -> Sequence:
        """Open a sequence anew; it keeps frames in memory only as long as you keep it."""
        if name not in self.files:
            rule = f"a sequence must be one of the {len(self.files)} in the folder"
            raise InputError(self.path, rule, repr(name), "Correct the name.")
        return open_sequence(self.files[name], name)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """T, H, W of each sequence, from the headers of its files."""
        return {name: self.sequence(name).shape for name in self.files}

    @cached_property
    def labels(self) -> pd.DataFrame:
        """All labels, checked against the sequences, in the order of the files.

        Raises:
          InputError: A file is missing or of an unknown sequence, or a row is wrong. Of label
            files by sequence only those of sequences to train, validate and test on must be there.
        """
        return self.read_labels(self.shapes)

    @cached_property
    def truth(self) -> pd.DataFrame | None:
        """The error-free labels of a simulated folder, with snr and visible; None without."""
        return self.read_truth(self.shapes)

    @cached_property
    def splits(self) -> dict[str, list[str]]:
        """Sequence names of each split, as its file has them; without any file, all in "all".

        A split without a file is empty, but for "train".

        Raises:
          InputError: The file of "train" alone is missing, or a name is unknown or in a split
            already.
        """
        return self.read_splits()

    def read_labels(self, shapes: Shapes, report: Report = stop) -> pd.DataFrame:
        """All labels; shapes are those of the sequences, and report is told of all problems."""
        if SEQUENCE not in self.layout.labels:
            file = self.path / self.layout.labels
            return self._checked(label_files.read_table(file, report=report), file, shapes, report)
        files = {name: self.path / _filled(self.layout.labels, name) for name in self.files}
        there = set(self.path.glob(_filled(self.layout.labels, "*")))
        for file in sorted(there - set(files.values())):
            rule = f"a label file must be that of a sequence at {self.layout.sequences}"
            report(InputError(file, rule, "none", "Add the sequence or remove the file."))
        splits = self.read_splits(lambda problem: None)  # told of by who asks for the splits
        needed = {name for split in ("all", *CUT) for name in splits.get(split, [])}
        tables = []
        for name, file in files.items():
            if name not in needed and not file.exists():
                continue
            try:
                table = self._read(name, file, report)
            except InputError as problem:
                report(problem)
                continue
            tables.append(self._checked(table, file, {name: shapes[name]}, report))
        empty = pd.DataFrame(columns=label_files.COLUMNS)
        return pd.concat(tables or [empty], ignore_index=True)

    def read_truth(self, shapes: Shapes, report: Report = stop) -> pd.DataFrame | None:
        """The truth, or None; as read_labels."""
        file = self.path / _TRUTH
        if not file.exists():
            return None
        table = label_files.read_table(file, label_files.TRUTH_COLUMNS, report)
        return label_files.check(table, shapes, file, report)

    def read_splits(self, report: Report = stop) -> dict[str, list[str]]:
        """The splits; report is told of all problems."""
        files = {split: self.path / file for split, file in self.layout.splits.items()}
        if not any(file.exists() for file in files.values()):
            return {"all": self.names}
        seen: dict[str, str] = {}
        return {
            split: self._split(file, seen, report) if split == "train" or file.exists() else []
            for split, file in files.items()
        }

    def _read(self, name: str, file: Path, report: Report) -> pd.DataFrame:
        layout = self.layout
        if layout.label_format == "table":
            return label_files.read_table(file, report=report)
        category = self._of(name, "category")
        if layout.label_format == "boxes":
            return label_files.read_boxes(file, name, category, report)
        origin = self._of(name, "centroid_origin")
        order, size_px = layout.centroid_order, layout.centroid_size_px
        return label_files.read_centroids(file, name, category, order, origin, size_px, report)

    def _of(self, name: str, key: str) -> Any:
        """The value that a layout's patterns give to a sequence."""
        patterns = getattr(self.layout, key)
        matching = [pattern for pattern in patterns if fnmatchcase(name, pattern)]
        if matching:  # a configuration does not keep the order of its keys, so that none can count
            return patterns[max(matching, key=len)]
        rule = f"a pattern of {key} must match sequence {name}"
        raise InputError(f"layout of {self.path}", rule, list(patterns), "Add a pattern.")

    def _checked(
        self, table: pd.DataFrame, file: Path, shapes: Shapes, report: Report
    ) -> pd.DataFrame:
        if self.layout.surplus_rows == "drop":
            table = _without_surplus(table, shapes, file)
        return label_files.check(table, shapes, file, report)

    def _split(self, file: Path, seen: dict[str, str], report: Report) -> list[str]:
        try:
            lines = read_text(file).split("\n")
        except InputError as problem:
            report(problem)
            return []
        names = []
        for line, name in enumerate(lines, start=1):
            name, where = name.strip(), f"{file} line {line}"
            if not name:
                continue
            if name not in self.files:
                rule = f"a split must name sequences at {self.layout.sequences}"
                remedy = "Correct the name or remove the line."
                report(InputError(where, rule, repr(name), remedy))
            elif name in seen:
                rule = f"{name} must be in one split, once"
                report(InputError(where, rule, f"it in {seen[name]} too", "Remove one of them."))
            else:
                seen[name] = where
                names.append(name)
        return names


def _without_surplus(table: pd.DataFrame, shapes: Shapes, file: Path) -> pd.DataFrame:
    lengths = [shapes[name][0] if name in shapes else math.inf for name in table.sequence]
    surplus = table.frame.to_numpy() >= np.array(lengths)
    if surplus.any():
        message = f"{file}: {int(surplus.sum())} rows beyond the last frame are left out."
        warnings.warn(message, stacklevel=2)
    return table[~surplus]


def natural(name: str) -> list[tuple[int, str]]:
    """Key to sort by: 2 before 10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)]


def _filled(pattern: str, name: str) -> str:
    return pattern.replace(SEQUENCE, name)
