"""Lists of sequences: files with one name per line, by split.

A line is the name of a sequence, or names one of its frames, as the lists of public sets do:

    4/1
    Sequence1/Mix/00001.mat
    dataset/SatVideoIRSDT/train/000001/img/000002.png

A sequence of which some frames are listed is used as a whole, since splits are by sequence.
"""

import re
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath

from dimjax.data.csv_files import read_text
from dimjax.data.frame_index import FrameIndex
from dimjax.errors import InputError, OnError


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
            lines = read_text(file).split("\n")
        except InputError as error:
            self._on_error(error)
            return []
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if text:
                self.add(text, f"{file} line {number}", split)
        return [name for name, (_, of) in self._assigned.items() if of == split]

    def add(self, text: str, subject: str, split: str) -> None:
        """Add the sequence that a line names to a split."""
        is_name = text in self._names
        name = text if is_name else self._sequence_of(text)
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
        path = re.sub(r"(\s+-?\d[^\s/]*,[^\s/]*)+$", "", text)  # without boxes
        frame = self._make_index().find(path)
        if frame is not None:
            return frame[0]
        *folders, last = re.split(r"[/\\]+", path)
        stem = PurePosixPath(last).stem
        return next((part for part in (*reversed(folders), stem) if part in self._names), None)
