import math
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dimjax import ledger
from dimjax.data.labels import COLUMNS, TRUTH_COLUMNS
from dimjax.errors import InputError
from dimjax.evaluation.pairing import pairs
from dimjax.ledger import Change, Item, Place
from dimjax.review.simulated import auto, oracle, summary

SHAPES = {"a": (400, 40, 60)}
GONE = "gone"

REVIEWER = """
import sys
import pandas as pd
from dimjax import ledger
from dimjax.review import simulated
assert "jax" not in sys.modules
truth = pd.read_csv(sys.argv[2], keep_default_na=False)
with ledger.open_ledger(sys.argv[1]) as book:
    print("ready", flush=True)
    sys.stdin.readline()
    review = simulated.oracle(book, truth, error_rate=0.3, seed=5)
    print(review.shown, flush=True)
"""


def _labels(*rows):
    """Rows of frame, x, category at y = 20."""
    full = [("a", f, float(x), 20.0, 3.0, 3.0, c, "", "annotator") for f, x, c in rows]
    return pd.DataFrame(full, columns=COLUMNS).astype({"frame": "int64", "x": "float64"})


def _truth(*rows):
    """Rows of frame, x, category, visible at y = 20."""
    full = [("a", f, float(x), 20.0, 4.0, 2.0, c, "t1", "simulator", 5.0, v) for f, x, c, v in rows]
    return pd.DataFrame(full, columns=TRUTH_COLUMNS)


def _fix(frame, x, category="target"):
    return Change(None, "a", frame, float(x), 20.0, 3.0, 3.0, category)


def _item(kind, *places, probability=0.5):
    return Item(kind, "a", probability, "looks wrong", places)


def _place(x, label=None, fix=None, frame=0):
    return Place(frame, float(x), 20.0, label, fix)


def _new(book, *items):
    return ledger.add_items(book, items, f"stage {len(ledger.get_items(book))}")


def _now(book):
    """Frame, x, category of all labels as they are now."""
    table = ledger.labels_as_of(book)
    return [(row.frame, row.x, row.category) for row in table.itertuples()]


@pytest.fixture
def begin(tmp_path):
    books = []

    def begin(labels, *items):
        path = tmp_path / f"ledger{len(books)}.sqlite"
        books.append(ledger.begin(path, labels, SHAPES))
        _new(books[-1], *items)
        return books[-1]

    yield begin
    for book in books:
        book.close()


T, I = "target", "interference"  # noqa: E741
MOVED = ("wrong_position", 20, 1, Change(1, x=22.8))
TURNED = ("wrong_category", 20, 1, Change(1, category=I))
REMOVED = ("labelled_background", 20, 1, Change(1, removed=True))
MISSED = ("miss", 30, None, _fix(0, 30))
NOTHING = ("false_alarm", 30, None, None)
GLINT = ("false_alarm", 30, None, _fix(0, 30, I))
# Labels and truths of frame 0, the item's place, the verb, and the label then (None: the same).
CASES = {
    "position": ([(20, T)], [(23, T, 1)], MOVED, "accept", (22.8, T)),
    "far position": ([(20, T)], [(23.5, T, 1)], MOVED, "accept", (22.8, T)),
    "position is right": ([(20, T)], [(20.9, T, 1)], MOVED, "keep", None),
    "fix is wrong": ([(20, T)], [(21.5, T, 1)], MOVED, "move", ("near 21.5", T)),
    "no object": ([(20, T)], [(29, T, 1)], MOVED, "delete", GONE),
    "is hidden": ([(20, T)], [(22, T, 0.4)], MOVED, "keep", None),
    "just visible": ([(20, T)], [(22, T, 0.5)], MOVED, "accept", (22.8, T)),
    "category": ([(20, T)], [(20, I, 1)], TURNED, "accept", (20, I)),
    "category is right": ([(20, T)], [(20, T, 1)], TURNED, "keep", None),
    "category, not position": ([(20, T)], [(20, I, 1)], MOVED, "category", (20, I)),
    "both": ([(20, T)], [(22, I, 1)], MOVED, "move", ("near 22", I)),
    "background": ([(20, T)], [], REMOVED, "accept", GONE),
    "no background": ([(20, T)], [(20, T, 1)], REMOVED, "keep", None),
    "hidden, no background": ([(20, T)], [(21, T, 0)], REMOVED, "keep", None),
    "beside": ([(20, T)], [(22, T, 1)], REMOVED, "move", ("near 22", T)),
    "no suggestion": ([(20, T)], [(20, T, 1)], ("wrong_position", 20, 1, None), "keep", None),
    "miss": ([], [(30.9, T, 1)], MISSED, "accept", (30, T)),
    "no miss": ([], [(33, T, 1)], MISSED, "keep", None),
    "hidden miss": ([], [(30, T, 0.49)], MISSED, "keep", None),
    "miss beside": ([], [(32, T, 1)], MISSED, "add", ("near 32", T)),
    "miss of the other": ([], [(30, I, 1)], MISSED, "add", ("near 30", I)),
    "labelled": ([(31, T)], [(30, T, 1)], MISSED, "keep", None),
    "background it is": ([], [], NOTHING, "accept", None),
    "hidden background": ([], [(30, T, 0.3)], NOTHING, "accept", None),
    "an object it is": ([], [(32, T, 1)], NOTHING, "add", ("near 32", T)),
    "interference": ([], [(30, I, 1)], GLINT, "accept", (30, I)),
    "no interference": ([], [], GLINT, "keep", None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_oracle_does_what_a_careful_person_would(begin, case):
    labelled, there, (kind, x, label, fix), verb, then = CASES[case]
    labels = _labels(*((0, *row) for row in labelled))
    book = begin(labels, _item(kind, _place(x, label, fix)))
    before = _now(book)
    review = oracle(book, _truth(*((0, *row) for row in there)), seed=1)
    assert review.verbs == {verb: 1}
    now = _now(book)
    if then == GONE:
        assert now == []
    elif then is None:
        assert now == before
    else:
        ((_, x, category),) = now
        assert category == then[1]
        near = isinstance(then[0], str)
        away = abs(x - float(then[0].removeprefix("near "))) if near else abs(x - then[0])
        assert (0 < away <= 0.6) if near else away == 0
    assert (review.shown, review.worth, review.waiting) == (1, int(now != before), 0)


def test_a_box_drawn_by_hand_is_the_truths_but_for_the_click(begin):
    book = begin(_labels(), _item("false_alarm", _place(30)))
    oracle(book, _truth((0, 32, T, 1)))
    row = ledger.labels_as_of(book).iloc[0]
    assert (row.w, row.h, row.track, row.source) == (4, 2, "t1", "oracle")
    assert 0 < math.hypot(row.x - 32, row.y - 20) < 0.85


def test_a_click_stays_in_the_frame_and_is_right(begin):
    book = begin(_labels(), *(_item("false_alarm", _place(59, frame=k)) for k in range(30)))
    oracle(book, _truth(*((k, 59.9, T, 1) for k in range(30))))
    assert ledger.labels_as_of(book).x.between(59.05, 59.9991).all()


def test_a_label_that_another_owns_the_object_of_is_background(begin):
    # The label at 20.5 is nearer to the target than that at 22, which has none then.
    book = begin(
        _labels((0, 22, T), (0, 20.5, T)),
        _item("labelled_background", _place(22, 1, Change(1, removed=True))),
        _item("wrong_position", _place(20.5, 2, Change(2, x=25.0))),
    )
    assert oracle(book, _truth((0, 20, T, 1))).verbs == {"accept": 1, "keep": 1}
    assert _now(book) == [(0, 20.5, T)]


def test_each_frame_of_a_track_is_judged_for_itself(begin):
    fixes = [_fix(frame, 30) for frame in range(5)]
    places = [_place(30, None, fix, fix.frame) for fix in fixes]
    there = [(0, 30, T, 1), (1, 30.5, T, 1), (2, 30, T, 0.1), (4, 30, T, 1)]
    book = begin(_labels(), _item("miss", *places))
    assert oracle(book, _truth(*there)).verbs == {"accept": 1}  # a part of it
    assert _now(book) == [(0, 30, T), (1, 30, T), (4, 30, T)]
    book = begin(_labels(), _item("miss", *places))
    review = oracle(book, _truth(*there, (3, 32, T, 1)))
    assert (review.verbs, review.labels) == ({"add": 1}, 4)
    assert [row[0] for row in _now(book)] == [0, 1, 3, 4]
    assert [row[1] == 30 for row in _now(book)] == [True, True, False, True]


def test_two_places_do_not_share_an_object(begin):
    fixes = _fix(0, 30), _fix(0, 30.5)
    book = begin(_labels(), _item("miss", *(_place(fix.x, None, fix) for fix in fixes)))
    oracle(book, _truth((0, 30.4, T, 1)))
    assert _now(book) == [(0, 30, T)]


ERRORS = {
    "keeps a wrong label": ("position", "keep", [(0, 20, T)]),
    "accepts a wrong position": ("fix is wrong", "accept", [(0, 22.8, T)]),
    "accepts for a right label": ("position is right", "accept", [(0, 22.8, T)]),
    "overlooks a miss": ("miss", "keep", []),
    "labels nothing": ("background it is", "add", [(0, 30, T)]),
    "overlooks a target": ("an object it is", "accept", []),
    "there is no opposite": ("no suggestion", "keep", [(0, 20, T)]),
}


@pytest.mark.parametrize("error", ERRORS)
def test_in_error_the_oracle_does_the_opposite(begin, error):
    case, verb, then = ERRORS[error]
    labelled, there, (kind, x, label, fix), *_ = CASES[case]
    book = begin(_labels(*((0, *row) for row in labelled)), _item(kind, _place(x, label, fix)))
    assert oracle(book, _truth(*((0, *row) for row in there)), error_rate=1).verbs == {verb: 1}
    assert _now(book) == then


def test_an_error_that_the_ledger_refuses_is_not_made(begin):
    book = begin(_labels((0, 20, T)), _item("miss", _place(20, None, _fix(0, 20))))
    assert oracle(book, _truth((0, 20, T, 1)), error_rate=1).verbs == {"keep": 1}


def _many(count):
    """Labels 1, 2, ... of which every other is 3 px off, and an item of each that would mend it."""
    rows = [(k, 20 + 3 * (k % 2), T) for k in range(count)]
    items = [
        _item("wrong_position", _place(x, k + 1, Change(k + 1, x=20.1), k), probability=1 / (1 + k))
        for k, x, _ in rows
    ]
    return _labels(*rows), items, _truth(*((k, 20, T, 1) for k in range(count)))


def test_errors_are_of_the_share_asked_for_and_of_the_seed(begin):
    labels, items, truth = _many(300)
    verbs = []
    for seed in (1, 1, 2):
        book = begin(labels, *items)
        review = oracle(book, truth, error_rate=0.2, seed=seed)
        table = ledger.decision_table(book).sort_values("item")
        verbs.append(table.verb.tolist())
        assert (review.shown, sum(review.verbs.values())) == (300, 300)
    assert verbs[0] == verbs[1] != verbs[2]
    right = ["keep", "accept"] * 150
    wrong = sum(verb != other for verb, other in zip(verbs[0], right, strict=True))
    assert 40 <= wrong <= 80


def test_a_budget_counts_over_calls_and_takes_the_most_probable_first(begin):
    labels, items, truth = _many(20)
    book = begin(labels, *items)
    ledger.decide(book, 2, "keep", "ann")
    assert oracle(book, truth, budget=0).shown == 0
    assert oracle(book, truth, budget=4).shown == 4
    assert oracle(book, truth, budget=6) == (6, 2, 2, {"accept": 2, "keep": 4}, 13, 0)
    assert ledger.decision_table(book).item.tolist() == [2, 1, 3, 4, 5, 6, 7]
    ledger.begin_round(book, 1)
    assert oracle(book, truth, budget=6) == (0, 0, 0, {}, 0, 0)
    _new(book, *items[10:])
    assert oracle(book, truth, budget=6).shown == 6


def test_items_in_the_hands_of_others_are_left_to_them(begin):
    labels, items, truth = _many(4)
    book = begin(labels, *items)
    drawn = ledger.draw(book, "ann")[0].id
    review = oracle(book, truth)
    assert (review.shown, review.waiting) == (3, 1)
    ledger.decide(book, drawn, "keep", "ann")
    assert summary(book, "ann") == (1, 0, 0, {"keep": 1}, 0, 0)


def test_items_that_a_decision_makes_stale_are_passed_over(begin):
    first = _item("wrong_position", _place(20, 1, MOVED[-1]), probability=0.9)
    second = _item("labelled_background", _place(20, 1, Change(1, removed=True)))
    near = _item("miss", _place(22, None, _fix(0, 22)), probability=0.4)
    for review in (lambda book: oracle(book, _truth((0, 23, T, 1))), lambda book: auto(book, 0)):
        book = begin(_labels((0, 20, T)), first, second, near)
        assert review(book) == (1, 1, 1, {"accept": 1}, 0, 2)
        assert _now(book) == [(0, 22.8, T)]


def test_auto_accepts_what_is_probable_and_leaves_the_rest(begin):
    items = (
        _item("wrong_position", _place(20, 1, MOVED[-1]), probability=0.96),
        _item("miss", _place(40, None, _fix(0, 40)), probability=0.95),
        _item("miss", _place(50, None, _fix(0, 50)), probability=0.94),
        _item("wrong_category", _place(20, 2, None, 1), probability=0.99),  # suggests nothing
        _item("false_alarm", _place(10), probability=0.99),
    )
    book = begin(_labels((0, 20, T), (1, 20, T)), *items)
    assert auto(book, 0.95) == auto(book, 0.95) == (3, 2, 2, {"accept": 3}, 2, 0)
    assert set(ledger.decision_table(book).reviewer_kind) == {"auto"}
    assert [item.id for item in ledger.get_items(book, ["open"])] == [4, 3]


def test_what_would_leave_a_label_twice_stays_open(begin):
    labels = _labels((0, 20, T), (0, 24, T))
    same = [_item("wrong_position", _place(x, k, Change(k, x=22.0))) for k, x in ((1, 20), (2, 24))]
    book = begin(labels, *same)
    assert auto(book, 0.5) == (1, 1, 1, {"accept": 1}, 1, 0)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"error_rate": 1.5}, r"reviewer: error_rate must lie in 0..1; found 1.5. Correct it"),
        ({"error_rate": "much"}, "reviewer: error_rate must be a finite number; found 'much'"),
        ({"match_px": 0}, "oracle: match_px must be above 0; found 0.0"),
        ({"seed": -1}, "oracle: seed must be a whole number from 0; found -1"),
        ({"budget": 2.5}, "oracle: budget must be a whole number from 0; found 2.5"),
        ({"reviewer": " "}, "oracle: reviewer must not be empty"),
        ({"truth": _truth().drop(columns="track")}, "truth: there must be a column track; found"),
        ({"truth": _truth((0, 20, T, 1), (400, 20, T, 1))}, "truth line 3: frame must lie in 0 <="),
    ],
)
def test_wrong_arguments_are_refused(begin, arguments, message):
    labels, items, truth = _many(2)
    book = begin(labels, *items)
    with pytest.raises(InputError, match=message):
        oracle(book, **{"truth": truth, **arguments})
    assert ledger.decision_table(book).empty


def test_wrong_bounds_are_refused(begin):
    book = begin(_labels())
    with pytest.raises(InputError, match=r"reviewer: at_least must lie in 0..1; found -0.1"):
        auto(book, -0.1)
    with pytest.raises(InputError, match="auto: reviewer must be a line of printable text"):
        auto(book, 0.9, reviewer=7)


def test_truths_of_other_sequences_do_not_matter(begin):
    labels, items, truth = _many(2)
    book = begin(labels, *items)
    other = truth.assign(sequence="b", frame=999)
    assert oracle(book, pd.concat([other, truth])).verbs == {"accept": 1, "keep": 1}


def test_right_labels_may_stand_for_the_truth(begin):
    labels, items, truth = _many(2)
    assert oracle(begin(labels, *items), truth[[*COLUMNS]]).verbs == {"accept": 1, "keep": 1}


def _story(book):
    """All that a ledger holds, but for the times."""
    rows = []
    for statement in (
        "SELECT decision, item, verb, reviewer, reviewer_kind, round FROM decisions",
        "SELECT * FROM versions ORDER BY label, decision",
    ):
        rows += book.execute(statement).fetchall()
    return rows


def _start(book, truth, path):
    truth.to_csv(path, index=False)
    command = [sys.executable, "-c", REVIEWER, str(book.path), str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_killed_review_and_two_at_once_end_with_the_same_ledger(begin, tmp_path):
    labels, items, truth = _many(400)
    calm, killed, shared = (begin(labels, *items) for _ in range(3))
    review = oracle(calm, truth, error_rate=0.3, seed=5)
    with (
        _start(killed, truth, tmp_path / "truth.csv") as victim,
        _start(shared, truth, tmp_path / "truth.csv") as other,
    ):
        for process in (victim, other):
            assert process.stdout.readline() == "ready\n"
        victim.stdin.write("\n")
        victim.stdin.flush()
        while not ledger.decided_by(killed, "oracle"):
            time.sleep(0.005)
        os.kill(victim.pid, signal.SIGKILL)
        other.stdin.write("\n")
        other.stdin.flush()
        assert oracle(shared, truth, error_rate=0.3, seed=5).shown == 400
        assert other.communicate()[0] == "400\n"
    done = ledger.decided_by(killed, "oracle")
    assert 0 < done < 400
    assert oracle(killed, truth, error_rate=0.3, seed=5) == review
    assert _story(killed) == _story(shared) == _story(calm)


def _objects(apart):
    """Frame, x, category and whether visible, of a few objects."""
    places = st.tuples(st.integers(0, 3), st.integers(0, 56 // apart), st.integers(0, 4))
    rows = st.tuples(places, st.sampled_from((T, I)), st.booleans())
    lists = st.lists(rows, max_size=6, unique_by=lambda row: row[0][:2])
    return lists.map(lambda rows: [(f, apart * k + d / 4, *more) for (f, k, d), *more in rows])


@settings(max_examples=25)
@given(labelled=_objects(2), there=_objects(8), wrong=st.integers(-16, 16))
def test_what_the_oracle_has_settled_it_would_leave(tmp_path_factory, labelled, there, wrong):
    labels = _labels(*(row[:3] for row in labelled))
    truth = _truth(*((*row, 0.2 + 0.8 * seen) for *row, seen in there))
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    with ledger.begin(path, labels, SHAPES) as book:
        _ask_of_all(book, truth, wrong)
        oracle(book, truth)
        ledger.begin_round(book, 1)
        _ask_of_all(book, truth, wrong)
        assert oracle(book, truth).worth == 0
        now = ledger.labels_as_of(book)
        for frame, rows in truth[truth.visible == 1].groupby("frame"):
            own = list(now[now.frame == frame].itertuples())
            assert len(pairs(list(rows.itertuples()), own, 1.001)) == len(rows)


def _ask_of_all(book, truth, wrong):
    """An item of each label, with a suggestion that may be right, and of each truth."""
    items = []
    for row in ledger.labels_as_of(book).itertuples():
        x = min(max(row.x + wrong / 4, 0.0), 59.0)
        items.append(
            _item("wrong_position", _place(row.x, row.Index, Change(row.Index, x=x), row.frame))
        )
    for row in truth.itertuples():
        items.append(
            _item(
                "miss", _place(row.x, None, _fix(row.frame, row.x, T), row.frame), probability=0.1
            )
        )
    _new(book, *items)
