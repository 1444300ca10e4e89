"""Tables of formatted figures, printed as text or set into a page.

table = Table([("category", ""), ("recall", "0-1")], [["target", "0.741"]], text_columns=1)
print(as_text(table))
"""

from typing import NamedTuple

NONE = "\N{EN DASH}"  # a figure without a meaning, e.g. the recall if there are no truths


class Table(NamedTuple):
    """Formatted cells with their heads; columns of text are followed by columns of numbers."""

    columns: list[tuple[str, str]]  # name and unit
    rows: list[list[str]]
    text_columns: int  # number of left-aligned columns of text; those after them are numbers


def as_text(table: Table) -> str:
    """Lay a table out for a terminal: a line of names, one of units, a rule, and the rows."""
    lines = [list(line) for line in zip(*table.columns, strict=True)] + table.rows
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.columns))]
    texts = []
    for line in lines:
        cells = [
            cell.ljust(width) if k < table.text_columns else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        texts.append("  ".join(cells).rstrip())
    rule = "-" * max(map(len, texts))
    return "\n".join([*texts[:2], rule, *texts[2:]])
