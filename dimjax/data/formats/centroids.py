"""Centroids of a sequence: a CSV with a header, or a text with one line per frame.

The CSV has the columns frame, x and y. In a text, line k (from 0) belongs to frame k and contains
pairs of numbers, separated by tab, space, comma or semicolon. In both, `None`, `0 0`, `-1 -1`,
`nan nan` or nothing means that there is no target.

    5 7             one target; its pixel is numbered 5, 7
    5 7 9 11        two targets
    None

Two kinds of text can be read in two ways and are refused: decimal commas (`54,4 37,1`), and the
same count of four numbers or more in every line, which are usually boxes or polygons.
"""

import re
from pathlib import Path

from dimjax.data.csv_files import read_text
from dimjax.data.formats.marks import HIDDEN, Mark, Options, count_lines, to_number
from dimjax.data.label_columns import read_label_rows
from dimjax.errors import InputError, OnError

_NONE = re.compile(r"\s*(none|nan|-1(\.0*)?|0*(\.0*)?)\s*", re.IGNORECASE)
_COMMAS = re.compile(r"-?\d+,\d+([\s;]+-?\d+,\d+)+")  # 54,4 37,1


def read_centroids(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the centroids of a CSV or of a text, whose pairs have the order of the options."""
    rows = read_text(path).split("\n")
    if _is_header(rows[0]):
        return _of_csv(path, on_error)
    return _of_text(rows, path, options, on_error)


def count_centroids(path: Path) -> int | None:
    """Count the lines of a text, one per frame; None for a CSV."""
    return None if _is_header(read_text(path).split("\n")[0]) else count_lines(path)


def _is_header(row: str) -> bool:
    words = _words(re.sub(_NONE_WORDS, "", row.lower()))
    return any(re.search("[a-z]", word) for word in words)


_NONE_WORDS = re.compile(r"\b(none|nan|\d[\d.]*e[+-]?\d+)\b")


def _of_csv(path: Path, on_error: OnError) -> list[Mark]:
    lines, columns, _, hidden = read_label_rows(path, ("frame", "x", "y"), {}, on_error)
    rows = zip(lines, *columns.values(), strict=True)
    marks = [Mark(f"line {n}", *row) for n, *row in rows if not _is_none(*map(str, row[1:]))]
    return marks + [HIDDEN._replace(place=f"line {line}") for line in hidden]


def _of_text(rows: list[str], path: Path, options: Options, on_error: OnError) -> list[Mark]:
    words = [_words(row) for row in rows]
    filled = [k for k, of_row in enumerate(words) if of_row and not _is_none(*of_row)]
    first = rows[filled[0]] if filled else ""
    if filled and all(has_decimal_commas(rows[k]) for k in filled):
        raise _mixed_commas(f"{path} line {filled[0] + 1}", first)
    counts = {len(words[k]) for k in filled}
    count = counts.pop() if len(counts) == 1 else 0
    if count >= 4 and count % 2 == 0 and sum(map(bool, words)) > 1:
        raise _boxes(path, first, count)
    marks = []
    for frame, row in enumerate(rows):
        try:
            marks += _of_line(row, words[frame], frame, f"{path} line {frame + 1}", options)
        except InputError as error:
            on_error(error)
    return marks


def _of_line(row: str, words: list[str], frame: int, subject: str, options: Options) -> list[Mark]:
    if [word.lower() for word in words] in (["none"], ["nan"], ["-1"]):
        return []
    if has_decimal_commas(row):
        raise _mixed_commas(subject, row)
    if len(words) % 2:
        rule = "a line must contain pairs of numbers, None or nothing"
        raise InputError(subject, rule, repr(row), "Correct the line.")
    marks = []
    for first, second in zip(words[::2], words[1::2], strict=True):
        if not _is_none(first, second):
            pair = (first, second) if options.order == "xy" else (second, first)
            x, y = (to_number(word, subject, key) for word, key in zip(pair, "xy", strict=True))
            marks.append(Mark(f"line {frame + 1}", frame, x, y))
    return marks


def has_decimal_commas(row: str) -> bool:
    """Whether a line seems to consist of numbers with decimal commas."""
    return _COMMAS.fullmatch(row.strip()) is not None


def _mixed_commas(subject: object, row: str) -> InputError:
    rule = "commas must either separate all numbers or none"
    remedy = "Write decimal points, or separate all numbers by spaces."
    return InputError(subject, rule, repr(row), remedy)


def _boxes(path: Path, row: str, count: int) -> InputError:
    rule = "the lines must be centroids, not boxes or polygons"
    others = "Write boxes as x, y, w, h ('rectangles') or as frame, id, x, y, w, h ('mot'). "
    remedy = "Set label_format to 'rectangles' if they are x, y, w, h. " if count == 4 else others
    remedy += (
        f"If each frame has {count // 2} targets, write a CSV with the columns frame, x and y."
    )
    number = "four" if count == 4 else count
    return InputError(path, rule, f"{number} numbers in every line, such as {row!r}", remedy)


def _words(row: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", row) if word]


def _is_none(*words: str) -> bool:
    """Whether all words mean that there is no target."""
    return all(_NONE.fullmatch(word) for word in words)
