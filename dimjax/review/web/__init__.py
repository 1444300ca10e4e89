"""The review page: a person inspects the items of a run in a browser on this machine and decides.

The server reads a data folder and the ledger of a run. It writes decisions to the ledger and,
beside it, its own port and token.

    serve(folder, "runs/demo/ledger.sqlite", stride=1, reviewer="ann", on_open=print)

A request passes `access` (token and origin), `app` (routes and JSON) and `handlers` (plain values),
which use the ledger, `frames` (grey levels) and `history` (losses). The page itself is in `page/`;
`app` lists its requests.
"""

from dimjax.review.web.history import LOSS_COLUMNS, LossHistory, from_losses
from dimjax.review.web.server import serve

__all__ = ["LOSS_COLUMNS", "LossHistory", "from_losses", "serve"]
