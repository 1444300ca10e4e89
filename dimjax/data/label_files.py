"""The labels of a data folder: which files hold them, read in any format of `formats`.

A file holds the labels of the whole folder (or of a part of it), of a sequence or of a frame.

    files = LabelFiles(path, layout, folder.files, make_index, required, only_new)
    files.read(folder.shapes, raise_error)              # checked label table
"""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import pandas as pd

from dimjax.data import file_numbers
from dimjax.data.formats import FORMATS, Options, read_classes
from dimjax.data.formats.marks import Mark
from dimjax.data.frame_index import FrameIndex
from dimjax.data.label_conventions import (
    are_shares,
    of_other_size,
    pixels_of_shares,
    scaled,
    to_labels,
    value_of,
    without_surplus,
)
from dimjax.data.label_gaps import report_gaps, taken_for_empty
from dimjax.data.label_problems import report_ends, shares_problem
from dimjax.data.labels import COLUMNS, check_labels
from dimjax.data.layouts import Layout
from dimjax.data.listing import Source, frame_texts, placeholders
from dimjax.data.patterns import FRAME, SEQUENCE, fill, glob_of, match
from dimjax.data.unicode_names import composed, find_files, with_known_names
from dimjax.errors import InputError, Note, OnError
from dimjax.progress import counted

Shapes = Mapping[str, tuple[int, int, int]]  # T, H, W of each sequence

_UNKNOWN = (math.inf,) * 3  # shape of a sequence that is not used or cannot be opened
# A label file, or the folder of many; its marks; and the sequences that it may name.
_Part = tuple[Path, list[Mark], Collection[str]]


class LabelFiles:
    """The label files of a data folder.

    Args:
      path: The folder.
      layout: Locations and formats of its files.
      files: Sequence -> its files.
      make_index: Makes the index of all frames.
      required: Sequences that must have a label file, if each has its own.
      only_new: Whether there are only new sequences, so that no label is needed.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        files: Mapping[str, Source],
        make_index: Callable[[], FrameIndex],
        required: Collection[str],
        only_new: bool,
    ):
        self._path, self._layout, self._files = path, layout, files
        self._make_index, self._required, self._only_new = make_index, required, only_new
        self._form = FORMATS[layout.label_format]
        classes = read_classes(path) if self._form.is_numbered else ()
        self._left_out: Counter[str] = Counter()  # reason -> number of marks
        self._options = Options(layout.centroid_order, classes)

    def read(self, shapes: Shapes, on_error: OnError) -> pd.DataFrame:
        """Read and check all labels; invalid rows and files are reported and left out."""
        tables, others, misnumbered = [], [], []
        first = self._layout.first_frame
        self._left_out.clear()
        for file, marks, names in self._parts(shapes, on_error):
            marks = with_known_names(self._with_frames(marks, file, names, on_error), names)
            of_file = {name: shapes[name] for name in names if name in shapes}
            unused = set(names) - set(shapes)
            marks = marks[~marks.sequence.isin(unused)]
            if not self._form.is_normalised and are_shares(marks):
                on_error(shares_problem(len(marks), file))
                marks = pixels_of_shares(marks, of_file)
            is_other = of_other_size(marks, of_file)
            others.append(marks[is_other])
            # Else their positions would lead to further problems, which are none.
            marks = scaled(marks, is_other, of_file)
            table = to_labels(marks, self._layout, of_file, on_error, file)
            by_file = file_numbers.numbered_as_files(table, of_file, self._files, first)
            misnumbered.append(table[by_file])
            table = table[~by_file]
            if self._layout.surplus_rows == "drop":
                table = without_surplus(table, of_file, file)
            tables.append(check_labels(table, of_file, file, on_error))
        self._report_sizes(pd.concat(others or [pd.DataFrame()]), shapes, on_error)
        if any(map(len, misnumbered)):
            subject = self._path / self._layout.labels
            on_error(file_numbers.problem(pd.concat(misnumbered), first, subject))
        for reason, count in self._left_out.items():
            message = f"{counted(count, 'label row')} at {self._layout.labels} {reason}."
            warnings.warn(message, category=Note, stacklevel=2)
        empty = pd.DataFrame(columns=COLUMNS).astype({"frame": int})
        labels = pd.concat([table for table in tables if len(table)] or [empty], ignore_index=True)
        if self._form.scope != "frame" and not self._form.count:
            report_gaps(labels, shapes, self._required, self._left_out)
        return labels

    def _parts(self, shapes: Shapes, on_error: OnError) -> Iterator[_Part]:
        if not self._form.has_classes:
            for name in shapes:  # even if it has no label
                value_of(self._layout.category, "category", name, self._path)
        if not self._layout.labels:
            return iter(())
        if self._form.scope == "frame":
            return self._of_frames(shapes, on_error)
        if SEQUENCE in self._layout.labels or self._form.scope == "sequence":
            return self._of_sequences(shapes, on_error)
        return self._of_folder(on_error)

    def _of_folder(self, on_error: OnError) -> Iterator[_Part]:
        """Marks of files that cover several sequences."""
        pattern = self._layout.labels
        files, only = sorted(self._path.glob(glob_of(pattern))), self._path / pattern
        if not files and only.is_symlink():  # reading it says what is wrong with it
            files = [only]
        if not files and not self._only_new:
            raise self._missing(only)
        for file in files:
            yield file, self._read(file, on_error), self._files

    def _of_sequences(self, shapes: Shapes, on_error: OnError) -> Iterator[_Part]:
        """Marks of files that cover one sequence each."""
        used: set[Path] = set()
        ends: dict[Path, tuple[int, int]] = {}  # entries and frames of files with too few
        for name, source in self._files.items():
            texts = {"sequence": name} | placeholders(source, self._path, self._layout)
            found = find_files(self._path, glob_of(fill(self._layout.labels, **texts)))
            used |= set(found)
            if len(found) > 1:
                rule, remedy = "a sequence must have one label file", "Correct the key labels."
                on_error(InputError(self._path, rule, f"{found[0]} and {found[1]}", remedy))
            elif not found and name in self._required:
                on_error(self._missing(self._path / self._layout.labels.format(**texts)))
            elif found:
                file = found[0]
                marks = self._read(file, on_error)
                marks = [mark._replace(sequence=mark.sequence or name) for mark in marks]
                count = self._form.count(file) if marks and self._form.count else None
                length = shapes.get(name, _UNKNOWN)[0]
                count = None if count is None else count - self._layout.first_frame
                if count is not None and count < length < math.inf:
                    ends[file] = count, length
                yield file, marks, [name]
        self._report_rest(used)
        report_ends(ends, on_error)

    def _of_frames(self, shapes: Shapes, on_error: OnError) -> Iterator[_Part]:
        """Marks of files that cover one frame each, by sequence."""
        used: set[Path] = set()
        missing, first = 0, self._layout.first_frame

        def short(file: Path) -> str:
            return file.relative_to(self._path).as_posix()

        for name, source in self._files.items():
            length = shapes.get(name, _UNKNOWN)[0]
            files = self._files_of_frames(name, source, length, on_error)
            used |= set(files.values())
            missing += length - len(files) if length < math.inf else 0
            marks = [
                mark._replace(sequence=name, frame=t + first, place=f"{short(file)} {mark.place}")
                for t, file in files.items()
                for mark in self._read(file, on_error)
            ]
            yield self._path, marks, [name]
        if not used and self._only_new:
            return
        if not used:
            rule = f"there must be label files of the frames at {self._layout.labels}"
            on_error(InputError(self._path, rule, "none", "Correct the key labels."))
            return
        self._report_rest(used)
        if missing:
            taken_for_empty(f"{counted(missing, 'frame')} without a file {self._layout.labels}")

    def _files_of_frames(
        self, name: str, source: Source, length: int, on_error: OnError
    ) -> dict[int, Path]:
        """Frame number -> label file, for the frames of a sequence that have one."""
        if length == math.inf:
            return {}
        texts = {"sequence": name} | placeholders(source, self._path, self._layout)
        texts.pop("frame", None)
        pattern = composed(fill(self._layout.labels, **texts))
        files = find_files(self._path, glob_of(pattern))
        if FRAME not in pattern:  # a still image
            return dict(enumerate(files[:1]))
        by_text, second = dict[str, Path](), None
        for file in files:
            path = composed(file.relative_to(self._path).as_posix())
            text = match(pattern, path)["frame"]
            second = second or (text in by_text and (by_text[text], file))
            by_text[text] = file
        if second:  # in two folders that * stands for
            rule, value = "a frame must have one label file", "{} and {}".format(*second)
            on_error(InputError(self._path, rule, value, "Remove one, or correct the key labels."))
        if texts := [*map(composed, frame_texts(source, self._path, self._layout))]:
            return file_numbers.files_of_frames(by_text, texts)
        first = self._layout.first_frame
        numbered = {int(it) - first: file for it, file in by_text.items() if it.isdecimal()}
        return {t: numbered[t] for t in range(length) if t in numbered}

    def _read(self, file: Path, on_error: OnError) -> list[Mark]:
        try:
            marks = self._form.read(file, self._options, on_error)
            self._left_out += Counter(mark.left_out for mark in marks if mark.left_out)
            return [mark for mark in marks if not mark.left_out]
        except InputError as error:
            on_error(error)
            return []

    def _with_frames(
        self, marks: list[Mark], file: Path, names: Collection[str], on_error: OnError
    ) -> pd.DataFrame:
        """Tabulate marks; those that name an image get its sequence and frame, if there are any."""
        table = pd.DataFrame(marks, columns=Mark._fields)
        if not any(isinstance(mark.frame, str) for mark in marks):
            return table
        frames = {image: self._frame_of(str(image), file, names) for image in table.frame.unique()}
        lost = [image for image, frame in frames.items() if frame is None]
        self._report_lost(table, lost, file, on_error)
        table = table[~table.frame.isin(lost)]
        of_marks = [frames[image] for image in table.frame]
        return table.assign(
            sequence=[name for name, _ in of_marks], frame=[number for _, number in of_marks]
        )

    def _frame_of(self, image: str, file: Path, names: Collection[str]) -> tuple[str, int] | None:
        """Sequence and number of the frame of an image, counted from the layout's first frame."""
        index, only = self._make_index(), next(iter(names)) if len(names) == 1 else ""
        found = index.find(image) or index.find(f"{file.parent.as_posix()}/{image}")
        found = found or index.find(image, names)
        if found:
            return found[0], found[1] + self._layout.first_frame
        return index.number(image) or index.number(f"{only}/{image}")

    def _report_lost(
        self, table: pd.DataFrame, lost: list[str], file: Path, on_error: OnError
    ) -> None:
        """Report images that are no frame, or several."""
        index, images = self._make_index(), table.frame.nunique()
        several = [image for image in lost if len(index.find_all(str(image))) > 1]
        if several:
            (first, t), (second, _) = index.find_all(str(several[0]))[:2]
            rule = "an image must be one frame"
            value = f"{counted(int(table.frame.isin(several).sum()), 'label')} of images that are "
            value += f"several, such as {several[0]}, which is frame {t} of {first} and {second}"
            remedy = "Write the folder of the sequence before the names of the images."
            on_error(InputError(file, rule, value, remedy))
        rest = [image for image in lost if image not in several]
        if not rest:
            return
        rule = f"an image must be a frame of a sequence at {self._layout.sequences}"
        value = f"{len(rest)} of {images} that are none, such as {rest[0]}"
        problem = InputError(file, rule, value, "Correct the key sequences or the file.")
        if len(rest) == images:
            on_error(problem)
        else:
            warnings.warn(str(problem), category=Note, stacklevel=2)

    def _report_sizes(self, marks: pd.DataFrame, shapes: Shapes, on_error: OnError) -> None:
        """Report labels of images of another size than their frames, which are scaled, once."""
        if len(marks):
            first = marks.iloc[0]
            _, height, width = shapes[first.sequence]
            value = f"{counted(len(marks), 'label')} that are not, such as of an image of "
            value += "{}x{}".format(*first.image_size)
            value += f" for the frames of {width}x{height} of sequence {first.sequence}"
            rule = "labels must be made on images of the size of the frames"
            remedy = "Scale them to the frames, or correct the sizes that their file states."
            on_error(InputError(self._path / self._layout.labels, rule, value, remedy))

    def _missing(self, file: Path) -> InputError:
        new = self._layout.splits.get("new", "the file of a split new (data.layout.splits)")
        remedy = "Correct the layout or, to start without labels, name the sequences only in"
        return InputError(file, "the file must exist", "none", f"{remedy} {new}.")

    def _report_rest(self, used: set[Path]) -> None:
        """Warn of label files that belong to no sequence."""
        rest = sorted(set(self._path.glob(glob_of(self._layout.labels))) - used)
        if rest:
            message = (
                f"{counted(len(rest), 'label file')} at {self._layout.labels} without a frame "
            )
            message += f"or sequence at {self._layout.sequences} that is used, such as {rest[0]}."
            warnings.warn(message, category=Note, stacklevel=2)
