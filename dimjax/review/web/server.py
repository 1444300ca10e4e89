"""The review server: one process that serves the page of one run, on this machine only.

serve(folder, "runs/demo/ledger.sqlite", stride=1, reviewer="ann", on_open=print)
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import uvicorn

from dimjax import ledger
from dimjax.data.folders import Folder
from dimjax.review.web.app import create_app
from dimjax.review.web.connections import BoundedProtocol
from dimjax.review.web.frames import Frames
from dimjax.review.web.handlers import Handlers
from dimjax.review.web.history import HistoryOf
from dimjax.review.web.server_file import listen, server_lock


def serve(
    folder: Folder,
    ledger_path: str | Path,
    stride: int,
    reviewer: str = "",
    port: int = 0,
    history: HistoryOf | None = None,
    on_open: Callable[[str], None] = print,
) -> None:
    """Serve the review page of a run until the process receives Ctrl-C or is terminated.

    Port and token are saved beside the ledger. A restarted server therefore has the same URL, and
    open pages reconnect by themselves.

    Args:
      folder: Folder with the raw sequences.
      ledger_path: The run's ledger.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
      reviewer: Name of the reviewer who opens the page first; "": the page asks.
      port: Port on loopback; 0: the previous port, or a free one.
      history: Loss history of an item frame, see dimjax.review.web.from_losses.
      on_open: Called with the URL once the page can be opened.

    Raises:
      InputError: The ledger is missing, another process serves it, or the port is taken.
    """
    ledger_path = Path(ledger_path)
    with ledger.open_ledger(ledger_path) as db, server_lock(ledger_path.parent):
        frames = Frames(folder, ledger.sequence_shapes(db), stride)
        handlers = Handlers(db, frames, stride, reviewer, history)
        listener, address = listen(ledger_path.parent, port)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(handlers, address),
                **{"loop": "asyncio", "http": BoundedProtocol, "ws": "none", "lifespan": "off"},
                backlog=BoundedProtocol.limit,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        with listener, contextlib.suppress(KeyboardInterrupt):
            listener.listen()  # from here on, requests wait for the server instead of failing
            on_open(address.url)
            server.run(sockets=[listener])
