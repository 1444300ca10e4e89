"""The review server under attack: malformed requests, races of reviewers, kills amid decisions."""

import contextlib
import http.client
import json
import shutil
import socket
import sqlite3
import threading
import urllib.parse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from configs.default import get_config
from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.ledger import Change, Item, ItemFrame
from dimjax.runs.workdir import write_config
from tests.faults.programs import Program, fork
from tests.faults.tries import ACCEPTED, FAILED, REFUSED, Case, generator

_BATCH = 50  # attacks on one server
_ITEMS = 40
_PATHS = ("/../ledger.sqlite", "/%2e%2e/review.json", "/items/-1/0/chip", "/items/1/9/chip",
          "/items/" + "9" * 5000 + "/0/chip", "/\x1b[31m", "/decide", "/page.js/..", "//etc/passwd",
          "/items/1/%00/strip", "/undo?token=x", "/?token=" + "x" * 9000)  # fmt: skip
_RAW = (b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 400, b"POST /decide HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 9000,
        b"POST /decide HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
        b"POST /undo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")  # fmt: skip


def cases(folder: Path, expected: Path, count: int) -> Iterator[Case]:
    """Send `count` malformed requests in batches; then race and kill as many servers as batches."""
    for batch in range(-(-count // _BATCH)):
        yield Case(f"attacks on the review server, {_BATCH} each", f"{batch}",
                   partial(_attacks, folder, batch))  # fmt: skip
        yield Case("races of 4 reviewers", f"{batch}", partial(_race, folder, batch))
        yield Case("kills of the review server", f"{batch}", partial(_killed, folder, batch))


class Server:
    """A review server of a run with open items, and a client that has its token."""

    def __init__(self, workdir: Path):
        self.workdir = workdir
        self.program = fork("review", workdir=workdir)
        self.url = self._read_url(self.program)
        self.port = urllib.parse.urlsplit(self.url).port
        self.headers = {
            "Host": f"127.0.0.1:{self.port}",
            "Origin": f"http://127.0.0.1:{self.port}",
            "Content-Type": "application/json",
            "Cookie": f"dimjax-review-{self.port}={self.url.partition('token=')[2]}",
        }

    def _read_url(self, program: Program) -> str:
        while program.wait(0.2) is None:
            text = program.output.read_text()
            if "\n" in text:
                return text.split()[2]
        raise RuntimeError(program.error.read_text())

    def request(self, method: str, path: str, body: bytes = b"", **headers) -> tuple[int, bytes]:
        """Return status and body of a response; status 0 if the connection was closed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            try:
                connection.putrequest(method, path, skip_host=True)
                for name, value in {**self.headers, **headers}.items():
                    if value is not None:
                        connection.putheader(name.replace("_", "-"), value)
                connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
                response = connection.getresponse()
                return response.status, response.read()
            except (ConnectionError, http.client.HTTPException):
                return 0, b""

    def post(self, path: str, **values) -> tuple[int, dict]:
        """Return status and JSON of a response."""
        status, body = self.request("POST", path, json.dumps(values).encode())
        return status, json.loads(body or b"{}")

    def send(self, text: bytes) -> bytes:
        """Send bytes and return the first of the response."""
        connection = socket.create_connection(("127.0.0.1", self.port), 60)
        with connection, contextlib.suppress(ConnectionError):
            connection.sendall(text)
            return connection.recv(1000)
        return b""

    def stop(self) -> str:
        """End the server; return a complaint about its end or its log, or an empty string."""
        self.program.kill(15)
        status, log = self.program.finish(60)
        long = [line for line in log.splitlines() if len(line) > 300 or not line.isprintable()]
        wrong = [f"status {status}"] if status else []
        wrong += ["a traceback"] if "Traceback" in log else []
        return ", ".join([*wrong, *long[:1]])


def make_run(workdir: Path, items: int = _ITEMS) -> Path:
    """Make a run with a data folder of its own and open items."""
    shutil.rmtree(workdir, ignore_errors=True)
    data = workdir.with_name(f"{workdir.name}-data")
    (data / "sequences").mkdir(parents=True, exist_ok=True)
    np.save(data / "sequences" / "a.npy", np.zeros((50, 64, 64), np.uint16))
    config = get_config()
    config.data.folder = str(data)
    write_config(config, workdir)
    cells = [(k % 50, 2.5 + 4 * (k // 50 % 15), 2.5 + 4 * (k // 750)) for k in range(items)]
    rows = [("a", *cell, 3.0, 3.0, "target", "", "") for cell in cells]
    labels = pd.DataFrame(rows, columns=COLUMNS)
    with ledger.create_or_open(workdir / "ledger.sqlite", labels, {"a": (50, 64, 64)}, 3.0) as db:
        ledger.add_items(db, [_item(k + 1, row) for k, row in enumerate(rows)], "refine")
    return workdir


def _item(label: int, row: tuple) -> Item:
    change = Change(label, x=row[2] + 5, y=row[3])
    frame = ItemFrame(row[1], row[2], row[3], label, change)
    return Item("wrong_position", "a", 0.5, "off the track", (frame,))


def _attacks(folder: Path, batch: int) -> tuple[str, str]:
    server = Server(make_run(folder / "attacked"))
    before, failures = _dump(server.workdir), []
    try:
        for number in range(batch * _BATCH, (batch + 1) * _BATCH):
            failure = _attack(server, generator("server", number))
            failures += [f"{number}: {failure}"] if failure else []
        if server.request("GET", "/")[0] != 200:
            failures.append("the page is gone")
    finally:
        wrong = server.stop()
    failures += [wrong] if wrong else []
    failures += ["the ledger has changed"] if _dump(server.workdir) != before else []
    return (FAILED if failures else REFUSED), "; ".join(failures)[:400]


def _attack(server: Server, random: Random) -> str:
    """Send one malformed request; return a complaint about the response, or an empty string."""
    kind = random.choice(["path", "raw", "token", "origin", "body", "body", "body"])
    if kind == "path":
        path = urllib.parse.quote(random.choice(_PATHS), safe="/%?=")
        status, body = server.request(random.choice(["GET", "POST", "PUT", "DELETE"]), path)
    elif kind == "raw":
        raw = server.send(random.choice(_RAW))
        status, body = int((raw.split() + [b"", b"400"])[1] or 400), raw
    elif kind == "token":
        status, body = server.request("GET", "/items/1/strip", Cookie=random.choice([None, "a=b"]))
    elif kind == "origin":
        status, body = server.request("POST", "/decide", b"{}", Origin="http://evil.example")
    else:
        path, values = _mutated(random)
        status, body = server.request("POST", path, json.dumps(values).encode())
    allowed = range(400, 500) if kind != "path" else [0, 200, *range(400, 500)]
    return "" if status in allowed else f"{kind}: {status} {body[:80]!r}"


def _mutated(random: Random) -> tuple[str, dict]:
    """Return a request in which a value has a wrong type, or a key is missing or unknown."""
    page = {"reviewer": "ann", "page": "p1"}
    requests = {
        "/open_page": page | {"take_over": False},
        "/next_items": page | {"kinds": [], "sequences": [], "skipped": False, "count": 3},
        "/decide": page | {"item": 1, "verb": "accept", "changes": None},
        "/undo": page | {"decision": 1},
    }
    path = random.choice(sorted(requests))
    values, key = dict(requests[path]), random.choice(sorted(requests[path]))
    kind = random.choice(["value", "missing", "unknown"])
    if kind == "missing":
        del values[key]
    elif kind == "unknown":
        values["__class__"] = key
    else:
        values[key] = random.choice([[[]], {"a": []}, -1.5, "\x1b", "x" * 9999])
    return path, values


def _dump(workdir: Path) -> list[str]:
    """The decisions and the labels of a ledger."""
    with contextlib.closing(sqlite3.connect(workdir / "ledger.sqlite")) as db:
        return [line for line in db.iterdump() if "decisions" in line or "versions" in line]


def _decide_all(server: Server, name: str, acknowledged: list, count: int) -> None:
    """Decide items as a reviewer until there are none, or the server is gone."""
    page = {"reviewer": name, "page": name}
    filters = {"kinds": [], "sequences": [], "skipped": False, "count": count}
    while True:
        status, leased = server.post("/next_items", **page, **filters)
        if status != 200 or not leased["items"]:
            return
        for item in leased["items"]:
            values = {"item": item["id"], "verb": "accept", "changes": None}
            status, decision = server.post("/decide", **page, **values)
            if status == 200:
                acknowledged.append((decision["decision"], item["id"], name))


def _reviewers(server: Server, acknowledged: list) -> list[threading.Thread]:
    arguments = [(server, f"reviewer {k}", acknowledged, k + 1) for k in range(4)]
    threads = [threading.Thread(target=_decide_all, args=each) for each in arguments]
    for thread in threads:
        thread.start()
    return threads


def _lost(workdir: Path, acknowledged: list) -> list:
    """Acknowledged decisions that the ledger lacks."""
    with ledger.open_ledger(workdir / "ledger.sqlite") as db:
        table = ledger.decision_table(db)
    stored = set(zip(table.decision, table.item, strict=True))
    return [one for one in acknowledged if one[:2] not in stored]


def _race(folder: Path, batch: int) -> tuple[str, str]:
    server, acknowledged = Server(make_run(folder / "race")), []
    for thread in _reviewers(server, acknowledged):
        thread.join()
    wrong, lost = server.stop(), _lost(server.workdir, acknowledged)
    items = [item for _, item, _ in acknowledged]
    right = sorted(items) == sorted(set(items)) and len(items) == _ITEMS
    detail = f"{len(items)} decisions of {_ITEMS} items, {len(lost)} lost {wrong}"
    return (ACCEPTED if right and not lost and not wrong else FAILED), detail


def _killed(folder: Path, batch: int) -> tuple[str, str]:
    server, acknowledged = Server(make_run(folder / "killed")), []
    threads = _reviewers(server, acknowledged)
    threading.Event().wait(generator("server kills", batch).uniform(0, 1))
    server.program.kill()
    for thread in threads:
        thread.join()
    server.program.finish()
    lost, again = _lost(server.workdir, acknowledged), Server(server.workdir)
    wrong = again.stop() + ("" if again.url == server.url else " another address")
    detail = f"{len(acknowledged)} acknowledged, {len(lost)} lost {wrong}"
    return (FAILED if lost or wrong else ACCEPTED), detail
