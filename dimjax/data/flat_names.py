"""Names of images in a flat folder that count the frames of several videos before another text.

counted_pattern([Path("video-Q4-frame-000017-x7Kd.jpg"), ...])    # "{sequence}-frame-{frame}-*.jpg"
"""

import re
from collections import defaultdict
from pathlib import Path

from dimjax.data.patterns import FRAME, SEQUENCE

_SEPARATOR = re.compile(r"([_.-])")
_FEWEST = 4  # frames of a video; fewer numbers may follow each other by chance


def counted_pattern(files: list[Path]) -> str | None:
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
