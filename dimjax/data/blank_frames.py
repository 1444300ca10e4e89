"""Folders of black or white images among those of masks that are frames, by their places.

blank_frames(root, frames, masks)       # [Path("images/s3/0.png")] beside the frames of images/s1
"""

import re
from pathlib import Path

from dimjax.data.flat_names import images_of
from dimjax.data.image_kinds import is_blank

_MASKS = re.compile(r"mask|truth|label|anno|segm|(^|[\W_])gt", re.IGNORECASE)

_Parts = tuple[str, ...]


def blank_frames(root: Path, containers: list[Path], masks: list[Path]) -> list[Path]:
    """Return the masks that are frames of a black or white sequence.

    Their folder has the place of other folders of frames, but for one name. It is not called as
    masks are, and no folder of this name holds masks beside other frames.

    Args:
      root: The data folder.
      containers: Files or folders of frames.
      masks: A mask of each folder of masks.
    """
    frames = {it.relative_to(root).parts for it in containers if it.is_dir()}
    near = {file: _differences(file.parent.relative_to(root).parts, frames) for file in masks}
    blank = [it for it in masks if near[it] and all(map(is_blank, images_of(it.parent)))]
    others = [it.parent.relative_to(root).parts for it in masks if it not in blank]

    def is_of_masks(place: _Parts, name: str, k: int) -> bool:
        """Whether the name at k stands for masks, where `name` stands for frames."""
        alike = [it for it in others if it[k : k + 1] == place[k : k + 1]]
        beside = any((*it[:k], name, *it[k + 1 :]) in frames for it in alike)
        return beside or _MASKS.search(place[k]) is not None

    return [
        file
        for file in blank
        if not any(is_of_masks(file.parent.relative_to(root).parts, *it) for it in near[file])
    ]


def _differences(place: _Parts, frames: set[_Parts]) -> list[tuple[str, int]]:
    """Name and its position of each folder of frames that differs in this name alone."""
    found = []
    for other in (it for it in frames if len(it) == len(place)):
        differing = [k for k, part in enumerate(other) if part != place[k]]
        if len(differing) == 1:
            found.append((other[differing[0]], differing[0]))
    return found
