"""Connections of the review server: slow ones, silent ones, and more of them than it can hold."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger_tools import create

from dimjax.data.labels import COLUMNS

SERVER = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[2])))
from dimjax.data.folders import open_folder
from dimjax.review.web import connections, serve
connections.REQUEST_SECONDS = 1.0
workdir = sys.argv[1]
serve(open_folder(workdir), workdir + "/ledger.sqlite", 1, "ann",
      on_open=lambda url: print(url, flush=True))
"""
DESCRIPTORS = 128


@pytest.fixture
def server(tmp_path):
    """Process and URL of a review server that may open few files."""
    (tmp_path / "sequences").mkdir()
    np.save(tmp_path / "sequences" / "a.npy", np.zeros((8, 40, 40), np.uint16))
    labels = pd.DataFrame([["a", 0, 4.0, 4.0, 3.0, 3.0, "target", "", ""]], columns=COLUMNS)
    create(tmp_path / "ledger.sqlite", labels, {"a": (8, 40, 40)}).close()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path), str(DESCRIPTORS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def connect(url, text=b""):
    connection = socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(url).port))
    connection.settimeout(10)
    connection.sendall(text)
    return connection


def get(url):
    with urllib.request.urlopen(url, timeout=10) as page:
        return page.read()


def stop(process):
    """End a server and return what it has printed on stderr."""
    process.terminate()
    return process.communicate(timeout=20)[1]


def test_hundreds_of_silent_connections_keep_nobody_out(server):
    process, url = server
    with contextlib.ExitStack() as stack:
        for k in range(300):
            stack.enter_context(connect(url, b"GET / HT" if k % 2 else b""))
            if k % 150 == 149:
                assert b"<title>dimjax review</title>" in get(url)
    assert len(stop(process)) < 1000


@pytest.mark.skipif(sys.platform != "linux", reason="it counts the sockets in /proc")
def test_of_connections_that_arrive_at_once_the_oldest_are_closed(server):
    process, url = server
    most = DESCRIPTORS // 12
    with contextlib.ExitStack() as stack:
        for _ in range(most):
            stack.enter_context(connect(url, b"GET / HT"))
        assert b"<title>" in get(url)  # all have been accepted
        process.send_signal(signal.SIGSTOP)
        for _ in range(most):
            stack.enter_context(connect(url, b"GET / HT"))
        process.send_signal(signal.SIGCONT)
        assert b"<title>" in get(url)
        descriptors = Path(f"/proc/{process.pid}/fd").iterdir()
        sockets = [it for it in descriptors if os.readlink(it).startswith("socket:")]
        assert len(sockets) <= most + 5


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: 127",
        b"POST /decide HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_a_request_that_does_not_arrive_is_ended(server, text):
    started = time.monotonic()
    with connect(server[1], text) as connection, contextlib.suppress(ConnectionResetError):
        while connection.recv(1000):  # the refusal of the last one comes first
            pass
    assert 0.5 < time.monotonic() - started < 8
    assert b"<title>" in get(server[1])


POST = "POST /decisions HTTP/1.1\r\nHost: {host}\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        (CHUNKED + "x\r\n",),
        (CHUNKED, "x\r\n"),
        (CHUNKED + "1;" + "x" * 99_999,),
        (CHUNKED + "0\r\n" + "X: y\r\n" * 9_999,),
    ],
)
def test_a_malformed_body_is_one_line_of_the_log(server, parts):
    process, url = server
    for wait in (0.0, 0.2):  # the application may answer the header in between
        with connect(url) as connection, contextlib.suppress(ConnectionError):
            for part in parts:
                connection.sendall(part.format(host=urllib.parse.urlsplit(url).netloc).encode())
                time.sleep(wait)
            while connection.recv(4096):
                pass
    assert get(url)
    log = stop(process).splitlines()
    lines = ("WARNING:  Invalid HTTP request received.", "WARNING:  POST /decisions: 403")
    assert len(log) == 2 and set(log) <= set(lines)


PERMITTED = (
    "POST /decide HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
    "Content-Type: application/json\r\nCookie: dimjax-review-{port}={token}\r\n"
)


@pytest.mark.parametrize(
    ("body", "ends"),
    [
        ("Content-Length: 100\r\n\r\n{{}}", True),
        ("Content-Length: 100\r\n\r\n{{}}", False),
        ("Transfer-Encoding: chunked\r\n\r\n-1\r\n", False),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\nzz\r\n", False),
    ],
)
def test_a_body_that_does_not_arrive_whole_is_one_line_of_the_log(server, body, ends):
    process, url = server
    parts = urllib.parse.urlsplit(url)
    values = {"host": parts.netloc, "port": parts.port, "token": parts.query.partition("=")[2]}
    with connect(url) as connection, contextlib.suppress(ConnectionError):
        connection.sendall((PERMITTED + body).format(**values).encode())
        if ends:
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    assert get(url)
    (line,) = stop(process).splitlines()
    assert line in ("WARNING:  Invalid HTTP request received.", "WARNING:  POST /decide: 400")


def test_a_malformed_request_after_another_one_is_a_line_of_its_own(server):
    process, url = server
    text = POST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / X\r\n\r\n"
    with connect(url) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(text.format(host=urllib.parse.urlsplit(url).netloc).encode())
        while connection.recv(4096):
            pass
    log = stop(process).splitlines()
    assert sorted(log) == [
        "WARNING:  Invalid HTTP request received.",
        "WARNING:  POST /decisions: 403",
    ]


def test_a_request_for_another_protocol_is_answered_in_http(server):
    process, url = server
    parts = urllib.parse.urlsplit(url)
    with connect(url) as connection:
        text = f"GET /?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        text += "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        connection.sendall(text.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert stop(process) == ""


def test_a_second_request_on_a_connection_is_ended_too(server):
    _, url = server
    host = urllib.parse.urlsplit(url).netloc
    with connect(url, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 403")
        started = time.monotonic()
        connection.sendall(b"GET")
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(1000):
                pass
        assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    "path",
    ["/items/" + "1" * 5001 + "/0/chip", "/items/-1/0/chip", "/items/1/%00/chip", "/\x1b[31m"],
)
def test_a_malformed_path_is_one_line_in_the_log(server, path):
    process, url = server
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.open(url, timeout=10).close()
    base = url.partition("?")[0].rstrip("/")
    with pytest.raises(urllib.error.HTTPError) as error:
        opener.open(base + urllib.parse.quote(path, safe="/%"), timeout=10)
    assert error.value.code == 404
    headers = error.value.headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    error.value.close()
    lines = stop(process).splitlines()
    assert len(lines) == 1 and lines[0].endswith(": 404") and lines[0].isprintable()
    assert len(lines[0]) < 200
