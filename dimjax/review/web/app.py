"""The web application: which request is answered by what, and JSON in and out.

    GET  /                          the page, and /NAME the files beside it
    POST /begin /here /draw         a page opens, is still open, asks for the next items
    POST /decide /undo              a decision; answered when it is on the disk
    GET  /items/ID/PLACE/chip       grey levels of dimjax.review.web.frames; so too
         /items/ID/PLACE/surroundings, /items/ID/strip

What a request gets wrong is answered with 400 and {"error": text}, and has changed nothing.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from dimjax.errors import InputError
from dimjax.review.web.access import Gate
from dimjax.review.web.handlers import Desk
from dimjax.review.web.server_file import Address

_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_LARGEST_BYTES = 4 * 2**20  # of a request: a track of 10,000 frames


def create_app(desk: Desk, address: Address) -> ASGIApp:
    """The application behind its gate."""
    # Read once and looked up by name: no path of a request reaches the file system.
    files = {f"/{path.name}": path for path in _PAGE.iterdir() if path.suffix in _TYPES}
    files["/"] = files.pop("/index.html")
    routes = [Route(name, _file(path)) for name, path in files.items()]
    for work in (desk.begin, desk.here, desk.draw, desk.decide, desk.undo):
        routes.append(Route(f"/{work.__name__}", _answering(work), methods=["POST"]))
    for work, path in (
        (desk.chip, "/items/{item:int}/{place:int}/chip"),
        (desk.surroundings, "/items/{item:int}/{place:int}/surroundings"),
        (desk.strip, "/items/{item:int}/strip"),
    ):
        routes.append(Route(path, _showing(work)))
    return Gate(Starlette(routes=routes), address)


def _file(path: Path) -> Callable:
    response = Response(path.read_bytes(), media_type=_TYPES[path.suffix])

    async def endpoint(request: Request) -> Response:
        return response

    return endpoint


def _answering(work: Callable[[Any], dict]) -> Callable:
    async def endpoint(request: Request) -> Response:
        try:
            values = await _values(request)
            return JSONResponse(await run_in_threadpool(work, values))
        except InputError as problem:
            return _refusal(problem)

    return endpoint


def _showing(work: Callable[..., bytes]) -> Callable:
    async def endpoint(request: Request) -> Response:
        try:
            levels = await run_in_threadpool(work, **request.path_params)
            return Response(levels, media_type="application/octet-stream")
        except InputError as problem:
            return _refusal(problem)

    return endpoint


def _refusal(problem: InputError) -> Response:
    return JSONResponse({"error": str(problem)}, 400)


async def _values(request: Request) -> Any:
    """The JSON of a request; not as a form of another site could send it."""
    where = f"request {request.url.path}"
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise InputError(where, "its type must be application/json", repr(kind), "Correct it.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BYTES:
            rule = f"it must be {_LARGEST_BYTES} bytes at most"
            raise InputError(where, rule, "more", "Decide the track in parts.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(where, "it must be JSON", error, "Correct it.") from error
