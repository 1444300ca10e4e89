"""The curves of a training that runs: one page, which refreshes itself in the browser.

write(paths, config.training, metrics, steps_per_epoch=25, epochs=18)

runs/demo/training.html         opens from the disk; no server and no TensorBoard is needed
"""

import time
from collections.abc import Sequence
from pathlib import Path

from dimjax.atomic_files import write_text
from dimjax.drawing.text_tables import Table
from dimjax.report import curves, pages, tables
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths

_REFRESH_SECONDS = 10
_SHOWN = 12  # epochs in the table, the last ones
_FIGURES = {
    "train/total": ("loss", "training"),
    "val/total": ("loss", "validation"),
    "val/f1": ("best F1", "targets, validation chips"),
    "chips_per_second": ("speed", "chips/s"),
}


def update(context: RoundContext, steps_per_epoch: int) -> None:
    """Write the page of the training of a round, see `write`."""
    paths, settings = context.paths, context.config.training
    metrics = paths.training_log.metrics_so_far()
    write(paths, settings, metrics, steps_per_epoch, context.epochs)


def write(
    paths: Paths, training, metrics: Sequence[dict], steps_per_epoch: int, epochs: int
) -> None:
    """Write the page after an epoch; soon after the last page only if the training is complete.

    Args:
      paths: Paths of the round that is trained.
      training: The configuration's section training.
      metrics: Figures of the epochs so far, see TrainingLog.metrics_so_far.
      steps_per_epoch: Steps of an epoch.
      epochs: All epochs of the training.
    """
    page, is_complete = paths.training_page, len(metrics) >= epochs
    if not is_complete and _is_recent(page):
        return
    loss_curve, f1_curve = curves.training_curves(list(metrics))
    html = pages.render(
        "training.html",
        name=paths.workdir.resolve().name,
        round=paths.number,
        epoch=len(metrics),
        epochs=epochs,
        refresh=0 if is_complete else _REFRESH_SECONDS,
        written=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        report=paths.report.name,
        loss_curve=loss_curve,
        f1_curve=f1_curve,
        rate_curve=curves.learning_rate(training, steps_per_epoch, epochs),
        table=_table(metrics),
    )
    write_text(page, html)


def _is_recent(page: Path) -> bool:
    # The difference is negative if the clock was set back.
    return page.exists() and abs(time.time() - page.stat().st_mtime) < _REFRESH_SECONDS / 2


def _table(metrics: Sequence[dict]) -> Table:
    """Tabulate the figures of the last epochs, the newest first."""
    names = [name for name in _FIGURES if name in metrics[-1]]
    rows = [
        [str(line["epoch"] + 1), *(tables.three_digits(line[name]) for name in names)]
        for line in metrics[: -_SHOWN - 1 : -1]
    ]
    return Table([("epoch", ""), *(_FIGURES[name] for name in names)], rows, text_columns=0)
