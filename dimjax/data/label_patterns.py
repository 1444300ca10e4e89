"""Patterns of label files in an unknown folder, by the sequences and frames in their paths.

generalise(folder, file, frames, set())             # "labels/{sequence}/{frame}.txt"
uncovered(path, "a/{sequence}.txt", "b/{sequence}.txt", is_one=False)   # ["clip3"]: not in a
"""

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from dimjax.data.file_numbers import numbers_of
from dimjax.data.flat_names import MASK_AFFIXES
from dimjax.data.folders import Folder
from dimjax.data.listing import locations
from dimjax.data.patterns import FRAME, SEQUENCE, SPLIT, glob_of, literal, match, split_of
from dimjax.data.unicode_names import same_name

# After the name of the sequence or frame, as in flight3_labels.csv.
LABELS = re.compile(
    r"gt|ground_?truth|labels?|anno(tation)?s?|bbox(es)?|boxes", re.IGNORECASE
)  # names of label files
_FEWEST_NUMBERS = 2  # of the files of frames; a single one may number anything
AFFIXES = rf"{MASK_AFFIXES}|[_-](labels|masks|anno|annotations?|gts|ground_?truth|bbox(es)?|boxes)"


class Numbering:
    """Numbers at the end of the names of label files, by their folders and the texts before.

    Args:
      files: The files.
      texts: Sequence -> names of its frames, none for a video.
    """

    def __init__(self, files: list[Path], texts: Mapping[str, list[str]]):
        self._texts = texts
        self._frames = {it for of_one in texts.values() for it in numbers_of(of_one)}
        self._numbers: dict[tuple, set[int]] = defaultdict(set)
        for file in files:
            key, number = _without_number(file)
            self._numbers[key] |= {int(number)} if number else set()

    def sequences(self, file: Path) -> set[str]:
        """Sequences of which a file may be that of a frame, though it is not called as one.

        Those are videos if there are several numbers, and others if all numbers are of frames.
        """
        numbers = self._numbers[_without_number(file)[0]]
        if len(numbers) < _FEWEST_NUMBERS:
            return set()
        return {name for name, of_one in self._texts.items() if not of_one} | (
            {*self._texts} if numbers <= self._frames else set()
        )


def _without_number(file: Path) -> tuple[tuple[Path, str, str], str]:
    """A file without the number at the end of its name, and this number."""
    base = re.sub(rf"({AFFIXES})$", "", file.stem)
    before, number = re.fullmatch(r"(.*?)(\d*)", base, re.DOTALL).groups()
    return (file.parent, before, file.suffix), number


def generalise(folder: Folder, file: Path, frames: set[str], numbered: set[str]) -> str:
    """Pattern of a label file: names of sequences, splits and frames become placeholders.

    Folders that are * in the pattern of the sequences are so here too: day1 of labels/day1/c3.txt
    and images/day1/c3.

    Args:
      folder: The folder.
      file: The label file.
      frames: Names of its images.
      numbered: Sequences of which the file may be that of a frame by its number, see `Numbering`.
    """
    *parts, name = file.relative_to(folder.path).parts
    sequences = folder.layout.sequences.split("/")[:-1]
    pattern = []
    for k, part in enumerate(parts):
        is_split = SPLIT in folder.layout.sequences and split_of(part)
        is_sequence = same_name(part, folder.files) is not None
        name_of = SPLIT if is_split else SEQUENCE if is_sequence else _without_affix(part, folder)
        beside = sequences[: k + 1] == [*pattern, "*"]  # in one of the folders of the sequences
        pattern.append("*" if beside and name_of == literal(part) else name_of)
    stem, suffix = os.path.splitext(name)
    base = re.sub(rf"({AFFIXES})$", "", stem)
    stem, affix = literal(stem), stem[len(base) :]
    if FRAME in folder.layout.sequences:
        flat = PurePosixPath(folder.layout.sequences).stem
        found = match(flat, base)
        stem = flat + affix if found and found["frame"] in frames else stem
    elif same_name(base, folder.files) and (SEQUENCE not in pattern or base not in frames):
        stem = SEQUENCE + affix
    elif base in frames:
        stem = FRAME + affix
    elif affixed := _affixed(base, frames, folder):
        stem = affixed + affix
    elif numbered:
        of_one = SEQUENCE in pattern or len(folder.files) == 1
        stem = _of_number(base, numbered, of_one) + affix
    return _without_places(folder, file, [*pattern, stem + suffix])


def with_sequence(pattern: str, folder: Folder) -> str:
    """Put {sequence} in place of a word in a name, as in flight3_gt_whole; else the same pattern.

    A name may hold that of a sequence and be of something else: a table of the camera, a mean.
    """
    place, slash, name = pattern.rpartition("/")
    words = {it: rf"(?<![^\W_]){re.escape(literal(it))}(?![^\W_])" for it in folder.files}
    found = [it for it in words if re.search(words[it], name)]
    if SEQUENCE in pattern or FRAME in pattern or not found:
        return pattern
    start, end = re.search(words[max(found, key=len)], name).span()
    return f"{place}{slash}{name[:start]}{SEQUENCE}{name[end:]}"


def _without_affix(part: str, folder: Folder) -> str:
    """Pattern of a folder that is called as a sequence, but for a text such as _gt behind that."""
    name = re.sub(rf"({AFFIXES})$", "", part)
    is_sequence = same_name(name, folder.files) is not None
    return f"{SEQUENCE}{part[len(name) :]}" if is_sequence else literal(part)


def _without_places(folder: Folder, file: Path, pattern: list[str]) -> str:
    """Put * in place of the folders that are * in the path of the sequence of a label file."""
    texts = match("/".join(pattern), file.relative_to(folder.path).as_posix()) or {}
    name = same_name(texts.get("sequence", ""), folder.files)
    if name is None:
        return "/".join(pattern)
    path = locations({name: folder.files[name]})[name].relative_to(folder.path)
    places = zip(folder.layout.sequences.split("/"), path.parts, strict=False)
    passed = {part for place, part in places if place == "*"}
    return "/".join("*" if part in passed else part for part in pattern)


def _affixed(base: str, frames: set[str], folder: Folder) -> str | None:
    """Pattern of a name that ends with that of a frame, as mask_0001 does; None for others."""
    starts = [k for k in range(1, len(base)) if base[k:] in frames]
    # Of the frame 0001 and the name 10001, the last digits are no name of a frame.
    starts = [
        k
        for k in starts
        if not (base[k - 1].isalnum() and base[k - 1].isdigit() == base[k].isdigit())
    ]
    if not starts:
        return None
    before = base[: starts[0]]
    name = before.rstrip(" _.-")
    return f"{SEQUENCE if name in folder.files else name}{before[len(name) :]}{FRAME}"


def _of_number(base: str, numbered: set[str], of_one: bool) -> str:
    """Pattern of a name that ends with the number of a frame; `of_one`: the sequence is known."""
    before = re.sub(r"\d+$", "", base)
    name = before.rstrip(" _.-")
    if base != before and name in numbered:
        return f"{SEQUENCE}{before[len(name) :]}{FRAME}"
    return f"{before}{FRAME}" if base != before and of_one else base


def uncovered(path: Path, chosen: str, other: str, is_one: bool) -> list[str]:
    """Names of the sequences that have labels in other files alone.

    Args:
      path: The folder.
      chosen: Pattern of the label files that are used.
      other: Pattern of those that are not.
      is_one: Whether there is a single sequence, whatever the folders of the labels are called.
    """
    used, unused = (_labelled(path, pattern, is_one) for pattern in (chosen, other))
    of_used = {name for name, _ in used}
    names = {name for name, _ in unused} - of_used
    if not used & unused:  # other frames of the same sequences
        names |= {name for name, _ in unused}
    return sorted(names)


def _labelled(path: Path, pattern: str, is_one: bool) -> set[tuple[str, str]]:
    """Texts of sequence and frame of the label files at a pattern."""
    paths = (file.relative_to(path).as_posix() for file in path.glob(glob_of(pattern)))
    found = [texts for texts in (match(pattern, it) for it in paths) if texts is not None]
    names = ("" if is_one else texts.get("sequence", "") for texts in found)
    return set(zip(names, (texts.get("frame", "") for texts in found), strict=True))
