"""The review server over HTTP: access control, refused requests, responses."""

import asyncio
import json
import math
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger_tools import create, dump

from configs.default import get_config
from dimjax import ledger
from dimjax.atomic_files import exclusive_lock
from dimjax.data.folders import open_folder
from dimjax.data.labels import COLUMNS
from dimjax.errors import InputError
from dimjax.ledger import Change, Item, ItemFrame
from dimjax.review.web import from_losses, server_file
from dimjax.review.web.app import create_app
from dimjax.review.web.frames import Frames, binning, chip_window
from dimjax.review.web.handlers import Handlers
from dimjax.review.web.name_locks import TIMEOUT_SECONDS, NameLocks
from dimjax.runs.workdir import Paths, write_config

ADDRESS = server_file.ServerAddress(8123, "t" * 32)
COOKIE = f"dimjax-review-8123={ADDRESS.token}"
PAGE = {"reviewer": "ann", "page": "p1"}
NEXT = {**PAGE, "kinds": [], "sequences": [], "skipped": False, "count": 9}
NEW = Change(None, "a", 5, 20.5, 30.5, 3.0, 3.0, "target", "t7")

SERVER = """
import sys
from dimjax.data.folders import open_folder
from dimjax.review.web import serve
workdir = sys.argv[1]
serve(open_folder(workdir), workdir + "/ledger.sqlite", 1, "ann",
      on_open=lambda url: print(url, flush=True))
assert "jax" not in sys.modules
"""


class Client:
    """Sends requests to an application as a browser with the token would."""

    def __init__(self, app, db, levels):
        self.app, self.db, self.levels = app, db, levels

    def request(self, method, path, body=b"", cookie=COOKIE, query=b"", **headers):
        """Return status, headers and body of a response; headers that are None are omitted."""
        sent = {"host": "127.0.0.1:8123", "content-type": "application/json"}
        sent |= {"origin": "http://127.0.0.1:8123"} if method == "POST" else {}
        sent |= {"cookie": cookie}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query,
            "raw_path": path.encode(), "scheme": "http", "root_path": "", "http_version": "1.1",
            "headers": [(k.encode(), v.encode()) for k, v in sent.items() if v is not None],
        }  # fmt: skip
        return asyncio.run(_respond(self.app, scope, body))

    def post(self, path, **values):
        """Return status and JSON of a response."""
        status, _, body = self.request("POST", path, json.dumps({**PAGE, **values}).encode())
        return status, json.loads(body)

    def next_items(self, **values):
        """Return the response to a request for the next items."""
        return self.post("/next_items", **{**NEXT, **values})[1]


async def _respond(app, scope, body):
    sent = []
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:])


def _items():
    track = tuple(ItemFrame(f, 20.5, 30.5, None, NEW._replace(frame=f)) for f in (5, 6, 7))
    move = ItemFrame(2, 40.5, 50.5, 1, Change(1, x=44.0, y=52.25))
    background = ItemFrame(4, 9.5, 9.5, 3, Change(3, removed=True))
    far = ItemFrame(3, 60.5, 20.5, 2, Change(2, x=60.5 - 40, y=20.5))
    return [
        Item("wrong_position", "a", 0.9, "off the track", (move,)),
        Item("miss", "a", 0.8, "a gap", track),
        Item("labelled_background", "a", 0.7, "nothing", (background,)),
        Item("false_alarm", "a", 0.6, "alone", (ItemFrame(11, 99.9, 0.1),)),
        Item("wrong_position", "a", 0.5, "far off", (far,)),
        Item("false_alarm", "b", 0.4, "alone", (ItemFrame(0, 3.5, 3.5),)),
    ]


@pytest.fixture
def workdir(tmp_path):
    """A run with a 16-bit sequence, larger than a chip, and an 8-bit one, smaller than a chip."""
    rng = np.random.default_rng(7)
    frames = {
        "a": rng.integers(900, 60_000, (12, 80, 100), dtype=np.uint16),
        "b": rng.integers(0, 256, (5, 20, 30), dtype=np.uint8),
    }
    for name, values in frames.items():
        (tmp_path / "sequences" / name).mkdir(parents=True)
        np.save(tmp_path / "sequences" / name / "frames.npy", values)
    locations = ((2, 40.5, 50.5), (3, 60.5, 20.5), (4, 9.5, 9.5), (4, 70.5, 30.5))
    rows = [("a", *location, 3.0, 3.0, "target", "", "annotator") for location in locations]
    labels = pd.DataFrame(rows, columns=COLUMNS)
    shapes = {name: values.shape for name, values in frames.items()}
    with create(tmp_path / "ledger.sqlite", labels, shapes) as db:
        ledger.add_items(db, _items(), "refine")
    return tmp_path


@pytest.fixture
def client(workdir):
    """A client of the application of that run; the reviewer is ann."""
    with ledger.open_ledger(workdir / "ledger.sqlite") as db:
        frames = Frames(open_folder(workdir), ledger.sequence_shapes(db), stride=1)
        levels = {name: np.load(workdir / f"sequences/{name}/frames.npy") for name in "ab"}
        yield Client(create_app(Handlers(db, frames, 1, "ann"), ADDRESS), db, levels)


# ---- access control


@pytest.mark.parametrize(
    "path", ["/", "/review.js", "/style.css", "/next_items", "/items/1/0/chip", "/x"]
)
def test_requests_without_the_token_are_refused(client, path):
    for cookie in (None, "dimjax-review-8123=wrong", "dimjax-review-9=" + ADDRESS.token):
        for method in ("GET", "POST"):
            status, headers, body = client.request(method, path, cookie=cookie)
            assert (status, "set-cookie" in headers) == (403, False)
            assert b"token that `main.py review` printed" in body
    assert client.request("GET", path, cookie=None, query=b"token=wrong")[0] == 403


def test_the_token_in_the_url_becomes_a_cookie(client):
    query = f"token={ADDRESS.token}".encode()
    status, headers, body = client.request("GET", "/", cookie=None, query=query)
    assert status == 200 and b"<title>dimjax review</title>" in body
    cookie = f"dimjax-review-8123={ADDRESS.token}; Path=/; HttpOnly; SameSite=Strict"
    assert headers["set-cookie"] == cookie
    assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    status, headers, _ = client.request("GET", "/review.js")
    assert (status, "set-cookie" in headers) == (200, False)
    assert headers["content-type"].startswith("text/javascript")
    assert client.request("GET", "/review.js", cookie=None, query=query)[0] == 403


@pytest.mark.parametrize("host", ["evil.example:8123", "127.0.0.1", "127.0.0.1:8124", "", None])
def test_a_foreign_host_is_refused(client, host):
    status, _, body = client.request("GET", "/", host=host)
    assert (status, body) == (403, b"This page is available at http://127.0.0.1:8123/ only.\n")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9", "https://127.0.0.1:8123", "null", None]
)
def test_a_post_from_another_site_is_refused(client, origin):
    before = dump(client.db)
    body = json.dumps({**PAGE, "item": 1, "verb": "accept", "changes": None}).encode()
    assert client.request("POST", "/decide", body, origin=origin)[0] == 403
    assert dump(client.db) == before
    assert client.request("GET", "/style.css", origin=origin)[0] == (200 if origin is None else 403)
    local = {"host": "localhost:8123", "origin": "http://localhost:8123"}
    assert client.request("POST", "/decide", body, **local)[0] == 200


def test_no_path_reaches_the_file_system(client, workdir):
    for path in ("/../ledger.sqlite", "/page/review.js", "/%2e%2e/access.py", "/index.html",
                 "/items/../strip", "/items/1/../chip", "/sequences/a/frames.npy"):  # fmt: skip
        assert client.request("GET", path)[0] == 404
    assert (
        client.request("POST", "/style.css")[0] == 405
        and client.request("GET", "/next_items")[0] == 405
    )


# ---- refused requests


def _decide(item=1, verb="accept", changes=None, **values):
    return "/decide", {**PAGE, "item": item, "verb": verb, "changes": changes, **values}


def _decide_all(**values):
    return "/decide_all", {**PAGE, "verb": "accept", "kinds": [], "sequences": [], **values}


MOVE = {"label": 1, "x": 44.0}
NEW_LABEL = {"sequence": "a", "frame": 5, "x": 9, "y": 9, "w": 3, "h": 3, "category": "target"}


def _new_track(clicks, sequence="a"):
    return "/new_track", {**PAGE, "sequence": sequence, "clicks": clicks}


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (_decide(item=99), "item 99: the item must exist in the ledger; found none. Load the"),
        (_decide(item="1"), "item must be a non-negative integer; found '1'. Correct it."),
        (_decide(item=True), "item must be a non-negative integer; found True"),
        (_decide(item=2**70), "item must be a non-negative integer; found 1180591620717411303424"),
        (_decide(item=None), "item must be a non-negative integer; found None"),
        (_decide(verb="burn"), "verb must be one of accept, keep, move, resize, category, del"),
        (_decide(verb=["accept"]), "verb must be one of accept, keep,"),
        (_decide(verb="move"), "at least one change must fit the verb move; found no change"),
        (_decide(verb="move", changes=[{**MOVE, "x": 100.0}]), "x must lie in 0 <= x < 100; fou"),
        (_decide(verb="move", changes=[{**MOVE, "y": -0.1}]), "y must lie in 0 <= y < 80; found"),
        (_decide(verb="move", changes=[{**MOVE, "x": math.nan}]), "x must be a finite number; f"),
        (_decide(verb="move", changes=[{**MOVE, "x": "44"}]), "x must be a finite number; found"),
        (_decide(verb="move", changes=[{**MOVE, "z": 1}]), "a change's key must be one of label"),
        (_decide(verb="move", changes=[{**MOVE, "label": 3}]), "must belong to another label o"),
        (_decide(verb="resize", changes=[{"label": 1, "w": 0}]), "w must lie in 0.1 <= w <= "),
        (_decide(verb="category", changes=[{"label": 1, "category": "bird"}]), "category must be"),
        (_decide(verb="delete", changes=[{"label": 1, "removed": 1}]), "removed must be true or"),
        (
            _decide(verb="add", changes=[{**NEW_LABEL, "frame": 12}]),
            "frame must lie in 0 <= frame < 12",
        ),
        (
            _decide(verb="add", changes=[{**NEW_LABEL, "sequence": "b"}]),
            "a new label must be in a;",
        ),
        (
            _decide(verb="add", changes=[{**NEW_LABEL, "sequence": "../a"}]),
            "a new label must be in a",
        ),
        (_decide(verb="move", changes={"label": 1}), "changes must be a list; found {'label': 1}"),
        (_decide(verb="move", changes=[7]), "a change must be a mapping; found 7. Correct it."),
        (_decide(verb="keep", changes=[MOVE]), "keep changes nothing; found move. Leave the cha"),
        (_decide(changes=[MOVE]), "accept takes the suggested changes or a part of them; found 1"),
        (_decide(extra=1), "a request must contain reviewer, page, item, verb, changes and no"),
        (_decide(reviewer=""), "reviewer must not be empty; found ''. Give one."),
        (_decide(reviewer=7), "reviewer must be a line of printable text; found 7"),
        (_decide(reviewer="a\nb"), "reviewer must be a line of printable text; found 'a"),
        (_decide(reviewer="\ud800"), "reviewer must be a line of printable text"),
        (_decide(reviewer="x" * 61), "reviewer must have at most 60 characters; found 61. Short"),
        (_decide(page="x" * 61), "page must have at most 60 characters; found 61. Shorten it."),
        (_decide(page=""), "page must not be empty; found ''. Give one."),
        (("/next_items", {**NEXT, "count": -1}), "count must be a non-negative integer; found -1"),
        (("/next_items", {**NEXT, "count": 51}), "count must be at most 50; found 51. Load"),
        (
            ("/next_items", {**NEXT, "kinds": "miss"}),
            "kinds must be a list; found 'miss'. Load the",
        ),
        (
            ("/next_items", {**NEXT, "kinds": ["x"]}),
            "kind must be one of unlabelled_target, wrong_po",
        ),
        (
            ("/next_items", {**NEXT, "kinds": [[]]}),
            "kind must be one of unlabelled_target, wrong_pos",
        ),
        (
            ("/next_items", {**NEXT, "sequences": ["../a"]}),
            "sequence must be in the ledger; found '../a'",
        ),
        (("/next_items", {**NEXT, "skipped": 1}), "skipped must be true or false; found 1"),
        (("/undo", {**PAGE, "decision": 1}), "decision 1: the decision must exist in the ledger"),
        (
            ("/undo", {**PAGE, "decision": "1"}),
            "decision must be a non-negative integer; found '1'",
        ),
        (("/undo", PAGE), "a request must contain reviewer, page, decision and nothing else; f"),
        (_new_track([]), "new track: clicks must be lists of frame, x and y, one in each frame"),
        (_new_track([[1, 2, 2]], ["a"]), "new track: sequence must be a text; found ['a']. Name a"),
        (_new_track([[1, 2.0]]), "clicks must be lists of frame, x and y, one in each frame; f"),
        (_new_track([[1, 2, 2], [1, 3, 3]]), "found [[1, 2, 2], [1, 3, 3]]. Click the target onc"),
        (_new_track([[1, "2", 2]]), "new track: x must be a finite number; found '2'"),
        (_new_track([[12, 2, 2]]), "new track frame 12: frame must lie in 0 <= frame < 12; fou"),
        (_new_track([[1, 2, 80]]), "new track frame 1: y must lie in 0 <= y < 80; found 80.0"),
        (_new_track([[2, 40, 50]]), "a new track must lie apart from the labels; found a label"),
        (_new_track([[1, 2, 2]], sequence="c"), "sequence must be a known one (a, b); found 'c'"),
        (_decide_all(verb="keep"), "verb must be one of accept, skip; found 'keep'"),
        (_decide_all(kinds=None), "kinds must be a list; found None. Load the page again."),
        (_decide_all(sequences=["c"]), "sequence must be in the ledger; found 'c'"),
        (("/open_page", {**PAGE, "take_over": 0}), "take_over must be true or false; found 0"),
        (("/keep_alive", [1]), "a request must contain reviewer, page and nothing else; found [1]"),
    ],
)
def test_an_invalid_request_is_reported_and_changes_nothing(client, request_, text):
    before = dump(client.db)
    path, values = request_
    status, _, body = client.request("POST", path, json.dumps(values).encode())
    assert status == 400 and text in json.loads(body)["error"]
    assert dump(client.db) == before


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"{", "application/json", "request /decide: it must be JSON; found Expecting"),
        (b"\xff", "application/json", "request /decide: it must be JSON; found"),
        (b"[" * 200_000, "application/json", "request /decide: it must be JSON; found"),
        (b"9" * 9_999, "application/json", "request /decide: it must be JSON; found"),
        (b"x" * 5_000_000, "application/json", "it must have at most 4194304 bytes; found more."),
        (b"{}", "text/plain", "its type must be application/json; found 'text/plain'. Correct"),
        (b"{}", None, "its type must be application/json; found ''. Correct it."),
    ],
)
def test_a_body_that_is_not_json_is_reported(client, body, kind, text):
    status, _, response = client.request("POST", "/decide", body, content_type=kind)
    assert status == 400 and text in json.loads(response)["error"]


def test_items_that_cannot_be_decided_are_reported_and_stay_unchanged(client):
    ledger.decide(client.db, 3, "keep", "bob")
    removal = ItemFrame(2, 40.5, 50.5, 1, Change(1, removed=True))
    (other,) = ledger.add_items(client.db, [Item("miss", "a", 0.1, "other", (removal,))], "more")
    ledger.decide(client.db, other, "accept", "bob")  # removes the label of item 1
    bobs = ledger.lease_items(client.db, "bob", count=1)[0].id
    before = dump(client.db)
    for item, text in (
        (3, "only an open or skipped item can be decided; found a decided one. Undo that decis"),
        (1, "found a stale one. Its labels have changed since it was made: continue with th"),
        (bobs, "the item must not be leased to a reviewer other than ann; found bob. Cont"),
    ):
        status, response = client.post("/decide", item=item, verb="keep", changes=None)
        assert status == 400 and text in response["error"]
    assert dump(client.db) == before
    ledger.begin_round(client.db, 1)
    status, response = client.post("/decide", item=4, verb="keep", changes=None)
    assert (
        status == 400 and "found a lapsed one. Continue with the items of th" in response["error"]
    )


# ---- responses


def test_items_are_described_completely(client):
    response = client.next_items()
    assert [item["id"] for item in response["items"]] == [1, 2, 3, 4, 5, 6]
    first, track, background, alarm = response["items"][:4]
    assert (first["kind"], first["reason"]) == ("wrong_position", "off the track")
    assert first["shape"] == [12, 80, 100]
    frame = first["frames"][0]
    assert frame["fix"] == {"label": 1, "x": 44.0, "y": 52.25}
    assert (frame["label"]["id"], frame["label"]["x"], frame["others"]) == (1, 40.5, [])
    assert frame["clip"] == [2, 3, 4, 5] and frame["chip"] == [8, 16, 64, 64]
    assert track["frames"][2]["fix"] == {
        "sequence": "a", "frame": 7, "x": 20.5, "y": 30.5, "w": 3.0, "h": 3.0,
        "category": "target", "track": "t7",
    }  # fmt: skip
    assert background["frames"][0]["fix"] == {"label": 3, "removed": True}
    assert [other["id"] for other in background["frames"][0]["others"]] == [4]
    assert alarm["frames"][0]["fix"] is None and alarm["frames"][0]["label"] is None
    assert alarm["frames"][0]["clip"] == [11, 10, 9, 8]
    progress = response["progress"]
    assert (progress["open"], progress["leased"], progress["per_minute"]) == (6, 0, None)
    assert client.next_items(kinds=["miss"])["items"] == [track]


def test_decisions_are_in_the_ledger_before_the_response(client):
    status, response = client.post("/decide", item=1, verb="accept", changes=None)
    assert (status, response["labels"]) == (200, [1])
    (moved,) = ledger.labels_of_frame(client.db, "a", 2)
    assert (moved.x, moved.y, moved.source) == (44.0, 52.25, "person")
    part = [NEW._replace(frame=5)._asdict(), NEW._replace(frame=7)._asdict()]
    response = client.post("/decide", item=2, verb="accept", changes=part)[1]
    assert response["labels"] == [5, 6]
    assert client.post("/decide", item=4, verb="accept", changes=None)[1]["labels"] == []
    opened = client.post("/open_page", take_over=False)[1]
    assert opened["decisions"] == [1, 2, 3] and opened["kinds"][0] == "wrong_position"
    status, undone = client.post("/undo", decision=1)
    assert status == 200 and undone["item"]["frames"][0]["label"]["x"] == 40.5
    assert client.post("/open_page", take_over=False)[1]["decisions"] == [2, 3]
    table = ledger.decision_table(client.db)
    assert table.verb.tolist() == ["accept", "accept", "accept", "undo"]
    assert set(table.reviewer) == {"ann"} and set(table.reviewer_kind) == {"person"}


def test_all_items_of_a_selection_are_decided_and_undone_as_one(client):
    before = ledger.labels_as_of(client.db)
    client.post("/decide", item=3, verb="keep", changes=None)
    bobs = ledger.lease_items(client.db, "bob", count=1, kinds=["miss"])[0].id
    path, values = _decide_all(sequences=["a"])
    assert client.post(path, **values)[1] == {"decisions": [2, 3, 4], "refused": 1}
    states = {item.id: item.state for item in ledger.get_items(client.db)}
    assert [states[item] for item in (1, bobs, 4, 5, 6)] == [
        "decided", "open", "decided", "decided", "open"
    ]  # fmt: skip
    opened = client.post("/open_page", take_over=False)[1]  # the page was loaded again
    status, undone = client.post("/undo", decision=opened["decisions"][-1])
    assert (status, undone["item"]["id"], undone["undone"]) == (200, 1, [2, 3, 4])
    assert ledger.labels_as_of(client.db).equals(before)
    assert client.post("/open_page", take_over=False)[1]["decisions"] == [1]
    assert [item.id for item in ledger.lease_items(client.db, "eve", count=9)] == [4, 5, 6]


def test_a_batch_is_undone_as_a_whole_or_not_at_all(client):
    path, values = _decide_all(kinds=["wrong_position"])
    newest = client.post(path, **values)[1]["decisions"][-1]
    again = ItemFrame(2, 44.0, 52.25, 1, Change(1, x=45.0))
    (later,) = ledger.add_items(
        client.db, [Item("wrong_position", "a", 0.1, "again", (again,))], "more"
    )
    ledger.decide(client.db, later, "accept", "bob")
    before = dump(client.db)
    status, response = client.post("/undo", decision=newest)
    assert status == 400 and "only if no later one builds on it" in response["error"]
    assert dump(client.db) == before


def test_a_clicked_track_becomes_an_item_and_then_labels(client):
    listed = client.post("/list_sequences")[1]["sequences"]
    assert listed == [
        {"name": "a", "shape": [12, 80, 100], "binning": 1, "labels": 4},
        {"name": "b", "shape": [5, 20, 30], "binning": 1, "labels": 0},
    ]
    status, _, body = client.request("GET", "/sequences/1/4/frame")
    shown = np.frombuffer(body, "<u2").reshape(20, 30)
    assert status == 200 and (shown == client.levels["b"][4]).all()
    path, values = _new_track([[0, 5.0, 5.0], [4, 13, 9]], sequence="b")
    item = client.post(path, **values)[1]["item"]
    assert [frame["frame"] for frame in item["frames"]] == [0, 1, 2, 3, 4]
    assert client.db.execute("SELECT reviewer FROM leases").fetchall() == [("ann",)]
    decided = client.post("/decide", item=item["id"], verb="accept", changes=None)[1]
    assert len(decided["labels"]) == 5
    labels = ledger.labels_as_of(client.db).query("sequence == 'b'")
    assert labels.track.unique().tolist() == ["clicked-0"] and set(labels.source) == {"person"}
    on_path = pd.DataFrame({"x": [5.0, 7, 9, 11, 13], "y": [5.0, 6, 7, 8, 9]}, labels.index)
    assert (labels[["x", "y"]] - on_path).abs().to_numpy().max() < 3.0
    client.post("/undo", decision=decided["decision"])
    assert not ledger.labels_as_of(client.db).sequence.eq("b").any()
    again = client.post(path, **values)[1]["item"]  # two items of one stage in a round
    assert again["id"] == item["id"] + 1


def test_a_closed_page_frees_its_name_and_items_unless_it_was_opened_again(client):
    def release(opening):
        assert client.post("/release", opening=opening) == (200, {})
        return bool(client.db.execute("SELECT * FROM leases").fetchall())

    opening = client.post("/open_page", take_over=False)[1]["opening"]
    client.post("/open_page", take_over=False)  # reloaded; the release of the old page is late
    client.next_items()
    assert release(opening)
    assert not release(opening + 1)
    status, _ = client.post("/open_page", page="p2", take_over=False)
    assert status == 200


def test_an_open_page_receives_the_new_round_and_cannot_undo_the_previous_one(client):
    client.post("/decide", item=1, verb="accept", changes=None)
    assert client.next_items()["round"] == 0
    ledger.begin_round(client.db, 1)
    before = dump(client.db)
    status, response = client.post("/undo", decision=1)
    assert status == 400 and "only a decision of the newest round, 1, can be" in response["error"]
    assert dump(client.db) == before
    assert client.next_items()["round"] == 1
    opened = client.post("/open_page", take_over=False)[1]
    assert (opened["round"], opened["decisions"]) == (1, [])


def _levels(client, path, *shape):
    status, _, body = client.request("GET", path)
    assert status == 200
    return np.frombuffer(body, "<u2").reshape(shape)


def test_grey_levels_are_exact(client):
    frames = client.levels["a"]
    chip = _levels(client, "/items/1/0/chip", 4, 64, 64)
    assert np.array_equal(
        chip, frames[[2, 3, 4, 5], 16:80, 8:72]
    )  # shifted inwards at the lower rim
    corner = _levels(client, "/items/4/0/chip", 4, 64, 64)
    assert np.array_equal(corner, frames[[11, 10, 9, 8], :64, 36:])
    strip = _levels(client, "/items/2/strip", 3, 32, 32)
    assert np.array_equal(strip, frames[[5, 6, 7], 14:46, 4:36])
    assert np.array_equal(_levels(client, "/items/2/1/surroundings", 80, 100), frames[6])
    small = _levels(client, "/items/6/0/chip", 4, 20, 30)
    assert np.array_equal(small, client.levels["b"][:4])
    assert np.array_equal(_levels(client, "/items/6/strip", 1, 20, 20), small[:1, :, :20])


def test_a_chip_grows_to_include_the_suggestion(client):
    x0, y0, w, h = client.next_items()["items"][4]["frames"][0]["chip"]
    assert (x0, y0, w, h) == (4, 0, 96, 80)  # 2 * (40 + 8) wide, cropped to the frame's height
    chip = _levels(client, "/items/5/0/chip", 4, h, w)
    assert np.array_equal(chip, client.levels["a"][[3, 4, 5, 6], :, 4:])
    frame = ItemFrame(0, 500.0, 500.0, 1, Change(1, x=5.0))
    assert chip_window(frame, (9, 1000, 1000)) == (372, 372, 256, 256)


def test_a_large_frame_is_binned(workdir):
    frame = np.arange(7 * 1922, dtype=np.uint16).reshape(1, 7, 1922).repeat(4, 0)
    np.save(workdir / "sequences/b/frames.npy", frame)
    frames = Frames(open_folder(workdir), {"b": frame.shape}, 1)
    assert binning(frame.shape) == 3
    binned = np.frombuffer(frames.whole("b", 0), "<u2").reshape(2, 640)
    assert binned[0, 0] == np.mean(frame[0, :3, :3]) and binned[1, 2] == frame[0, 4, 7]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/sequences/2/0/frame", "the frame must exist; found (2, 0)"),
        ("/sequences/1/5/frame", "the frame must exist; found (1, 5)"),
        ("/items/99/0/chip", "item 99: the item must exist in the ledger"),
        ("/items/2/3/chip", "the item has 3 frames; found 3"),
        ("/items/99/strip", "item 99: the item must exist in the ledger"),
    ],
)
def test_a_request_for_missing_levels_is_reported(client, path, text):
    status, _, body = client.request("GET", path)
    assert status == 400 and text in json.loads(body)["error"]


def test_frames_must_be_those_of_the_ledger(workdir):
    folder = open_folder(workdir)
    with pytest.raises(InputError, match="must contain the ledger's sequences; found no sequence"):
        Frames(folder, {"a": (12, 80, 100), "c": (1, 2, 3)}, 1)
    with pytest.raises(InputError, match=r"must be those in the ledger, \(12, 80, 99\); found \(1"):
        Frames(folder, {"a": (12, 80, 99)}, 1).strip("a", [ItemFrame(0, 1.0, 1.0)])


# ---- reviewer names


def test_a_name_belongs_to_one_page_at_a_time():
    now = [0.0]
    names = NameLocks(lambda: now[0])
    names.acquire("ann", "p1")
    names.acquire("bob", "p2")
    now[0] = TIMEOUT_SECONDS - 1
    text = "ann: a reviewer works on one page at a time; found another page under that name. Give"
    with pytest.raises(InputError, match=text):
        names.acquire("ann", "p2")
    names.acquire("ann", "p2", take_over=True)
    with pytest.raises(InputError, match=text):
        names.acquire("ann", "p1")
    now[0] += TIMEOUT_SECONDS
    names.acquire("ann", "p1")


def test_two_pages_have_two_names_and_different_items(client):
    assert client.post("/open_page", reviewer="", take_over=False)[1]["reviewer"] == "ann"
    status, response = client.post("/open_page", reviewer="", page="p2", take_over=False)
    assert status == 400 and "ann: a reviewer works on one page at a time" in response["error"]
    client.post("/open_page", reviewer=" bob ", page="p2", take_over=False)
    ann, bob = client.next_items(count=4), client.next_items(reviewer="bob", page="p2")
    assert [item["id"] for item in ann["items"]] == [1, 2, 3, 4]
    assert [item["id"] for item in bob["items"]] == [5, 6] and bob["progress"]["leased"] == 4


def test_a_page_asks_for_a_name_if_none_is_given(client):
    app = create_app(Handlers(client.db, None, 1), ADDRESS)
    response = Client(app, client.db, {}).post("/open_page", reviewer="", take_over=False)[1]
    assert response["reviewer"] is None and response["run"]
    with pytest.raises(InputError, match="--reviewer: reviewer must be a line of printable text"):
        Handlers(client.db, None, 1, "a\tb")


def test_the_history_is_the_mean_of_a_frames_chips(workdir, client):
    rows = [(e, "a", f, 10.0 * e + f + k) for e in (0, 1) for f in (2, 3) for k in (0, 1, 5)]
    table = pd.DataFrame(rows, columns=["epoch", "sequence", "frame", "total"])
    history = from_losses({0: table}.get)
    handlers = Handlers(client.db, None, 1, "ann", history)
    first, track = handlers.next_items(NEXT)["items"][:2]
    assert first["frames"][0]["history"] == {
        "loss": [(0, 4.0), (1, 14.0)],  # frame 2: 2, 3, 7 and 12, 13, 17
        "typical": [(0, 3.5), (1, 13.5)],
    }
    assert track["frames"][0]["history"] is None
    assert history(ledger.get_item(client.db, 1)._replace(round=1), ItemFrame(2, 1.0, 1.0)) is None


# ---- the server


@pytest.fixture
def start(workdir):
    """Starts servers of the run and returns process and URL; kills them at the end."""
    servers = []

    def start():
        command = [sys.executable, "-c", SERVER, str(workdir)]
        servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return servers[-1], servers[-1].stdout.readline().strip()

    yield start
    for server in servers:
        server.kill()
        server.wait()
        server.stdout.close()


def test_a_restarted_server_has_the_same_address(workdir, start):
    server, url = start()
    saved = workdir / "review.json"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    first = server_file.ServerAddress(**json.loads(saved.read_text()))
    assert url == first.url and len(first.token) == 32
    holder = rf"process {server.pid} on \S+ since \S+ [\d:]+, which serves {first.page}"
    text = f"a run has one review server at a time; found {holder}. Open that page"
    with pytest.raises(InputError, match=text), server_file.server_lock(workdir):
        pass
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server, url = start()
    assert url == first.url
    with urllib.request.urlopen(url, timeout=20) as page:
        assert b"<title>dimjax review</title>" in page.read()
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 0  # JAX was not loaded


def test_the_address_is_kept_if_possible(tmp_path):
    def listen(port=0):
        listener, address = server_file.listen(tmp_path, port)
        listener.close()
        return address

    first = listen()
    assert listen() == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first.port))
        other.listen()
        moved = listen()
        assert moved.port != first.port and moved.token == first.token
        with pytest.raises(InputError, match=f"--port: the port must be free; found {first.port}"):
            listen(first.port)
    with pytest.raises(InputError, match="--port: a port must lie in 0..65535; found 65536. Om"):
        listen(65536)
    (tmp_path / "review.json").chmod(0o644)
    assert listen().token != first.token


@pytest.mark.parametrize("text", ["", "[]", '{"port": 1}', '{"port": "1", "token": "x"}'])
def test_a_damaged_address_is_reported(tmp_path, text):
    path = tmp_path / "review.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError, match="review.json: it must contain port and token of the rev"):
        server_file.listen(tmp_path)


def test_the_review_verb_needs_no_jax_and_works_during_a_run(workdir):
    config = get_config()
    config.data.folder = str(workdir)
    write_config(config, workdir)
    command = [sys.executable, "main.py", "review", f"--workdir={workdir}"]
    env = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    options = {"cwd": Path(__file__).parent.parent, "env": env}
    with (
        exclusive_lock(Paths(workdir).lock, "", ""),
        open(workdir / "imports", "w") as imports,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=imports, text=True, **options
        ) as server,
    ):
        assert server.stdout.readline().startswith("review page: http://127.0.0.1:")
        server.terminate()
    loaded = set(re.findall(r"\| +(\S+)$", (workdir / "imports").read_text(), re.MULTILINE))
    assert "dimjax.commands.review" in loaded and not {"jax", "selenium"} & loaded
