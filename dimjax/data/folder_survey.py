"""A survey of an unknown folder: where its frames, masks and documents lie.

found = survey_folder(Path("data/unknown"))
found.sequences                                     # "{split}/{sequence}/img1"
found.mask_folders                                  # folders of masks
"""

import os
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from dimjax.data.blank_frames import blank_frames
from dimjax.data.camera_pairs import (
    INFRARED,
    INFRARED_NAMES,
    infrared_images,
    infrared_pattern,
    matches_any,
    of_visible,
)
from dimjax.data.class_maps import find_class_maps
from dimjax.data.flat_names import MASK_AFFIXES, are_lettered, flat_pattern, images_of
from dimjax.data.image_folders import SUFFIXES, split_names
from dimjax.data.image_kinds import are_masks, are_numbered_arrays, is_stack
from dimjax.data.label_arrays import holds_no_frames
from dimjax.data.layouts import Layout
from dimjax.data.mask_stacks import called_as_masks, find_mask_stacks
from dimjax.data.patterns import FRAME, SEQUENCE, SPLIT, glob_of, literal, match, path_pattern
from dimjax.data.raw_files import RAW, find_sidecar
from dimjax.data.sequences import OPENERS
from dimjax.data.special_files import is_special
from dimjax.data.stack_files import holds_matlab_objects
from dimjax.data.walking import walk

_DOCUMENTS = (".txt", ".csv", ".tsv", ".json", ".xml")
_OF_SIMULATION = ("truth.csv", "errors.csv", "implants.csv")  # beside labels.csv: not labels
_DOUBLE_SUFFIX = re.compile(r"\.(ome\.tiff?|fi?ts?\.fz)$", re.IGNORECASE)


class FolderSurvey(NamedTuple):
    """Contents of a folder."""

    sequences: str | None  # pattern of the sequences; None if there are none
    containers: list[Path]  # files or folders of frames
    others: list[Path]  # other files or folders of frames, which the pattern does not match
    companions: list[Path]  # files or folders beside the frames, such as visible.mp4
    masks: list[Path]  # a mask of each kind in each folder
    mask_stacks: list[Path]  # files with the masks of all frames of a sequence
    maps: list[Path]  # folders of maps of several classes; they are companions too
    documents: list[Path]  # texts, tables, JSON and XML
    objects: list[Path]  # files of MATLAB objects, which are not read
    arrays: list[Path]  # files of arrays that are no frames, which are not read either
    links: tuple[list[Path], list[Path]]  # to folders that are read themselves, and to others
    runs: list[Path]  # directories of runs, which are left out


def survey_folder(root: Path) -> FolderSurvey:
    """Find the frames, masks and documents in a folder."""
    contents = _Contents(root)
    visible = of_visible(root, contents.containers)
    contents.containers = [it for it in contents.containers if it not in visible]
    maps = find_class_maps(contents.containers)
    contents.containers = [it for it in contents.containers if it not in maps]
    pattern, matched = _pattern_of(root, contents)
    containers = contents.containers
    if len(matched) < len(containers) and _are_ours(root, pattern, containers):
        pattern, matched = Layout().sequences, containers
    if pattern and matches_any(pattern, root, visible):
        names = _label_names(contents)
        pattern = infrared_pattern(pattern, root, matched, names)
        matched = [it for it in matched if matches_any(pattern, root, [it])]
    if pattern and FRAME in pattern:
        images = [file for it in matched if it.is_dir() for file in images_of(it)]
        pattern, of_other = infrared_images(pattern, root, images)
        visible += of_other
    others = [container for container in containers if container not in matched]
    folders = {it.parent for it in matched if it.stem.lower() == INFRARED}
    companions = [it for it in others if it.parent in folders]
    others = [it for it in others if it not in companions]
    companions += visible + maps
    masks = contents.masks, contents.mask_stacks
    rest = contents.documents, contents.objects, contents.arrays, contents.links, contents.runs
    return FolderSurvey(pattern, matched, others, companions, *masks, maps, *rest)


class _Contents:
    """Files and folders of frames, masks and documents.

    Attributes:
      containers: Files or folders of frames.
      mixed: Those folders that hold masks beside their frames.
      masks: A mask of each kind in each folder.
      mask_stacks: Files with the masks of all frames of a sequence.
      documents: Texts, tables, JSON and XML.
      objects: Files of MATLAB objects.
      arrays: Files of arrays that are no frames.
      links: Links to folders in the root and elsewhere, see `walk`.
      runs: Directories of runs, which are left out.
    """

    def __init__(self, root: Path):
        self.containers: list[Path] = []
        self.mixed: set[Path] = set()
        self.masks: list[Path] = []
        self.documents: list[Path] = []
        self.objects: list[Path] = []
        self.arrays: list[Path] = []
        self._unnumbered: dict[Path, list[Path]] = {}
        found = walk(root)
        self.links, self.runs = (found.inward, found.outward), found.runs
        for place, files in found.places:
            special = [file for file in files if is_special(file)]
            self.containers += special  # refused by whoever reads them
            files = [file for file in files if file not in special] if special else files
            self.documents += [file for file in files if file.suffix.lower() in _DOCUMENTS]
            self._add_images(place, files)
            self._add_files(place, files)
        self._add_unnumbered()
        blank = blank_frames(root, self.containers, self.masks)
        self.masks = [file for file in self.masks if file not in blank]
        self.containers += [file.parent for file in blank]
        self.mask_stacks = find_mask_stacks(root, self.containers)
        self.containers = [it for it in self.containers if it not in self.mask_stacks]
        sidecars = {find_sidecar(file) for file in self.containers if file.suffix in RAW}
        self.documents = [file for file in self.documents if file not in sidecars]
        if root / Layout().labels in self.documents:
            unused = [root / name for name in _OF_SIMULATION]
            self.documents = [file for file in self.documents if file not in unused]

    def _add_images(self, place: Path, files: list[Path]) -> None:
        images = [file for file in files if file.suffix.lower() in SUFFIXES]
        numbered = [_stem_number(it) for it in images]
        if is_stack(images):
            self.containers += images
            return
        if images and not any(numbered):
            self._unnumbered[place] = images
        elif len(images) > 1 or images and all(numbered):
            self._add_frames_or_masks(place, images)

    def _add_frames_or_masks(self, place: Path, images: list[Path]) -> None:
        beside = [file for file in images if re.search(rf"({MASK_AFFIXES})$", file.stem)]
        if 0 < len(beside) < len(images) and are_masks(beside):
            self.mixed.add(place)
            self.masks.append(beside[0])
            self.containers.append(place)
        elif are_masks(images):
            self.masks.append(images[0])
        else:
            self.containers.append(place)

    def _add_files(self, place: Path, files: list[Path]) -> None:
        whole = [file for file in files if file.suffix.lower() in set(OPENERS) - set(SUFFIXES)]
        whole = [file for file in whole if file.suffix.lower() != ".dat" or find_sidecar(file)]
        objects = [file for file in whole if holds_matlab_objects(file)]
        whole = [file for file in whole if file not in objects]
        self.objects += objects
        arrays = [file for file in whole if holds_no_frames(file)]
        self.arrays += arrays
        whole = [file for file in whole if file not in arrays]
        if are_numbered_arrays(whole):
            self._add_frames_or_masks(place, whole)
        else:
            self.containers += whole

    def _add_unnumbered(self) -> None:
        """Add images without a number: still images with the same name in each folder, or not."""
        lettered = [place for place, images in self._unnumbered.items() if are_lettered(images)]
        self.containers += lettered
        self._unnumbered = {k: v for k, v in self._unnumbered.items() if k not in lettered}
        counts = Counter(it.name for images in self._unnumbered.values() for it in images)
        shared = [name for name, count in counts.items() if count > 1]
        of_name = {
            name: [
                place / name for place, images in self._unnumbered.items() if place / name in images
            ]
            for name in shared
        }
        for files in of_name.values():
            if are_masks(files):
                self.masks.append(files[0])
            else:
                self.containers += files
        for place, images in self._unnumbered.items():
            if any(it.name in shared for it in images):
                continue
            if are_masks(images):
                self.masks.append(images[0])
            elif len(images) > 1:
                self.containers.append(place)
            elif not self.containers:
                self.containers += images


def _label_names(contents: _Contents) -> set[str]:
    """Names of the documents and of the folders of masks, which may be those of sequences."""
    names = {file.stem for file in contents.documents + contents.mask_stacks}
    return names | {part for file in contents.masks for part in file.parent.parts}


def _are_ours(root: Path, pattern: str | None, containers: list[Path]) -> bool:
    """Whether files and folders of frames lie side by side, where dimjax's own layout has them."""
    place, _, _ = Layout().sequences.partition("/")
    # Stacks in TIFF files are found as one folder of images.
    inside = all(root / place in (it, it.parent) for it in containers)
    return inside and (pattern or "").startswith(f"{place}/")


def _pattern_of(root: Path, contents: _Contents) -> tuple[str | None, list[Path]]:
    """Return the pattern of most containers, and these."""
    containers = contents.containers
    groups: dict[tuple, list[Path]] = defaultdict(list)
    names = [it.name for it in containers if it.is_file()]
    for container in containers:
        repeated = container.is_file() and names.count(container.name) > 1
        last = container.name if repeated else ".*" if container.is_file() else ""
        groups[len(container.relative_to(root).parts), last].append(container)
    if not groups:
        return None, []
    (_, last), group = max(
        groups.items(), key=lambda it: (len(it[1]), INFRARED in it[0][1].lower())
    )
    if group[0].is_dir():
        flat = None if contents.mixed else flat_pattern(root, group)
        if flat:
            return flat, group
    paths = [container.relative_to(root).parts for container in group]
    if group[0].is_file() and not last.startswith("."):  # the same name in each folder
        return "/".join((*path_pattern([path[:-1] for path in paths]), literal(last))), group
    if group[0].is_file():
        return _pattern_of_files(root, paths, contents), group
    pattern = path_pattern(paths)
    named = _with_name(root, pattern, contents)
    if named != pattern and not _matches_others(root, named, group):
        pattern = named
    if root in group or contents.mixed >= set(group):  # which holds other files too
        return "/".join((*pattern, _frames_in(group[0]))), group
    if pattern[-1:] == (SEQUENCE,) and _matches_others(root, pattern, group):
        shared = os.path.commonprefix([path[-1] for path in paths])
        pattern = (*pattern[:-1], f"{literal(shared)}*")
    return "/".join(pattern), group


def _with_name(root: Path, pattern: tuple[str, ...], contents: _Contents) -> tuple[str, ...]:
    """Put {sequence} in place of the folder in a split after which labels are called.

    This is the name of a sequence that is the only one of its split; others differ in theirs.
    """
    if SPLIT not in pattern or SEQUENCE in pattern:
        return pattern
    places = {file.relative_to(root).parent for file in contents.documents + contents.masks}
    names = {part for place in places for part in place.parts}
    names |= {file.stem for file in contents.documents}
    last = len(pattern) - 1 - pattern[::-1].index(SPLIT)
    called = [k for k, part in enumerate(pattern) if k > last and part in names]
    return (*pattern[: called[-1]], SEQUENCE, *pattern[called[-1] + 1 :]) if called else pattern


def _pattern_of_files(root: Path, paths: list[tuple[str, ...]], contents: _Contents) -> str:
    suffixes = {_suffix(path[-1]) for path in paths}
    suffix = suffixes.pop() if len(suffixes) == 1 else ".*"
    stems = [(*path[:-1], path[-1].removesuffix(_suffix(path[-1]))) for path in paths]
    pattern = path_pattern(stems)
    beside = {it.relative_to(root).parent.parts for it in contents.mask_stacks}
    is_named = stems[0][-1].lower() in INFRARED_NAMES or paths[0][:-1] in beside
    if len(paths) == 1 and not is_named:  # others lie beside it
        pattern = (*pattern[:-1], SEQUENCE)
    return "/".join(_with_name(root, pattern, contents)) + suffix


def _suffix(name: str) -> str:
    """Suffix of a file, with both parts of .ome.tif or .fits.fz."""
    double = _DOUBLE_SUFFIX.search(name)
    return double[0] if double else os.path.splitext(name)[1]


def _frames_in(folder: Path) -> str:
    """Pattern of the images in a folder, such as img_{frame}.png."""
    files = images_of(folder)
    before, _, after = split_names([file.stem for file in files])[0]
    return f"{before}{FRAME}{after}{files[0].suffix}"


def _matches_others(root: Path, pattern: tuple[str, ...], group: list[Path]) -> bool:
    """Whether a pattern matches folders without frames too."""
    found = root.glob(glob_of("/".join(pattern)))
    matching = [it for it in found if match("/".join(pattern), it.relative_to(root).as_posix())]
    used = {*group, *called_as_masks(matching)}
    return any(it.is_dir() and it not in used for it in matching)


def _stem_number(file: Path) -> bool:
    return re.search(r"\d", file.stem) is not None
