"""Recognition of the layout of an unknown folder, with its evidence.

found = recognise(Path("data/unknown"))
found.layout                                        # a Layout, as of `presets`
found.evidence                                      # ["masks: 160 images of two levels, ..."]
found.doubts                                        # problems that only the user can solve
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.bird_names import targets_called_birds
from dimjax.data.class_maps import mask_colours
from dimjax.data.folder_doubts import (
    fit_none,
    left_out,
    only_runs,
    outward,
    possible_labels,
    stray,
    unusable,
)
from dimjax.data.folder_survey import FolderSurvey, survey_folder
from dimjax.data.folders import Folder, open_folder
from dimjax.data.image_folders import list_still_images, split_names
from dimjax.data.label_candidates import find_labels
from dimjax.data.label_search import layouts_of, read
from dimjax.data.layouts import Layout
from dimjax.data.listing import (
    check_access,
    list_sequences,
    texts_by_sequence,
)
from dimjax.data.patterns import FRAME, SEQUENCE, glob_of
from dimjax.data.split_search import find_splits
from dimjax.data.stack_files import mat_array
from dimjax.data.unread_frames import TABLES, UNREAD, find_unread
from dimjax.data.unread_labels import find_yaml, flaw, only_empty
from dimjax.errors import InputError
from dimjax.progress import counted

_AGREE_PX = 1.5  # two sources of labels agree within this distance
# If several formats hold labels, the first of these is taken.
_PREFERRED = ("masks", "mask-stacks", "table", "coco", "exist-rect", "mot", "yolo", "voc", "lines")
_PREFERRED += ("spotgeo", "boxes", "rectangles", "centroid-xml", "centroids")


class Recognition(NamedTuple):
    """The layout of a folder as far as its files tell it."""

    layout: Layout
    evidence: list[str]
    doubts: list[InputError]
    stills: bool  # each sequence is one image
    split_doubts: list[InputError]  # those of the doubts that the key splits solves


def recognise(path: str | Path) -> Recognition:
    """Recognise the layout of a folder.

    Raises:
      InputError: There is no such folder, or no frame in it.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(path, "a data folder must exist", "no folder", "Correct the path.")
    found, unread = survey_folder(path), find_unread(path)
    if found.sequences is None:
        raise _without_frames(path, found, unread)
    table = Layout()._replace(sequences=found.sequences)
    if not list_sequences(path, table, lambda error: None):
        rule = "the names of frames must tell their sequence and number, as in flight3/0017.png"
        value = f"others, such as in {found.containers[0].relative_to(path)}"
        raise InputError(path, rule, value, "Rename them, or set the key sequences.")
    folder = open_folder(path, table, lambda error: None)
    evidence = [f"{counted(len(folder.files), 'sequence')} at {found.sequences}, {_kinds(folder)}"]
    doubts: list[InputError] = []
    evidence += left_out(path, found, unread)
    doubts += unusable(path, found)
    tables = [file for file in unread if file.suffix.lower() in TABLES]
    splits, lists, of_splits = find_splits(folder, found.documents, found.links[0], tables)
    doubts += of_splits
    evidence += [f"split {name}: listed in {file}" for name, file in splits.items()]
    candidates, strays = find_labels(folder, found, set(lists))
    doubts += [] if candidates else possible_labels(path, found, unread)
    fitting_none = [fit_none(path, *it) for it in strays.items() if it[0] not in candidates]
    evidence += [f"not used: {it}" for it in fitting_none] if candidates else []
    doubts += [] if candidates else [stray(folder, it) for it in fitting_none]
    known = {file for files in (lists, *strays.values()) for file in files}
    documents = [file for file in found.documents if file not in known]
    base = table._replace(splits=splits)
    layout = _choose(folder, base, candidates, documents, evidence, doubts)
    stills = all(_is_still(folder, name) for name in folder.names)
    return Recognition(layout, evidence, doubts, stills, of_splits)


def _without_frames(path: Path, found: FolderSurvey, unread: list[Path]) -> InputError:
    """The error for a folder in which no sequence is found."""
    check_access(path)
    if found.runs:
        return only_runs(path, found.runs)
    frames = [file for file in unread if file.suffix.lower() not in TABLES]
    rule = "a data folder must contain images, videos or stacks of frames"
    if frames:  # which may be others': the path may be wrong as well
        kind, remedy = UNREAD[frames[0].suffix.lower()]
        value = f"{counted(len(frames), 'file')} that cannot be read, such as "
        value += f"{frames[0].relative_to(path)}, {kind}"
        return InputError(path, rule, value, f"{remedy} Or correct the path.")
    if found.links[1]:
        return outward(path, found.links[1])
    if of_matlab := [file for file in found.arrays if file.suffix.lower() == ".mat"]:
        mat_array(of_matlab[0])  # raises for itself, as for structures
    masks = (*found.masks, *found.mask_stacks)[:1]
    masks = f"masks alone, such as in {masks[0].parent}" if masks else ""
    return InputError(path, rule, masks or "none that can be read", "Correct the path.")


def _is_still(folder: Folder, name: str) -> bool:
    source = folder.files[name]
    if not isinstance(source, tuple) and list_still_images(source):
        return True
    try:
        return len(folder.sequence(name)) == 1
    except InputError:  # reported when it is checked
        return False


def _kinds(folder: Folder) -> str:
    first = next(iter(folder.files.values()))
    if isinstance(first, tuple):
        return "images in a flat folder, grouped by their names"
    if list_still_images(first):
        text = "still images: the names do not number frames, or neighbours show other scenes or "
        return f"{text}sizes{_as_one_sequence(folder)}"
    kinds = {"folders of images" if it.is_dir() else it.suffix for it in folder.files.values()}
    files = ", ".join(sorted(kinds - {"folders of images"}))
    texts = ["folders of images"] * ("folders of images" in kinds) + [f"{files} files"] * bool(
        files
    )
    return " and ".join(texts)


def _as_one_sequence(folder: Folder) -> str:
    """The key that reads still images as frames, if they are numbered without a gap; or nothing.

    Frames of a clear sky have nothing in common but their noise.
    """
    names = split_names(folder.names)
    numbers = sorted(int(number) for _, number, _ in names if number)
    is_one = len({(before, after) for before, _, after in names}) == 1 and len(names) > 1
    if not is_one or numbers != list(range(numbers[0], numbers[0] + len(names))):
        return ""
    frame = f"{names[0][0]}{FRAME}{names[0][2]}"
    pattern = folder.layout.sequences.replace(SEQUENCE, frame)
    return f"; if they are the frames of one sequence, set data.layout.sequences={pattern}"


def _choose(
    folder: Folder, base: Layout, candidates, unread: list[Path], evidence: list[str], doubts: list
) -> Layout:
    """Choose the labels; other sources are compared with them."""
    path = folder.path
    if not candidates:
        texts = texts_by_sequence(folder.files, path, folder.layout)
        names = set(folder.files).union(*texts.values())
        unread = unread + find_yaml(path, names)
        text = "no labels: the sequences can be searched, but not be trained on"
        if unread:
            example = unread[0].relative_to(path)
            text += f"; {counted(len(unread), 'document')} such as {example} in no known format"
        evidence.append(text)
        flaws = [it for it in (flaw(document, names) for document in unread) if it]
        if flaws:
            evidence.append(f"{counted(len(flaws), 'document')} cannot be read")
            doubts.append(flaws[0])
        elif empty := only_empty(unread, names):
            doubts.append(empty)
        return base._replace(labels="")
    forms = sorted(candidates, key=_PREFERRED.index)
    layouts = [
        it
        for form in forms
        for it in layouts_of(path, base, form, candidates[form], evidence, doubts)
    ]
    sources = [(layout, read(path, layout)[0]) for layout in layouts]
    chosen, labels = _with_most_categories(sources)
    files = f"{counted(len(list(path.glob(glob_of(chosen.labels)))), 'file')} at {chosen.labels}"
    evidence.append(f"{counted(len(labels), 'label')} of format {chosen.label_format}, {files}")
    masks = sorted(path.glob(glob_of(chosen.labels))) if chosen.label_format == "masks" else []
    if len(colours := mask_colours(masks)) > 1:
        text = ", ".join(" ".join(map(str, it)) for it in colours)
        evidence.append(f"masks of the levels or colours {text}: all are taken for the same class")
    if birds := targets_called_birds(path, chosen):
        doubts.append(birds)
    for other, rest in sources:
        if other is not chosen:
            _compare(path, chosen, labels, other, rest, evidence, doubts)
    return chosen


def _with_most_categories(sources: list) -> tuple[Layout, pd.DataFrame]:
    """The first source, or the first with labels of both categories: masks lose the classes."""
    both = [it for it in sources if it[1].category.nunique() > 1]
    return both[0] if both else sources[0]


def _compare(path, chosen: Layout, labels, other: Layout, rest, evidence, doubts) -> None:
    """Say whether another source of labels agrees with the chosen one."""
    key = ["sequence", "frame"]
    pairs = labels.merge(rest, on=key, suffixes=("", "_other"))
    distance = np.hypot(pairs.x - pairs.x_other, pairs.y - pairs.y_other)
    near = (
        distance.groupby([pairs[it] for it in (*key, "x", "y")]).min() if len(pairs) else distance
    )
    agree = int((near <= _AGREE_PX).sum())
    text = f"{other.label_format} at {other.labels}"
    if agree >= 0.99 * max(len(labels), len(rest)):
        evidence.append(f"{text}: {counted(len(rest), 'label')} that agree; it is left out")
    else:
        rule = "two sources of labels must agree"
        value = f"{agree} of {len(labels)} labels within {_AGREE_PX} px of {len(rest)} of {text}"
        remedy = "Choose one with the keys labels and label_format."
        doubts.append(InputError(path / chosen.labels, rule, value, remedy))
