"""The report of a run: an HTML page that needs no other file, and tables for the terminal.

    run(context)                    # of the last round: writes report.html and prints the tables
    compare("runs/a", "runs/b", folder)     # a page of what one detects and the other does not
    print(figures_text(figures))    # figures: evaluation.json, see dimjax.evaluation.figures

page: the page, from page.html, rounds.html and style.css; round_sections: the parts of it that
only a run of several rounds has. tables, recall_tables, round_table: figures as tables;
plain_text: those of an evaluation for the terminal; curves: figures as charts.
examples, mined_examples: the choice of hits, misses, false alarms and mined items to show.
provenance: date, command, commit and machine. crops, trajectories: pictures of them and of tracks;
network_view: what the network saw. gallery, player: pages of all misses and false alarms, and of
sequences with overlays, in the folder report_files beside the page. live: curves of a training that
runs. comparison: two runs. pages: templates.
"""

from dimjax.atomic_files import write_text
from dimjax.drawing.text_tables import as_text
from dimjax.progress import say
from dimjax.report import gallery, page, player, round_table
from dimjax.report.comparison import compare
from dimjax.report.examples import read_evaluated
from dimjax.report.plain_text import figures_text
from dimjax.runs.context import RoundContext
from dimjax.runs.records import read_evaluation

__all__ = ["compare", "figures_text", "read_evaluated", "run"]


def run(context: RoundContext) -> None:
    """Write the page of a run and print its tables.

    Args:
      context: Context of the last round.
    """
    paths = context.paths
    figures = read_evaluation(paths)
    evaluated = read_evaluated(context, figures)
    gallery.write(context, evaluated)
    player.write(context, evaluated)
    write_text(paths.report, page.render(context, figures, evaluated))
    say(figures_text(figures))
    if context.number:
        say("\nrounds\n" + as_text(round_table.as_table(round_table.read_rounds(paths))))
    say(f"\nreport: {paths.report}")
