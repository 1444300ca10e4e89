"""Review: the page on which a person decides the items of a run.

run(config, paths, reviewer="ann", port=8000)           # serves until Ctrl-C

It reads the data folder and the ledger, and writes decisions into the ledger. Nothing here waits
for JAX.
"""

from dimjax.data.folders import layout_from, open_folder
from dimjax.review import web


def run(config, paths, reviewer: str | None = None, port: int = 0) -> None:
    """Print the address of the review page and serve it until Ctrl-C.

    Args:
      config: Of the run: data.folder, data.layout and data.stride.
      paths: dimjax.runs.workdir.Paths of the run, of any round.
      reviewer: Name of who opens the page first; else the page asks.
      port: On loopback; 0 for that of last time, or a free one.

    Raises:
      InputError: There is no ledger, another process serves it, or the port is taken.
    """
    layout = layout_from(config.data.layout.to_dict(), "config.data.layout")
    folder = open_folder(config.data.folder or paths.sky, layout)
    history = web.from_losses(lambda round: paths.of_round(round).losses)
    stride, reviewer = config.data.stride, reviewer or ""
    web.serve(folder, paths.ledger, stride, reviewer, port, history, _tell)


def _tell(url: str) -> None:
    print(f"review page: {url}\nCtrl-C ends it; what was decided is in the ledger.", flush=True)
