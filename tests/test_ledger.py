import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dimjax import ledger
from dimjax.data.labels import COLUMNS, read_table
from dimjax.errors import InputError
from dimjax.ledger import Change, Item, Place

SHAPES = {"a": (10, 40, 60), "b": (4, 40, 60)}


class Clock:
    """A clock that stands until it is set forward."""

    now = 1000.0

    def __call__(self):
        return self.now


def _labels(count=3):
    """Labels 1, 2, ... at x = 10, 20, ... in frames 0, 1, ... of sequence a."""
    rows = [
        ("a", k, 10.0 * (k + 1), 20.5, 3.0, 3.0, "target", "t1", "annotator") for k in range(count)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _move(label, x, y=20.5, probability=0.5):
    """An item that says that a label is better at x, y."""
    place = Place(label - 1, 10.0 * label, 20.5, label, Change(label, x=x, y=y))
    return Item("wrong_position", "a", probability, "off the track", (place,))


def _add(frame, x, sequence="a", probability=0.5, kind="miss"):
    """An item that says that there is a target at x, 30."""
    fix = Change(None, sequence, frame, x, 30.0, 3.0, 3.0, "target", "t1")
    return Item(kind, sequence, probability, "a gap", (Place(frame, x, 30.0, None, fix),))


def _track(*frames):
    """One item with a miss in each of some frames."""
    items = [_add(frame, 5.0 + frame) for frame in frames]
    return items[0]._replace(places=tuple(item.places[0] for item in items))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def book(tmp_path, clock):
    with ledger.begin(tmp_path / "ledger.sqlite", _labels(), SHAPES, clock) as book:
        yield book


def _new(book, *items):
    """Ids of items added by a stage of its own."""
    count = len(ledger.get_items(book))
    return ledger.add_items(book, items, f"stage {count}")


def _positions(table):
    return {label: (row.frame, row.x, row.y) for label, row in table.iterrows()}


def test_rounds_keep_the_labels_they_were_trained_on(book, tmp_path):
    moved, added = _new(book, _move(2, 23.0, 20.5), _track(5, 6))
    decision = ledger.decide(book, moved, "accept", "ann")
    assert (decision.verb, decision.round, decision.labels) == ("accept", 0, (2,))
    assert ledger.decide(book, added, "accept", "bob", "oracle").labels == (4, 5)
    pd.testing.assert_frame_equal(ledger.labels_as_of(book, 0).reset_index(drop=True), _labels())
    ledger.begin_round(book, 1)
    ledger.begin_round(book, 0)  # a resumed run says it again
    gone = _move(1, 11.0)._replace(kind="labelled_background")
    place = gone.places[0]._replace(fix=Change(1, removed=True))
    (removed,) = _new(book, gone._replace(places=(place,)))
    assert ledger.decide(book, removed, "accept", "ann").round == 1
    kept = {1: (0, 10.0, 20.5), 3: (2, 30.0, 20.5)}
    added = {4: (5, 10.0, 30.0), 5: (6, 11.0, 30.0)}
    assert _positions(ledger.labels_as_of(book, 1)) == {**kept, 2: (1, 23.0, 20.5), **added}
    del kept[1]
    assert _positions(ledger.labels_as_of(book)) == {2: (1, 23.0, 20.5), **kept, **added}
    assert ledger.labels_as_of(book).source.to_dict()[4] == "oracle"
    ledger.export(book, 1, tmp_path / "labels.csv")
    expected = ledger.labels_as_of(book, 1).reset_index(drop=True)
    pd.testing.assert_frame_equal(read_table(tmp_path / "labels.csv"), expected)


def test_diff_tells_what_became_of_each_label(book):
    box = _move(1, 13.0, 24.5)
    both = box._replace(places=(box.places[0]._replace(fix=Change(1, x=13.0, y=24.5, w=4.0)),))
    gone = Change(3, removed=True)
    last = _move(3, 1.0)
    last = last._replace(places=(last.places[0]._replace(fix=gone),))
    ids = _new(book, both, _move(2, 21.0), last, _add(7, 9.0))
    for item in (ids[0], ids[2], ids[3]):
        ledger.decide(book, item, "accept", "ann")
    ledger.decide(book, ids[1], "category", "ann", changes=[Change(2, category="interference")])
    ledger.begin_round(book, 1)
    table = ledger.diff(book, 0, 1)
    assert list(zip(table.label, table.change, strict=True)) == [
        (1, "moved"), (1, "resized"), (2, "recategorised"), (3, "removed"), (4, "added"),
    ]  # fmt: skip
    assert table.distance_px[0] == 5.0 and table.distance_px[1:].isna().all()
    assert (table.x_a[0], table.x_b[0], table.w_a[1], table.w_b[1]) == (10, 13, 3, 4)
    assert (table.category_a[2], table.category_b[2]) == ("target", "interference")
    assert math.isnan(table.x_b[3]) and (table.frame[4], table.x_b[4], table.category_a[4]) == (
        7,
        9,
        "",
    )
    assert ledger.diff(book, 1, 0).change.tolist()[-2:] == ["added", "removed"]
    assert ledger.diff(book, 1, None).empty


def test_one_decision_settles_and_undoes_a_whole_track(book):
    (item,) = _new(book, _track(3, 4, 5, 6))
    decision = ledger.decide(book, item, "accept", "ann")
    assert len(ledger.labels_as_of(book)) == 7 and decision.labels == (4, 5, 6, 7)
    assert ledger.get_item(book, item).state == "decided"
    undone = ledger.undo(book, "ann")
    assert (undone.verb, undone.cancels, undone.item) == ("undo", decision.id, item)
    assert len(ledger.labels_as_of(book)) == 3 and ledger.get_item(book, item).state == "open"
    assert ledger.draw(book, "bob") == []  # it went back into ann's hands
    assert ledger.draw(book, "ann")[0].id == item
    part = [fix for fix in ledger.get_item(book, item).suggestion if fix.frame != 5]
    assert ledger.decide(book, item, "accept", "ann", changes=part).labels == (8, 9, 10)
    assert set(ledger.labels_as_of(book).frame) == {0, 1, 2, 3, 4, 6}
    table = ledger.decision_table(book)
    assert table.verb.tolist() == ["accept", "undo", "accept"]
    assert table.undone.tolist() == [True, False, False] and table.labels.tolist() == [4, 0, 3]
    assert table.cancels.tolist() == [0, decision.id, 0]
    assert table.made_at[0] == pd.Timestamp(1000, unit="s", tz="UTC")
    history = ledger.label_history(book, 4)
    assert history.undone.tolist() == [True] and history.frame.tolist() == [3]


def test_verbs_of_a_reviewers_own(book):
    ids = _new(book, _move(1, 11.0), _move(2, 21.0), _move(3, 31.0), _add(8, 9.0))
    ledger.decide(book, ids[0], "move", "ann", changes=[Change(1, x=np.float32(12), w=5)])
    ledger.decide(book, ids[1], "delete", "ann", changes=[Change(2, removed=True)])
    ledger.decide(book, ids[2], "resize", "ann", changes=[Change(3, h=7.5)])
    new = Change(None, "a", 9, 1.0, 2.0, 3.0, 3.0, "interference")
    ledger.decide(book, ids[3], "add", "ann", changes=[new])
    labels = ledger.labels_as_of(book)
    assert labels.index.tolist() == [1, 3, 4]
    assert labels.loc[1, ["x", "w", "source"]].tolist() == [12.0, 5.0, "person"]
    assert labels.h[3] == 7.5 and labels.category[4] == "interference" and labels.track[4] == ""
    assert ledger.labels_of_frame(book, "a", 9)[0].id == 4
    assert ledger.labels_of_frame(book, "a", 1) == []


def test_a_false_alarm_needs_no_change(book):
    (item,) = _new(book, Item("false_alarm", "b", 0.9, "alone", (Place(3, 5.0, 6.0),)))
    assert ledger.decide(book, item, "accept", "ann").labels == ()
    row = ledger.item_table(book).iloc[0]
    assert (row.verb, row.state, row.reviewer, row.label, row.decided_in) == (
        "accept", "decided", "ann", 0, 0,
    )  # fmt: skip


def test_items_come_back_as_they_were_given(book):
    items = [_move(1, 11.0, probability=0.25), _track(4, 5), _add(3, 0.1, "b")]
    ids = ledger.add_items(book, items, "refine")
    assert ledger.add_items(book, items[:1], "refine") == ids  # the stage had been killed
    for item, given in zip(ids, items, strict=True):
        found = ledger.get_item(book, item)
        assert found[:6] == given[:6]
        assert found[6:] == (item, 0, "refine", 1000.0, "open")
    table = ledger.item_table(book)
    assert table.item.tolist() == [1, 2, 2, 3] and table.verb.eq("").all()
    assert table.decided_in.eq(-1).all() and ledger.item_table(book, 1).empty


def test_draw_orders_and_filters(book):
    ids = _new(
        book, _add(9, 9.0, probability=0.2), _move(2, 21.0), _add(3, 9.0, "b", 0.9), _move(1, 11.0)
    )
    drawn = lambda **asked: [item.id for item in ledger.draw(book, "ann", 9, **asked)]  # noqa: E731
    assert drawn() == [ids[2], ids[1], ids[3], ids[0]]
    assert drawn(order="place") == [ids[3], ids[1], ids[0], ids[2]]
    assert drawn(kinds=["miss"]) == [ids[2], ids[0]]
    assert drawn(kinds=["miss"], sequences=["a"]) == [ids[0]]
    assert [item.id for item in ledger.draw(book, "bob", 9)] == [ids[2], ids[1], ids[3]]
    assert [item.id for item in ledger.get_items(book, kinds=["miss"])] == [ids[2], ids[0]]
    ledger.decide(book, ids[2], "skip", "bob")
    assert [item.id for item in ledger.draw(book, "bob", 9)] == [ids[1], ids[3]]
    assert [item.id for item in ledger.draw(book, "bob", 1, skipped=True)] == [ids[1]]
    assert [item.id for item in ledger.draw(book, "cem", 9, skipped=True)] == [ids[2], ids[3]]


def test_a_lease_ends(book, clock):
    first, second = _new(book, _move(1, 11.0, probability=0.9), _move(2, 21.0))
    assert ledger.draw(book, "ann", seconds=60)[0].id == first
    assert ledger.draw(book, "ann", seconds=60)[0].id == first  # the page was loaded again
    assert ledger.draw(book, "bob", seconds=60)[0].id == second
    with pytest.raises(InputError, match="hands of somebody else than bob; found ann. Go on with"):
        ledger.decide(book, first, "keep", "bob")
    clock.now += 60
    assert ledger.draw(book, "bob", 9, seconds=60)[0].id == second  # his own first
    assert ledger.draw(book, "ann", seconds=60) == []
    assert ledger.progress(book).leased == 2
    clock.now += 60
    assert ledger.progress(book).leased == 0
    ledger.decide(book, first, "keep", "ann")


def test_undo_leases_what_nobody_else_holds(book):
    first, second = _new(book, _move(1, 11.0, probability=0.9), _move(2, 21.0))
    ledger.draw(book, "ann")
    decision = ledger.decide(book, first, "keep", "ann")
    ledger.undo(book, "bob", decision.id)
    assert ledger.draw(book, "ann")[0].id == second
    ledger.decide(book, second, "skip", "ann")
    assert [item.id for item in ledger.draw(book, "bob", 2, skipped=True)] == [first, second]
    ledger.undo(book, "ann")
    assert ledger.draw(book, "ann") == []


def test_progress_counts_and_paces(book, clock):
    assert math.isnan(ledger.progress(book).seconds_left)
    ids = _new(book, *(_add(k, 9.0) for k in range(8)), _add(2, 9.5, kind="unlabelled_target"))
    for item, seconds in zip(ids[:5], (0, 2, 4, 900, 4), strict=True):
        clock.now += seconds
        ledger.decide(book, item, "skip" if item == ids[1] else "accept", "ann")
    ledger.draw(book, "ann", 2)
    found = ledger.progress(book)
    assert found[:5] == (3, 1, 4, 1, 2)  # the last is stale by the third
    assert (found.per_minute, found.seconds_left) == (15.0, 12.0)
    assert math.isnan(ledger.progress(book, reviewer="bob").per_minute)
    assert ledger.progress(book, kinds=["unlabelled_target"])[:5] == (0, 0, 0, 1, 0)


def test_a_skipped_item_can_be_decided_and_skipped_again_by_undo(book):
    (item,) = _new(book, _move(1, 11.0))
    ledger.decide(book, item, "skip", "ann")
    ledger.decide(book, item, "keep", "bob")
    ledger.undo(book, "bob")
    assert ledger.get_item(book, item).state == "skipped"
    ledger.undo(book, "ann")
    assert ledger.get_item(book, item).state == "open"


def test_stale_and_lapsed_items_are_refused_and_not_handed_out(book):
    first, second, far, near = _new(
        book, _move(1, 11.0), _move(1, 12.0), _add(0, 50.0), _add(0, 52.9)
    )
    decision = ledger.decide(book, first, "accept", "ann")
    assert [item.id for item in ledger.draw(book, "ann", 9)] == [far, near]
    with pytest.raises(InputError, match="found a stale one. Its labels have changed"):
        ledger.decide(book, second, "accept", "ann")
    ledger.undo(book, "ann", decision.id)
    assert ledger.get_item(book, second).state == "open"
    ledger.decide(book, far, "accept", "ann")
    assert ledger.get_item(book, near).state == "stale"
    ledger.begin_round(book, 1)
    assert ledger.get_item(book, second).state == "lapsed"
    assert ledger.draw(book, "ann") == [] and ledger.progress(book)[:4] == (0, 0, 0, 0)
    with pytest.raises(InputError, match="found a lapsed one. Go on with the items of the newest"):
        ledger.decide(book, second, "accept", "ann")
    (later,) = _new(book, _add(0, 52.9))
    assert ledger.get_item(book, later).state == "open"  # made with the neighbour in sight


def test_a_place_without_label_stays_open_when_its_neighbour_goes(book):
    gone = _move(1, 11.0)
    gone = gone._replace(places=(gone.places[0]._replace(fix=Change(1, removed=True)),))
    beside = Item("miss", "a", 0.5, "beside label 1", (Place(0, 11.0, 20.5),))
    first, second = _new(book, gone, beside)
    ledger.decide(book, first, "accept", "ann")
    assert ledger.get_item(book, second).state == "open"


def test_what_others_build_on_is_undone_last(book):
    first, double = _new(book, _move(1, 11.0), _add(0, 50.0))
    decision = ledger.decide(book, first, "accept", "ann")
    (second,) = _new(book, _move(1, 12.0))
    later = ledger.decide(book, second, "accept", "ann")
    with pytest.raises(InputError, match=f"found decision {later.id} on label 1. Undo decision"):
        ledger.undo(book, "ann", decision.id)
    old = Change(None, "a", 0, 10.0, 20.5, 3.0, 3.0, "target")
    ledger.decide(book, double, "add", "bob", changes=[old])  # where label 1 had been
    ledger.undo(book, "ann")
    with pytest.raises(InputError, match="two labels of one place and category; found a frame 0"):
        ledger.undo(book, "ann", decision.id)
    assert not ledger.decision_table(book).undone[0]


BAD_DECISIONS = [
    (dict(item=99), r"item 99: an item must be one of the ledger; found none. Load the items"),
    (dict(item="1"), "item must be a whole number from 0; found '1'. Correct it."),
    (dict(item=10**30), "item must be a whole number"),
    (dict(verb="destroy"), "verb must be one of accept, keep, .* found 'destroy'"),
    (dict(verb=["keep"]), "verb must be one of"),
    (dict(reviewer=" "), "reviewer must not be empty; found ' '. Give one."),
    (dict(reviewer="a\nb"), "reviewer must be a line of printable text"),
    (dict(reviewer_kind="cat"), "reviewer kind must be one of person, oracle, auto; found 'cat'"),
    (dict(verb="keep", changes=[Change(1, x=3.0)]), "keep changes nothing; found move. Leave"),
    (dict(verb="move"), "one that fits the verb move; found no change. Correct the verb"),
    (dict(verb="move", changes=[Change(1, w=9.0)]), "fits the verb move; found resize"),
    (dict(verb="move", changes=[Change(1, x=10.0)]), "fits the verb move; found no change"),
    (dict(verb="accept", changes=[]), "accept takes the suggested .* found 0 changes. Use move"),
    (dict(verb="accept", changes=[Change(1, x=12.0)]), "accept takes the suggested"),
    (dict(changes=[Change(2, x=12.0)]), "a label of the item, one for each; found label 2. Change"),
    (dict(changes=[Change(1, x=12.0), Change(1, w=4.0)]), "one for each; found label 1"),
    (dict(changes="x"), "changes must be a list; found 'x'"),
    (dict(changes=[{"label": 1}]), "a change must be a Change; found {'label': 1}"),
    (dict(changes=[Change(1, x=60.0)]), "item 1: x must lie in 0 <= x < 60; found 60.0. Correct"),
    (dict(changes=[Change(1, x=-0.1)]), "x must lie in 0 <= x < 60"),
    (dict(changes=[Change(1, y=40.0)]), "y must lie in 0 <= y < 40"),
    (dict(changes=[Change(1, x=2.0, w=0.0)]), "w must be above 0"),
    (dict(changes=[Change(1, x=math.nan)]), "x must be a finite number; found nan"),
    (dict(changes=[Change(1, x="3")]), "x must be a finite number; found '3'"),
    (dict(changes=[Change(1, x=10**400)]), "x must be a finite number"),
    (dict(changes=[Change(1, category="bird")]), "category must be one of target, interf"),
    (dict(changes=[Change(1, removed="no")]), "removed must be true or false; found 'no'"),
    (dict(changes=[Change(1)]), "gives any of x, y, w, h, category; found label. Correct the"),
    (dict(changes=[Change(1, frame=3, x=1.0)]), "gives any of x, y, .* found frame, label, x"),
    (dict(changes=[Change(1, x=1.0, removed=True)]), "nothing else; found label, x and removed"),
    (dict(changes=[Change(x=1.0)]), "a new label needs sequence, frame, .* found x"),
    (dict(verb="add", changes=[Change(None, "a", 10, 1.0, 1.0, 3.0, 3.0, "target")]),
     "item 1: frame must lie in 0 <= frame < 10; found 10. Correct the change."),
    (dict(changes=[Change(None, "b", 1, 1.0, 1.0, 3.0, 3.0, "target")]), "new label must be in a"),
    (dict(verb="add", changes=[Change(None, "a", 1, 20.0, 20.5, 9.0, 9.0, "target")]),
     "a frame must not hold two labels of one place and category; found a frame 1 with"),
]  # fmt: skip


@pytest.mark.parametrize("change, text", BAD_DECISIONS)
def test_a_bad_decision_is_refused_and_changes_nothing(book, change, text):
    _new(book, _move(1, 11.0))
    asked = {"item": 1, "verb": "move", "reviewer": "ann", **change}
    before = list(book._connection.iterdump())
    with pytest.raises(InputError, match=text):
        ledger.decide(book, **asked)
    assert list(book._connection.iterdump()) == before
    ledger.decide(book, 1, "accept", "ann")
    with pytest.raises(
        InputError, match="item 1: only an open or skipped item .* a decided one. U"
    ):
        ledger.decide(book, 1, "accept", "ann")


def test_a_bad_undo_is_refused(book):
    _new(book, _move(1, 11.0))
    with pytest.raises(InputError, match="undo: ann must have decided something in this round; fo"):
        ledger.undo(book, "ann")
    for decision in (0, 7):
        with pytest.raises(InputError, match=f"decision {decision}: a decision must be one of"):
            ledger.undo(book, "ann", decision)
    done = ledger.decide(book, 1, "accept", "ann")
    undone = ledger.undo(book, "bob", done.id)
    with pytest.raises(InputError, match="found one undone by bob. Decide the item again."):
        ledger.undo(book, "ann", done.id)
    with pytest.raises(InputError, match="found an undo. Decide the item again."):
        ledger.undo(book, "ann", undone.id)


def test_an_undo_of_an_earlier_round_is_refused_and_loses_nothing(book):
    (item,) = _new(book, _move(1, 11.0))
    done = ledger.decide(book, item, "accept", "ann")
    ledger.begin_round(book, 1)
    before = list(book._connection.iterdump())
    text = "only a decision of round 1, the newest, can be undone; found one of round 0. The newest"
    with pytest.raises(InputError, match=f"decision {done.id}: {text}"):
        ledger.undo(book, "ann", done.id)
    assert list(book._connection.iterdump()) == before
    assert ledger.get_item(book, item).state == "decided"


MISPLACED = _move(1, 11.0).places[0]
BAD_ITEMS = [
    (dict(kind="ghost"), "refine item 0: kind must be one of unlabelled_target, .* found 'ghost'"),
    (dict(sequence="c"), "sequence must be a known one; found 'c'. Add the sequence first"),
    (dict(probability=1.5), "probability must lie in 0..1; found 1.5"),
    (dict(score=math.inf), "score must be a finite number; found inf"),
    (dict(reason=""), "reason must not be empty"),
    (dict(places=()), "an item must have a place; found none. Say where to look."),
    (dict(places=((0, 1.0, 2.0),)), "a place must be a Place"),
    (dict(places=(MISPLACED._replace(frame=1),)), "be there, in a frame 1; found label 1. Make"),
    (dict(places=(MISPLACED, MISPLACED)), r"must name a label once; found labels \[1, 1\]. Make"),
    (dict(places=(MISPLACED._replace(label=9),)), "the label must be there, .* found label 9"),
    (dict(places=(MISPLACED._replace(x=60.5),)), "x must lie in 0 <= x < 60; found 60.5. Correct"),
    (dict(places=(MISPLACED._replace(fix=Change(1, y=41.0)),)), "y must lie in 0 <= y < 40"),
    (dict(places=(MISPLACED._replace(fix=Change(2, y=4.0)),)), "a fix must be of its place"),
    (dict(places=_add(1, 9.0).places[:1] + (_add(1, 9.0).places[0]._replace(frame=2),)),
     "a fix must be of its place's label, or new in its place's frame"),
]  # fmt: skip


@pytest.mark.parametrize("change, text", BAD_ITEMS)
def test_a_bad_item_is_refused_with_all_of_its_stage(book, change, text):
    with pytest.raises(InputError, match=text):
        ledger.add_items(book, [_move(1, 11.0)._replace(**change), _move(2, 21.0)], "refine")
    assert ledger.get_items(book) == []


def test_bad_questions_are_refused(book):
    asked = [
        (lambda: ledger.draw(book, "ann", kinds=["cat"]), "kind must be one of .* found 'cat'"),
        (lambda: ledger.draw(book, "ann", sequences=["c"]), "sequence must be a known one"),
        (lambda: ledger.draw(book, "ann", order="luck"), "order must be one of probability, score"),
        (lambda: ledger.draw(book, ""), "reviewer must not be empty"),
        (lambda: ledger.draw(book, "ann", count=-1), "count must be a whole number from 0"),
        (lambda: ledger.get_items(book, states=["done"]), "state must be one of open, skipped"),
        (lambda: ledger.labels_as_of(book, 1), "the rounds begun, 0 to 0; found round 1. Begin"),
        (lambda: ledger.begin_round(book, 2), "round 1 must come next; found round 2. Begin"),
        (lambda: ledger.label_history(book, 9), "label 9: a label must be one of the ledger"),
        (lambda: ledger.add_sequences(book, {"a": (9, 40, 60)}), "a: its length, .* must stay"),
        (lambda: ledger.add_sequences(book, {"c": (9, 0, 60)}), "shape must be length, height"),
        (lambda: ledger.add_items(book, ["x"], "refine"), "it must be an Item; found 'x'"),
        (lambda: ledger.as_change({"label": 1, "z": 3}, "request"), "request: a change's key must"),
        (lambda: ledger.as_change([1], "request"), "a change must be a mapping; found"),
    ]
    for ask, text in asked:
        with pytest.raises(InputError, match=text):
            ask()


def test_a_change_comes_from_json():
    change = ledger.as_change(json.loads('{"label": 3, "x": 4, "category": null}'), "request")
    assert change == Change(3, x=4.0) and isinstance(change.x, float)


def test_new_sequences_take_labels(book):
    ledger.add_sequences(book, {"c": (5, 8, 8), "a": SHAPES["a"]})
    assert ledger.sequence_shapes(book) == {**SHAPES, "c": (5, 8, 8)}
    (item,) = _new(book, Item("miss", "c", 1.0, "a gap", (Place(4, 7.5, 7.5),)))
    new = Change(None, "c", 4, 7.5, 7.5, 1.0, 1.0, "target")
    ledger.decide(book, item, "add", "ann", changes=[new])
    assert ledger.labels_as_of(book).sequence.tolist() == ["a", "a", "a", "c"]


class Reviews(RuleBasedStateMachine):
    """Random reviews, side by side with a list of what each decision did."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        path = Path(self.folder.name) / "ledger.sqlite"
        self.book = ledger.begin(path, _labels(5), SHAPES, self.clock)
        self.done = []  # [id, {label: (frame, x, y) or None}, stands]
        self.earlier = 0  # how many of them are of earlier rounds
        self.rounds = [self.labels()]

    def labels(self):
        labels = {k + 1: (k, 10.0 * (k + 1), 20.5) for k in range(5)}
        for _, after, stands in self.done:
            labels |= after if stands else {}
        return {label: at for label, at in sorted(labels.items()) if at is not None}

    @precondition(lambda self: len(self.rounds) < 5)
    @rule()
    def begin_round(self):
        ledger.begin_round(self.book, len(self.rounds))
        self.rounds.append(self.labels())
        self.earlier = len(self.done)

    @rule(data=st.data())
    def decide(self, data):
        labels = self.labels()
        chosen = data.draw(st.sets(st.sampled_from(sorted(labels)), max_size=3)) if labels else ()
        remove = data.draw(st.booleans())
        x = data.draw(st.floats(0, 59))
        places, after = [], {}
        for label in chosen:
            frame, *at = labels[label]
            fix = Change(label, removed=True) if remove else Change(label, x=x)
            places.append(Place(frame, *at, label, fix))
            after[label] = None if remove else (frame, x, at[1])
        frames = data.draw(st.sets(st.integers(0, 9), min_size=not chosen, max_size=2))
        newest = max([5, *(label for _, known, _ in self.done for label in known)])
        for k, frame in enumerate(frames):
            places.append(_add(frame, x).places[0])
            after[newest + 1 + k] = (frame, x, 30.0)
        (item,) = _new(self.book, Item("miss", "a", 0.5, "random", tuple(places)))
        verb = data.draw(st.sampled_from(["accept", "accept", "keep", "skip"]))
        result = {**labels, **after}
        if verb == "accept" and len({at for at in result.values() if at}) < sum(
            at is not None for at in result.values()
        ):
            with pytest.raises(InputError, match="two labels of one place"):
                ledger.decide(self.book, item, verb, "ann")
            return
        decision = ledger.decide(self.book, item, verb, "ann")
        self.done.append([decision.id, after if verb == "accept" else {}, True])

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def undo(self, data):
        number = data.draw(st.integers(0, len(self.done) - 1))
        decision, after, stands = self.done[number]
        later = [known for _, known, yes in self.done[number + 1 :] if yes]
        self.done[number][2] = False
        free = (
            stands
            and number >= self.earlier
            and not any(label in known for known in later for label in after)
        )
        if free and len(set(self.labels().values())) == len(self.labels()):
            ledger.undo(self.book, "ann", decision)
            return
        self.done[number][2] = stands
        with pytest.raises(InputError):
            ledger.undo(self.book, "ann", decision)

    @invariant()
    def labels_are_what_stands(self):
        assert _positions(ledger.labels_as_of(self.book)) == self.labels()

    def teardown(self):
        for round, labels in enumerate(self.rounds):
            assert _positions(ledger.labels_as_of(self.book, round)) == labels
        self.book.close()
        self.folder.cleanup()


TestReviews = Reviews.TestCase
TestReviews.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
