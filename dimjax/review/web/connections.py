"""Connections of the review server: bounded in number, and none waits long for a request.

    uvicorn.Config(app, http=BoundedProtocol, backlog=max_connections())

Any process of this machine can connect, also without the token. A client that sends its request
slowly, or not at all, must not keep others out or use up the file descriptors of the process.
"""

import asyncio
import time

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10.0  # for a whole request to arrive
RESPONSE_SECONDS = 120.0  # for it to be answered, and the response to be fetched
_MAX_CONNECTIONS = 128


def max_connections() -> int:
    """Return the number of connections that leaves descriptors for everything else.

    The event loop may accept several times as many before the first one is closed.
    """
    try:
        import resource
    except ImportError:  # Windows
        return _MAX_CONNECTIONS
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MAX_CONNECTIONS if limit < 0 else max(4, min(_MAX_CONNECTIONS, limit // 12))


class BoundedProtocol(H11Protocol):
    """HTTP of one connection, which is closed if its request or response takes too long."""

    limit = max_connections()

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin; if there are too many connections, close the one that has waited longest."""
        super().connection_made(transport)
        self._begin_wait()
        # Those that were aborted while the same burst arrived are among the connections still.
        open_ones = [one for one in self.connections if not one.transport.is_closing()]
        if len(open_ones) > self.limit:
            waiting = [one for one in open_ones if one.waits_for_request] or [self]
            min(waiting, key=lambda one: one.waiting_since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, but for the rest of a request that is refused: close."""
        if self.cycle is not None and self.cycle.more_body and self.scope["state"].get("refused"):
            self.transport.close()
        else:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request.

        The application may have begun to answer its header, and must neither go on nor be answered.
        """
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.scope["state"]["malformed"] = True
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Serve a request for another protocol like any other, without two lines in the log."""

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._begin_wait()
        super().on_response_complete()

    @property
    def waits_for_request(self) -> bool:
        """Whether the request has not arrived as a whole."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _begin_wait(self) -> None:
        if hasattr(self, "_timer"):
            self._timer.cancel()
        self.waiting_since = time.monotonic()
        self._timer = self.loop.call_later(REQUEST_SECONDS, self._end_request)

    def _end_request(self) -> None:
        if self.waits_for_request:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(RESPONSE_SECONDS, self.transport.abort)
