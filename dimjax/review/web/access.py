"""Access control: only a browser on this machine with the token is served, and only our own page.

The token is part of the URL that the program prints. It is then kept in a cookie that scripts
cannot read and that other sites cannot make the browser send. Requests with a foreign Host (a name
that was made to resolve to this machine) or a foreign Origin are refused.

    app = AccessControl(app, address)               # an ASGI application that wraps another
"""

import logging
import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dimjax.errors import one_line
from dimjax.review.web.server_file import ServerAddress

_LOGGER = logging.getLogger("uvicorn.error")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class AccessControl:
    """ASGI middleware that passes on permitted requests and answers all others with 403."""

    def __init__(self, app: ASGIApp, address: ServerAddress):
        self._app = app
        self._address = address
        # Browsers send a cookie to all ports of a host, so each run needs a cookie name of its own.
        self._cookie = f"dimjax-review-{address.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request according to the ASGI protocol."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(Request(scope))
        app = PlainTextResponse(f"{refusal}\n", 403) if refusal else self._app
        headers = dict(_HEADERS)
        if not refusal and scope["path"] == "/":
            token = self._address.token
            headers["Set-Cookie"] = f"{self._cookie}={token}; Path=/; HttpOnly; SameSite=Strict"

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                if message["status"] >= 400:
                    _log_refusal(scope, message["status"])
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await app(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> str:
        """Return why a request is refused, or an empty string if it is permitted."""
        origins = [f"http://{host}" for host in self._address.hosts]
        origin = request.headers.get("origin")
        if request.headers.getlist("host") not in [[host] for host in self._address.hosts]:
            return f"This page is available at {self._address.page} only."
        if origin not in (origins if request.method == "POST" else [*origins, None]):
            return "Only the review page itself may send this request."
        if not any(self._is_token(token) for token in self._tokens(request)):
            return "Open the URL with the token that `main.py review` printed."
        return ""

    def _tokens(self, request: Request) -> list[str]:
        """Return the tokens in the URL and cookie of a request."""
        tokens = request.query_params.getlist("token") if request.scope["path"] == "/" else []
        return [*tokens, request.cookies.get(self._cookie, "")]

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(), self._address.token.encode())


def _log_refusal(scope: Scope, status: int) -> None:
    """Log a line, unless the server has logged that the rest of the request is malformed."""
    state = scope.setdefault("state", {})
    if not state.get("malformed"):
        line = f"{scope['method']} {scope['path'][:100]}: {status}"
        _LOGGER.warning("%s", one_line(line))
    state["refused"] = True
