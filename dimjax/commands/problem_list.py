"""The problems of a data folder as lines: a rule that many lines break is shown by the first ones.

for line in problem_lines(problems):
    say(f"problem: {line}")
"""

import itertools
import re
from collections.abc import Iterable

from dimjax.data.listing import natural_key
from dimjax.errors import InputError

_SHOWN = 3  # lines of a file that break the same rule
_PLACE = re.compile(r"(.*?) (line |\w+\[)(\d+)(?=\]?: )", re.DOTALL)
_IN_LINE = re.compile(r"(.*) line (\d+): (.*?); found ", re.DOTALL)


def problem_lines(problems: Iterable[InputError]) -> list[str]:
    """Sort problems by their texts, and count those that repeat a rule in a file.

    Args:
      problems: Problems of which each is a line, up to three for each rule and file. If there are
        more, another line counts them and names the last of their lines. Problems that differ in
        their line alone are one.
    """
    texts = _without_repeats(sorted(map(str, problems), key=natural_key))
    lines = []
    for key, group in _by_rule(texts).items():
        shown = group if len(group) <= _SHOWN + 1 else group[:_SHOWN]
        lines += shown
        if len(shown) < len(group):
            file, rule = key
            numbers = [int(_IN_LINE.match(text)[2]) for text in group[_SHOWN:]]
            more = f"{len(numbers):,} more, from line {numbers[0]} to line {numbers[-1]}"
            lines.append(f"{file}: {more}: {rule}")
    return lines


def _without_repeats(texts: list[str]) -> list[str]:
    """The first of the texts that are equal but for the line or entry of the file, with a count."""
    groups: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        place = _PLACE.match(text)
        key = (place[1], text[place.end() :]) if place else (text, "")
        groups.setdefault(key, []).append(text)
    return [_counted(group) for group in groups.values()]


def _counted(texts: list[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    last = _PLACE.match(texts[-1])
    if last is None:
        return texts[0]
    count = "once" if len(texts) == 2 else f"{len(texts) - 1:,} times"
    place = f"{last[2]}{last[3]}{']' * last[2].endswith('[')}"
    return f"{texts[0]} The same {count} more, up to {place}."


def _by_rule(texts: list[str]) -> dict[tuple[str, str], list[str]]:
    """Group texts by file and rule; those that name no line are each alone."""
    groups: dict[tuple[str, str], list[str]] = {}
    alone = itertools.count()
    for text in texts:
        match = _IN_LINE.match(text)
        key = (match[1], match[3]) if match else (text, str(next(alone)))
        groups.setdefault(key, []).append(text)
    return groups
