"""Images of flat folders, which hold several sequences or still images, by their names.

flat_pattern(Path("data"), [Path("data/images")])   # "images/{sequence}_{frame}.*"
"""

import os
import re
from collections import defaultdict
from pathlib import Path

from dimjax.data.image_folders import ARRAYS, SUFFIXES, split_names, without_previews
from dimjax.data.image_kinds import are_stills
from dimjax.data.label_arrays import holds_no_frames
from dimjax.data.patterns import FRAME, SEQUENCE, SPLIT, literal, path_pattern
from dimjax.data.time_names import are_times

MASK_AFFIXES = r"(?i:_pixels0|[_-]mask|[_-]gt|[_-]label)"  # after the name of the image

_SEPARATOR = re.compile(r"([_.-])")
_HASHED = re.compile(r"[0-9a-f]{8}-.")  # 1a43ace3-flight3_0017 of Label Studio
_HASH = 9  # its characters
_FEWEST = 4  # frames of a video; fewer numbers may follow each other by chance


def flat_pattern(root: Path, folders: list[Path]) -> str | None:
    """Pattern of folders that hold several sequences, or still images; None for neither."""
    numberings = [_by_prefix(images_of(folder)) for folder in folders]
    prefixes = max(numberings, key=len)
    first = images_of(folders[0])
    if not prefixes:  # arrays rather than images
        return None
    if are_times([file.stem for file in first]) or are_lettered(first):  # refused when read
        return None
    place = "/".join(path_pattern([one.relative_to(root).parts for one in folders]))
    if SPLIT not in place and len(set().union(*numberings)) < sum(map(len, numberings)):
        return None  # names of two folders would be those of one sequence
    place = f"{place.replace(SEQUENCE, '*')}/" if place else ""
    is_one_place = len(folders) == 1 or SPLIT in place
    images = [file for folder in folders for file in images_of(folder)] if is_one_place else []
    if numbered := _hashed_pattern(images) or _numbered_pattern(prefixes):
        return f"{place}{numbered}"
    if len(prefixes) > 1 and images and (counted := _counted_pattern(images)):
        return f"{place}{counted}"
    if len(prefixes) > 1 or are_stills(next(iter(prefixes.values()))):
        return f"{place}{SEQUENCE}.*" if is_one_place else None
    return None


def _hashed_pattern(images: list[Path]) -> str | None:
    """Return the pattern of frames behind a random text each, as Label Studio calls them.

    None for other names, and for still images.
    """
    starts = {file.stem[:_HASH] for file in images}
    if not all(_HASHED.match(file.stem) for file in images) or len(starts) < len(images):
        return None
    if len(images) < _FEWEST or not any(re.search("[a-f]", start) for start in starts):
        return None  # dates or numbers
    prefixes = _by_prefix(sorted(images, key=lambda file: file.stem[_HASH:]), _HASH)
    pattern = _numbered_pattern(prefixes, _HASH)
    if len(prefixes) == 1 and not are_stills(*prefixes.values()):
        before = min(prefixes)
        name = before.rstrip(" _.-")
        pattern = f"{SEQUENCE if name else ''}{literal(before[len(name) :])}{FRAME}.*"
    return pattern and f"{'?' * (_HASH - 1)}-{pattern}"


def are_lettered(images: list[Path]) -> bool:
    """Whether images are frames that count by a letter: a, b, c, d or f_a, f_b, f_c, f_d."""
    stems = sorted(file.stem for file in images)
    start, first, last = stems[0][:-1], stems[0][-1], stems[-1][-1]
    counted = [start + chr(code) for code in range(ord(first), ord(last) + 1)]
    is_one = first.isalpha() and not start[-1:].isalnum()
    return len(stems) >= _FEWEST and is_one and stems == counted and not are_stills(images)


def _numbered_pattern(prefixes: dict[str, list[Path]], start: int = 0) -> str | None:
    """Return the pattern of images that are frames of several sequences; None for others.

    Args:
      prefixes: Text before the number of an image -> images.
      start: Characters of their names that are left out.
    """
    sizes = [len(of_prefix) for of_prefix in prefixes.values()]
    several = sum(size > 1 for size in sizes) > len(sizes) / 2  # a few may have a single frame
    stems = [file.stem[start:] for images in prefixes.values() for file in images]
    ends = {after for _, _, after in split_names(stems)}
    if len(prefixes) < 2 or not several or len(ends) > 1 or not all(prefixes):
        return None
    ends_alike = len({prefix[-1] for prefix in prefixes}) == 1
    if not ends_alike and are_stills(max(prefixes.values(), key=len)):
        return None
    separators = {re.search(r"[\W_]*$", prefix)[0] for prefix in prefixes}
    separator = os.path.commonprefix([it[::-1] for it in separators])[::-1]
    if separator in prefixes:  # nothing would be left for the name
        separator = separator[1:]
    return f"{SEQUENCE}{literal(separator)}{FRAME}{literal(ends.pop())}.*"


def _by_prefix(files: list[Path], start: int = 0) -> dict[str, list[Path]]:
    """Text before the number of an image, from a character on -> images."""
    prefixes: dict[str, list[Path]] = defaultdict(list)
    names = split_names([file.stem[start:] for file in files])
    for file, (before, _, _) in zip(files, names, strict=True):
        prefixes[before].append(file)
    return prefixes


def images_of(folder: Path) -> list[Path]:
    """Images of a folder, without the masks beside them; without any, its arrays."""
    files = [(file, file.suffix.lower()) for file in sorted(folder.iterdir())]
    images = [file for file, suffix in files if suffix in SUFFIXES]
    if not images:
        arrays = [file for file, suffix in files if suffix in ARRAYS]
        images = [file for file in arrays if not holds_no_frames(file)]
    frames = [file for file in images if not re.search(rf"({MASK_AFFIXES})$", file.stem)]
    return without_previews(frames)


def _counted_pattern(files: list[Path]) -> str | None:
    """Return the pattern of images whose names hold a video, then the number of a frame, then more.

    The numbers must count the frames of each video without a gap. None for other names.
    """
    names = [_SEPARATOR.split(file.stem) for file in files]
    suffixes = {file.suffix for file in files}
    if len(suffixes) > 1:
        return None
    for k in range(2, min(map(len, names)) - 2, 2):
        if all(name[k].isdecimal() for name in names) and _count_frames(names, k):
            return f"{_before(names, k)}{FRAME}{names[0][k + 1]}*{suffixes.pop()}"
    return None


def _count_frames(names: list[list[str]], k: int) -> bool:
    """Whether the parts at k number the frames of videos, which the parts before them name."""
    if len({(name[k - 1], name[k + 1]) for name in names}) > 1:
        return False
    videos: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for name in names:
        videos[tuple(name[:k])].append(int(name[k]))
    return all(
        len(set(numbers)) == len(numbers) == max(numbers) - min(numbers) + 1 >= _FEWEST
        for numbers in videos.values()
    )


def _before(names: list[list[str]], k: int) -> str:
    """Pattern of the parts before k, such as {sequence}-frame- of video-Q4-frame-."""
    word = {name[k - 2] for name in names}
    is_word = k > 2 and len(word) == 1 and min(word).isalpha()
    return SEQUENCE + "".join(names[0][k - 3 : k] if is_word else names[0][k - 1])
