"""Names of frames that are times, such as 12-30-58, and do not number the frames.

are_times(["12-30-58", "12-30-59", "12-31-00", "12-31-01"])         # True
are_times(["1709294400.98", "1709294400.99", "1709294401.00", "1709294401.01"])     # True
"""

import re
from collections.abc import Sequence
from itertools import pairwise

_TIME = re.compile(r"(.*?)(?<!\d)([01]\d|2[0-3])(\D?)([0-5]\d)\3([0-5]\d(?:[.,]\d+)?)\D*")
# Date and time up to the second, and parts of it; also as seconds since 1970.
_DAY = r"(?:19|20)\d\d\D?(?:0[1-9]|1[0-2])\D?(?:0[1-9]|[12]\d|3[01])"
_SECOND = r"(?:[01]\d|2[0-3])\D?[0-5]\d\D?[0-5]\d"
_DATED = re.compile(rf"(.*?)(?<!\d)({_DAY}\D?{_SECOND}|1\d{{9}})(?:[._,-]?(\d{{1,9}}))?\D*")
_EXACT = 6  # digits behind a second: microseconds or nanoseconds
_LEAST_STEP = 1000  # of these, from one frame to the next
_FEWEST = 4  # names; fewer numbers may look like times by chance


def are_times(names: Sequence[str]) -> bool:
    """Whether names end with times of one day in steps that go on from one minute to the next.

    Or with dates and times, or seconds since 1970, none of whose numbers counts the names.
    """
    return len(names) >= _FEWEST and (_are_of_one_day(names) or _are_dated(names))


def _are_of_one_day(names: Sequence[str]) -> bool:
    found = [_TIME.fullmatch(name) for name in names]
    if not all(found) or len({it[1] for it in found}) > 1:
        return False
    times = sorted((60 * int(it[2]) + int(it[4]), float(it[5].replace(",", "."))) for it in found)
    within = [b - a for (minute, a), (other, b) in pairwise(times) if minute == other]
    over = [60 * (other - minute) + b - a for (minute, a), (other, b) in pairwise(times)
            if minute != other]  # fmt: skip
    return bool(within and over) and max(over) <= 2 * max(within)


def _are_dated(names: Sequence[str]) -> bool:
    found = [_DATED.fullmatch(name) for name in names]
    if not all(found) or len({it[1] for it in found}) > 1:
        return False
    parts = [it[3] or "" for it in sorted(found, key=lambda it: (it[2], it[3] or ""))]
    steps = [int(b) - int(a) for a, b in pairwise(parts) if a and b]
    if steps and min(steps) > 0 and (min(steps) < _LEAST_STEP or min(map(len, parts)) < _EXACT):
        return False  # a number of the frame behind its time
    columns = zip(*(re.findall(r"\d+", name) for name in names), strict=False)
    return not any(_counts([int(text) for text in column]) for column in columns)


def _counts(numbers: list[int]) -> bool:
    """Whether numbers count without a gap, each once."""
    return len(set(numbers)) == len(numbers) == max(numbers) - min(numbers) + 1
