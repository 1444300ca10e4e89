"""Who may ask: only a browser on this machine that was given the token, and only our own page.

The token comes in the URL that the program prints, and is then kept in a cookie that scripts
cannot read and that other sites cannot make the browser send. A Host other than this machine is
refused (a foreign name that was made to point here), and so is a foreign Origin.

    app = Gate(app, address)                        # an ASGI application like the one it guards
"""

import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dimjax.review.web.server_file import Address

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
}


class Gate:
    """An application that lets through what may ask, and answers 403 to all else."""

    def __init__(self, app: ASGIApp, address: Address):
        self._app = app
        self._address = address
        # Browsers send a cookie to all ports of a host: each run's has a name of its own.
        self._cookie = f"dimjax-review-{address.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI wants it."""
        if scope["type"] != "http":
            return
        problem = self._problem(Request(scope))
        app = PlainTextResponse(f"{problem}\n", 403) if problem else self._app
        extra = dict(_HEADERS)
        if not problem and scope["path"] == "/":
            token = self._address.token
            extra["Set-Cookie"] = f"{self._cookie}={token}; Path=/; HttpOnly; SameSite=Strict"

        async def sending(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(extra)
            await send(message)

        await app(scope, receive, sending)

    def _problem(self, request: Request) -> str:
        """Why a request is refused; nothing where it is not."""
        origins = [f"http://{host}" for host in self._address.hosts]
        origin = request.headers.get("origin")
        if request.headers.getlist("host") not in [[host] for host in self._address.hosts]:
            return f"This page is at {self._address.page} only."
        if origin not in (origins if request.method == "POST" else [*origins, None]):
            return "Only the review page itself may ask this."
        if not any(self._is_token(token) for token in self._tokens(request)):
            return "Open the address with the token that `main.py review` printed."
        return ""

    def _tokens(self, request: Request) -> list[str]:
        """The tokens that a request brings."""
        tokens = request.query_params.getlist("token") if request.scope["path"] == "/" else []
        return [*tokens, request.cookies.get(self._cookie, "")]

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(), self._address.token.encode())
