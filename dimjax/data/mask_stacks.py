"""Stacks of masks: one file for each sequence, with a mask for each of its frames.

They are read as sequences are: TIFF files of several pages, .npy, .npz, .mat, HDF5 and videos. A
pixel is set if it differs from the lowest level of the stack; in a video, whose levels are not
exact, if it is brighter than the middle of its range.

for pixels in read_mask_stack(Path("masks/flight3.tif")):
    pixels.any()                                    # [H, W] bool
find_mask_stacks(root, containers)                  # those among files and folders of frames
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dimjax.data.flat_names import MASK_AFFIXES
from dimjax.data.frame_files import Reading
from dimjax.data.image_folders import SUFFIXES
from dimjax.data.image_kinds import are_masks, has_mask_levels
from dimjax.data.sequences import OPENERS, Sequence, open_sequence
from dimjax.data.video_files import VIDEOS
from dimjax.errors import InputError

# Names of the masks in the folder of a sequence.
_MASKS = re.compile(r"masks?|gts?|ground_?truth|labels?|annotations?", re.IGNORECASE)
_SAMPLES = range(0, 64, 8)  # frames that are looked at
_FEW = 3  # files that are looked at: the first ones may be of frames without an object


def open_mask_stack(path: Path) -> Sequence:
    """Open a stack of masks; its first axis is time, or its last one in a MATLAB file.

    Raises:
      InputError: It is no stack that can be read.
    """
    axes = "hwt" if path.suffix.lower() == ".mat" else "thw"
    return open_sequence(path, reading=Reading(stack_axes=axes))


def read_mask_stack(path: Path) -> Iterator[np.ndarray]:
    """Yield which pixels are set in each frame, [H, W] bool.

    Raises:
      InputError: The file is no stack that can be read.
    """
    masks = open_mask_stack(path)
    extremes = [(it.min(), it.max()) for it in map(masks.frame, range(len(masks)))]
    low, high = min(it[0] for it in extremes), max(it[1] for it in extremes)
    level = (int(low) + int(high)) / 2 if path.suffix.lower() in VIDEOS else low
    for t in range(len(masks)):
        yield masks.frame(t) > level


def find_mask_stacks(root: Path, containers: list[Path]) -> list[Path]:
    """Find the stacks of masks among files and folders of frames.

    A stack may be of masks if it is called as another file or folder of frames, perhaps with a text
    such as _mask behind this name, or as masks are beside the frames of a sequence. Its levels
    decide.

    Args:
      root: The data folder.
      containers: Files and folders of frames.
    """
    names = {it: {*it.relative_to(root).parent.parts, it.stem} for it in containers}
    groups: dict[tuple, list[Path]] = defaultdict(list)
    for file in (it for it in containers if it.is_file()):
        base = _without_affix(file.stem)
        others = (names[it] for it in containers if it != file)
        if _MASKS.fullmatch(file.stem):
            groups[file.name, ""].append(file)
        elif any(base in it for it in others):
            groups[file.parent, file.stem[len(base) :]].append(file)
    sets = [{it.name for it in files} for files in groups.values()]
    # Of infrared.mp4 in the folder of each sequence, none need be opened.
    few = [files for files in groups.values() if sets.count({it.name for it in files}) < _FEW]
    return [file for files in few if _hold_masks(files[:_FEW]) for file in files]


def called_as_masks(found: list[Path]) -> set[Path]:
    """Return the stacks and folders of masks called as another, but for a text such as _mask."""
    names = {it: it.stem if it.suffix.lower() in OPENERS else it.name for it in found}
    places = {it.with_name(name) for it, name in names.items()}
    groups: dict[str, list[Path]] = defaultdict(list)
    for it, name in names.items():
        base = _without_affix(name)
        if base != name and it.with_name(base) in places:
            groups[name[len(base) :]].append(it)
    return {it for group in groups.values() if _hold_masks(sorted(group)[:_FEW]) for it in group}


def _without_affix(name: str) -> str:
    """A name without a text such as _mask behind it."""
    return re.sub(rf"({MASK_AFFIXES})$", "", name) or name


def _hold_masks(found: list[Path]) -> bool:
    """Whether a stack or folder shows masks; those of a stack must not all be empty."""
    try:
        return any(_are_images_of_masks(it) if it.is_dir() else _holds_masks(it) for it in found)
    except (InputError, PermissionError):  # reported when it is read
        return False


def _are_images_of_masks(folder: Path) -> bool:
    images = [it for it in sorted(folder.iterdir()) if it.suffix.lower() in SUFFIXES]
    return bool(images) and are_masks(images)


def _holds_masks(file: Path) -> bool:
    masks = open_mask_stack(file)
    samples = [masks.frame(t) for t in _SAMPLES if t < len(masks)]
    alike = all(has_mask_levels(it, file.suffix.lower() in VIDEOS) for it in samples)
    return alike and any(np.ptp(it) > 0 for it in samples)
