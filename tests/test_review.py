"""The review server, asked as HTTP: who may ask, what is refused, what it answers."""

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

from configs.default import get_config
from dimjax import ledger
from dimjax.atomic_files import sole_holder
from dimjax.data.folders import open_folder
from dimjax.data.labels import COLUMNS
from dimjax.errors import InputError
from dimjax.ledger import Change, Item, Place
from dimjax.review.web import from_losses, server_file
from dimjax.review.web.app import create_app
from dimjax.review.web.frames import Frames, binning, window
from dimjax.review.web.handlers import Desk
from dimjax.review.web.name_locks import AWAY_SECONDS, Reviewers
from dimjax.runs.workdir import Paths, write_config

HERE = server_file.Address(8123, "t" * 32)
COOKIE = f"dimjax-review-8123={HERE.token}"
WHO = {"reviewer": "ann", "page": "p1"}
DRAW = {**WHO, "kinds": [], "sequences": [], "skipped": False, "count": 9}
NEW = Change(None, "a", 5, 20.5, 30.5, 3.0, 3.0, "target", "t7")

SERVER = """
import sys
from dimjax.data.folders import open_folder
from dimjax.review.web import serve
workdir = sys.argv[1]
serve(open_folder(workdir), workdir + "/ledger.sqlite", 1, "ann",
      opened=lambda url: print(url, flush=True))
assert "jax" not in sys.modules
"""


class Asker:
    """Asks an application as a browser would that holds the token."""

    def __init__(self, app, book, frames):
        self.app, self.book, self.levels = app, book, frames

    def ask(self, method, path, body=b"", cookie=COOKIE, query=b"", **headers):
        """Status, headers and body of an answer; a header of None is left out."""
        sent = {"host": "127.0.0.1:8123", "content-type": "application/json"}
        sent |= {"origin": "http://127.0.0.1:8123"} if method == "POST" else {}
        sent |= {"cookie": cookie}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query,
            "raw_path": path.encode(), "scheme": "http", "root_path": "", "http_version": "1.1",
            "headers": [(k.encode(), v.encode()) for k, v in sent.items() if v is not None],
        }  # fmt: skip
        return asyncio.run(_answer(self.app, scope, body))

    def post(self, path, **values):
        """Status and JSON of an answer."""
        status, _, body = self.ask("POST", path, json.dumps({**WHO, **values}).encode())
        return status, json.loads(body)

    def dump(self):
        """All that the ledger holds."""
        return list(self.book._connection.iterdump())


async def _answer(app, scope, body):
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
    track = tuple(Place(f, 20.5, 30.5, None, NEW._replace(frame=f)) for f in (5, 6, 7))
    move = Place(2, 40.5, 50.5, 1, Change(1, x=44.0, y=52.25))
    gone = Place(4, 9.5, 9.5, 3, Change(3, removed=True))
    far = Place(3, 60.5, 20.5, 2, Change(2, x=60.5 - 40, y=20.5))
    return [
        Item("wrong_position", "a", 0.9, "off the track", (move,)),
        Item("miss", "a", 0.8, "a gap", track),
        Item("labelled_background", "a", 0.7, "nothing", (gone,)),
        Item("false_alarm", "a", 0.6, "alone", (Place(11, 99.9, 0.1),)),
        Item("wrong_position", "a", 0.5, "far off", (far,)),
        Item("false_alarm", "b", 0.4, "alone", (Place(0, 3.5, 3.5),)),
    ]


@pytest.fixture
def workdir(tmp_path):
    """A run with a sequence of 16 bit, larger than a chip, and one of 8 bit, smaller."""
    rng = np.random.default_rng(7)
    frames = {
        "a": rng.integers(900, 60_000, (12, 80, 100), dtype=np.uint16),
        "b": rng.integers(0, 256, (5, 20, 30), dtype=np.uint8),
    }
    for name, values in frames.items():
        (tmp_path / "sequences" / name).mkdir(parents=True)
        np.save(tmp_path / "sequences" / name / "frames.npy", values)
    places = ((2, 40.5, 50.5), (3, 60.5, 20.5), (4, 9.5, 9.5), (4, 70.5, 30.5))
    labels = [("a", *place, 3.0, 3.0, "target", "", "annotator") for place in places]
    shapes = {name: values.shape for name, values in frames.items()}
    with ledger.begin(
        tmp_path / "ledger.sqlite", pd.DataFrame(labels, columns=COLUMNS), shapes
    ) as book:
        ledger.add_items(book, _items(), "refine")
    return tmp_path


@pytest.fixture
def asker(workdir):
    """An application of that run, opened for ann."""
    with ledger.open_ledger(workdir / "ledger.sqlite") as book:
        frames = Frames(open_folder(workdir), ledger.sequence_shapes(book), stride=1)
        levels = {name: np.load(workdir / f"sequences/{name}/frames.npy") for name in "ab"}
        yield Asker(create_app(Desk(book, frames, 1, "ann"), HERE), book, levels)


# ---- who may ask


@pytest.mark.parametrize(
    "path", ["/", "/review.js", "/style.css", "/draw", "/items/1/0/chip", "/x"]
)
def test_without_the_token_nothing_is_answered(asker, path):
    for cookie in (None, "dimjax-review-8123=wrong", "dimjax-review-9=" + HERE.token):
        for method in ("GET", "POST"):
            status, headers, body = asker.ask(method, path, cookie=cookie)
            assert (status, "set-cookie" in headers) == (403, False)
            assert b"token that `main.py review` printed" in body
    assert asker.ask("GET", path, cookie=None, query=b"token=wrong")[0] == 403


def test_the_token_becomes_a_cookie_that_stays_with_the_page(asker):
    query = f"token={HERE.token}".encode()
    status, headers, body = asker.ask("GET", "/", cookie=None, query=query)
    assert status == 200 and b"<title>dimjax review</title>" in body
    cookie = f"dimjax-review-8123={HERE.token}; Path=/; HttpOnly; SameSite=Strict"
    assert headers["set-cookie"] == cookie
    assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    status, headers, _ = asker.ask("GET", "/review.js")
    assert (status, "set-cookie" in headers) == (200, False)
    assert headers["content-type"].startswith("text/javascript")
    assert asker.ask("GET", "/review.js", cookie=None, query=query)[0] == 403


@pytest.mark.parametrize("host", ["evil.example:8123", "127.0.0.1", "127.0.0.1:8124", "", None])
def test_a_foreign_host_is_refused(asker, host):
    status, _, body = asker.ask("GET", "/", host=host)
    assert (status, body) == (403, b"This page is at http://127.0.0.1:8123/ only.\n")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9", "https://127.0.0.1:8123", "null", None]
)
def test_a_post_of_another_site_is_refused(asker, origin):
    before = asker.dump()
    body = json.dumps({**WHO, "item": 1, "verb": "accept", "changes": None}).encode()
    assert asker.ask("POST", "/decide", body, origin=origin)[0] == 403
    assert asker.dump() == before
    assert asker.ask("GET", "/style.css", origin=origin)[0] == (200 if origin is None else 403)
    local = {"host": "localhost:8123", "origin": "http://localhost:8123"}
    assert asker.ask("POST", "/decide", body, **local)[0] == 200


def test_no_path_reaches_the_file_system(asker, workdir):
    for path in ("/../ledger.sqlite", "/page/review.js", "/%2e%2e/gate.py", "/index.html",
                 "/items/../strip", "/items/1/../chip", "/sequences/a/frames.npy"):  # fmt: skip
        assert asker.ask("GET", path)[0] == 404
    assert asker.ask("POST", "/style.css")[0] == 405 and asker.ask("GET", "/draw")[0] == 405


# ---- what is refused


def _decide(item=1, verb="accept", changes=None, **values):
    return "/decide", {**WHO, "item": item, "verb": verb, "changes": changes, **values}


MOVE = {"label": 1, "x": 44.0}
ADD = {"sequence": "a", "frame": 5, "x": 9, "y": 9, "w": 3, "h": 3, "category": "target"}


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (_decide(item=99), "item 99: an item must be one of the ledger; found none. Load the"),
        (_decide(item="1"), "item must be a whole number from 0; found '1'. Correct it."),
        (_decide(item=True), "item must be a whole number from 0; found True"),
        (_decide(item=2**70), "item must be a whole number from 0; found 1180591620717411303424"),
        (_decide(item=None), "item must be a whole number from 0; found None"),
        (_decide(verb="burn"), "verb must be one of accept, keep, move, resize, category, del"),
        (_decide(verb=["accept"]), "verb must be one of accept, keep,"),
        (_decide(verb="move"), "the changes must hold one that fits the verb move; found no chan"),
        (_decide(verb="move", changes=[{**MOVE, "x": 100.0}]), "x must lie in 0 <= x < 100; fou"),
        (_decide(verb="move", changes=[{**MOVE, "y": -0.1}]), "y must lie in 0 <= y < 80; found"),
        (_decide(verb="move", changes=[{**MOVE, "x": math.nan}]), "x must be a finite number; f"),
        (_decide(verb="move", changes=[{**MOVE, "x": "44"}]), "x must be a finite number; found"),
        (_decide(verb="move", changes=[{**MOVE, "z": 1}]), "a change's key must be one of label"),
        (_decide(verb="move", changes=[{**MOVE, "label": 3}]), "must be of a label of the item"),
        (_decide(verb="resize", changes=[{"label": 1, "w": 0}]), "w must be above 0 and finite"),
        (_decide(verb="category", changes=[{"label": 1, "category": "bird"}]), "category must be"),
        (_decide(verb="delete", changes=[{"label": 1, "removed": 1}]), "removed must be true or"),
        (_decide(verb="add", changes=[{**ADD, "frame": 12}]), "frame must lie in 0 <= frame < 12"),
        (_decide(verb="add", changes=[{**ADD, "sequence": "b"}]), "a new label must be in a;"),
        (_decide(verb="add", changes=[{**ADD, "sequence": "../a"}]), "a new label must be in a"),
        (_decide(verb="move", changes={"label": 1}), "changes must be a list; found {'label': 1}"),
        (_decide(verb="move", changes=[7]), "a change must be a mapping; found 7. Correct it."),
        (_decide(verb="keep", changes=[MOVE]), "keep changes nothing; found move. Leave the cha"),
        (_decide(changes=[MOVE]), "accept takes the suggested changes or a part of them; found 1"),
        (_decide(extra=1), "a request must hold reviewer, page, item, verb, changes and nothing"),
        (_decide(reviewer=""), "reviewer must not be empty; found ''. Give one."),
        (_decide(reviewer=7), "reviewer must be a line of printable text; found 7"),
        (_decide(reviewer="a\nb"), "reviewer must be a line of printable text; found 'a"),
        (_decide(reviewer="\ud800"), "reviewer must be a line of printable text"),
        (_decide(reviewer="x" * 61), "reviewer must be 60 letters at most; found 61. Shorten it"),
        (_decide(page=""), "page must not be empty; found ''. Give one."),
        (("/draw", {**DRAW, "count": -1}), "count must be a whole number from 0; found -1"),
        (("/draw", {**DRAW, "count": 51}), "count must be 50 at most; found 51. Load the page"),
        (("/draw", {**DRAW, "kinds": "miss"}), "kinds must be a list; found 'miss'. Load the"),
        (("/draw", {**DRAW, "kinds": ["x"]}), "kind must be one of unlabelled_target, wrong_po"),
        (("/draw", {**DRAW, "kinds": [[]]}), "kind must be one of unlabelled_target, wrong_pos"),
        (("/draw", {**DRAW, "sequences": ["../a"]}), "sequence must be a known one; found '../a'"),
        (("/draw", {**DRAW, "skipped": 1}), "skipped must be true or false; found 1"),
        (("/undo", {**WHO, "decision": 1}), "decision 1: a decision must be one of the ledger"),
        (("/undo", {**WHO, "decision": "1"}), "decision must be a whole number from 0; found '1'"),
        (("/undo", WHO), "a request must hold reviewer, page, decision and nothing else; found"),
        (("/begin", {**WHO, "take_over": 0}), "take_over must be true or false; found 0"),
        (("/here", [1]), "a request must hold reviewer, page and nothing else; found [1]"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(asker, request_, text):
    before = asker.dump()
    path, values = request_
    status, _, body = asker.ask("POST", path, json.dumps(values).encode())
    assert status == 400 and text in json.loads(body)["error"]
    assert asker.dump() == before


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"{", "application/json", "request /decide: it must be JSON; found Expecting"),
        (b"\xff", "application/json", "request /decide: it must be JSON; found"),
        (b"[" * 200_000, "application/json", "request /decide: it must be JSON; found"),
        (b"9" * 9_999, "application/json", "request /decide: it must be JSON; found"),
        (b"x" * 5_000_000, "application/json", "it must be 4194304 bytes at most; found more. D"),
        (b"{}", "text/plain", "its type must be application/json; found 'text/plain'. Correct"),
        (b"{}", None, "its type must be application/json; found ''. Correct it."),
    ],
)
def test_what_is_no_json_is_told(asker, body, kind, text):
    status, _, answer = asker.ask("POST", "/decide", body, content_type=kind)
    assert status == 400 and text in json.loads(answer)["error"]


def test_items_that_cannot_be_decided_are_told_and_change_nothing(asker):
    ledger.decide(asker.book, 3, "keep", "bob")
    gone = Place(2, 40.5, 50.5, 1, Change(1, removed=True))
    (twin,) = ledger.add_items(asker.book, [Item("miss", "a", 0.1, "twin", (gone,))], "more")
    ledger.decide(asker.book, twin, "accept", "bob")  # takes away the label of item 1
    bobs = ledger.draw(asker.book, "bob", count=1)[0].id
    before = asker.dump()
    for item, text in (
        (3, "only an open or skipped item can be decided; found a decided one. Undo that decis"),
        (1, "found a stale one. Its labels have changed since it was made: go on with the next"),
        (bobs, "the item must not be in the hands of somebody else than ann; found bob. Go on"),
    ):
        status, answer = asker.post("/decide", item=item, verb="keep", changes=None)
        assert status == 400 and text in answer["error"]
    assert asker.dump() == before
    ledger.begin_round(asker.book, 1)
    status, answer = asker.post("/decide", item=4, verb="keep", changes=None)
    assert status == 400 and "found a lapsed one. Go on with the items of the n" in answer["error"]


# ---- what is answered


def test_an_answer_says_all_there_is_to_show(asker):
    status, answer = asker.post(**{"path": "/draw", **DRAW})
    assert status == 200 and [item["id"] for item in answer["items"]] == [1, 2, 3, 4, 5, 6]
    first, track, gone, alarm = answer["items"][:4]
    assert (first["kind"], first["reason"]) == ("wrong_position", "off the track")
    assert first["shape"] == [12, 80, 100]
    place = first["places"][0]
    assert place["fix"] == {"label": 1, "x": 44.0, "y": 52.25}
    assert (place["label"]["id"], place["label"]["x"], place["others"]) == (1, 40.5, [])
    assert place["clip"] == [2, 3, 4, 5] and place["chip"] == [8, 16, 64, 64]
    assert track["places"][2]["fix"] == {
        "sequence": "a", "frame": 7, "x": 20.5, "y": 30.5, "w": 3.0, "h": 3.0,
        "category": "target", "track": "t7",
    }  # fmt: skip
    assert gone["places"][0]["fix"] == {"label": 3, "removed": True}
    assert [other["id"] for other in gone["places"][0]["others"]] == [4]
    assert alarm["places"][0]["fix"] is None and alarm["places"][0]["label"] is None
    assert alarm["places"][0]["clip"] == [11, 10, 9, 8]
    progress = answer["progress"]
    assert (progress["open"], progress["leased"], progress["per_minute"]) == (6, 0, None)
    assert asker.post(**{"path": "/draw", **DRAW, "kinds": ["miss"]})[1]["items"] == [track]


def test_decisions_are_in_the_ledger_when_they_are_answered(asker):
    status, answer = asker.post("/decide", item=1, verb="accept", changes=None)
    assert (status, answer["labels"]) == (200, [1])
    moved = asker.book.execute("SELECT x, y, source FROM labels_now WHERE label = 1").fetchone()
    assert moved == (44.0, 52.25, "person")
    part = [NEW._replace(frame=5)._asdict(), NEW._replace(frame=7)._asdict()]
    answer = asker.post("/decide", item=2, verb="accept", changes=part)[1]
    assert answer["labels"] == [5, 6]
    assert asker.post("/decide", item=4, verb="accept", changes=None)[1]["labels"] == []
    begun = asker.post("/begin", take_over=False)[1]
    assert begun["decisions"] == [1, 2, 3] and begun["kinds"][0] == "wrong_position"
    status, undone = asker.post("/undo", decision=1)
    assert status == 200 and undone["item"]["places"][0]["label"]["x"] == 40.5
    assert asker.post("/begin", take_over=False)[1]["decisions"] == [2, 3]
    table = ledger.decision_table(asker.book)
    assert table.verb.tolist() == ["accept", "accept", "accept", "undo"]
    assert set(table.reviewer) == {"ann"} and set(table.reviewer_kind) == {"person"}


def test_a_page_that_stayed_open_learns_of_a_new_round_and_undoes_nothing_of_the_old(asker):
    asker.post("/decide", item=1, verb="accept", changes=None)
    assert asker.post(**{"path": "/draw", **DRAW})[1]["round"] == 0
    ledger.begin_round(asker.book, 1)
    before = asker.dump()
    status, answer = asker.post("/undo", decision=1)
    assert status == 400 and "only a decision of round 1, the newest, can be" in answer["error"]
    assert asker.dump() == before
    assert asker.post(**{"path": "/draw", **DRAW})[1]["round"] == 1
    begun = asker.post("/begin", take_over=False)[1]
    assert (begun["round"], begun["decisions"]) == (1, [])


def _levels(asker, path, *shape):
    status, _, body = asker.ask("GET", path)
    assert status == 200
    return np.frombuffer(body, "<u2").reshape(shape)


def test_pictures_are_right_to_the_grey_level(asker):
    frames = asker.levels["a"]
    chip = _levels(asker, "/items/1/0/chip", 4, 64, 64)
    assert np.array_equal(chip, frames[[2, 3, 4, 5], 16:80, 8:72])  # moved in at the lower rim
    corner = _levels(asker, "/items/4/0/chip", 4, 64, 64)
    assert np.array_equal(corner, frames[[11, 10, 9, 8], :64, 36:])
    strip = _levels(asker, "/items/2/strip", 3, 32, 32)
    assert np.array_equal(strip, frames[[5, 6, 7], 14:46, 4:36])
    assert np.array_equal(_levels(asker, "/items/2/1/surroundings", 80, 100), frames[6])
    small = _levels(asker, "/items/6/0/chip", 4, 20, 30)
    assert np.array_equal(small, asker.levels["b"][:4])
    assert np.array_equal(_levels(asker, "/items/6/strip", 1, 20, 20), small[:1, :, :20])


def test_a_chip_grows_until_it_holds_the_suggested_place(asker):
    x0, y0, w, h = asker.post(**{"path": "/draw", **DRAW})[1]["items"][4]["places"][0]["chip"]
    assert (x0, y0, w, h) == (4, 0, 96, 80)  # 2 * (40 + 8) wide, cut to the frame's height
    chip = _levels(asker, "/items/5/0/chip", 4, h, w)
    assert np.array_equal(chip, asker.levels["a"][[3, 4, 5, 6], :, 4:])
    place = Place(0, 500.0, 500.0, 1, Change(1, x=5.0))
    assert window(place, (9, 1000, 1000)) == (372, 372, 256, 256)


def test_a_large_frame_is_binned(workdir):
    frame = np.arange(7 * 1922, dtype=np.uint16).reshape(1, 7, 1922).repeat(4, 0)
    np.save(workdir / "sequences/b/frames.npy", frame)
    frames = Frames(open_folder(workdir), {"b": frame.shape}, 1)
    assert binning(frame.shape) == 3
    binned = np.frombuffer(frames.surroundings("b", Place(0, 1.0, 1.0)), "<u2").reshape(2, 640)
    assert binned[0, 0] == np.mean(frame[0, :3, :3]) and binned[1, 2] == frame[0, 4, 7]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/items/99/0/chip", "item 99: an item must be one of the ledger"),
        ("/items/2/3/chip", "place must be one of the item's 3; found 3"),
        ("/items/99/strip", "item 99: an item must be one of the ledger"),
        ("/items/99999999999999999999/0/surroundings", "item must be a whole number from 0"),
    ],
)
def test_a_picture_that_is_not_there_is_told(asker, path, text):
    status, _, body = asker.ask("GET", path)
    assert status == 400 and text in json.loads(body)["error"]


def test_frames_must_be_those_of_the_ledger(workdir):
    folder = open_folder(workdir)
    with pytest.raises(InputError, match="must hold the ledger's sequences; found none of name c"):
        Frames(folder, {"a": (12, 80, 100), "c": (1, 2, 3)}, 1)
    with pytest.raises(InputError, match=r"must be the ledger's, \(12, 80, 99\); found \(12, 80,"):
        Frames(folder, {"a": (12, 80, 99)}, 1).strip("a", [Place(0, 1.0, 1.0)])


# ---- who reviews


def test_a_name_belongs_to_one_page():
    now = [0.0]
    reviewers = Reviewers(lambda: now[0])
    reviewers.hold("ann", "p1")
    reviewers.hold("bob", "p2")
    now[0] = AWAY_SECONDS - 1
    text = "ann: a reviewer works on one page at a time; found another page of that name. Give"
    with pytest.raises(InputError, match=text):
        reviewers.hold("ann", "p2")
    reviewers.hold("ann", "p2", take_over=True)
    with pytest.raises(InputError, match=text):
        reviewers.hold("ann", "p1")
    now[0] += AWAY_SECONDS
    reviewers.hold("ann", "p1")


def test_two_pages_get_two_names_and_other_items(asker):
    assert asker.post("/begin", reviewer="", take_over=False)[1]["reviewer"] == "ann"
    status, answer = asker.post("/begin", reviewer="", page="p2", take_over=False)
    assert status == 400 and "ann: a reviewer works on one page at a time" in answer["error"]
    asker.post("/begin", reviewer=" bob ", page="p2", take_over=False)
    hers = asker.post(**{"path": "/draw", **DRAW, "count": 4})[1]
    his = asker.post(**{"path": "/draw", **DRAW, "reviewer": "bob", "page": "p2"})[1]
    assert [item["id"] for item in hers["items"]] == [1, 2, 3, 4]
    assert [item["id"] for item in his["items"]] == [5, 6] and his["progress"]["leased"] == 4


def test_a_page_asks_for_a_name_where_none_is_given(asker):
    app = create_app(Desk(asker.book, None, 1), HERE)
    answer = Asker(app, asker.book, {}).post("/begin", reviewer="", take_over=False)[1]
    assert answer["reviewer"] is None and answer["run"]
    with pytest.raises(InputError, match="--reviewer: reviewer must be a line of printable text"):
        Desk(asker.book, None, 1, "a\tb")


def test_the_history_is_the_mean_of_a_frames_chips(workdir, asker):
    rows = [(e, "a", f, 10.0 * e + f + k) for e in (0, 1) for f in (2, 3) for k in (0, 1, 5)]
    table = pd.DataFrame(rows, columns=["epoch", "sequence", "frame", "total"])
    (workdir / "0").mkdir()
    table.to_parquet(workdir / "0" / "losses.parquet")
    history = from_losses(lambda round: workdir / str(round) / "losses.parquet")
    desk = Desk(asker.book, None, 1, "ann", history)
    first, track = desk.draw(DRAW)["items"][:2]
    assert first["places"][0]["history"] == {
        "loss": [(0, 4.0), (1, 14.0)],  # frame 2: 2, 3, 7 and 12, 13, 17
        "typical": [(0, 3.5), (1, 13.5)],
    }
    assert track["places"][0]["history"] is None
    assert history(ledger.get_item(asker.book, 1)._replace(round=1), Place(2, 1.0, 1.0)) is None


# ---- the server


@pytest.fixture
def start(workdir):
    """Starts a server of the run: its process and URL. What is still there at the end is killed."""
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


def test_a_killed_server_starts_again_at_its_address(workdir, start):
    server, url = start()
    saved = workdir / "review.json"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    first = server_file.Address(**json.loads(saved.read_text()))
    assert url == first.url and len(first.token) == 32
    found = f"found one of process {server.pid} that is open at {first.page}. Open its addr"
    text = f"one review page at a time; {found}"
    with pytest.raises(InputError, match=text), server_file.sole_server(workdir):
        pass
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server, url = start()
    assert url == first.url
    with urllib.request.urlopen(url, timeout=20) as page:
        assert b"<title>dimjax review</title>" in page.read()
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 0  # and it has not loaded JAX


def test_the_address_is_kept_where_it_can_be(tmp_path):
    def listen(port=0):
        listener, found = server_file.listen(tmp_path, port)
        listener.close()
        return found

    first = listen()
    assert listen() == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first.port))
        other.listen()
        moved = listen()
        assert moved.port != first.port and moved.token == first.token
        with pytest.raises(InputError, match=f"--port: the port must be free; found {first.port}"):
            listen(first.port)
    with pytest.raises(InputError, match="--port: a port must lie in 0..65535; found 65536. Le"):
        listen(65536)
    (tmp_path / "review.json").chmod(0o644)
    assert listen().token != first.token


@pytest.mark.parametrize("text", ["", "[]", '{"port": 1}', '{"port": "1", "token": "x"}'])
def test_a_damaged_address_is_told(tmp_path, text):
    path = tmp_path / "review.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError, match="review.json: it must hold port and token of the review"):
        server_file.listen(tmp_path)


def test_the_verb_opens_its_page_without_jax_and_beside_a_run(workdir):
    config = get_config()
    config.data.folder = str(workdir)
    write_config(config, workdir)
    command = [sys.executable, "main.py", "review", f"--workdir={workdir}"]
    env = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    where = {"cwd": Path(__file__).parent.parent, "env": env}
    with (
        sole_holder(Paths(workdir).lock, "", ""),
        open(workdir / "imports", "w") as imports,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=imports, text=True, **where
        ) as server,
    ):
        assert server.stdout.readline().startswith("review page: http://127.0.0.1:")
        server.terminate()
    loaded = set(re.findall(r"\| +(\S+)$", (workdir / "imports").read_text(), re.MULTILINE))
    assert "dimjax.commands.review" in loaded and not {"jax", "selenium"} & loaded
