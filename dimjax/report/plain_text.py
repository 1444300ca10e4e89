"""Figures of an evaluation as plain text, for the terminal.

print(figures_text(figures))        # figures: evaluation.json
"""

import textwrap

from dimjax.drawing.text_tables import as_text
from dimjax.report.recall_tables import bound_text, recall_tables
from dimjax.report.tables import (
    RATIOS,
    category_table,
    measurement_text,
    other_tables,
    ratio_of,
    ratio_table,
    sequence_table,
)

_WIDTH = 100  # of a line of prose, characters


def figures_text(figures: dict) -> str:
    """Format the figures of an evaluation as plain text: how they were measured, and the tables."""
    texts = [measurement_text(figures), as_text(category_table(figures))]
    ratios = ratio_table(figures)
    if ratios is not None:
        texts.append(f"targets on full frames by {RATIOS[ratio_of(figures)]}\n" + as_text(ratios))
    for title, table in recall_tables(figures).items():
        texts.append(f"{title}\n" + as_text(table))
    bound = bound_text(figures)
    if bound is not None:
        texts.append(textwrap.fill(bound, _WIDTH))
    sequences = sequence_table(figures)
    if sequences is not None and len(sequences.rows) > 1:
        texts.append("each frame alone, by sequence\n" + as_text(sequences))
    for title, table in other_tables(figures).items():
        texts.append(f"{title}\n" + as_text(table))
    return "\n\n".join(texts)
