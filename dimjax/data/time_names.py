"""Names of frames that are times, such as 12-30-58, and do not number the frames.

are_times(["12-30-58", "12-30-59", "12-31-00", "12-31-01"])         # True
"""

import re
from collections.abc import Sequence
from itertools import pairwise

_TIME = re.compile(r"(.*?)(?<!\d)([01]\d|2[0-3])(\D?)([0-5]\d)\3([0-5]\d(?:[.,]\d+)?)\D*")
_FEWEST = 4  # names; fewer numbers may look like times by chance


def are_times(names: Sequence[str]) -> bool:
    """Whether names end with times of one day, in steps that go on from one minute to the next."""
    found = [_TIME.fullmatch(name) for name in names]
    if len(names) < _FEWEST or not all(found) or len({it[1] for it in found}) > 1:
        return False
    times = sorted((60 * int(it[2]) + int(it[4]), float(it[5].replace(",", "."))) for it in found)
    within = [b - a for (minute, a), (other, b) in pairwise(times) if minute == other]
    over = [60 * (other - minute) + b - a for (minute, a), (other, b) in pairwise(times)
            if minute != other]  # fmt: skip
    return bool(within and over) and max(over) <= 2 * max(within)
