import json
import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ledger_tools import create, dump

from dimjax import ledger
from dimjax.data.labels import COLUMNS, read_table
from dimjax.errors import InputError
from dimjax.ledger import Change, DuplicateLabelError, Item, ItemFrame, UnavailableItemError

SHAPES = {"a": (10, 40, 60), "b": (4, 40, 60)}


class Clock:
    """A clock that advances only when it is set."""

    now = 1000.0

    def __call__(self):
        return self.now


def _labels(count=3):
    """Labels 1, 2, ... at x = 10, 20, ... in frames 0, 1, ... of sequence a."""
    rows = [
        ("a", k, 10.0 * (k + 1), 20.5, 3.0, 3.0, "target", "t1", "annotator") for k in range(count)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _misplaced(label, x, y=20.5, probability=0.5):
    """An item that suggests to move a label to x, y."""
    frame = ItemFrame(label - 1, 10.0 * label, 20.5, label, Change(label, x=x, y=y))
    return Item("wrong_position", "a", probability, "off the track", (frame,))


def _miss(frame, x, sequence="a", probability=0.5, kind="miss"):
    """An item that suggests a new label at x, 30."""
    fix = Change(None, sequence, frame, x, 30.0, 3.0, 3.0, "target", "t1")
    return Item(kind, sequence, probability, "a gap", (ItemFrame(frame, x, 30.0, None, fix),))


def _track(*frames):
    """One item with a miss in each of several frames."""
    items = [_miss(frame, 5.0 + frame) for frame in frames]
    return items[0]._replace(frames=tuple(item.frames[0] for item in items))


def _with_fix(item, fix):
    """The item with another fix of its only frame."""
    return item._replace(frames=(item.frames[0]._replace(fix=fix),))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def db(tmp_path, clock):
    with create(tmp_path / "ledger.sqlite", _labels(), SHAPES, clock=clock) as db:
        yield db


def _add(db, *items):
    """Add items as a new stage; return their ids."""
    count = len(ledger.get_items(db))
    return ledger.add_items(db, items, f"stage {count}")


def _leased(db, reviewer, count=9, **filters):
    """Ids of the items that a reviewer leases."""
    return [item.id for item in ledger.lease_items(db, reviewer, count, **filters)]


def _positions(table):
    return {label: (row.frame, row.x, row.y) for label, row in table.iterrows()}


def test_rounds_keep_the_labels_they_were_trained_on(db, tmp_path):
    moved, added = _add(db, _misplaced(2, 23.0, 20.5), _track(5, 6))
    decision = ledger.decide(db, moved, "accept", "ann")
    assert (decision.verb, decision.round, decision.labels) == ("accept", 0, (2,))
    assert ledger.decide(db, added, "accept", "bob", "oracle").labels == (4, 5)
    pd.testing.assert_frame_equal(ledger.labels_as_of(db, 0).reset_index(drop=True), _labels())
    ledger.begin_round(db, 1)
    ledger.begin_round(db, 0)  # a resumed run repeats it
    background = _misplaced(1, 11.0)._replace(kind="labelled_background")
    (removed,) = _add(db, _with_fix(background, Change(1, removed=True)))
    assert ledger.decide(db, removed, "accept", "ann").round == 1
    unchanged = {1: (0, 10.0, 20.5), 3: (2, 30.0, 20.5)}
    added = {4: (5, 10.0, 30.0), 5: (6, 11.0, 30.0)}
    assert _positions(ledger.labels_as_of(db, 1)) == {**unchanged, 2: (1, 23.0, 20.5), **added}
    del unchanged[1]
    assert _positions(ledger.labels_as_of(db)) == {2: (1, 23.0, 20.5), **unchanged, **added}
    assert ledger.labels_as_of(db).source.to_dict()[4] == "oracle"
    ledger.export(db, 1, tmp_path / "labels.csv")
    expected = ledger.labels_as_of(db, 1).reset_index(drop=True)
    pd.testing.assert_frame_equal(read_table(tmp_path / "labels.csv"), expected)


def test_diff_classifies_the_changes_of_each_label(db):
    both = _with_fix(_misplaced(1, 13.0), Change(1, x=13.0, y=24.5, w=4.0))
    removed = _with_fix(_misplaced(3, 1.0), Change(3, removed=True))
    ids = _add(db, both, _misplaced(2, 21.0), removed, _miss(7, 9.0))
    for item in (ids[0], ids[2], ids[3]):
        ledger.decide(db, item, "accept", "ann")
    ledger.decide(db, ids[1], "category", "ann", changes=[Change(2, category="interference")])
    ledger.begin_round(db, 1)
    table = ledger.diff(db, 0, 1)
    assert list(zip(table.label, table.change, strict=True)) == [
        (1, "moved"), (1, "resized"), (2, "recategorised"), (3, "removed"), (4, "added"),
    ]  # fmt: skip
    assert table.distance_px[0] == 5.0 and table.distance_px[1:].isna().all()
    assert (table.x_a[0], table.x_b[0], table.w_a[1], table.w_b[1]) == (10, 13, 3, 4)
    assert (table.category_a[2], table.category_b[2]) == ("target", "interference")
    assert math.isnan(table.x_b[3])
    assert (table.frame[4], table.x_b[4], table.category_a[4]) == (7, 9, "")
    assert ledger.diff(db, 1, 0).change.tolist()[-2:] == ["added", "removed"]
    assert ledger.diff(db, 1, None).empty


def test_one_decision_settles_and_undoes_a_whole_track(db):
    (item,) = _add(db, _track(3, 4, 5, 6))
    decision = ledger.decide(db, item, "accept", "ann")
    assert len(ledger.labels_as_of(db)) == 7 and decision.labels == (4, 5, 6, 7)
    assert ledger.get_item(db, item).state == "decided"
    undone = ledger.undo(db, "ann")
    assert (undone.verb, undone.cancels, undone.item) == ("undo", decision.id, item)
    assert len(ledger.labels_as_of(db)) == 3 and ledger.get_item(db, item).state == "open"
    assert ledger.lease_items(db, "bob") == []  # it is leased to ann again
    assert ledger.lease_items(db, "ann")[0].id == item
    part = [fix for fix in ledger.get_item(db, item).suggestion if fix.frame != 5]
    assert ledger.decide(db, item, "accept", "ann", changes=part).labels == (8, 9, 10)
    assert set(ledger.labels_as_of(db).frame) == {0, 1, 2, 3, 4, 6}
    table = ledger.decision_table(db)
    assert table.verb.tolist() == ["accept", "undo", "accept"]
    standing = ledger.standing_decisions(db)
    pd.testing.assert_frame_equal(standing, table[2:][standing.columns].reset_index(drop=True))
    assert table.undone.tolist() == [True, False, False] and table.labels.tolist() == [4, 0, 3]
    assert table.cancels.tolist() == [0, decision.id, 0]
    assert table.made_at[0] == pd.Timestamp(1000, unit="s", tz="UTC")


def test_a_reviewer_may_make_other_changes_than_suggested(db):
    ids = _add(db, _misplaced(1, 11.0), _misplaced(2, 21.0), _misplaced(3, 31.0), _miss(8, 9.0))
    ledger.decide(db, ids[0], "move", "ann", changes=[Change(1, x=np.float32(12), w=5)])
    ledger.decide(db, ids[1], "delete", "ann", changes=[Change(2, removed=True)])
    ledger.decide(db, ids[2], "resize", "ann", changes=[Change(3, h=7.5)])
    new = Change(None, "a", 9, 1.0, 2.0, 3.0, 3.0, "interference")
    ledger.decide(db, ids[3], "add", "ann", changes=[new])
    labels = ledger.labels_as_of(db)
    assert labels.index.tolist() == [1, 3, 4]
    assert labels.loc[1, ["x", "w", "source"]].tolist() == [12.0, 5.0, "person"]
    assert labels.h[3] == 7.5 and labels.category[4] == "interference" and labels.track[4] == ""
    assert ledger.labels_of_frame(db, "a", 9)[0].id == 4
    assert ledger.labels_of_frame(db, "a", 1) == []


def test_a_false_alarm_needs_no_change(db):
    (item,) = _add(db, Item("false_alarm", "b", 0.9, "alone", (ItemFrame(3, 5.0, 6.0),)))
    assert ledger.decide(db, item, "accept", "ann").labels == ()
    row = ledger.item_table(db).iloc[0]
    assert (row.verb, row.state, row.reviewer, row.label, row.decided_in) == (
        "accept", "decided", "ann", 0, 0,
    )  # fmt: skip


def test_items_are_returned_as_they_were_added(db):
    items = [_misplaced(1, 11.0, probability=0.25), _track(4, 5), _miss(3, 0.1, "b")]
    ids = ledger.add_items(db, items, "refine")
    assert ledger.add_items(db, items[:1], "refine") == ids  # the stage was killed and runs again
    for item, added in zip(ids, items, strict=True):
        stored = ledger.get_item(db, item)
        assert stored[:6] == added[:6]
        assert stored[6:] == (item, 0, "refine", 1000.0, "open")
    table = ledger.item_table(db)
    assert table.item.tolist() == [1, 2, 2, 3] and table.verb.eq("").all()
    assert table.decided_in.eq(-1).all() and ledger.item_table(db, 1).empty


def test_leases_are_ordered_and_filtered(db):
    ids = _add(
        db,
        _miss(9, 9.0, probability=0.2),
        _misplaced(2, 21.0),
        _miss(3, 9.0, "b", 0.9),
        _misplaced(1, 11.0),
    )
    assert _leased(db, "ann") == [ids[2], ids[1], ids[3], ids[0]]
    assert _leased(db, "ann", order="frame") == [ids[3], ids[1], ids[0], ids[2]]
    assert _leased(db, "ann", kinds=["miss"]) == [ids[2], ids[0]]
    assert _leased(db, "ann", kinds=["miss"], sequences=["a"]) == [ids[0]]
    assert _leased(db, "bob") == [ids[2], ids[1], ids[3]]
    assert [item.id for item in ledger.get_items(db, kinds=["miss"])] == [ids[2], ids[0]]
    ledger.decide(db, ids[2], "skip", "bob")
    assert _leased(db, "bob") == [ids[1], ids[3]]
    assert _leased(db, "bob", 1, skipped=True) == [ids[1]]
    assert _leased(db, "cem", skipped=True) == [ids[2], ids[3]]


def test_a_lease_expires(db, clock):
    first, second = _add(db, _misplaced(1, 11.0, probability=0.9), _misplaced(2, 21.0))
    assert ledger.lease_items(db, "ann", seconds=60)[0].id == first
    assert ledger.lease_items(db, "ann", seconds=60)[0].id == first  # the page was reloaded
    assert ledger.lease_items(db, "bob", seconds=60)[0].id == second
    with pytest.raises(UnavailableItemError, match="other than bob; found ann. Continue with"):
        ledger.decide(db, first, "keep", "bob")
    clock.now += 60
    assert _leased(db, "bob", seconds=60)[0] == second  # bob's own items come first
    assert ledger.lease_items(db, "ann", seconds=60) == []
    assert ledger.progress(db).leased == 2
    clock.now += 60
    assert ledger.progress(db).leased == 0
    ledger.decide(db, first, "keep", "ann")


def test_a_lease_does_not_outlast_a_clock_that_is_set_back(db, clock):
    first, second = _add(db, _misplaced(1, 11.0, probability=0.9), _misplaced(2, 21.0))
    clock.now += 7200
    assert _leased(db, "ann", 2) == [first, second]
    clock.now -= 7200
    assert ledger.progress(db).leased == 0 == ledger.seconds_until_free(db, "bob")
    ledger.decide(db, first, "keep", "bob")
    ledger.undo(db, "bob")
    assert _leased(db, "bob", 2) == [first, second] and _leased(db, "ann", 2) == []
    clock.now += 7200
    with pytest.raises(InputError, match="next items: seconds must be at most 600; found 601"):
        ledger.lease_items(db, "ann", seconds=601)


def test_undo_leases_the_item_unless_another_reviewer_holds_it(db):
    first, second = _add(db, _misplaced(1, 11.0, probability=0.9), _misplaced(2, 21.0))
    ledger.decide(db, first, "keep", "bob")
    ledger.undo(db, "bob")
    assert ledger.lease_items(db, "ann")[0].id == second
    ledger.decide(db, second, "skip", "ann")
    assert _leased(db, "bob", 2, skipped=True) == [first, second]
    ledger.undo(db, "ann")
    assert ledger.lease_items(db, "ann") == []


def test_decisions_made_as_one_are_undone_as_one_and_others_alone(tmp_path, clock):
    path = tmp_path / "ledger.sqlite"
    with create(path, _labels(), SHAPES, clock=clock) as db:
        first, *others = _add(db, *(_miss(k, 9.0) for k in range(5)))
        alone = ledger.decide(db, first, "keep", "ann")
        clock.now += 1
        assert _leased(db, "bob", 1) == others[:1]
        one = ledger.decide_all(db, ledger.get_items(db, ["open"]), "accept", "ann")
        assert [decision.item for decision in one] == others[1:]
    with ledger.open_ledger(path, clock) as db:  # the server was started again
        ledger.undo(db, "ann", one[1].id)
        with pytest.raises(InputError, match="found one undone by ann"):
            ledger.undo_all(db, "ann", one[1].id)
        with pytest.raises(InputError, match="may undo only decisions of bob; found one of ann"):
            ledger.undo_all(db, "bob", one[0].id)
        undone = [undo.cancels for undo in ledger.undo_all(db, "ann", one[2].id)]
        assert undone == [one[2].id, one[0].id]
        assert ledger.standing_decisions(db).decision.tolist() == [alone.id]
        assert _leased(db, "eve") == others[3:]  # ann holds the first, and that undone alone


def test_progress_counts_items_and_measures_the_rate(db, clock):
    assert math.isnan(ledger.progress(db).seconds_left)
    ids = _add(db, *(_miss(k, 9.0) for k in range(8)), _miss(2, 9.5, kind="unlabelled_target"))
    for item, seconds in zip(ids[:5], (0, 2, 4, 900, 4), strict=True):
        clock.now += seconds
        ledger.decide(db, item, "skip" if item == ids[1] else "accept", "ann")
    ledger.lease_items(db, "ann", 2)
    progress = ledger.progress(db)
    assert progress[:5] == (3, 1, 4, 1, 2)  # the third item made the last one stale
    assert (progress.per_minute, progress.seconds_left) == (15.0, 12.0)
    assert math.isnan(ledger.progress(db, reviewer="bob").per_minute)
    assert ledger.progress(db, kinds=["unlabelled_target"])[:5] == (0, 0, 0, 1, 0)
    for item in ids[5:7]:  # at the same time: made as one
        ledger.decide(db, item, "skip", "ann")
    assert ledger.progress(db).per_minute == 15.0


def test_an_undo_makes_an_item_skipped_and_then_open_again(db):
    (item,) = _add(db, _misplaced(1, 11.0))
    ledger.decide(db, item, "skip", "ann")
    ledger.decide(db, item, "keep", "bob")
    ledger.undo(db, "bob")
    assert ledger.get_item(db, item).state == "skipped"
    ledger.undo(db, "ann")
    assert ledger.get_item(db, item).state == "open"


def test_stale_and_lapsed_items_are_refused_and_not_leased(db):
    first, second, far, near = _add(
        db, _misplaced(1, 11.0), _misplaced(1, 12.0), _miss(0, 50.0), _miss(0, 52.9)
    )
    decision = ledger.decide(db, first, "accept", "ann")
    assert _leased(db, "ann") == [far, near]
    with pytest.raises(UnavailableItemError, match="found a stale one. Its labels have changed"):
        ledger.decide(db, second, "accept", "ann")
    ledger.undo(db, "ann", decision.id)
    assert ledger.get_item(db, second).state == "open"
    ledger.decide(db, far, "accept", "ann")
    assert ledger.get_item(db, near).state == "stale"
    ledger.begin_round(db, 1)
    assert ledger.get_item(db, second).state == "lapsed"
    assert ledger.lease_items(db, "ann") == [] and ledger.progress(db)[:4] == (0, 0, 0, 0)
    with pytest.raises(UnavailableItemError, match="a lapsed one. Continue with the items of"):
        ledger.decide(db, second, "accept", "ann")
    (later,) = _add(db, _miss(0, 52.9))
    assert ledger.get_item(db, later).state == "open"  # made after its neighbour


@pytest.mark.parametrize("match_px, state", [(3.0, "open"), (3.1, "stale"), (6.0, "stale")])
def test_a_new_label_within_the_matching_radius_makes_an_item_stale(tmp_path, match_px, state):
    with create(tmp_path / "ledger.sqlite", _labels(), SHAPES, match_px) as db:
        assert ledger.match_px(db) == match_px
        first, second = _add(db, _miss(0, 50.0), _miss(0, 53.0))
        ledger.decide(db, first, "accept", "ann")
        assert ledger.get_item(db, second).state == state


def test_an_unlabelled_item_stays_open_if_a_label_nearby_is_removed(db):
    removed = _with_fix(_misplaced(1, 11.0), Change(1, removed=True))
    beside = Item("miss", "a", 0.5, "beside label 1", (ItemFrame(0, 11.0, 20.5),))
    first, second = _add(db, removed, beside)
    ledger.decide(db, first, "accept", "ann")
    assert ledger.get_item(db, second).state == "open"


def test_a_decision_that_others_build_on_is_undone_last(db):
    first, double = _add(db, _misplaced(1, 11.0), _miss(0, 50.0))
    decision = ledger.decide(db, first, "accept", "ann")
    (second,) = _add(db, _misplaced(1, 12.0))
    later = ledger.decide(db, second, "accept", "ann")
    with pytest.raises(InputError, match=f"found decision {later.id} on label 1. Undo decision"):
        ledger.undo(db, "ann", decision.id)
    old = Change(None, "a", 0, 10.0, 20.5, 3.0, 3.0, "target")
    ledger.decide(db, double, "add", "bob", changes=[old])  # the former location of label 1
    ledger.undo(db, "ann")
    with pytest.raises(DuplicateLabelError, match="one location and category; found a frame 0 w"):
        ledger.undo(db, "ann", decision.id)
    assert not ledger.decision_table(db).undone[0]


BAD_DECISIONS = [
    (dict(item=99), r"item 99: the item must exist in the ledger; found none. Load the items"),
    (dict(item="1"), "item must be a non-negative integer; found '1'. Correct it."),
    (dict(item=10**30), "item must be a non-negative integer"),
    (dict(verb="destroy"), "verb must be one of accept, keep, .* found 'destroy'"),
    (dict(verb=["keep"]), "verb must be one of"),
    (dict(reviewer=" "), "reviewer must not be empty; found ' '. Give one."),
    (dict(reviewer="a\nb"), "reviewer must be a line of printable text"),
    (dict(reviewer_kind="cat"), "reviewer kind must be one of person, oracle, auto; found 'cat'"),
    (dict(verb="keep", changes=[Change(1, x=3.0)]), "keep changes nothing; found move. Leave"),
    (dict(verb="move"), "must fit the verb move; found no change. Correct the verb"),
    (dict(verb="move", changes=[Change(1, w=9.0)]), "fit the verb move; found resize"),
    (dict(verb="move", changes=[Change(1, x=10.0)]), "fit the verb move; found no change"),
    (dict(verb="accept", changes=[]), "accept takes the suggested .* found 0 changes. Use move"),
    (dict(verb="accept", changes=[Change(1, x=12.0)]), "accept takes the suggested"),
    (dict(changes=[Change(2, x=12.0)]), "another label of the item; found label 2. Change each"),
    (dict(changes=[Change(1, x=12.0), Change(1, w=4.0)]), "another label .* found label 1"),
    (dict(changes="x"), "changes must be a list; found 'x'"),
    (dict(changes=[{"label": 1}]), "a change must be a Change; found {'label': 1}"),
    (dict(changes=[Change(1, x=60.0)]), "item 1: x must lie in 0 <= x < 60; found 60.0. Correct"),
    (dict(changes=[Change(1, x=-0.1)]), "x must lie in 0 <= x < 60"),
    (dict(changes=[Change(1, y=40.0)]), "y must lie in 0 <= y < 40"),
    (dict(changes=[Change(1, x=2.0, w=0.0)]), "w must lie in 0.1 <= w <="),
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
     "a frame must not contain two labels with one location and category; found a frame 1"),
]  # fmt: skip


@pytest.mark.parametrize("change, text", BAD_DECISIONS)
def test_an_invalid_decision_is_refused_and_changes_nothing(db, change, text):
    _add(db, _misplaced(1, 11.0))
    arguments = {"item": 1, "verb": "move", "reviewer": "ann", **change}
    before = dump(db)
    with pytest.raises(InputError, match=text):
        ledger.decide(db, **arguments)
    assert dump(db) == before


def test_a_decided_item_is_not_decided_again(db):
    _add(db, _misplaced(1, 11.0))
    ledger.decide(db, 1, "accept", "ann")
    text = "item 1: only an open or skipped item .* a decided one. Undo"
    with pytest.raises(UnavailableItemError, match=text):
        ledger.decide(db, 1, "accept", "ann")


def test_an_invalid_undo_is_refused(db):
    _add(db, _misplaced(1, 11.0))
    with pytest.raises(InputError, match="undo: ann must have a standing decision in this round; "):
        ledger.undo(db, "ann")
    for decision in (0, 7):
        with pytest.raises(InputError, match=f"decision {decision}: the decision must exist in"):
            ledger.undo(db, "ann", decision)
    done = ledger.decide(db, 1, "accept", "ann")
    before, text = dump(db), "bob may undo only decisions of bob; found one of ann. Ask ann to undo"
    with pytest.raises(InputError, match=f"decision {done.id}: {text}"):
        ledger.undo(db, "bob", done.id)
    assert dump(db) == before
    undone = ledger.undo(db, "ann", done.id)
    with pytest.raises(InputError, match="found one undone by ann. Decide the item again."):
        ledger.undo(db, "ann", done.id)
    with pytest.raises(InputError, match="found an undo. Decide the item again."):
        ledger.undo(db, "ann", undone.id)


@pytest.mark.parametrize("name", ["oracle", " Auto"])
def test_a_person_cannot_have_the_name_of_a_simulated_reviewer(db, name):
    (item,) = _add(db, _misplaced(1, 11.0))
    with pytest.raises(InputError, match="reviewers; found '.*'. Choose another name."):
        ledger.decide(db, item, "keep", name)
    ledger.decide(db, item, "keep", name, "oracle")


def test_an_undo_of_an_earlier_round_is_refused_and_loses_nothing(db):
    (item,) = _add(db, _misplaced(1, 11.0))
    done = ledger.decide(db, item, "accept", "ann")
    ledger.begin_round(db, 1)
    before = dump(db)
    text = "only a decision of the newest round, 1, can be undone; found one of round 0. That round"
    with pytest.raises(InputError, match=f"decision {done.id}: {text}"):
        ledger.undo(db, "ann", done.id)
    assert dump(db) == before
    assert ledger.get_item(db, item).state == "decided"


FRAME = _misplaced(1, 11.0).frames[0]
BAD_ITEMS = [
    (dict(kind="ghost"), "refine item 0: kind must be one of unlabelled_target, .* found 'ghost'"),
    (dict(sequence="c"), "sequence must be in the ledger; found 'c'. Add the sequence first"),
    (dict(probability=1.5), "probability must lie in 0..1; found 1.5"),
    (dict(score=math.inf), "score must be a finite number; found inf"),
    (dict(reason=""), "reason must not be empty"),
    (dict(frames=()), "an item needs a frame; found none. Give the frame to look at."),
    (dict(frames=((0, 1.0, 2.0),)), "a frame must be an ItemFrame"),
    (dict(frames=(FRAME._replace(frame=1),)), "must exist in a frame 1; found label 1. Make"),
    (dict(frames=(FRAME, FRAME)), r"must name a label once; found labels \[1, 1\]. Merge"),
    (dict(frames=(FRAME._replace(label=9),)), "the label must exist in .* found label 9"),
    (dict(frames=(FRAME._replace(x=60.5),)), "x must lie in 0 <= x < 60; found 60.5. Correct"),
    (dict(frames=(FRAME._replace(fix=Change(1, y=41.0)),)), "y must lie in 0 <= y < 40"),
    (dict(frames=(FRAME._replace(fix=Change(2, y=4.0)),)), "a fix must change the label of its"),
    (dict(frames=_miss(1, 9.0).frames[:1] + (_miss(1, 9.0).frames[0]._replace(frame=2),)),
     "a fix must change the label of its item frame, or add a label in that frame"),
]  # fmt: skip


@pytest.mark.parametrize("change, text", BAD_ITEMS)
def test_an_invalid_item_is_refused_with_all_items_of_its_stage(db, change, text):
    with pytest.raises(InputError, match=text):
        ledger.add_items(
            db, [_misplaced(1, 11.0)._replace(**change), _misplaced(2, 21.0)], "refine"
        )
    assert ledger.get_items(db) == []


def test_invalid_queries_are_refused(db):
    queries = [
        (
            lambda: ledger.lease_items(db, "ann", kinds=["cat"]),
            "kind must be one of .* found 'cat'",
        ),
        (lambda: ledger.lease_items(db, "ann", sequences=["c"]), "sequence must be in the ledger"),
        (
            lambda: ledger.lease_items(db, "ann", order="luck"),
            "order must be one of probability, score",
        ),
        (lambda: ledger.lease_items(db, ""), "reviewer must not be empty"),
        (lambda: ledger.lease_items(db, "ann", count=-1), "count must be a non-negative integer"),
        (lambda: ledger.get_items(db, states=["done"]), "state must be one of open, skipped"),
        (lambda: ledger.labels_as_of(db, 1), "the rounds begun, 0 to 0; found round 1. Begin"),
        (lambda: ledger.begin_round(db, 2), "round 1 must come next; found round 2. Begin"),
        (lambda: ledger.add_sequences(db, {"a": (9, 40, 60)}), "a: its length, .* must stay"),
        (lambda: ledger.add_sequences(db, {"c": (9, 0, 60)}), "shape must be length, height"),
        (lambda: ledger.add_items(db, ["x"], "refine"), "it must be an Item; found 'x'"),
        (lambda: ledger.as_change({"label": 1, "z": 3}, "request"), "request: a change's key must"),
        (lambda: ledger.as_change([1], "request"), "a change must be a mapping; found"),
    ]
    for query, text in queries:
        with pytest.raises(InputError, match=text):
            query()


def test_a_change_is_parsed_from_json():
    change = ledger.as_change(json.loads('{"label": 3, "x": 4, "category": null}'), "request")
    assert change == Change(3, x=4.0) and isinstance(change.x, float)


def test_new_sequences_can_be_labelled(db):
    ledger.add_sequences(db, {"c": (5, 8, 8), "a": SHAPES["a"]})
    assert ledger.sequence_shapes(db) == {**SHAPES, "c": (5, 8, 8)}
    (item,) = _add(db, Item("miss", "c", 1.0, "a gap", (ItemFrame(4, 7.5, 7.5),)))
    new = Change(None, "c", 4, 7.5, 7.5, 1.0, 1.0, "target")
    ledger.decide(db, item, "add", "ann", changes=[new])
    assert ledger.labels_as_of(db).sequence.tolist() == ["a", "a", "a", "c"]


class _Effect(NamedTuple):
    """What a decision of the state machine did."""

    decision: int
    labels: dict[int, tuple | None]  # label -> frame, x, y afterwards, None if removed
    round: int


class Reviews(RuleBasedStateMachine):
    """Random reviews, compared with the effects of their standing decisions."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = create(Path(self.folder.name) / "ledger.sqlite", _labels(5), SHAPES)
        self.effects = []  # of all decisions
        self.undone = set()  # ids of decisions
        self.labels_of_round = [self.labels()]

    def labels(self, without=None):
        """Label -> frame, x, y according to the standing decisions."""
        labels = {k + 1: (k, 10.0 * (k + 1), 20.5) for k in range(5)}
        for effect in self.effects:
            if effect.decision not in {*self.undone, without}:
                labels |= effect.labels
        return {label: at for label, at in sorted(labels.items()) if at is not None}

    @precondition(lambda self: len(self.labels_of_round) < 5)
    @rule()
    def begin_round(self):
        ledger.begin_round(self.db, len(self.labels_of_round))
        self.labels_of_round.append(self.labels())

    @rule(data=st.data())
    def decide(self, data):
        frames, labels_after = self._draw_changes(data)
        (item,) = _add(self.db, Item("miss", "a", 0.5, "random", tuple(frames)))
        verb = data.draw(st.sampled_from(["accept", "accept", "keep", "skip"]))
        after = [at for at in {**self.labels(), **labels_after}.values() if at is not None]
        if verb == "accept" and len(set(after)) < len(after):
            with pytest.raises(DuplicateLabelError):
                ledger.decide(self.db, item, verb, "ann")
            return
        decision = ledger.decide(self.db, item, verb, "ann")
        effect = labels_after if verb == "accept" else {}
        self.effects.append(_Effect(decision.id, effect, decision.round))

    def _draw_changes(self, data):
        """Item frames that change or add labels, and the labels afterwards."""
        labels = self.labels()
        changed = data.draw(st.sets(st.sampled_from(sorted(labels)), max_size=3)) if labels else ()
        remove, x = data.draw(st.booleans()), data.draw(st.floats(0, 59))
        frames, labels_after = [], {}
        for label in changed:
            frame, *at = labels[label]
            fix = Change(label, removed=True) if remove else Change(label, x=x)
            frames.append(ItemFrame(frame, *at, label, fix))
            labels_after[label] = None if remove else (frame, x, at[1])
        newest = max([5, *(label for effect in self.effects for label in effect.labels)])
        added = data.draw(st.sets(st.integers(0, 9), min_size=not changed, max_size=2))
        for label, frame in enumerate(added, start=newest + 1):
            frames.append(_miss(frame, x).frames[0])
            labels_after[label] = (frame, x, 30.0)
        return frames, labels_after

    @precondition(lambda self: self.effects)
    @rule(data=st.data())
    def undo(self, data):
        index = data.draw(st.integers(0, len(self.effects) - 1))
        decision, labels, round = self.effects[index]
        later = [
            effect for effect in self.effects[index + 1 :] if effect.decision not in self.undone
        ]
        is_built_on = any(labels.keys() & effect.labels.keys() for effect in later)
        is_undoable = decision not in self.undone and round == len(self.labels_of_round) - 1
        restored = list(self.labels(without=decision).values())
        if is_undoable and not is_built_on and len(set(restored)) == len(restored):
            ledger.undo(self.db, "ann", decision)
            self.undone.add(decision)
        else:
            with pytest.raises(InputError):
                ledger.undo(self.db, "ann", decision)

    @invariant()
    def labels_follow_from_standing_decisions(self):
        assert _positions(ledger.labels_as_of(self.db)) == self.labels()

    def teardown(self):
        for round, labels in enumerate(self.labels_of_round):
            assert _positions(ledger.labels_as_of(self.db, round)) == labels
        self.db.close()
        self.folder.cleanup()


TestReviews = Reviews.TestCase
TestReviews.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
