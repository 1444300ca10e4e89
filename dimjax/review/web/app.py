"""The web application: routes, and JSON in requests and responses.

    GET  /                          the page, and /NAME for the files beside it
    POST /open_page /keep_alive     a page opens, or is still open
         /next_items                leases the next items
         /decide /undo              a decision; the response is sent when it is on the disk
         /decide_all                likewise for all open items of a selection, undone as one
         /list_sequences            all sequences, also those without items
         /new_track                 makes an item of a track that was clicked in some frames
         /release                   a page is closed: its name and its leases are free
    GET  /items/ID/K/chip           grey levels of frame K of an item, see dimjax.review.web.frames;
         /items/ID/K/surroundings   likewise
         /items/ID/strip            likewise, of all its frames
         /sequences/N/T/frame       likewise, the whole frame T of sequence N

An invalid request is answered with 400 and {"error": text}, and changes nothing.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from dimjax.errors import InputError
from dimjax.review.web.access import AccessControl
from dimjax.review.web.handlers import Handlers
from dimjax.review.web.server_file import ServerAddress

_PAGE = Path(__file__).parent / "page"
_MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_MAX_BYTES = 4 * 2**20  # of a request: a track of 10,000 frames


class _Number(IntegerConvertor):
    """A number in a path, without the thousands of digits that Python refuses to read."""

    regex = "[0-9]{1,15}"


register_url_convertor("number", _Number())


def create_app(handlers: Handlers, address: ServerAddress) -> ASGIApp:
    """Return the application behind its access control."""
    # The files are read once and looked up by name: no request path reaches the file system.
    files = {f"/{path.name}": path for path in _PAGE.iterdir() if path.suffix in _MEDIA_TYPES}
    files["/"] = files.pop("/index.html")
    routes = [Route(name, _serve_file(path)) for name, path in files.items()]
    for handler in (
        *(handlers.open_page, handlers.keep_alive, handlers.next_items),
        *(handlers.decide, handlers.decide_all, handlers.undo),
        *(handlers.list_sequences, handlers.new_track, handlers.release),
    ):
        routes.append(Route(f"/{handler.__name__}", _serve_json(handler), methods=["POST"]))
    for handler, path in (
        (handlers.chip, "/items/{item:number}/{frame_index:number}/chip"),
        (handlers.surroundings, "/items/{item:number}/{frame_index:number}/surroundings"),
        (handlers.strip, "/items/{item:number}/strip"),
        (handlers.frame, "/sequences/{sequence:number}/{frame_index:number}/frame"),
    ):
        routes.append(Route(path, _serve_levels(handler)))
    return AccessControl(Starlette(routes=routes), address)


def _serve_file(path: Path) -> Callable:
    response = Response(path.read_bytes(), media_type=_MEDIA_TYPES[path.suffix])

    async def endpoint(request: Request) -> Response:
        return response

    return endpoint


def _serve_json(handler: Callable[[Any], dict]) -> Callable:
    async def endpoint(request: Request) -> Response:
        try:
            values = await _parse(request)
            return JSONResponse(await run_in_threadpool(handler, values))
        except InputError as error:
            return _error_response(error)

    return endpoint


def _serve_levels(handler: Callable[..., bytes]) -> Callable:
    async def endpoint(request: Request) -> Response:
        try:
            levels = await run_in_threadpool(handler, **request.path_params)
            return Response(levels, media_type="application/octet-stream")
        except InputError as error:
            return _error_response(error)

    return endpoint


def _error_response(error: InputError) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _parse(request: Request) -> Any:
    """Return the JSON of a request. Its type rules out HTML forms, which other sites can send."""
    subject = f"request {request.url.path}"
    media_type = request.headers.get("content-type", "")
    if media_type.partition(";")[0].strip().lower() != "application/json":
        rule = "its type must be application/json"
        raise InputError(subject, rule, repr(media_type), "Correct it.")
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > _MAX_BYTES:
                rule = f"it must have at most {_MAX_BYTES} bytes"
                raise InputError(subject, rule, "more", "Decide the track in parts.")
    except ClientDisconnect as error:
        rule, value = "its body must arrive whole", f"{len(body)} bytes of it"
        raise InputError(subject, rule, value, "Send it again.") from error
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(subject, "it must be JSON", error, "Correct it.") from error
