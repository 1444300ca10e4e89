"""The splits of an unknown folder: its lists of sequences, and other names that contain a split.

found = find_splits(folder, documents)
found.splits                                        # {"train": "train.txt", "test": "test.txt"}
found.doubts                                        # names of which nobody knows the sequences
"""

import re
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from dimjax.data.csv_files import read_text
from dimjax.data.folders import Folder
from dimjax.data.listing import texts_by_sequence
from dimjax.data.patterns import SPLIT, SPLIT_FOLDERS, split_of, split_words
from dimjax.data.sniffing import sniff
from dimjax.data.split_files import YAML, ListReader, entries, splits_in
from dimjax.data.splits import LABELLED_SPLITS
from dimjax.data.walking import yaml_files
from dimjax.errors import InputError
from dimjax.progress import counted

_LISTED = 50  # lines of a list that are looked at
_KNOWN_SHARE = 0.5  # of these lines; a list may name sequences that are missing, which is reported
_UNION = "trainval"  # of the lists of train and val
# A split in a YAML file, with the folder, the list or the names behind it.
_IN_YAML = re.compile(r"^(train|val(?:id\w*)?|test)\s*:(.*(?:\n\s*-.*)*)", re.MULTILINE)
_REMEDY = "Write the names of the sequences, one per line, in train.txt, val.txt and test.txt."


class SplitSearch(NamedTuple):
    """Splits as far as the files of a folder tell them."""

    splits: dict[str, str]  # split -> its list, relative to the folder
    lists: list[Path]  # all files that list sequences
    doubts: list[InputError]


def find_splits(
    folder: Folder,
    documents: list[Path],
    links: Collection[Path] = (),
    tables: Collection[Path] = (),
) -> SplitSearch:
    """Find the lists of sequences in a folder.

    A document or folder called train, val or test that tells the split of no sequence is a doubt,
    unless the sequences of train are known: only these are trained on.

    Args:
      folder: The folder; its layout says where the sequences are.
      documents: Its texts, tables, JSON and XML.
      links: Its links to folders that are read by their own path.
      tables: Its files of a kind that is not read, such as those of Excel.
    """
    if SPLIT in folder.layout.sequences:
        return SplitSearch({}, [], [])
    of_split: dict[str, list[Path]] = defaultdict(list)
    for file in documents:
        words = split_words(file.stem)
        splits = {SPLIT_FOLDERS[word] for word in words}
        told = splits_in(file)
        several = [split for split in (*LABELLED_SPLITS, "new") if split in told]
        if several and all(_is_list(folder, file, split) for split in several):
            for split in several:
                of_split[split].append(file)
        elif len(splits) == 1 and _is_list(folder, file, *splits):
            of_split[_UNION if _UNION in words else splits.pop()].append(file)
    lists = [file for files in of_split.values() for file in files]
    union = of_split.pop(_UNION, [])
    if union and "train" not in of_split:
        of_split["train"] = union
    doubts = [it for it in (_differing(folder, *it) for it in of_split.items()) if it]
    if "train" not in of_split:
        yaml_lists = _of_yaml(folder)
        of_split.update(yaml_lists)
        lists += yaml_lists.get("train", [])
    if "train" not in of_split:
        rest = [file for file in documents if file not in lists]
        others = _of_splits(folder, list(tables))
        others += filter(_tells_splits, yaml_files(folder.path))
        doubts += _unread(folder, rest, others)
        paths = (link.relative_to(folder.path) for link in links)
        telling = [it for it in paths if any(map(split_of, it.parts))]
        if telling:
            count = counted(len(telling), "link")
            doubts.append(_doubt(folder, f"{count} in folders of splits, such as {telling[0]}"))
    chosen = {split: min(files, key=_depth) for split, files in of_split.items()}
    names = {split: it.relative_to(folder.path).as_posix() for split, it in chosen.items()}
    return SplitSearch(names, lists, doubts)


def _of_yaml(folder: Folder) -> dict[str, list[Path]]:
    """The first YAML file that names sequences of train and of other splits, by split."""
    for file in filter(_tells_splits, yaml_files(folder.path)):
        told = [split for split in LABELLED_SPLITS if split in splits_in(file)]
        if "train" in told and all(_is_list(folder, file, split) for split in told):
            return {split: [file] for split in told}
    return {}


def _depth(file: Path) -> int:
    return len(file.parts)


def _is_list(folder: Folder, file: Path, split: str) -> bool:
    """Whether most lines of a text, or all entries of a table or JSON, name sequences or frames."""
    if file.suffix.lower() not in (".txt", ".csv", ".tsv", ".json", *YAML):
        return False
    try:
        listed = entries(file, split, folder.files.keys())[:_LISTED]
    except InputError:
        return False
    errors: list[InputError] = []
    reader = ListReader(folder.files.keys(), lambda: folder.index, "", errors.append)
    for place, text in listed:
        reader.add(text, f"{file} {place}", split)
    unknown = 1 - _KNOWN_SHARE if file.suffix.lower() == ".txt" else 0
    return bool(listed) and len(errors) <= unknown * len(listed)


def _differing(folder: Folder, split: str, files: list[Path]) -> InputError | None:
    """Doubt about the lists of one split, if they name different sequences."""
    contents = set()
    for file in files:
        reader = ListReader(folder.files.keys(), lambda: folder.index, "", lambda error: None)
        contents.add(frozenset(reader.read(file, split)))
    if len(contents) == 1:
        return None
    rule = f"the lists of {split} must name the same sequences"
    value = " and ".join(it.relative_to(folder.path).as_posix() for it in sorted(files)[:2])
    remedy = f"Remove one of them, or choose with data.layout.splits.{split}."
    return InputError(folder.path, rule, f"others in {value}", remedy)


def _tells_splits(file: Path) -> bool:
    """Whether a YAML file has several splits that differ, rather than settings of a training."""
    try:
        text = read_text(file)
    except InputError:
        return False
    return len({value.strip() for _, value in _IN_YAML.findall(text)} - {""}) > 1


def _unread(folder: Folder, documents: list[Path], others: list[Path]) -> list[InputError]:
    """Doubts about names of splits that the sequences are not in.

    Args:
      folder: The folder.
      documents: Those that may be read.
      others: Files that tell splits, but are of a kind that is not read.
    """
    doubts = []
    documents = _of_splits(folder, documents)
    told = {split for file in documents for split in _told(file.stem)}
    if told == {"train"}:  # labels called train may cover all sequences
        documents = [file for file in documents if not sniff(file)]
    for file in documents[:1]:
        try:
            read_text(file)
        except InputError as error:
            doubts.append(error)
            continue
        doubts.append(_doubt(folder, _listing_none(folder, documents)))
    if others and not documents:
        doubts.append(_doubt(folder, _listing_none(folder, others)))
    names = _names_of_splits(folder)
    if names:
        doubts.append(_doubt(folder, f"{len(names)} names of splits, such as {names[0]}"))
    return doubts


def _listing_none(folder: Folder, files: list[Path]) -> str:
    value = f"{len(files)} documents that list none" if files[1:] else "no list of them"
    return f"{value}, such as {files[0].relative_to(folder.path)}"


def _doubt(folder: Folder, value: str) -> InputError:
    rule = "the sequences of train, val and test must be known, or all are trained on"
    return InputError(folder.path, rule, value, _REMEDY)


def _of_splits(folder: Folder, documents: list[Path]) -> list[Path]:
    """Documents called after a split, unless a sequence or frame is called so too."""
    named = [it for it in documents if _told(it.stem) or "split" in it.stem.lower()]
    if not named:
        return []
    of_frames = texts_by_sequence(folder.files, folder.path, folder.layout).values()
    texts = set(folder.files).union(*of_frames)
    return [file for file in named if file.stem not in texts]


def _names_of_splits(folder: Folder) -> list[str]:
    """Names of folders and sequences that tell the splits of some sequences, unlike others."""
    names: dict[frozenset, str] = {}
    for name, source in folder.files.items():
        first = source[0] if isinstance(source, tuple) else source
        place = first if first.is_dir() else first.parent
        parts = [*place.relative_to(folder.path).parts, name]
        telling = next((part for part in parts if _told(part)), "")
        names.setdefault(frozenset(_told(telling)), telling)
    return sorted(filter(None, names.values())) if len(names) > 1 else []


def _told(name: str) -> set[str]:
    """Splits that a name contains; "new" is too common a word."""
    return {SPLIT_FOLDERS[word] for word in split_words(name)} & set(LABELLED_SPLITS)
