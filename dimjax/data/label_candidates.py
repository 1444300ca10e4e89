"""Which files of an unknown folder may hold labels: their formats, and patterns of their paths.

find_labels(folder, survey, lists).patterns         # {"mot": ["{sequence}/gt/gt.txt"]}
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from dimjax.data.folder_survey import FolderSurvey
from dimjax.data.folders import Folder
from dimjax.data.formats import FORMATS
from dimjax.data.image_folders import list_still_images
from dimjax.data.label_patterns import LABELS, Numbering, generalise, with_sequence
from dimjax.data.layouts import tells_sequence
from dimjax.data.listing import texts_by_sequence
from dimjax.data.patterns import FRAME, SEQUENCE
from dimjax.data.sniffing import sniff

RESULTS = re.compile(r"(^|[/_])(det|pred|result)", re.IGNORECASE)  # of a detector: no labels

_SAMPLES = 5  # files of a pattern that are looked at: the first and the largest ones
_WITH_SPLITS = ("lines", "table")  # which may be lists of sequences as well
_UNMISTAKABLE = ("yolo", "voc", "centroid-xml", "exist-rect")  # other texts do not look so
_OF_NUMBERS = ("mot", "rectangles")  # which other texts may look like


class LabelSearch(NamedTuple):
    """Label files by their format."""

    patterns: dict[str, list[str]]  # format -> patterns of its files
    strays: dict[str, list[Path]]  # format -> files that tell no sequence or frame by their names


def find_labels(folder: Folder, found: FolderSurvey, lists: set[Path]) -> LabelSearch:
    """Find the label files of a folder.

    Args:
      folder: The folder; its layout says where the sequences are.
      found: Its contents.
      lists: Files that list sequences.
    """
    texts = texts_by_sequence(folder.files, folder.path, folder.layout)
    frames = set().union(*texts.values())
    by_pattern: dict[str, list[Path]] = defaultdict(list)
    masks = [it for place in {file.parent for file in found.masks} for it in place.iterdir()]
    numbers = Numbering([*found.documents, *masks], texts)
    for file in found.documents:
        by_pattern[generalise(folder, file, frames, numbers.sequences(file))].append(file)
    patterns, strays = _by_format(folder, by_pattern, lists)
    for file in found.masks:
        pattern = generalise(folder, file, frames, numbers.sequences(file))
        if _fits("masks", pattern, folder) and pattern not in patterns["masks"]:
            patterns["masks"].append(pattern)
    stacks = dict.fromkeys(generalise(folder, it, set(), set()) for it in found.mask_stacks)
    patterns["mask-stacks"] += [it for it in stacks if _fits("mask-stacks", it, folder)]
    if not any(patterns.values()):
        loose: dict[str, list[Path]] = defaultdict(list)
        for pattern, files in by_pattern.items():
            loose[with_sequence(pattern, folder)] += files
        patterns, strays = _by_format(folder, loose, lists)
    return LabelSearch({form: it for form, it in patterns.items() if it}, strays)


def _by_format(
    folder: Folder, by_pattern: dict[str, list[Path]], lists: set[Path]
) -> tuple[dict[str, list[str]], dict[str, list[Path]]]:
    """Patterns that fit sequences or frames by their format, and files of others."""
    patterns: dict[str, list[str]] = defaultdict(list)
    strays: dict[str, list[Path]] = defaultdict(list)
    for pattern, files in by_pattern.items():
        form = _form_of(files)
        is_list = set(files) <= lists and form not in _WITH_SPLITS
        if form and not is_list and _fits(form, pattern, folder):
            patterns[form].append(pattern)
        elif _seem_labels(form, pattern, files):
            strays[form] += files
    return patterns, strays


def _seem_labels(form: str | None, pattern: str, files: list[Path]) -> bool:
    """Whether files that fit no sequence or frame seem to be labels nevertheless."""
    is_form = form in _UNMISTAKABLE or form in _OF_NUMBERS and LABELS.fullmatch(files[0].stem)
    return bool(is_form) and not RESULTS.search(pattern)


def _form_of(files: list[Path]) -> str | None:
    """Format of files at one pattern; None if they hold no labels.

    The first ones may be of frames without an object, which the smallest files are.
    """
    largest = sorted(files, key=_size, reverse=True)
    samples = dict.fromkeys(files[:_SAMPLES] + largest[:_SAMPLES])
    return next((form for form in map(sniff, samples) if form), None)


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:  # reported when it is read
        return 0


def _fits(form: str, pattern: str, folder: Folder) -> bool:
    scope, of_sequence = FORMATS[form].scope, tells_sequence(folder.layout.sequences, pattern)
    if scope == "frame":
        of_frame = FRAME in pattern or SEQUENCE in pattern and _are_stills(folder)
        return of_sequence and of_frame
    return FRAME not in pattern and (scope == "folder" or of_sequence)


def _are_stills(folder: Folder) -> bool:
    """Whether each sequence is one image, so that its name is that of a frame."""
    sources = folder.files.values()
    return all(not isinstance(it, tuple) and list_still_images(it) for it in sources)
