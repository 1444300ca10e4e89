"""The sequences of a data folder: their files, names and frames, found by a layout.

files = list_sequences(Path("data/sky"), DIMJAX, raise_error)
files["flight3"]                       # its file or folder, or a tuple of its images
frame_texts(files["flight3"], path, layout)            # the texts of {frame}, one per frame
"""

import contextlib
import itertools
import os
import re
import stat
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from dimjax.data.documents import is_document
from dimjax.data.frame_files import ome_files
from dimjax.data.image_folders import SUFFIXES, check_gaps, list_images, list_still_images
from dimjax.data.label_arrays import holds_no_frames
from dimjax.data.layouts import Layout
from dimjax.data.mask_stacks import called_as_masks
from dimjax.data.patterns import FRAME, SEQUENCE, SPLIT, glob_of, match
from dimjax.data.raw_files import RAW
from dimjax.data.sequences import OPENERS
from dimjax.data.unread_frames import UNREAD
from dimjax.data.walking import is_hidden
from dimjax.errors import InputError, OnError

_OME = (".ome.tif", ".ome.tiff")
_SIDECARS = (".json", ".hdr")  # which describe a raw file
_OTHER_KIND = ("something else", "Convert it.")

Source = Path | tuple[Path, ...]  # a file or folder, or the images of a sequence in order


def check_access(path: Path, pattern: str = "*/*") -> None:
    """Raise if this user may not list or enter a folder above sequences: it would seem empty.

    Args:
      path: Data folder.
      pattern: Pattern of its sequences.

    Raises:
      InputError: The first such folder, with its permissions.
    """
    parts = glob_of(pattern).split("/")[:-1]
    above = ("/".join(parts[: k + 1]) for k in range(len(parts)))
    inner = (it for one in above for it in sorted(path.glob(one)) if it.is_dir())
    for folder in itertools.chain([path], inner):  # in turn: one that is closed hides the next
        if not os.access(folder, os.R_OK | os.X_OK):
            rule, mode = "this user must be permitted to list and enter it", folder.stat().st_mode
            value = f"permissions {stat.S_IMODE(mode):o}"
            raise InputError(folder, rule, value, "Give those to read and to execute.")


def list_sequences(path: Path, layout: Layout, on_error: OnError) -> dict[str, Source]:
    """Map the names of all sequences to their files; hidden files are ignored.

    The name is the text of {sequence}, or else that of the file or folder.
    """
    pattern = layout.sequences
    found = [it for it in path.glob(glob_of(pattern)) if not is_hidden(it.relative_to(path))]
    if FRAME in pattern:
        return _group_images(sorted(found), path, layout, on_error)
    raw = {it.stem for it in found if it.suffix.lower() in RAW}
    aside = {*photos_in(found), *called_as_masks(found)}
    files: dict[str, Source] = {}
    for item in sorted(found):
        texts = match(pattern, item.relative_to(path).as_posix())
        if texts is None and SPLIT in pattern:
            continue  # another folder beside those of the splits
        if _may_hold_documents(pattern) and (item in aside or _is_left_aside(item)):
            continue
        if item.suffix.lower() in _SIDECARS and item.stem in raw or _is_later_part(item, found):
            continue
        if texts is None and SEQUENCE in pattern:
            rule = f"sequences must match {pattern}, with one text for each placeholder"
            on_error(InputError(item, rule, item.name, "Correct the key sequences, or move it."))
            continue
        name = texts["sequence"] if SEQUENCE in pattern else _default_name(item)
        if not item.is_dir() and item.suffix.lower() not in (*OPENERS, *SUFFIXES):
            rule = f"{pattern} must match folders or files of type {', '.join(OPENERS)}"
            kind, remedy = UNREAD.get(item.suffix.lower(), _OTHER_KIND)
            on_error(InputError(item, rule, kind, f"{remedy} Or move it elsewhere."))
        elif not name.isprintable():  # e.g. a line break, or bytes that are no UTF-8
            rule = "the name of a sequence must be printable UTF-8 text"
            on_error(InputError(item, rule, repr(name), "Rename it."))
        elif name in files:
            remedy = _unique_name(pattern, [it.relative_to(path).parts for it in found])
            on_error(InputError(item, "names must be unique", files[name], remedy))
        else:
            files[name] = item
    return dict(sorted(files.items(), key=lambda item: natural_key(item[0])))


def photos_in(found: list[Path]) -> list[Path]:
    """Return the images of one frame beside more folders: photos of the site rather than frames."""
    stills = [it for it in found if not it.is_dir() and list_still_images(it)]
    return stills if len(stills) < sum(it.is_dir() for it in found) else []


def placeholders(source: Source, path: Path, layout: Layout) -> dict[str, str]:
    """Return the texts of {sequence} and {split} in the path of a sequence."""
    first = source[0] if isinstance(source, tuple) else source
    return match(layout.sequences, first.relative_to(path).as_posix()) or {}


def locations(files: Mapping[str, Source]) -> dict[str, Path]:
    """Return one path of each sequence: its file or folder, or its first image."""
    return {name: it[0] if isinstance(it, tuple) else it for name, it in files.items()}


def frame_files(source: Source) -> list[Path]:
    """Return the images of a sequence in order; none for a video or a stack."""
    if isinstance(source, tuple):
        return list(source)
    if source.is_dir():
        return list_images(source)
    return list_still_images(source)


def frame_texts(source: Source, path: Path, layout: Layout) -> list[str]:
    """Return the text of {frame} of each image of a sequence; none for a video or a stack."""
    files = frame_files(source)
    if FRAME not in layout.sequences:
        return [file.stem for file in files]
    relative = (file.relative_to(path).as_posix() for file in files)
    return [match(layout.sequences, text)["frame"] for text in relative]


def texts_by_sequence(
    files: Mapping[str, Source], path: Path, layout: Layout
) -> dict[str, list[str]]:
    """Return the texts of {frame} of each sequence that can be listed, see `frame_texts`."""
    texts = {}
    for name, source in files.items():
        with contextlib.suppress(InputError):  # reported when the sequence is opened
            texts[name] = frame_texts(source, path, layout)
    return texts


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key for natural order: 2 before 10."""
    parts = re.split(r"(\d{1,18})", name)  # Python refuses to read numbers of 4,301 digits
    return [(int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)]


def _unique_name(pattern: str, paths: list[tuple[str, ...]]) -> str:
    """Remedy for sequences of the same name: another folder in their paths, if it names each."""
    parts = pattern.split("/")
    for k in range(len(parts) - 1):
        if {len(it) for it in paths} == {len(parts)} and len({it[k] for it in paths}) == len(paths):
            parts = [part.replace(SEQUENCE, "*") for part in parts]
            named = "/".join([*parts[:k], SEQUENCE, *parts[k + 1 :]])
            return f"Rename one of them, or set sequences={named}."
    return _choice(pattern, paths) or "Rename one of them, and its labels alike."


def _choice(pattern: str, paths: list[tuple[str, ...]]) -> str:
    """Remedy for folders that each hold all sequences, as of two cameras; "" for others."""
    parts = pattern.split("/")
    for k in (k for k, part in enumerate(parts) if part == "*"):
        rest: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for path in paths:
            rest[path[k]].add((*path[:k], *path[k + 1 :]))
        first = next(iter(rest.values()))
        if len(rest) > 1 and all(it == first for it in rest.values()):
            names = sorted(rest)
            one = "/".join([*parts[:k], names[0], *parts[k + 1 :]])
            return f"Choose one of the folders {', '.join(names)}, as in sequences={one}."
    return ""


def _may_hold_documents(pattern: str) -> bool:
    """Whether labels and lists may lie beside the sequences of a pattern."""
    return SEQUENCE in pattern or pattern.endswith(".*") or "/" not in pattern


def _is_left_aside(item: Path) -> bool:
    return not item.is_dir() and (is_document(item, or_archive=True) or holds_no_frames(item))


def _is_later_part(item: Path, found: list[Path]) -> bool:
    """Whether a file is a later one of an OME-TIFF whose first one is found too."""
    if not item.name.lower().endswith(_OME):
        return False
    try:
        first = ome_files(item)[0]
    except InputError:  # reported when the sequence is opened
        return False
    return first != item and first in found


def _group_images(
    found: list[Path], path: Path, layout: Layout, on_error: OnError
) -> dict[str, Source]:
    """Group the images of a flat folder by the text of {sequence}."""
    pattern = layout.sequences
    groups: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in found:
        relative = file.relative_to(path).as_posix()
        texts = match(pattern, relative)
        if layout.labels and match(layout.labels, relative):  # masks beside the images
            continue
        if texts is None or not texts["frame"].isdecimal():
            rule = f"a file must match {pattern}, with a number for {{frame}}"
            on_error(InputError(file, rule, file.name, "Move it elsewhere or rename it."))
            continue
        of_sequence, number = groups[texts.get("sequence", path.name)], int(texts["frame"])
        if number in of_sequence:
            rule, value = "a frame's number must occur once", of_sequence[number].name
            on_error(InputError(file, rule, value, "Rename one of them."))
        of_sequence[number] = file
    for numbered in groups.values():
        _check_split(list(numbered.values()), path, pattern, on_error)
        try:
            check_gaps(next(iter(numbered.values())).parent, numbered)
        except InputError as error:
            on_error(error)
    return {
        name: tuple(groups[name][number] for number in sorted(groups[name]))
        for name in sorted(groups, key=natural_key)
    }


def _check_split(files: list[Path], path: Path, pattern: str, on_error: OnError) -> None:
    """Report a sequence whose frames are in several splits: their labels would not be found."""
    first: dict[str | None, Path] = {}
    for file in files:
        first.setdefault(match(pattern, file.relative_to(path).as_posix()).get("split"), file)
    if len(first) > 1:
        one, other = list(first.values())[:2]
        remedy = "Move all of them to one split, or rename those of one: splits are by sequence."
        on_error(InputError(one, "the frames of a sequence must be in one split", other, remedy))


def _default_name(item: Path) -> str:
    return item.name if item.is_dir() else item.stem
