"""Tables as text for a terminal."""

from typing import NamedTuple

NONE = "\N{EN DASH}"  # where a figure has no meaning, for instance the recall of no truths


class Table(NamedTuple):
    """Texts with heads; columns of names are followed by columns of numbers."""

    columns: list[tuple[str, str]]  # name and unit
    rows: list[list[str]]
    names: int  # how many columns, on the left, are no numbers


def as_text(table: Table) -> str:
    """A table for a terminal, two lines of heads and one a row."""
    lines = [list(line) for line in zip(*table.columns, strict=True)] + table.rows
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.columns))]
    texts = []
    for line in lines:
        cells = [
            text.ljust(width) if k < table.names else text.rjust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        texts.append("  ".join(cells).rstrip())
    rule = "-" * max(map(len, texts))
    return "\n".join([*texts[:2], rule, *texts[2:]])
