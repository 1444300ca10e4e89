"""The review server: one process that serves the page of one run on this machine alone.

serve(folder, "runs/demo/ledger.sqlite", stride=1, reviewer="ann", opened=print)
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import uvicorn

from dimjax import ledger
from dimjax.data.folders import Folder
from dimjax.review.web.app import create_app
from dimjax.review.web.frames import Frames
from dimjax.review.web.handlers import Desk
from dimjax.review.web.items import Histories
from dimjax.review.web.server_file import listen, sole_server


def serve(
    folder: Folder,
    book_path: str | Path,
    stride: int,
    reviewer: str = "",
    port: int = 0,
    history: Histories | None = None,
    opened: Callable[[str], None] = print,
) -> None:
    """Serve the review page of a run until the process gets Ctrl-C or is ended.

    Port and token are kept beside the ledger, so that a restarted server has the same URL and
    pages that are open go on by themselves.

    Args:
      folder: Of the raw sequences.
      book_path: The run's ledger.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
      reviewer: Name of who opens the page first; "" asks on the page.
      port: On loopback; 0 for that of last time, or a free one.
      history: Loss history of a place, see dimjax.review.web.from_losses.
      opened: Is told the URL once the page can be opened.

    Raises:
      InputError: There is no ledger, another process serves it, or the port is taken.
    """
    book_path = Path(book_path)
    with ledger.open_ledger(book_path) as book, sole_server(book_path.parent):
        frames = Frames(folder, ledger.sequence_shapes(book), stride)
        desk = Desk(book, frames, stride, reviewer, history)
        listener, address = listen(book_path.parent, port)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(desk, address),
                **{"loop": "asyncio", "http": "h11", "ws": "none", "lifespan": "off"},
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        with listener, contextlib.suppress(KeyboardInterrupt):
            listener.listen()  # from now on a browser waits for its answer
            opened(address.url)
            server.run(sockets=[listener])
