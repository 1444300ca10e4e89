"""The package's own label table, with any names of categories.

sequence,frame,x,y,w,h,category,track,source

The last three columns may be absent. A category may be the number of a class with a name. Rows
without any of the four numbers of a box are of frames without an object; rows of objects that are
absent or to be ignored, by a column such as visible or outside, are left out.
"""

from pathlib import Path

from dimjax.data.formats.class_names import class_name
from dimjax.data.formats.marks import ABSENT, HIDDEN, Mark, Options
from dimjax.data.label_columns import BOX, read_label_rows
from dimjax.errors import OnError

_TEXTS = {"category": "", "track": "", "sequence": None, "source": "annotator"}


def read_label_table(path: Path, options: Options, on_error: OnError) -> list[Mark]:
    """Read the rows of a label table."""
    lines, columns, absent, hidden = read_label_rows(path, ("frame", *BOX), _TEXTS, on_error)
    rows = zip(lines, *columns.values(), strict=True)
    marks = [Mark(f"line {line}", *row) for line, *row in rows]
    marks = [mark._replace(category=class_name(mark.category, options)) for mark in marks]
    marks += [ABSENT._replace(place=f"line {line}") for line in absent]
    return marks + [HIDDEN._replace(place=f"line {line}") for line in hidden]
