"""The source of `detect`: a sequence, videos and stacks in a folder, or a data folder.

    source = existing_source("flight3.mp4")
    folder = open_source(source, DIMJAX)                # a Folder of one sequence
    source_name(source, DIMJAX)                         # flight3

It does not load JAX: a wrong source is refused at once.
"""

import contextlib
from pathlib import Path

from dimjax.data.documents import is_document
from dimjax.data.folders import Folder, open_folder
from dimjax.data.image_folders import ARRAYS, SUFFIXES
from dimjax.data.label_arrays import holds_stack
from dimjax.data.layouts import Layout
from dimjax.data.listing import natural_key
from dimjax.data.patterns import FRAME, SEQUENCE, glob_of, match
from dimjax.data.recognition import Recognition, recognise
from dimjax.data.sequences import OPENERS, open_sequence
from dimjax.errors import InputError
from dimjax.progress import counted, say

_WHOLE = set(OPENERS) - {".tif", ".tiff", *ARRAYS}  # suffixes of files that are whole sequences


def existing_source(source: str | Path | None) -> Path:
    """Return the path of a source.

    Raises:
      InputError: There is no such source, or none is given.
    """
    if source is None:
        remedy = "Give --input=PATH."
        raise InputError("--input", "it must be a sequence or a data folder", "nothing", remedy)
    if not Path(source).exists():
        open_sequence(source)  # raises
    return Path(source)


def open_source(source: Path, layout: Layout, takes_stills: bool = False) -> Folder:
    """Open a data folder, the videos and stacks in a folder, or a single sequence as a folder.

    Args:
      source: An existing path.
      layout: Layout of a data folder; another folder of folders is recognised, and a line says so.
      takes_stills: Whether images in a folder that are no sequence are taken for still images.

    Raises:
      InputError: There is no sequence in it, or a single one cannot be opened.
    """
    if source.is_dir() and any(source.glob(glob_of(layout.sequences))):
        return open_folder(source, layout)
    try:
        open_sequence(source, reading=layout.reading)  # raises before anything is written
    except InputError as error:
        entries = list(source.iterdir()) if source.is_dir() else []
        if any(map(_is_whole, entries)):
            return _without_documents(open_folder(source, layout._replace(sequences="*")))
        has_folders = any(entry.is_dir() for entry in entries)
        found = recognise(source) if has_folders else _recognised(entries, source)
        if found is None and takes_stills and (images := _still_images(entries)):
            count = counted(len(images), "still image")
            say(f"{source}: taken for {count}, which as frames of a sequence break a rule: {error}")
            return Folder(source, layout, images)
        if found is None:
            raise
        say(f"layout of {source}: {'; '.join(found.evidence)}")
        return open_folder(source, found.layout)
    return Folder(source.parent, layout, {source_name(source, layout): source})


def _is_whole(entry: Path) -> bool:
    """Whether a file is surely a whole sequence, by its suffix or its shape."""
    return entry.suffix.lower() in _WHOLE or holds_stack(entry)


def _without_documents(folder: Folder) -> Folder:
    """Leave out the folders that hold documents alone, such as the labels of videos beside them."""
    files = {name: it for name, it in folder.files.items() if not _holds_documents(it)}
    left_out = [name for name in folder.files if name not in files]
    if left_out:
        count = counted(len(left_out), "folder")
        say(f"left out: {count} of documents, such as {folder.path / left_out[0]}")
    return Folder(folder.path, folder.layout, files)


def _holds_documents(path: Path) -> bool:
    files = [it for it in path.rglob("*") if it.is_file()]
    return bool(files) and all(map(is_document, files))


def _still_images(entries: list[Path]) -> dict[str, Path]:
    """Images of a folder by their names, with suffixes if these tell them apart."""
    images = [it for it in entries if it.suffix.lower() in SUFFIXES and it.name[0] != "."]
    are_unique = len({it.stem for it in images}) == len(images)
    named = {it.stem if are_unique else it.name: it for it in images}
    return dict(sorted(named.items(), key=lambda item: natural_key(item[0])))


def _recognised(entries: list[Path], source: Path) -> Recognition | None:
    """Recognise frames of several sequences, or with odd names, in one folder; None for others.

    A single sequence with a fault, such as a missing frame, looks like still images.
    """
    with contextlib.suppress(InputError):
        found = recognise(source) if entries else None
        return found if found and not found.stills else None
    return None


def source_name(source: Path, layout: Layout) -> str:
    """Name of a source: {sequence} of the layout if its path ends as the layout has it."""
    pattern = layout.sequences
    ending = "/".join(source.resolve().parts[-len(pattern.split("/")) :])
    texts = match(pattern, ending) if SEQUENCE in pattern and FRAME not in pattern else None
    if texts:
        return texts["sequence"]
    return source.resolve().name if source.is_dir() else source.stem
