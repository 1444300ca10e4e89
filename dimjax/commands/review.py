"""Serve the page on which a person decides the review items of a run.

run(config, paths, reviewer="ann", port=8000)           # serves until Ctrl-C

The page reads the data folder and the ledger, and appends decisions to the ledger. Nothing here
loads JAX.
"""

import pandas as pd

from dimjax.review import web
from dimjax.runs import digests
from dimjax.runs.context import clip_stride, open_data_folder
from dimjax.runs.workdir import Paths
from dimjax.settings_rules import INTEGER, TEXT, check_fields


def run(config, paths: Paths, reviewer: str | None = None, port: int = 0) -> None:
    """Print the address of the review page and serve it until Ctrl-C.

    Args:
      config: The run's keys data.folder, data.layout and data.stride.
      paths: Paths of the run, of any round.
      reviewer: Name of the first reviewer; None lets the page ask.
      port: Port on loopback; 0 for the last one used, or a free one.

    Raises:
      InputError: There is no ledger, the run's sky was changed, another process serves it, or the
        port is taken.
    """
    check_fields("config.data.{}", config.data.to_dict(), {"folder": TEXT, "stride": INTEGER})
    digests.verify(paths, "simulate")
    folder = open_data_folder(config, paths)
    history = web.from_losses(lambda round: _read_losses(paths.of_round(round)))
    stride, reviewer = clip_stride(config), reviewer or ""
    web.serve(folder, paths.ledger, stride, reviewer, port, history, announce)


def _read_losses(paths: Paths) -> pd.DataFrame | None:
    """Read the losses of a round; None if it is not trained."""
    log = paths.training_log
    return log.read_losses(web.LOSS_COLUMNS) if log.is_complete else None


def announce(url: str) -> None:
    """Print the address of the page."""
    print(f"review page: {url}\nCtrl-C ends it; decisions are in the ledger.", flush=True)
