"""Recognition of the layout of an unknown folder, with its evidence.

found = recognise(Path("data/unknown"))
found.layout                                        # a Layout, as of `presets`
found.evidence                                      # ["masks: 160 images of two levels, ..."]
found.doubts                                        # problems that only the user can solve
"""

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.centroid_readings import best_reading
from dimjax.data.folder_survey import FolderSurvey, survey_folder
from dimjax.data.folders import Folder, open_folder
from dimjax.data.formats import FORMATS, read_classes
from dimjax.data.image_folders import list_still_images
from dimjax.data.labels import CATEGORIES
from dimjax.data.layouts import Layout
from dimjax.data.listing import frame_texts
from dimjax.data.patterns import FRAME, SEQUENCE, SPLIT, SPLIT_FOLDERS, glob_of
from dimjax.data.sequences import RECORDINGS, refused_recording
from dimjax.data.sniffing import sniff
from dimjax.data.split_files import ListReader
from dimjax.errors import InputError
from dimjax.progress import counted

_AFFIXES = r"_pixels0|_mask|_gt|_label"
_LISTED = 50  # lines of a list that are looked at
_AGREE_PX = 1.5  # two sources of labels agree within this distance
_FIRST = {"mot": {"first_pixel": 1, "first_frame": 1}, "voc": {"first_pixel": 1}}
_FIRST |= {"spotgeo": {"first_frame": 1}}
_INTERFERENCE = re.compile(r"bird|cloud|clutter|interfer|noise|glint", re.IGNORECASE)
# If several formats hold labels, the first of these is taken.
_PREFERRED = ("masks", "table", "coco", "exist-rect", "mot", "yolo", "voc", "lines", "spotgeo")
_PREFERRED += ("boxes", "rectangles", "centroid-xml", "centroids")


class Recognition(NamedTuple):
    """The layout of a folder as far as its files tell it."""

    layout: Layout
    evidence: list[str]
    doubts: list[InputError]
    stills: bool  # each sequence is one image


def recognise(path: str | Path) -> Recognition:
    """Recognise the layout of a folder.

    Raises:
      InputError: There is no such folder, or no frame in it.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(path, "a data folder must exist", "no folder", "Correct the path.")
    found = survey_folder(path)
    if found.sequences is None:
        recordings = [it for it in sorted(path.rglob("*")) if it.suffix.lower() in RECORDINGS]
        if recordings:
            raise refused_recording(recordings[0])
        rule = "a data folder must contain images, videos or stacks of frames"
        masks = f"masks alone, such as in {found.mask_folders[0]}" if found.mask_folders else ""
        raise InputError(path, rule, masks or "none that can be read", "Correct the path.")
    table = Layout()._replace(sequences=found.sequences)
    folder = open_folder(path, table, lambda error: None)
    evidence = [f"{counted(len(folder.files), 'sequence')} at {found.sequences}, {_kinds(folder)}"]
    doubts: list[InputError] = []
    if found.others:
        rule = "all files of frames must be at one pattern"
        value = f"{len(found.others)} that are not at {found.sequences}, such as {found.others[0]}"
        doubts.append(InputError(path, rule, value, "Use only a part of the folder, or move them."))
    if found.objects:
        rule = "labels must be in a file that can be read"
        value = f"{len(found.objects)} files of MATLAB objects, such as {found.objects[0].name}"
        remedy = (
            "Write a CSV frame,x,y,w,h for each sequence, in MATLAB or with the Python package "
        )
        remedy += "mcos-decoder; MATLAB counts pixels from 1 (data.layout.first_pixel=1)."
        doubts.append(InputError(path, rule, value, remedy))
    splits, lists = _find_splits(folder, found)
    evidence += [f"split {name}: listed in {file}" for name, file in splits.items()]
    candidates = _find_labels(folder, found, set(lists))
    layout = _choose(path, table._replace(splits=splits), candidates, evidence, doubts)
    stills = all(
        not isinstance(it, tuple) and list_still_images(it) for it in folder.files.values()
    )
    return Recognition(layout, evidence, doubts, stills)


def _kinds(folder: Folder) -> str:
    first = next(iter(folder.files.values()))
    if isinstance(first, tuple):
        return "images in a flat folder, grouped by their names"
    if list_still_images(first):
        return "still images: neighbours show different scenes or differ in size"
    kinds = {"folders of images" if it.is_dir() else it.suffix for it in folder.files.values()}
    files = ", ".join(sorted(kinds - {"folders of images"}))
    texts = ["folders of images"] * ("folders of images" in kinds) + [f"{files} files"] * bool(
        files
    )
    return " and ".join(texts)


def _find_splits(folder: Folder, found: FolderSurvey) -> tuple[dict[str, str], list[Path]]:
    """Splits and the lists that name their sequences; none if folders tell the splits."""
    if SPLIT in found.sequences:
        return {}, []
    splits: dict[str, str] = {}
    lists = []
    for file in found.documents:
        parts = [it for it in re.split(r"[^a-z]+", file.stem.lower()) if it in SPLIT_FOLDERS]
        if len(parts) == 1 and file.suffix == ".txt" and _is_list(folder, file):
            lists.append(file)
            name = file.relative_to(folder.path).as_posix()
            splits.setdefault(SPLIT_FOLDERS[parts[0]], name)
    return splits, lists


def _is_list(folder: Folder, file: Path) -> bool:
    """Whether nearly all lines of a file name sequences or frames."""
    lines = [line for line in file.read_text(errors="replace").split("\n") if line.strip()]
    errors: list[InputError] = []
    reader = ListReader(folder.files.keys(), lambda: folder.index, "", errors.append)
    for number, line in enumerate(lines[:_LISTED]):
        reader.add(line.strip(), f"{file} line {number + 1}", "train")
    return bool(lines) and len(errors) <= 0.1 * min(len(lines), _LISTED)


def _find_labels(folder: Folder, found: FolderSurvey, lists: set[Path]) -> dict[str, list[str]]:
    """Format -> patterns of its label files."""
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
        if form and not is_list and _fits(form, pattern):
            patterns[form].append(pattern)
    for place in found.mask_folders:
        names = sorted(file for file in place.iterdir() if file.is_file())
        pattern = _generalise(folder, names[0], frames)
        if _fits("masks", pattern) and pattern not in patterns["masks"]:
            patterns["masks"].append(pattern)
    return {form: of_form for form, of_form in patterns.items() if of_form}


def _fits(form: str, pattern: str) -> bool:
    scope = FORMATS[form].scope
    if scope == "frame":
        return FRAME in pattern or SEQUENCE in pattern
    return FRAME not in pattern and (scope == "folder" or SEQUENCE in pattern)


def _generalise(folder: Folder, file: Path, frames: set[str]) -> str:
    """Pattern of a label file: names of sequences, splits and frames become placeholders."""
    *parts, name = file.relative_to(folder.path).parts
    pattern = []
    for part in parts:
        is_split = part.lower() in SPLIT_FOLDERS and SPLIT in folder.layout.sequences
        pattern.append(SPLIT if is_split else SEQUENCE if part in folder.files else part)
    stem, suffix = os.path.splitext(name)
    base = re.sub(rf"({_AFFIXES})$", "", stem)
    affix = stem[len(base) :]
    if FRAME in folder.layout.sequences:
        flat = folder.layout.sequences.rpartition("/")[2].removesuffix(".*")
        is_frame = any(base == f"{base[: -len(text)]}{text}" and text for text in frames)
        stem = flat + affix if is_frame else stem
    elif base in folder.files and (SEQUENCE not in pattern or base not in frames):
        stem = SEQUENCE + affix
    elif base in frames:
        stem = FRAME + affix
    return "/".join([*pattern, stem + suffix])


def _choose(path, base: Layout, candidates, evidence: list[str], doubts: list[InputError]):
    """Choose the labels; other sources are compared with them."""
    if not candidates:
        evidence.append("no labels: the sequences can be searched, but not be trained on")
        return base._replace(labels="")
    forms = sorted(candidates, key=_PREFERRED.index)
    layouts = [_layout_of(path, base, form, candidates[form], evidence) for form in forms]
    chosen = layouts[0]
    labels, _ = _read(path, chosen)
    files = f"{len(list(path.glob(glob_of(chosen.labels))))} files at {chosen.labels}"
    evidence.append(f"{len(labels)} labels of format {chosen.label_format}, {files}")
    for other in layouts[1:]:
        _compare(path, chosen, labels, other, evidence, doubts)
    return chosen


def _layout_of(path: Path, base: Layout, form: str, patterns: list[str], evidence) -> Layout:
    pattern = patterns[0]
    if len(patterns) > 1 and FORMATS[form].scope == "folder":
        start = re.match(r"(.*[^A-Za-z0-9])?", os.path.commonprefix(patterns))[0]
        reversed_end = os.path.commonprefix([text[len(start) :][::-1] for text in patterns])
        end = re.match(r"(.*[^A-Za-z0-9])?", reversed_end)[0][::-1]
        pattern = f"{start}*{end}"
    elif len(patterns) > 1:
        pattern = min(patterns, key=len)
        rest = ", ".join(it for it in patterns if it != pattern)
        evidence.append(f"{form}: {pattern} is used, {rest} is left out")
    layout = base._replace(labels=pattern, label_format=form, **_FIRST.get(form, {}))
    layout = layout._replace(category=_categories(path, layout))
    return (
        best_reading(layout, lambda it: _read(path, it), evidence)
        if form == "centroids"
        else layout
    )


def _categories(path: Path, layout: Layout) -> dict[str, str]:
    """Categories of the classes of the labels, by their names; {} if they are categories."""
    if not FORMATS[layout.label_format].has_classes or layout.label_format == "mot":
        any_category = layout._replace(category={"*": "target"})
        names = open_folder(path, any_category, lambda error: None).names
        words = {found[0] for name in names if (found := _INTERFERENCE.search(name))}
        return {"*": "target"} | {f"*{word}*": "interference" for word in sorted(words)}
    classes: set[str] = set(read_classes(path))
    marker = layout._replace(category={"target": "target", "interference": "interference"})
    errors: list[InputError] = []
    folder = open_folder(path, marker._replace(splits={}), lambda error: None)
    folder.read_labels(_shapes(folder), errors.append)
    classes |= {
        it[1] for error in errors if (it := re.search(r"class '(.*?)' without", str(error)))
    }
    if classes <= set(CATEGORIES):
        return {}
    return {it: "interference" if _INTERFERENCE.search(it) else "target" for it in sorted(classes)}


def _read(path: Path, layout: Layout) -> tuple[pd.DataFrame, Folder]:
    folder = open_folder(path, layout._replace(splits={}), lambda error: None)
    return folder.read_labels(_shapes(folder), lambda error: None), folder


def _shapes(folder: Folder) -> dict:
    """Shapes of the sequences that can be opened."""
    shapes = {}
    for name in folder.files:
        try:
            shapes[name] = folder.sequence(name).shape
        except InputError:
            continue
    return shapes


def _compare(path, chosen: Layout, labels, other: Layout, evidence, doubts) -> None:
    """Say whether another source of labels agrees with the chosen one."""
    rest, _ = _read(path, other)
    key = ["sequence", "frame"]
    pairs = labels.merge(rest, on=key, suffixes=("", "_other"))
    distance = np.hypot(pairs.x - pairs.x_other, pairs.y - pairs.y_other)
    near = (
        distance.groupby([pairs[it] for it in (*key, "x", "y")]).min() if len(pairs) else distance
    )
    agree = int((near <= _AGREE_PX).sum())
    text = f"{other.label_format} at {other.labels}"
    if agree >= 0.99 * max(len(labels), len(rest)):
        evidence.append(f"{text}: {len(rest)} labels that agree; it is left out")
    else:
        rule = "two sources of labels must agree"
        value = f"{agree} of {len(labels)} labels within {_AGREE_PX} px of {len(rest)} of {text}"
        remedy = "Choose one with the keys labels and label_format."
        doubts.append(InputError(path / chosen.labels, rule, value, remedy))
