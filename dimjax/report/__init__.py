"""The report of a run: an HTML page that needs no other file, and tables for the terminal.

    run(context)                    # of the last round: writes report.html and prints the tables
    print(figures_text(figures))    # figures: evaluation.json, see dimjax.evaluation.figures

page: the page, from page.html, rounds.html and style.css; round_sections: the parts of it that
only a run of several rounds has. tables, round_table: figures as tables; curves: figures as charts.
examples, mined_examples: the choice of hits, misses, false alarms and mined items to show.
provenance: date, command, commit and machine. crops, trajectories: pictures of them and of tracks.
"""

import json

from dimjax.atomic_files import write_text
from dimjax.drawing.text_tables import as_text
from dimjax.progress import say
from dimjax.report import page, round_table
from dimjax.report.tables import figures_text
from dimjax.runs.context import RoundContext

__all__ = ["figures_text", "run"]


def run(context: RoundContext) -> None:
    """Write the page of a run and print its tables.

    Args:
      context: Context of the last round.
    """
    paths = context.paths
    figures = json.loads(paths.evaluation.read_text())
    write_text(paths.report, page.render(context, figures))
    say(figures_text(figures))
    if context.number:
        say("\nrounds\n" + as_text(round_table.as_table(round_table.read_rounds(paths))))
    say(f"\nreport: {paths.report}")
