"""The server file of a run: port and token of its review page, saved so that they stay the same.

with server_lock(workdir):                      # one server per run
    listener, address = listen(workdir, port=0)
    address.url                                 # http://127.0.0.1:41873/?token=...
"""

import contextlib
import errno
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dimjax.atomic_files import atomic_write, exclusive_lock, read_record
from dimjax.errors import InputError

_HOST = "127.0.0.1"
_TOKEN_BYTES = 24


class ServerAddress(NamedTuple):
    """Port and token of a review page; whoever has the token may decide."""

    port: int
    token: str

    @property
    def page(self) -> str:
        """URL without the token."""
        return f"http://{_HOST}:{self.port}/"

    @property
    def url(self) -> str:
        """URL with the token, as a person opens it."""
        return f"{self.page}?token={self.token}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The Host headers of requests that were addressed to this machine itself."""
        return f"{_HOST}:{self.port}", f"localhost:{self.port}"


@contextlib.contextmanager
def server_lock(workdir: Path) -> Iterator[None]:
    """Hold the exclusive right to serve a run. It ends with the block or the process.

    Raises:
      InputError: Another process serves the run.
    """

    def describe_holder(process: str) -> str:
        saved = _load(workdir)
        return process + (f", which serves {saved.page}" if saved else "")

    rule = "a run has one review server at a time"
    remedy = "Open that page in your browser, or end that process."
    with exclusive_lock(workdir / "review.lock", rule, remedy, describe_holder):
        yield


def listen(workdir: Path, port: int = 0) -> tuple[socket.socket, ServerAddress]:
    """Bind a socket on loopback and save its address.

    Args:
      workdir: Directory of the run.
      port: 0 for the previous port, or for a free one if there is no previous port or it is taken.

    Returns:
      The bound socket, and the address of the page.

    Raises:
      InputError: The port is invalid or taken, or the saved address is damaged.
    """
    saved = _load(workdir)
    listener = _bind(port) if port or not saved else _bind_again(saved.port)
    token = saved.token if saved else secrets.token_urlsafe(_TOKEN_BYTES)
    address = ServerAddress(listener.getsockname()[1], token)
    _save(workdir, address)
    return listener, address


def _bind_again(port: int) -> socket.socket:
    try:
        return _bind(port)
    except InputError:
        return _bind(0)


def _bind(port: int) -> socket.socket:
    subject, listener = "--port", socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OverflowError as error:
        listener.close()
        rule = "a port must lie in 0..65535"
        raise InputError(subject, rule, port, "Omit it to have a free one chosen.") from error
    except OSError as error:
        listener.close()
        value = f"{port}, {errno.errorcode.get(error.errno, error.errno)}: {error.strerror}"
        remedy = "Give another port, or omit it."
        raise InputError(subject, "the port must be free", value, remedy) from error
    return listener


def _path(workdir: Path) -> Path:
    return workdir / "review.json"


def _load(workdir: Path) -> ServerAddress | None:
    """Return the saved address, or None if it is missing or if others could read its token."""
    path = _path(workdir)
    if not path.exists() or path.stat().st_mode & 0o077:
        return None
    record = read_record(path)
    with contextlib.suppress(TypeError):
        address = ServerAddress(**record)
        is_port = isinstance(address.port, int) and 0 < address.port < 2**16
        if is_port and isinstance(address.token, str) and len(address.token) >= _TOKEN_BYTES:
            return address
    rule = "it must contain port and token of the review page"
    raise InputError(path, rule, "something else", "Remove it; a new one is written.")


def _save(workdir: Path, address: ServerAddress) -> None:
    with atomic_write(_path(workdir)) as partial:
        partial.unlink(missing_ok=True)  # the mode below applies to a new file only
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(address._asdict(), file)
