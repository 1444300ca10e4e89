"""A survey of an unknown folder: where its frames, masks and documents lie.

found = survey_folder(Path("data/unknown"))
found.sequences                                     # "{split}/{sequence}/img1"
found.mask_folders                                  # folders of masks
"""

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from dimjax.data.image_folders import ARRAYS, SUFFIXES
from dimjax.data.layouts import Layout
from dimjax.data.patterns import FRAME, SEQUENCE, SPLIT, SPLIT_FOLDERS, glob_of, match
from dimjax.data.sequences import OPENERS
from dimjax.data.stack_files import holds_matlab_objects

_DOCUMENTS = (".txt", ".csv", ".json", ".xml")
_OF_SIMULATION = ("truth.csv", "errors.csv")  # beside labels.csv: not what is trained on
_MASK_SHARE = 0.05  # largest share of set pixels of a mask
_MASK_LEVELS = 3  # largest number of its levels
_FEWEST_ARRAYS = 4  # files of one array each that are taken for the frames of a sequence
_STILL_CORRELATION = 0.5  # of neighbouring images; below it they are no frames of a sequence


class FolderSurvey(NamedTuple):
    """Contents of a folder."""

    sequences: str | None  # pattern of the sequences; None if there are none
    containers: list[Path]  # files or folders of frames
    others: list[Path]  # other files or folders of frames, which the pattern does not match
    mask_folders: list[Path]
    documents: list[Path]  # texts, tables, JSON and XML
    objects: list[Path]  # files of MATLAB objects, which are not read


def survey_folder(root: Path) -> FolderSurvey:
    """Find the frames, masks and documents in a folder."""
    containers: list[Path] = []
    masks: list[Path] = []
    documents: list[Path] = []
    objects: list[Path] = []
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = [Path(place) / name for name in sorted(names) if not name.startswith(".")]
        images = [file for file in files if file.suffix.lower() in SUFFIXES]
        documents += [file for file in files if file.suffix.lower() in _DOCUMENTS]
        if len(images) > 1 or images and all(_stem_number(it) for it in images):
            (masks if _are_masks(images) else containers).append(Path(place))
        whole = [file for file in files if file.suffix.lower() in set(OPENERS) - set(SUFFIXES)]
        objects += [file for file in whole if holds_matlab_objects(file)]
        whole = [file for file in whole if file not in objects]
        if _are_numbered_arrays(whole):
            containers.append(Path(place))
        else:
            containers += whole
    if root / Layout().labels in documents:
        documents = [file for file in documents if file not in [root / n for n in _OF_SIMULATION]]
    pattern, matched = _pattern_of(root, containers)
    if len(matched) < len(containers) and _are_ours(root, pattern, containers):
        pattern, matched = Layout().sequences, containers
    others = [container for container in containers if container not in matched]
    return FolderSurvey(pattern, matched, others, masks, documents, objects)


def _are_ours(root: Path, pattern: str | None, containers: list[Path]) -> bool:
    """Whether files and folders of frames lie side by side, where dimjax's own layout has them."""
    place, _, _ = Layout().sequences.partition("/")
    # Stacks in TIFF files are found as one folder of images.
    inside = all(root / place in (it, it.parent) for it in containers)
    return inside and (pattern or "").startswith(f"{place}/")


def path_pattern(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Generalise paths of one depth: {split}, {sequence} or * in place of parts that differ."""
    parts = [sorted(set(column)) for column in zip(*paths, strict=True)]
    pattern = []
    varying = [k for k, values in enumerate(parts) if len(values) > 1 and not _are_splits(values)]
    key = max(varying, key=lambda k: (len(parts[k]), k), default=None)
    for k, values in enumerate(parts):
        if k == key:
            pattern.append(SEQUENCE)
        elif len(values) > 1 or _are_splits(values):
            pattern.append(SPLIT if _are_splits(values) else "*")
        else:
            pattern.append(values[0])
    return tuple(pattern)


def _pattern_of(root: Path, containers: list[Path]) -> tuple[str | None, list[Path]]:
    """Return the pattern of most containers, and these."""
    groups: dict[tuple, list[Path]] = defaultdict(list)
    names = [it.name for it in containers if it.is_file()]
    for container in containers:
        repeated = container.is_file() and names.count(container.name) > 1
        last = container.name if repeated else ".*" if container.is_file() else ""
        groups[len(container.relative_to(root).parts), last].append(container)
    if not groups:
        return None, []
    # Of pairs such as visible.mp4 and infrared.mp4 the infrared one is meant.
    (_, last), group = max(
        groups.items(), key=lambda it: (len(it[1]), "infrared" in it[0][1].lower())
    )
    if group[0].is_dir():
        flat = _flat_pattern(root, group)
        if flat:
            return flat, group
    paths = [container.relative_to(root).parts for container in group]
    if group[0].is_file() and not last.startswith("."):  # the same name in each folder
        return "/".join((*path_pattern([path[:-1] for path in paths]), last)), group
    if group[0].is_file():
        paths = [(*path[:-1], Path(path[-1]).stem) for path in paths]
        pattern = path_pattern(paths)
        if len(paths) == 1:
            pattern = (*pattern[:-1], SEQUENCE)
        suffixes = {container.suffix for container in group}
        return "/".join(pattern) + (last if len(suffixes) > 1 else suffixes.pop()), group
    pattern = path_pattern(paths)
    if pattern[-1:] == (SEQUENCE,) and _matches_others(root, pattern, group):
        shared = os.path.commonprefix([path[-1] for path in paths])
        pattern = (*pattern[:-1], f"{shared}*")
    return "/".join(pattern) or ".", group


def _matches_others(root: Path, pattern: tuple[str, ...], group: list[Path]) -> bool:
    """Whether a pattern matches folders without frames too."""
    found = root.glob(glob_of("/".join(pattern)))
    matching = [it for it in found if match("/".join(pattern), it.relative_to(root).as_posix())]
    return any(it.is_dir() and it not in group for it in matching)


def _flat_pattern(root: Path, folders: list[Path]) -> str | None:
    """Pattern of folders that hold several sequences, or still images; None for neither."""
    numberings = [_numberings(folder) for folder in folders]
    prefixes = max(numberings, key=len)
    if not prefixes:  # arrays rather than images
        return None
    place = "/".join(path_pattern([one.relative_to(root).parts for one in folders]))
    place = f"{place.replace(SEQUENCE, '*')}/" if place else ""
    separators = {prefix[-1:] for prefix in prefixes}
    sizes = [len(of_prefix) for of_prefix in prefixes.values()]
    if len(prefixes) > 1 and min(sizes) > 1 and len(separators) == 1:
        separator = separators.pop()
        return f"{place}{SEQUENCE}{separator if not separator.isalnum() else ''}{FRAME}.*"
    if len(prefixes) > 1 or _are_stills(next(iter(prefixes.values()))):
        return f"{place}{SEQUENCE}.*" if len(folders) == 1 or SPLIT in place else None
    return None


def _numberings(folder: Path) -> dict[str, list[Path]]:
    """Text before the number of an image -> images of a folder."""
    prefixes: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in SUFFIXES:
            found = re.fullmatch(r"(.*?)(\d+)\D*", file.stem)
            prefixes[found[1] if found else file.stem].append(file)
    return prefixes


def _are_stills(images: list[Path]) -> bool:
    """Whether neighbouring images differ in size, or show different scenes."""
    pixels = [_thumbnail(image) for image in images[:9]]
    sizes = {size for _, size in pixels}
    if len(sizes) > 1:
        return True
    if len(images) == 1:
        return True
    pairs = zip(pixels, pixels[1:], strict=False)
    correlations = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for (a, _), (b, _) in pairs]
    return bool(correlations) and float(np.nanmedian(correlations)) < _STILL_CORRELATION


def _thumbnail(file: Path) -> tuple[np.ndarray, tuple[int, int]]:
    with Image.open(file) as image:
        size = image.size
        grey = image.convert("F" if image.mode.startswith("I") else "L")
        return np.asarray(grey.resize((32, 32)), dtype=float), size


def _are_masks(images: list[Path]) -> bool:
    """Whether images have few levels, most pixels of which are 0."""
    chosen = {images[0], images[len(images) // 2], images[-1]}
    return all(_is_mask(image) for image in chosen)


def _are_numbered_arrays(files: list[Path]) -> bool:
    """Whether files are the frames of one sequence, in FITS or MATLAB files."""
    stems = {re.sub(r"\d+(?=\D*$)", "", file.stem) for file in files}
    arrays = all(file.suffix.lower() in ARRAYS for file in files)
    return arrays and len(files) >= _FEWEST_ARRAYS and len(stems) == 1


def _is_mask(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    except OSError:
        return False
    colours = pixels[..., :3].max(axis=-1) if pixels.ndim == 3 else pixels
    lossy = file.suffix.lower() in (".jpg", ".jpeg")
    found = colours > colours.max() / 2 if lossy else colours > 0
    few = lossy or len(np.unique(colours)) <= _MASK_LEVELS
    return bool(few and found.mean() <= _MASK_SHARE)


def _are_splits(values: list[str]) -> bool:
    return all(value.lower() in SPLIT_FOLDERS for value in values)


def _stem_number(file: Path) -> bool:
    return re.search(r"\d", file.stem) is not None
