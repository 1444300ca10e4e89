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
_IN_LINE = re.compile(r"(.*) line (\d+): (.*?); found ", re.DOTALL)


def problem_lines(problems: Iterable[InputError]) -> list[str]:
    """Sort problems by their texts, and count those that repeat a rule in a file.

    Args:
      problems: Problems of which each is a line, up to three for each rule and file. If there are
        more, another line counts them and names the last of their lines.
    """
    texts = sorted(map(str, problems), key=natural_key)
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


def _by_rule(texts: list[str]) -> dict[tuple[str, str], list[str]]:
    """Group texts by file and rule; those that name no line are each alone."""
    groups: dict[tuple[str, str], list[str]] = {}
    alone = itertools.count()
    for text in texts:
        match = _IN_LINE.match(text)
        key = (match[1], match[3]) if match else (text, str(next(alone)))
        groups.setdefault(key, []).append(text)
    return groups
