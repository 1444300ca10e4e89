"""The problems of a data folder as lines: a rule that many lines break is shown by the first ones.

for line in problem_lines(problems):
    say(f"problem: {line}")
"""

import re
from collections.abc import Iterable

from dimjax.data.listing import natural_key
from dimjax.errors import InputError

_SHOWN = 3  # lines of a file, or files with names alike, that break the same rule
_UNIT = r"(line |object |\w*\[)"
_PLACE = re.compile(rf"(.*?) {_UNIT}(\d+)(?=\]?: )", re.DOTALL)
_IN_FILE = re.compile(rf"(.*?)(?: {_UNIT}(\d+)\]?)?: (.*?); found ", re.DOTALL)
_FILE = re.compile(r".*\.\w+", re.DOTALL)


def problem_lines(problems: Iterable[InputError]) -> list[str]:
    """Sort problems by their texts, and count those that repeat a rule in a file or many files.

    Args:
      problems: Problems of which each is a line, up to three for each rule and file. If there are
        more, another line counts them and names the last of their lines. Problems that differ in
        their line alone are one. Of files whose names differ in their numbers alone, as those of
        frames do, three are shown, and a line names the last one.
    """
    texts = _without_repeats(sorted(map(str, problems), key=natural_key))
    lines = []
    for (_, rule), by_file in _by_rule(texts).items():
        files = list(by_file)
        shown = files if len(files) <= _SHOWN + 1 else files[:_SHOWN]
        for file in shown:
            lines += _lines_of(file, rule, by_file[file])
        if len(shown) < len(files):
            more = f"{len(files) - len(shown):,} more files, from {files[len(shown)]}"
            lines.append(f"{more} to {files[-1]}: {rule}")
    return lines


def _lines_of(file: str, rule: str, texts: list[str]) -> list[str]:
    """The problems of one rule in a file, of more than four only the first and a count."""
    if len(texts) <= _SHOWN + 1 or not all(map(_PLACE.match, texts)):
        return texts
    first, last = (_place(texts[k]) for k in (_SHOWN, -1))
    return [
        *texts[:_SHOWN],
        f"{file}: {len(texts) - _SHOWN:,} more, from {first} to {last}: {rule}",
    ]


def _place(text: str) -> str:
    """The place of a problem in its file, such as line 3 or annotations[7]."""
    _, unit, number = _PLACE.match(text).groups()
    return f"{unit}{number}{']' * unit.endswith('[')}"


def _without_repeats(texts: list[str]) -> list[str]:
    """The first of the texts that are equal but for the line or entry of the file, with a count."""
    groups: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        place = _PLACE.match(text)
        key = (place[1], text[place.end() :]) if place else (text, "")
        groups.setdefault(key, []).append(text)
    return [_counted(group) for group in groups.values()]


def _counted(texts: list[str]) -> str:
    if len(texts) == 1 or _PLACE.match(texts[-1]) is None:
        return texts[0]
    count = "once" if len(texts) == 2 else f"{len(texts) - 1:,} times"
    return f"{texts[0]} The same {count} more, up to {_place(texts[-1])}."


def _by_rule(texts: list[str]) -> dict[tuple[str, str], dict[str, list[str]]]:
    """Group texts by files with names alike and rule, and in each group by file."""
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for text in texts:
        match = _IN_FILE.match(text)
        file, rule = (match[1], match[4]) if match else (text, "")
        alike = re.sub(r"\d+", "#", file) if _FILE.fullmatch(file) else file
        groups.setdefault((alike, rule), {}).setdefault(file, []).append(text)
    return groups
