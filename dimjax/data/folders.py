"""Data folders: sequences, labels and splits, located and read by a layout.

    folder = open_folder("data/drone-ir", PRESETS["drone-ir"])
    folder.names                                        # sequence names, 2 before 10
    folder.sequence("IR_DRONE_012").frame(0)            # [H, W]
    folder.labels                                       # checked label table
    folder.splits                                       # {"train": [names], "val": [names]}

All files are opened on demand.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data import labels as label_files
from dimjax.data.bad_pixels import find_substitutes
from dimjax.data.camera import aligned
from dimjax.data.frame_index import FrameIndex
from dimjax.data.frame_survey import Survey
from dimjax.data.label_files import LabelFiles
from dimjax.data.layouts import DIMJAX, Layout, check_layout
from dimjax.data.listing import Source, check_access, frame_files, list_sequences, placeholders
from dimjax.data.patterns import SPLIT, split_of
from dimjax.data.presets import is_usual_list
from dimjax.data.sequences import Sequence, open_sequence, skip_repeated
from dimjax.data.split_files import ListReader
from dimjax.data.splits import LABELLED_SPLITS
from dimjax.data.substitutes import Substitutes
from dimjax.data.written_folders import last_writer, require_same_writer
from dimjax.errors import InputError, OnError, program, raise_error

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
    writer = last_writer(path)
    try:
        files = list_sequences(path, layout, on_error)
    except PermissionError:
        check_access(path, layout.sequences)
        raise
    if not files:
        check_access(path, layout.sequences)
        rule = f"there must be sequences at {layout.sequences}"
        remedy = "Correct the path or the layout; "
        remedy += f"`{program()} check --input={path}` recognises many."
        raise InputError(path, rule, "none", remedy)
    return Folder(path, layout, files, writer=writer)


class Additions(NamedTuple):
    """Simulated objects in the sequences of a folder."""

    labels: pd.DataFrame  # with TRUTH_COLUMNS
    add: Callable[[Sequence], Sequence]  # returns a sequence whose frames contain its objects


@dataclass(frozen=True)
class Folder:
    """Sequences, labels and splits of a data folder, read on demand.

    Attributes:
      path: The folder.
      layout: Locations and formats of its files.
      files: Sequence name -> its file or folder, or the tuple of its images; in natural order.
      additions: Objects that the frames, the labels and the truth contain beside their own.
      align: Whether the motion of the camera is taken out of clips and evidence windows.
      align_rotation: Whether rotation and scale are part of this motion beside the shift.
      writer: The process that wrote it with `implant`, see dimjax.data.written_folders.
    """

    path: Path
    layout: Layout
    files: dict[str, Source]
    additions: Additions | None = None
    align: bool = False
    align_rotation: bool = False
    writer: str = ""

    @property
    def names(self) -> list[str]:
        """Names of the sequences in natural order: 2 before 10."""
        return list(self.files)

    def sequence(self, name: str) -> Sequence:
        """Open a sequence.

        Each call returns a new object, which caches frames only as long as it lives.

        Raises:
          InputError: The folder has no such sequence, it cannot be read, or `implant` has replaced
            the folder.
        """
        require_same_writer(self.path, self.writer)
        if name not in self.files:
            rule = f"a sequence must be one of the {len(self.files)} in the folder"
            raise InputError(self.path, rule, repr(name), "Correct the name.")
        sequence = open_sequence(self.files[name], name, self.layout.reading)
        if self.layout.repeated_frames != "keep":
            sequence = replace(sequence, survey=lambda: self.survey(name))
        if self.layout.bad_pixels != "keep":
            sequence = replace(sequence, substitutes=lambda: self._substitutes(name))
        if self.additions is not None:
            sequence = self.additions.add(sequence)
        return replace(sequence, motion=lambda: self._camera(sequence)) if self.align else sequence

    def _camera(self, sequence: Sequence) -> np.ndarray:
        """Measure the motion of the camera in a sequence; its frames are read only once."""
        if sequence.name not in self._motion:
            self._motion[sequence.name] = aligned(sequence, self.align_rotation).motion()
        return self._motion[sequence.name]

    @cached_property
    def _motion(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _surveys(self) -> dict[str, Survey]:
        return {}

    def survey(self, name: str) -> Survey:
        """Find the repeated and flat frames of a sequence; its frames are read only once."""
        if name not in self._surveys:
            sequence = open_sequence(self.files[name], name, self.layout.reading)
            self._surveys[name] = skip_repeated(sequence).survey()
        return self._surveys[name]

    def _substitutes(self, name: str) -> Substitutes:
        """Find the bad pixels of a sequence; its frames are read only once."""
        if name not in self._found_bad:
            sequence = open_sequence(self.files[name], name, self.layout.reading)
            self._found_bad[name] = find_substitutes(sequence)
        return self._found_bad[name]

    @cached_property
    def _found_bad(self) -> dict[str, Substitutes]:
        return {}

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """T, H, W of each sequence in a split, from the headers of its files."""
        used = {name for names in self.splits.values() for name in names}
        return {name: self.sequence(name).shape for name in self.files if name in used}

    @cached_property
    def labels(self) -> pd.DataFrame:
        """All labels, checked against the sequences, in the order of the files.

        If there is one label file per sequence, only those of the splits train, val and test (or
        of all sequences, if the folder has no splits) must exist. The single file of all labels may
        be missing if none of these splits names a sequence.

        Raises:
          InputError: A file is missing or belongs to no sequence, or a row is invalid.
        """
        return self._with_added(self.read_labels(self.shapes), label_files.COLUMNS)

    @cached_property
    def truth(self) -> pd.DataFrame | None:
        """The error-free labels of a simulated folder, with snr and visible; None for others."""
        truth = self.read_truth(self.shapes)
        return truth if truth is None else self._with_added(truth, label_files.TRUTH_COLUMNS)

    def _with_added(self, table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
        """Return a table with the rows of the additions below its own."""
        if self.additions is None:
            return table
        return pd.concat([table, self.additions.labels[list(columns)]], ignore_index=True)

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
          shapes: T, H, W of each sequence whose labels are read.
          on_error: Is called for each error; invalid rows and files are left out.
        """
        splits = self.read_splits(lambda error: None)  # reported by the caller of read_splits
        required = {name for split in ("all", *LABELLED_SPLITS) for name in splits.get(split, [])}
        only_new = not required and bool(splits.get("new"))
        files = LabelFiles(
            self.path, self.layout, self.files, lambda: self.index, required, only_new
        )
        return files.read(shapes, on_error)

    def read_truth(self, shapes: Shapes, on_error: OnError = raise_error) -> pd.DataFrame | None:
        """Read the truth from its file, with arguments as in `read_labels`; None without a file."""
        file = self.path / _TRUTH
        if not file.exists():
            return None
        table = label_files.read_table(file, label_files.TRUTH_COLUMNS, on_error)
        unused = set(self.files) - set(shapes)
        return label_files.check_labels(table[~table.sequence.isin(unused)], shapes, file, on_error)

    def read_splits(self, on_error: OnError = raise_error) -> dict[str, list[str]]:
        """Read the splits from their files; see `splits`. `on_error` is called for each error."""
        lists = {split: sorted(self.path.glob(file)) for split, file in self.layout.splits.items()}
        for split, file in self.layout.splits.items():
            # That of new sequences may come later.
            if split != "new" and not lists[split] and not is_usual_list(split, file):
                rule, value = f"splits.{split} must name a file of the folder", f"no {file}"
                on_error(InputError(self.path, rule, value, "Correct the key, or leave it out."))
        if not any(lists.values()):
            return self._splits_by_folder() or {"all": self.names}
        has_new = any(file.read_bytes().strip() for file in lists.get("new", []))
        if not lists.get("train", True) and not has_new:
            lists["train"] = [self.path / self.layout.splits["train"]]  # reported as missing
        rule = f"a split must name sequences at {self.layout.sequences}"
        reader = ListReader(self.files.keys(), lambda: self.index, rule, on_error)
        return {
            split: [name for file in files for name in reader.read(file, split)]
            for split, files in lists.items()
        }

    def _splits_by_folder(self) -> dict[str, list[str]]:
        """Read the splits from the folders at {split}; empty if the layout has none."""
        if SPLIT not in self.layout.sequences:
            return {}
        splits: dict[str, list[str]] = {name: [] for name in (*LABELLED_SPLITS, "new")}
        for name, source in self.files.items():
            folder = placeholders(source, self.path, self.layout)["split"]
            splits[split_of(folder)].append(name)
        return splits

    @cached_property
    def index(self) -> FrameIndex:
        """Index the images of all sequences that can be listed."""
        images = {}
        for name, source in self.files.items():
            with contextlib.suppress(InputError):  # reported when the sequence is opened
                images[name] = frame_files(source)
        return FrameIndex(images)
