"""Frames found by the path of their image, as label files and lists of frames name them.

index = FrameIndex({"data6": [Path("images/test/data6/0.bmp")]})
index.find("/home/public/DAUB/images/test/data6/0.bmp")     # ("data6", 0)
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path


class FrameIndex:
    """Frames by the path of their image.

    Paths are compared from their end, without the suffix of the file: the frame that agrees in most
    parts is found. If a path names folders, one of them must agree.

    Args:
      files: Sequence -> images of its frames.
    """

    def __init__(self, files: Mapping[str, Sequence[Path]]):
        self._frames: dict[str, list[tuple[tuple[str, ...], str, int]]] = defaultdict(list)
        for name, images in files.items():
            for t, image in enumerate(images):
                self._frames[image.stem].append((image.parts[-2::-1], name, t))

    def find(self, path: str) -> tuple[str, int] | None:
        """Return sequence and frame number; None if no frame, or more than one, fits."""
        *folders, last = [part for part in re.split(r"[/\\]+", path) if part not in ("", ".")]
        stem = Path(last).stem if "." in last else last
        candidates = self._frames.get(stem) or self._frames.get(last, [])
        scored = [(_common(parts, folders), name, t) for parts, name, t in candidates]
        best = max((score for score, _, _ in scored), default=0)
        fitting = [(name, t) for score, name, t in scored if score == best]
        return fitting[0] if len(fitting) == 1 and (best or not folders) else None


def _common(parts: tuple[str, ...], folders: list[str]) -> int:
    """Number of folders, from the innermost on, that agree."""
    count = 0
    for part, folder in zip(parts, reversed(folders), strict=False):
        if part != folder:
            break
        count += 1
    return count
