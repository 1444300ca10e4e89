"""The folders of a data folder with their files, and its links to other folders.

Hidden files and folders are left out, and so are those that systems make: thumbnails, bins, caches,
and the directories of runs, with their simulated frames and their pictures.

found = walk(Path("data/unknown"))
found.places[0]                                     # (Path("data/unknown"), [its files])
found.outward                                       # links out of the folder, not followed
is_hidden(Path("images/@eaDir/0001.png"))           # True
yaml_files(Path("data/unknown"))
"""

import os
from pathlib import Path
from typing import NamedTuple

# Folders and files of no data, by their names in lower case: of Synology, QNAP, Windows, macOS,
# Linux and Python.
_OF_SYSTEMS = {"@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp"}
_OF_SYSTEMS |= {"$recycle.bin", "recycler", "system volume information", "thumbs", "thumbnails"}
_OF_SYSTEMS |= {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "lost+found", "__pycache__"}


class Walk(NamedTuple):
    """Contents of a folder without hidden files and folders, see `is_hidden`."""

    places: list[tuple[Path, list[Path]]]  # folders and the files in them, by name
    inward: list[Path]  # links to folders that are among the places by their own path
    outward: list[Path]  # links to folders elsewhere
    runs: list[Path]  # directories of runs, which are not entered


def walk(root: Path) -> Walk:
    """List the folders in a folder. A link to a hidden folder in it is followed, once."""
    found, seen = Walk([], [], [], []), set()
    top, waiting = root.resolve(), [root]
    while waiting:
        for place, folders, names in os.walk(waiting.pop()):
            folders[:] = sorted(name for name in folders if not _is_left_out(name))
            runs = [name for name in folders if is_run(Path(place) / name)]
            folders[:] = [name for name in folders if name not in runs]
            found.runs.extend(Path(place) / name for name in runs)
            files = sorted(name for name in names if not _is_left_out(name))
            found.places.append((Path(place), [Path(place) / name for name in files]))
            for link in (Path(place) / name for name in folders):
                target = link.resolve() if os.path.islink(link) else top
                if target != top and top not in target.parents:
                    found.outward.append(link)
                elif target not in seen and is_hidden(target.relative_to(top)):
                    waiting.append(link)
                    seen.add(target)
                elif os.path.islink(link):  # False for one that may not be looked at
                    found.inward.append(link)
    return found


def is_run(path: Path) -> bool:
    """Whether a folder is the directory of a run."""
    # Path.exists would raise for a folder that this user may not enter.
    return all(os.path.exists(path / name) for name in ("config.json", "rounds", "run.lock"))


def yaml_files(root: Path) -> list[Path]:
    """List the YAML files in a folder and its folders, without hidden ones."""
    files = [file for _, of_place in walk(root).places for file in of_place]
    return [file for file in files if file.suffix.lower() in (".yaml", ".yml")]


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is hidden or of no data by its name, or one of its folders is.

    Args:
      path: Relative to the data folder.
    """
    return any(map(_is_left_out, path.parts))


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name.lower() in _OF_SYSTEMS
