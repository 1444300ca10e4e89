"""Where a review page is found: its port and token, kept in the run so that they stay the same.

In comes a run's directory; out come the sole right to serve it, a listening socket and the URL.

    with sole_server(workdir):                      # a second one is refused
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

from dimjax.atomic_files import sole_holder, written_aside
from dimjax.errors import InputError

_HOST = "127.0.0.1"
_TOKEN_BYTES = 24


class Address(NamedTuple):
    """What leads to a review page; who knows the token may decide."""

    port: int
    token: str

    @property
    def page(self) -> str:
        """The page without its token."""
        return f"http://{_HOST}:{self.port}/"

    @property
    def url(self) -> str:
        """The page as a person opens it."""
        return f"{self.page}?token={self.token}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The Host headers of a browser that was pointed at this machine itself."""
        return f"{_HOST}:{self.port}", f"localhost:{self.port}"


@contextlib.contextmanager
def sole_server(workdir: Path) -> Iterator[None]:
    """Hold the right to serve a run; it ends with the block or the process, however that ends.

    Raises:
      InputError: Another process holds it.
    """

    def found(process: str) -> str:
        saved = _saved(workdir)
        return f"one of process {process}" + (f" that is open at {saved.page}" if saved else "")

    rule = "a run has one review page at a time"
    remedy = "Open its address in your browser too, or end it first."
    with sole_holder(workdir / "review.lock", rule, remedy, found):
        yield


def listen(workdir: Path, port: int = 0) -> tuple[socket.socket, Address]:
    """A socket that is bound on loopback, and the address to open, which is saved.

    Args:
      workdir: The run's directory.
      port: 0 for the port of last time, or a free one where there is none or it is taken.

    Raises:
      InputError: The port is taken or none, or the saved address is damaged.
    """
    saved = _saved(workdir)
    listener = _bound(port) if port or not saved else _bound_again(saved.port)
    token = saved.token if saved else secrets.token_urlsafe(_TOKEN_BYTES)
    address = Address(listener.getsockname()[1], token)
    _save(workdir, address)
    return listener, address


def _bound_again(port: int) -> socket.socket:
    try:
        return _bound(port)
    except InputError:
        return _bound(0)


def _bound(port: int) -> socket.socket:
    where, listener = "--port", socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OverflowError as error:
        listener.close()
        rule = "a port must lie in 0..65535"
        raise InputError(where, rule, port, "Leave it out, and one is chosen.") from error
    except OSError as error:
        listener.close()
        found = f"{port}, {errno.errorcode.get(error.errno, error.errno)}: {error.strerror}"
        remedy = "Give another, or leave it out."
        raise InputError(where, "the port must be free", found, remedy) from error
    return listener


def _path(workdir: Path) -> Path:
    return workdir / "review.json"


def _saved(workdir: Path) -> Address | None:
    """The address of last time; one that others could read has become worthless."""
    path = _path(workdir)
    if not path.exists() or path.stat().st_mode & 0o077:
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    with contextlib.suppress(ValueError, TypeError):
        address = Address(**json.loads(text))
        whole = isinstance(address.port, int) and 0 < address.port < 2**16
        if whole and isinstance(address.token, str) and len(address.token) >= _TOKEN_BYTES:
            return address
    rule = "it must hold port and token of the review page"
    raise InputError(path, rule, repr(text[:80]), "Remove it: a new one is made.")


def _save(workdir: Path, address: Address) -> None:
    with written_aside(_path(workdir)) as aside:
        aside.unlink(missing_ok=True)  # the mode below is that of a new file only
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(address._asdict(), file)
