"""The review page: a person looks at the items of a run, in a browser on this machine, and decides.

In come a data folder and the ledger of a run; out go decisions into the ledger, nothing else.

    serve(folder, "runs/demo/ledger.sqlite", stride=1, reviewer="ann", opened=print)

The way of a request: `gate` (who may ask) -> `app` (routes, JSON) -> `desk` (what is asked, as
plain values) -> the ledger, `frames` (grey levels), `history` (losses). The page itself is in
`page/`, and talks with the server by what `app` lists.
"""

from dimjax.review.web.history import History, from_losses
from dimjax.review.web.server import serve

__all__ = ["History", "from_losses", "serve"]
