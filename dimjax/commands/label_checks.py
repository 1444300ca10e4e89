"""Checks of the labels of a folder against its frames, and as a whole.

evidence = measure_labels(folder, labels, names, problems.append)
say(as_text(evidence_table(evidence)))
"""

import numpy as np
import pandas as pd

from dimjax.data.box_ends import last_pixels
from dimjax.data.first_pixels import misnumbered
from dimjax.data.folders import Folder
from dimjax.data.label_evidence import measure_sequence
from dimjax.data.label_problems import find_problems, large_boxes
from dimjax.data.label_readings import better_readings, late_labels, offset, unclear
from dimjax.drawing.text_tables import Table
from dimjax.errors import OnError
from dimjax.progress import bar, say

_OFFSET_ROWS = 20  # sequences whose offsets are printed, the largest ones


def measure_labels(
    folder: Folder, labels: pd.DataFrame, names: list[str], on_error: OnError
) -> pd.DataFrame:
    """Measure whether labels lie on objects; report other readings that fit far better.

    Args:
      folder: Data folder.
      labels: All its labels, frame coordinates.
      names: The sequences whose frames can be decoded.
      on_error: Is called with each problem.

    Returns:
      The evidence, a row per label, see dimjax.data.label_evidence; empty without labels.
    """
    if "track" not in labels:  # the labels could not be read
        return pd.DataFrame()
    if not folder.layout.labels:
        say("note: no labels: the sequences can be searched, but not be trained on")
        return pd.DataFrame()
    of_labels = folder.path / folder.layout.labels
    for problem in find_problems(labels, of_labels):
        on_error(problem)
    groups = list(labels[labels.sequence.isin(names)].groupby("sequence"))
    tables, shapes = [], {}
    for name, rows in bar(groups, "compare labels with frames", "sequence"):
        sequence = folder.sequence(name)
        shapes[name] = sequence.shape
        tables.append(measure_sequence(rows, sequence))
    for problem in large_boxes(labels, shapes, of_labels):
        on_error(problem)
    if problem := misnumbered(labels, shapes, folder.layout, of_labels):
        on_error(problem)
    if not tables:
        return pd.DataFrame()
    evidence = pd.concat(tables, ignore_index=True)
    layout = folder.layout
    for problem in better_readings(evidence, layout):
        on_error(problem)
    if evidence.frame.any():  # not in still images
        for doubt in filter(None, (unclear(evidence, layout), *late_labels(evidence, layout))):
            say(f"note: {doubt}")
    if doubt := last_pixels(evidence, layout):
        say(f"note: {doubt}")
    return evidence


def evidence_table(evidence: pd.DataFrame) -> Table:
    """Tabulate the offset of the objects from their labels, the largest offsets first."""
    rows = []
    for name, of_sequence in evidence.groupby("sequence"):
        (x, y), spread = offset(of_sequence)
        values = [f"{x:.2f}", f"{y:.2f}", f"{spread:.2f}", f"{of_sequence.strength.median():.1f}"]
        rows.append((np.hypot(x, y), [name, str(len(of_sequence)), *values]))
    rows.sort(key=lambda row: -row[0])
    columns = [("offset of objects", ""), ("labels", "number"), ("x", "px"), ("y", "px")]
    columns += [("spread", "px"), ("strength", "sigmas")]
    return Table(columns, [row for _, row in rows[:_OFFSET_ROWS]], text_columns=1)
