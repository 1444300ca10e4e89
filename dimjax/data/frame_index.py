"""Frames found by the path of their image, as label files and lists of frames name them.

index = FrameIndex({"data6": [Path("images/test/data6/0.bmp")]})
index.find("/home/public/DAUB/images/test/data6/0.bmp")     # ("data6", 0)
FrameIndex({"clip": []}).number("clip/frame_000017.png")    # ("clip", 17), of a video
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dimjax.data.unicode_names import composed, same_name


class FrameIndex:
    """Frames by the path of their image.

    Paths are compared from their end, without the suffix of the file: the frame that agrees in most
    parts is found. If a path names folders, one of them must agree.

    Args:
      files: Sequence -> images of its frames; none for a video or a stack.
    """

    def __init__(self, files: Mapping[str, Sequence[Path]]):
        self._whole = {name for name, images in files.items() if not images}
        self._frames: dict[str, list[tuple[tuple[str, ...], str, int]]] = defaultdict(list)
        for name, images in files.items():
            for t, image in enumerate(images):
                parts = tuple(map(composed, image.parts[-2::-1]))
                self._frames[composed(image.stem)].append((parts, name, t))

    def find(self, path: str, names: Collection[str] | None = None) -> tuple[str, int] | None:
        """Return sequence and frame number; None if no frame, or more than one, fits.

        Args:
          path: That of the image.
          names: Sequences that the frame is one of; by default all.
        """
        fitting = [it for it in self.find_all(path) if names is None or it[0] in names]
        return fitting[0] if len(fitting) == 1 else None

    def find_all(self, path: str) -> list[tuple[str, int]]:
        """Return sequence and frame number of all frames that fit equally well."""
        folders, last = _split(path)
        candidates = self._frames.get(_stem(last)) or self._frames.get(last, [])
        scored = [(_common(parts, folders), name, t) for parts, name, t in candidates]
        best = max((score for score, _, _ in scored), default=0)
        return [(name, t) for score, name, t in scored if score == best and (best or not folders)]

    def number(self, path: str) -> tuple[str, int] | None:
        """Return a video or stack that a path names, and the last number behind this name."""
        folders, last = _split(path)
        found = re.fullmatch(r"(.*?)[ _.-]*(\d{1,9})", _stem(last))
        if not found or _stem(last) in self._whole:
            return None
        names = [found[1], *(_stem(folder) for folder in reversed(folders)), *reversed(folders)]
        name = next((it for name in names if (it := same_name(name, self._whole))), None)
        return name and (name, int(found[2]))


def _split(path: str) -> tuple[list[str], str]:
    parts = [part for part in re.split(r"[/\\]+", composed(path)) if part not in ("", ".")]
    return parts[:-1], "".join(parts[-1:])  # a path such as / names nothing


def _stem(name: str) -> str:
    return Path(name).stem if "." in name else name


def _common(parts: tuple[str, ...], folders: list[str]) -> int:
    """Number of folders, from the innermost on, that agree."""
    count = 0
    for part, folder in zip(parts, reversed(folders), strict=False):
        if part != folder:
            break
        count += 1
    return count
