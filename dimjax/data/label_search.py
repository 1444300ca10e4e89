"""The labels of an unknown folder: which files may be labels, in which format, and their layouts.

found = find_labels(folder, survey, lists)          # {"mot": ["{sequence}/gt/gt.txt"]}
layout_of(path, base, "mot", found["mot"], evidence)
"""

import os
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

import pandas as pd

from dimjax.data.centroid_readings import best_reading
from dimjax.data.folder_survey import MASK_AFFIXES, FolderSurvey
from dimjax.data.folders import Folder, open_folder
from dimjax.data.formats import FORMATS, read_classes
from dimjax.data.labels import CATEGORIES
from dimjax.data.layouts import Layout, is_alone
from dimjax.data.listing import frame_texts
from dimjax.data.patterns import FRAME, SEQUENCE, SPLIT, SPLIT_FOLDERS
from dimjax.data.sniffing import sniff
from dimjax.errors import InputError

_FIRST = {"mot": {"first_pixel": 1, "first_frame": 1}, "spotgeo": {"first_frame": 1}}
_FIRST |= dict.fromkeys(("voc", "centroid-xml"), {"first_pixel": 1})
_WITH_FRAMES = ("table", "boxes", "centroids")  # whose files number the frames, from 0 or 1
_INTERFERENCE = re.compile(r"bird|cloud|clutter|interfer|noise|glint", re.IGNORECASE)
_RESULTS = re.compile(r"(^|[/_])(det|pred|result)", re.IGNORECASE)  # of a detector: no labels


def find_labels(folder: Folder, found: FolderSurvey, lists: set[Path]) -> dict[str, list[str]]:
    """Find the label files of a folder.

    Args:
      folder: The folder; its layout says where the sequences are.
      found: Its contents.
      lists: Files that list sequences.

    Returns:
      Format -> patterns of its label files.
    """
    frames = set()
    for source in folder.files.values():
        frames |= set(frame_texts(source, folder.path, folder.layout))
    by_pattern: dict[str, list[Path]] = defaultdict(list)
    for file in found.documents:
        by_pattern[_generalise(folder, file, frames)].append(file)
    patterns: dict[str, list[str]] = defaultdict(list)
    for pattern, files in by_pattern.items():
        form = next((form for form in map(sniff, files[:5]) if form), None)
        is_list = set(files) <= lists and form != "lines"
        if form and not is_list and _fits(form, pattern, folder.layout):
            patterns[form].append(pattern)
    for file in found.masks:
        pattern = _generalise(folder, file, frames)
        if _fits("masks", pattern, folder.layout) and pattern not in patterns["masks"]:
            patterns["masks"].append(pattern)
    return {form: of_form for form, of_form in patterns.items() if of_form}


def _fits(form: str, pattern: str, layout: Layout) -> bool:
    scope = FORMATS[form].scope
    if scope == "frame":
        return FRAME in pattern or SEQUENCE in pattern
    of_sequence = SEQUENCE in pattern or is_alone(layout.sequences)
    return FRAME not in pattern and (scope == "folder" or of_sequence)


def _generalise(folder: Folder, file: Path, frames: set[str]) -> str:
    """Pattern of a label file: names of sequences, splits and frames become placeholders."""
    *parts, name = file.relative_to(folder.path).parts
    sequences = folder.layout.sequences.split("/")[:-1]
    pattern = []
    for k, part in enumerate(parts):
        is_split = part.lower() in SPLIT_FOLDERS and SPLIT in folder.layout.sequences
        name_of = SPLIT if is_split else SEQUENCE if part in folder.files else part
        beside = sequences[: k + 1] == [*pattern, "*"]  # in one of the folders of the sequences
        pattern.append("*" if beside and name_of == part else name_of)
    stem, suffix = os.path.splitext(name)
    base = re.sub(rf"({MASK_AFFIXES})$", "", stem)
    affix = stem[len(base) :]
    if FRAME in folder.layout.sequences:
        flat = PurePosixPath(folder.layout.sequences).stem
        is_frame = any(base == f"{base[: -len(text)]}{text}" and text for text in frames)
        stem = flat + affix if is_frame else stem
    elif base in folder.files and (SEQUENCE not in pattern or base not in frames):
        stem = SEQUENCE + affix
    elif base in frames:
        stem = FRAME + affix
    return "/".join([*pattern, stem + suffix])


def layout_of(
    path: Path, base: Layout, form: str, patterns: list[str], evidence: list[str]
) -> Layout:
    """Complete a layout by labels of one format.

    Args:
      path: The folder.
      base: Layout of its sequences and splits.
      form: Format of the labels.
      patterns: Those of the label files; only one is used for files of a sequence or a frame.
      evidence: Reasons are appended.
    """
    pattern = patterns[0]
    if len(patterns) > 1 and FORMATS[form].scope == "folder":
        start = re.match(r"(.*[^A-Za-z0-9])?", os.path.commonprefix(patterns))[0]
        reversed_end = os.path.commonprefix([text[len(start) :][::-1] for text in patterns])
        end = re.match(r"(.*[^A-Za-z0-9])?", reversed_end)[0][::-1]
        pattern = f"{start}*{end}"
    elif len(patterns) > 1:
        video = PurePosixPath(base.sequences).stem  # infrared.json is that of infrared.mp4
        pattern = min(
            patterns,
            key=lambda it: (PurePosixPath(it).stem != video, bool(_RESULTS.search(it)), len(it)),
        )
        rest = ", ".join(it for it in patterns if it != pattern)
        evidence.append(f"{form}: {pattern} is used, {rest} is left out")
    layout = base._replace(labels=pattern, label_format=form, **_FIRST.get(form, {}))
    layout = layout._replace(category=_categories(path, layout))
    if form in _WITH_FRAMES:
        layout = _with_first_frame(path, layout, evidence)
    if form == "centroids":
        return best_reading(layout, lambda it: read(path, it), evidence)
    return layout


def _with_first_frame(path: Path, layout: Layout, evidence: list[str]) -> Layout:
    """Count frames from 1 if labels would else lie beyond the last frame, and none before."""
    from_one = layout._replace(first_frame=1)
    (labels, _), (others, _) = read(path, layout), read(path, from_one)
    if len(others) <= len(labels):
        return layout
    lost = len(others) - len(labels)
    evidence.append(f"frames counted from 1: {lost} labels lie beyond the last frame else")
    return from_one


def _categories(path: Path, layout: Layout) -> dict[str, str]:
    """Categories of the classes of the labels, by their names; {} if they are categories."""
    if not FORMATS[layout.label_format].has_classes or layout.label_format == "mot":
        any_category = layout._replace(category={"*": "target"})
        names = open_folder(path, any_category, lambda error: None).names
        words = {found[0] for name in names if (found := _INTERFERENCE.search(name))}
        return {"*": "target"} | {f"*{word}*": "interference" for word in sorted(words)}
    classes: set[str] = set(read_classes(path)) - {""}
    marker = layout._replace(category={"target": "target", "interference": "interference"})
    errors: list[InputError] = []
    folder = open_folder(path, marker._replace(splits={}), lambda error: None)
    folder.read_labels(shapes(folder), errors.append)
    classes |= {
        it[1] for error in errors if (it := re.search(r"class '(.*?)' without", str(error)))
    }
    if classes <= set(CATEGORIES):
        return {}
    return {  # objects may have no class
        it or "*": "interference" if _INTERFERENCE.search(it) else "target"
        for it in sorted(classes)
    }


def read(path: Path, layout: Layout) -> tuple[pd.DataFrame, Folder]:
    """Read the labels of a folder; errors are ignored."""
    folder = open_folder(path, layout._replace(splits={}), lambda error: None)
    return folder.read_labels(shapes(folder), lambda error: None), folder


def shapes(folder: Folder) -> dict[str, tuple[int, int, int]]:
    """Shapes of the sequences that can be opened."""
    found = {}
    for name in folder.files:
        try:
            found[name] = folder.sequence(name).shape
        except InputError:
            continue
    return found
