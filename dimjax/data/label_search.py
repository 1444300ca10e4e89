"""The labels of an unknown folder: the layouts of the files that may hold them.

found = find_labels(folder, survey, lists).patterns # of dimjax.data.label_candidates
layouts_of(path, base, "mot", found["mot"], evidence, doubts)
"""

import os
import re
import warnings
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import pandas as pd

from dimjax.data.bird_names import birds_by_folder, birds_by_name
from dimjax.data.centroid_readings import best_reading
from dimjax.data.class_words import category_of_class
from dimjax.data.first_pixels import with_first_pixel
from dimjax.data.folders import Folder, open_folder
from dimjax.data.formats import FORMATS, read_classes
from dimjax.data.formats.mot import MOT_CLASSES
from dimjax.data.label_candidates import RESULTS
from dimjax.data.label_patterns import uncovered
from dimjax.data.labels import CATEGORIES
from dimjax.data.layouts import Layout, is_alone
from dimjax.data.listing import texts_by_sequence
from dimjax.data.patterns import literal
from dimjax.errors import InputError, OnError
from dimjax.progress import counted

_FIRST = {"mot": {"first_pixel": 1, "first_frame": 1}, "spotgeo": {"first_frame": 1}}
_FIRST |= dict.fromkeys(("voc", "centroid-xml"), {"first_pixel": 1})
_WITH_FRAMES = ("table", "boxes", "centroids")  # whose files number the frames, from 0 or 1


def layouts_of(
    path: Path, base: Layout, form: str, patterns: list[str], evidence: list[str], doubts: list
) -> list[Layout]:
    """Complete a layout by labels of one format.

    Args:
      path: The folder.
      base: Layout of its sequences and splits.
      form: Format of the labels.
      patterns: Those of the label files.
      evidence: Reasons are appended.
      doubts: A problem is appended if labels of further sequences are left out.

    Returns:
      The layout with the labels and, if several files hold labels of the same frames, those with
      the labels of the other ones.
    """
    of_folder, several = FORMATS[form].scope == "folder", len(patterns) > 1
    table = base._replace(label_format=form)
    if of_folder and several and not _share_frames(path, table, patterns):
        return [_layout_of(path, base, form, _common_pattern(patterns), evidence)]
    video = PurePosixPath(base.sequences).stem  # infrared.json is that of infrared.mp4
    chosen, *others = sorted(
        patterns,
        key=lambda it: (PurePosixPath(it).stem != video, bool(RESULTS.search(it)), len(it)),
    )
    rivals = [it for it in others if of_folder and not RESULTS.search(it)]
    rest = [it for it in others if it not in rivals]
    if rest:
        evidence.append(f"{form}: {chosen} is used, {', '.join(rest)} is left out")
        doubts += _lost_labels(path, base, chosen, rest)
    return [_layout_of(path, base, form, pattern, evidence) for pattern in (chosen, *rivals)]


def _lost_labels(path: Path, base: Layout, chosen: str, rest: list[str]) -> list[InputError]:
    """Doubt about labels of sequences or frames that have none at the chosen pattern."""
    for other in (it for it in rest if not RESULTS.search(it)):
        names = uncovered(path, chosen, other, is_alone(base.sequences))
        if names:
            rule = f"the labels of all sequences must be at one pattern, such as {chosen}"
            value = f"those of {counted(len(names), 'sequence')} at {other} alone"
            remedy = "Move them to the folder of the others, or choose with the key labels."
            return [InputError(path, rule, value, remedy)]
    return []


def _common_pattern(patterns: list[str]) -> str:
    start = re.match(r"(.*[^A-Za-z0-9])?", os.path.commonprefix(patterns))[0]
    reversed_end = os.path.commonprefix([text[len(start) :][::-1] for text in patterns])
    end = re.match(r"(.*[^A-Za-z0-9])?", reversed_end)[0][::-1]
    return f"{start}*{end}"


def _share_frames(path: Path, base: Layout, patterns: list[str]) -> bool:
    """Whether the same frames have labels in several files."""
    seen: set[tuple[str, int]] = set()
    for pattern in patterns:
        labels, _ = read(path, base._replace(labels=pattern, category={"*": "target"}))
        frames = set(zip(labels.sequence, labels.frame, strict=True))
        if seen & frames:
            return True
        seen |= frames
    return False


def _layout_of(path: Path, base: Layout, form: str, pattern: str, evidence: list[str]) -> Layout:
    layout = base._replace(labels=pattern, label_format=form, **_FIRST.get(form, {}))
    layout = layout._replace(category=_categories(path, layout, evidence))
    if form in _WITH_FRAMES or form not in _FIRST and _has_videos(path, layout):
        layout = _with_first_frame(path, layout, evidence)
    if form == "centroids":
        return best_reading(layout, lambda it: read(path, it), evidence)
    return with_first_pixel(layout, lambda it: read(path, it), evidence)


def _has_videos(path: Path, layout: Layout) -> bool:
    """Whether the frames of a sequence have no names, so that labels tell their numbers."""
    folder = open_folder(path, layout._replace(splits={}), lambda error: None)
    return not all(texts_by_sequence(folder.files, path, layout).values())


def _with_first_frame(path: Path, layout: Layout, evidence: list[str]) -> Layout:
    """Count frames from 1 if labels would else lie beyond the last frame, and none before."""
    from_one = layout._replace(first_frame=1)
    (labels, _), (others, _) = read(path, layout), read(path, from_one)
    if len(others) <= len(labels):
        return layout
    lost = len(others) - len(labels)
    evidence.append(f"frames counted from 1: {lost} labels lie beyond the last frame else")
    return from_one


def _categories(path: Path, layout: Layout, evidence: list[str]) -> dict[str, str]:
    """Categories of the classes of the labels, by their names; {} if they are categories."""
    form = FORMATS[layout.label_format]
    if not form.has_classes:
        return {"*": "target"} | _birds(path, layout, evidence)
    names = set(read_classes(path)) - {""} if form.is_numbered else set()
    classes = names | _classes(path, layout)
    if layout.label_format == "mot":
        if "2" in classes and classes <= set(MOT_CLASSES):
            evidence.append("class 2 is taken for interference, as in the MOT files of dimjax")
        if classes <= set(MOT_CLASSES):
            birds = {} if "2" in classes else _birds(path, layout, evidence)
            return MOT_CLASSES | birds
        if not any(re.search("[^-0-9]", it) for it in classes):
            return {"*": "target"} | _birds(path, layout, evidence)
    if classes <= set(CATEGORIES):
        return {}
    numbers = sorted(filter(str.isdecimal, classes), key=lambda text: (len(text), text))
    if form.is_numbered and numbers not in ([], ["0"]):
        text = (
            f"class{'es' if len(numbers) > 1 else ''} {', '.join(numbers)} without a name, taken "
        )
        evidence.append(f"{text}for targets: write the names of all classes to classes.txt")
    # Objects may have no class.
    found = {_pattern(it) if it else "*": category_of_class(it) for it in sorted(classes)}
    called = [it for it in sorted(classes) if category_of_class(it) == "interference"]
    if called:
        evidence.append(f"taken for interference by its name: class {', class '.join(called)}")
    if not any(re.search("[^0-9]", it) for it in classes):
        found |= _birds(path, layout, evidence)
    known = set(read(path, layout._replace(category={}))[0].category)
    return _beside_categories(found, known) if known else found


def _beside_categories(found: dict[str, str], known: set[str]) -> dict[str, str]:
    """Categories of classes beside labels that name their category; misspelt ones are left out."""
    others = {it: of for it, of in found.items() if not get_close_matches(it, CATEGORIES)}
    return {**{it: it for it in known}, **others} if others else {}


def _pattern(name: str) -> str:
    """Pattern of a class alone; a configuration has no keys with dots."""
    return literal(name).replace(".", "?")


def _birds(path: Path, layout: Layout, evidence: list[str]) -> dict[str, str]:
    """Categories of the sequences of birds, by their names and folders.

    Names such as cloud_01 may be those of the scene.
    """
    any_category = layout._replace(category={"*": "target"})
    folder = open_folder(path, any_category, lambda error: None)
    patterns, places = birds_by_name(folder), birds_by_folder(folder)
    if patterns:
        text = ", ".join(patterns)
        evidence.append(f"the labels of the sequences {text} are taken for interference")
    if places:
        text = ", ".join(places)
        evidence.append(f"the labels of sequences in folders {text} are taken for interference")
    return dict.fromkeys([*patterns, *sum(places.values(), [])], "interference")


def _classes(path: Path, layout: Layout) -> set[str]:
    """Classes of the labels that are no categories."""
    marker = layout._replace(category={"target": "target", "interference": "interference"})
    errors: list[InputError] = []
    read(path, marker, errors.append)
    return {it[1] for error in errors if (it := re.search(r"class '(.*?)' without", str(error)))}


def read(
    path: Path, layout: Layout, on_error: OnError = lambda error: None
) -> tuple[pd.DataFrame, Folder]:
    """Read the labels of a folder on trial: warnings are ignored, and errors too by default."""
    folder = open_folder(path, layout._replace(splits={}), lambda error: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return folder.read_labels(shapes(folder), on_error), folder


def shapes(folder: Folder) -> dict[str, tuple[int, int, int]]:
    """Shapes of the sequences that can be opened."""
    found = {}
    for name in folder.files:
        try:
            found[name] = folder.sequence(name).shape
        except InputError:
            continue
    return found
