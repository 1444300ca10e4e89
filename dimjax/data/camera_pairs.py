"""Recordings of two cameras in one folder: the infrared ones are the sequences.

of_visible(root, containers)                        # [Path("a_rgb.mkv")] beside a_ir.mkv
infrared_pattern("{sequence}.mkv", root, infrared, names)  # "*_ir.mkv"
"""

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from dimjax.data.patterns import SEQUENCE, match

INFRARED = "infrared"  # of pairs such as visible.mp4 and infrared.mp4 this one is meant
# Names of folders and files of both cameras of a pair, and words of such names.
INFRARED_NAMES = (INFRARED, "ir", "tir", "lwir", "mwir", "swir", "thermal")
VISIBLE_NAMES = ("visible", "vis", "visual", "rgb", "color", "colour", "eo")
_WORDS = re.compile(r"([ _.-]+)")


def of_visible(root: Path, containers: list[Path]) -> list[Path]:
    """Return the frames called visible, if there are others with such a name of infrared.

    Args:
      root: The data folder.
      containers: Files or folders of frames in it.
    """
    infrared = set().union(*(_places(root, it, INFRARED_NAMES) for it in containers))
    return [it for it in containers if _places(root, it, VISIBLE_NAMES) & infrared]


def infrared_pattern(pattern: str, root: Path, infrared: list[Path], names: Collection[str]) -> str:
    """Return a pattern that matches infrared sequences, but none of the same names of visible ones.

    Args:
      pattern: Pattern of both, such as {sequence}.mkv.
      root: The data folder.
      infrared: The infrared files or folders.
      names: Names in the folder of labels: {sequence} is the name of a recording without its
        camera if one is called so, and else the whole name.

    Returns:
      The pattern with the commonest name of an infrared camera, or as it is given without one.
    """
    parts = pattern.split("/")
    for place in reversed(range(len(parts))):
        start = re.match(r"[^{*]*(\{sequence\}|\*)", parts[place])
        suffix = parts[place][start.end() :] if start else ""
        names_of_part = [it.relative_to(root).parts[place : place + 1] for it in infrared]
        stems = [_stem(name, suffix) for it in names_of_part for name in it]
        found = Counter(it for stem in stems for it in _affixes(stem)) if start else None
        if not found:
            continue
        (before, after), _ = found.most_common(1)[0]
        short = {stem[len(before) : len(stem) - len(after)] for stem in stems}
        is_last = place == len(parts) - 1
        is_whole = is_last and (not short & set(names) or set(stems) & set(names))
        parts[place] = f"{before}{'*' if is_whole else SEQUENCE}{after}{suffix}"
        break
    return "/".join(parts)


def infrared_images(pattern: str, root: Path, images: list[Path]) -> tuple[str, list[Path]]:
    """Return the pattern of the infrared frames in a flat folder, and the others.

    Args:
      pattern: Pattern of all frames, such as {sequence}_{frame}.*.
      root: The data folder.
      images: The files.

    Returns:
      {sequence}_ir_{frame}.* and the images of visible cameras, if there are pairs of sequences
      with such names; else the pattern as it is given, and no images.
    """
    found = {it: match(pattern, it.relative_to(root).as_posix()) for it in images}
    texts = {it: text["sequence"] for it, text in found.items() if text and "sequence" in text}
    of_names = {text: Path(text) for text in texts.values()}
    visible = {it.name for it in of_visible(Path(), list(of_names.values()))}
    affixes = Counter(it for name in of_names if name not in visible for it in _affixes(name))
    if not visible or not affixes:
        return pattern, []
    (before, after), _ = affixes.most_common(1)[0]
    narrowed = pattern.replace(SEQUENCE, f"{before}{SEQUENCE}{after}")
    return narrowed, [it for it, text in texts.items() if text in visible]


def matches_any(pattern: str, root: Path, containers: list[Path]) -> bool:
    """Whether a pattern matches any of the files and folders."""
    paths = (it.relative_to(root).as_posix() for it in containers)
    return any(match(pattern, path) is not None for path in paths)


def _places(root: Path, container: Path, cameras: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Paths of a container without its suffix and one word that is called as one of the cameras."""
    path = container.relative_to(root)
    parts = path.with_suffix("").parts if container.is_file() else path.parts
    places = set()
    for k, part in enumerate(parts):
        words = _WORDS.split(part)
        for n in (n for n, word in enumerate(words) if word.lower() in cameras):
            name = "".join([*words[:n], "", *words[n + 1 :]])
            places.add((*parts[:k], f"{name}/", *parts[k + 1 :]))
    return places


def _stem(part: str, suffix: str) -> str:
    return re.sub(r"\.[^.]+$", "", part) if suffix == ".*" else part.removesuffix(suffix)


def _affixes(stem: str) -> list[tuple[str, str]]:
    """Texts before and after {sequence} in a name that begins or ends with an infrared camera."""
    words = _WORDS.split(stem)
    found = []
    if len(words) > 1 and words[-1].lower() in INFRARED_NAMES:
        found.append(("", "".join(words[-2:])))
    if len(words) > 1 and words[0].lower() in INFRARED_NAMES:
        found.append(("".join(words[:2]), ""))
    return found
