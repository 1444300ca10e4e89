"""The package's own label table, with any names of categories.

sequence,frame,x,y,w,h,category,track,source
"""

from pathlib import Path

from dimjax.data.formats.marks import Mark, Options
from dimjax.data.labels import read_table
from dimjax.errors import OnError


def read_label_table(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the rows of a label table."""
    table = read_table(path, on_error=on_error)
    lines = table.index if table.index.name == "line" else table.index + 2
    columns = ("frame", "x", "y", "w", "h", "category", "track", "sequence", "source")
    rows = zip(*(table[name].tolist() for name in columns), strict=True)
    return [Mark(f"line {line}", *row) for line, row in zip(lines.tolist(), rows, strict=True)]
