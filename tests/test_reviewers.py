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
from ledger_tools import create

from dimjax import ledger
from dimjax.data.labels import COLUMNS, TRUTH_COLUMNS
from dimjax.errors import InputError
from dimjax.evaluation.pairing import pairs
from dimjax.ledger import Change, Item, ItemFrame
from dimjax.review.simulated import auto, oracle, summary

SHAPES = {"a": (400, 40, 60)}
REMOVED = "removed"

REVIEWER = """
import sys
import pandas as pd
from dimjax import ledger
from dimjax.review import simulated
assert "jax" not in sys.modules
truth = pd.read_csv(sys.argv[2], keep_default_na=False)
with ledger.open_ledger(sys.argv[1]) as db:
    print("ready", flush=True)
    sys.stdin.readline()
    review = simulated.oracle(db, truth, error_rate=0.3, seed=5)
    print(review.reviewed, flush=True)
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


def _item(kind, *frames, probability=0.5):
    return Item(kind, "a", probability, "looks wrong", frames)


def _frame(x, label=None, fix=None, frame=0):
    return ItemFrame(frame, float(x), 20.0, label, fix)


def _add(db, *items):
    return ledger.add_items(db, items, f"stage {len(ledger.get_items(db))}")


def _current(db):
    """Frame, x, category of all current labels."""
    table = ledger.labels_as_of(db)
    return [(row.frame, row.x, row.category) for row in table.itertuples()]


@pytest.fixture
def new_ledger(tmp_path):
    """Creates ledgers with labels and items."""
    ledgers = []

    def new_ledger(labels, *items, match_px=3.0):
        path = tmp_path / f"ledger{len(ledgers)}.sqlite"
        ledgers.append(create(path, labels, SHAPES, match_px))
        _add(ledgers[-1], *items)
        return ledgers[-1]

    yield new_ledger
    for db in ledgers:
        db.close()


T, I = "target", "interference"  # noqa: E741
MOVED = ("wrong_position", 20, 1, Change(1, x=22.8))
RECATEGORISED = ("wrong_category", 20, 1, Change(1, category=I))
BACKGROUND = ("labelled_background", 20, 1, Change(1, removed=True))
MISSED = ("miss", 30, None, _fix(0, 30))
NOTHING = ("false_alarm", 30, None, None)
GLINT = ("false_alarm", 30, None, _fix(0, 30, I))
# Labels and truths of frame 0, the item (kind, x, label, fix), the verb, and the resulting label
# (None: unchanged).
CASES = {
    "position": ([(20, T)], [(23, T, 1)], MOVED, "accept", (22.8, T)),
    "far position": ([(20, T)], [(23.5, T, 1)], MOVED, "accept", (22.8, T)),
    "position is right": ([(20, T)], [(20.9, T, 1)], MOVED, "keep", None),
    "fix is wrong": ([(20, T)], [(21.5, T, 1)], MOVED, "move", ("near 21.5", T)),
    "no object": ([(20, T)], [(29, T, 1)], MOVED, "delete", REMOVED),
    "is hidden": ([(20, T)], [(22, T, 0.4)], MOVED, "keep", None),
    "just visible": ([(20, T)], [(22, T, 0.5)], MOVED, "accept", (22.8, T)),
    "category": ([(20, T)], [(20, I, 1)], RECATEGORISED, "accept", (20, I)),
    "category is right": ([(20, T)], [(20, T, 1)], RECATEGORISED, "keep", None),
    "category, not position": ([(20, T)], [(20, I, 1)], MOVED, "category", (20, I)),
    "both": ([(20, T)], [(22, I, 1)], MOVED, "move", ("near 22", I)),
    "background": ([(20, T)], [], BACKGROUND, "accept", REMOVED),
    "no background": ([(20, T)], [(20, T, 1)], BACKGROUND, "keep", None),
    "hidden, no background": ([(20, T)], [(21, T, 0)], BACKGROUND, "keep", None),
    "beside": ([(20, T)], [(22, T, 1)], BACKGROUND, "move", ("near 22", T)),
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
def test_the_oracle_does_what_a_careful_person_would(new_ledger, case):
    labels, truths, (kind, x, label, fix), verb, result = CASES[case]
    labels = _labels(*((0, *row) for row in labels))
    db = new_ledger(labels, _item(kind, _frame(x, label, fix)))
    before = _current(db)
    review = oracle(db, _truth(*((0, *row) for row in truths)), seed=1)
    assert review.verbs == {verb: 1}
    after = _current(db)
    if result == REMOVED:
        assert after == []
    elif result is None:
        assert after == before
    else:
        ((_, x, category),) = after
        assert category == result[1]
        is_click = isinstance(result[0], str)
        error = abs(x - float(result[0].removeprefix("near "))) if is_click else abs(x - result[0])
        assert (0 < error <= 0.6) if is_click else error == 0
    assert (review.reviewed, review.items_changed) == (1, int(after != before))
    assert (review.waiting, review.refused) == (0, 0)


def test_a_manual_box_equals_the_truth_apart_from_the_click(new_ledger):
    db = new_ledger(_labels(), _item("false_alarm", _frame(30)))
    oracle(db, _truth((0, 32, T, 1)))
    row = ledger.labels_as_of(db).iloc[0]
    assert (row.w, row.h, row.track, row.source) == (4, 2, "t1", "oracle")
    assert 0 < math.hypot(row.x - 32, row.y - 20) < 0.85


def test_a_click_stays_in_the_frame_and_is_right(new_ledger):
    db = new_ledger(_labels(), *(_item("false_alarm", _frame(59, frame=k)) for k in range(30)))
    oracle(db, _truth(*((k, 59.9, T, 1) for k in range(30))))
    assert ledger.labels_as_of(db).x.between(59.05, 59.9991).all()


def test_a_label_is_background_if_another_label_is_nearer_to_the_object(new_ledger):
    # The label at 20.5 is nearer to the target than the label at 22, which therefore has none.
    db = new_ledger(
        _labels((0, 22, T), (0, 20.5, T)),
        _item("labelled_background", _frame(22, 1, Change(1, removed=True))),
        _item("wrong_position", _frame(20.5, 2, Change(2, x=25.0))),
    )
    assert oracle(db, _truth((0, 20, T, 1))).verbs == {"accept": 1, "keep": 1}
    assert _current(db) == [(0, 20.5, T)]


def test_each_frame_of_a_track_is_judged_separately(new_ledger):
    fixes = [_fix(frame, 30) for frame in range(5)]
    frames = [_frame(30, None, fix, fix.frame) for fix in fixes]
    truths = [(0, 30, T, 1), (1, 30.5, T, 1), (2, 30, T, 0.1), (4, 30, T, 1)]
    db = new_ledger(_labels(), _item("miss", *frames))
    assert oracle(db, _truth(*truths)).verbs == {"accept": 1}  # of a subset
    assert _current(db) == [(0, 30, T), (1, 30, T), (4, 30, T)]
    db = new_ledger(_labels(), _item("miss", *frames))
    review = oracle(db, _truth(*truths, (3, 32, T, 1)))
    assert (review.verbs, review.labels_changed) == ({"add": 1}, 4)
    assert [row[0] for row in _current(db)] == [0, 1, 3, 4]
    assert [row[1] == 30 for row in _current(db)] == [True, True, False, True]


def test_two_item_frames_do_not_share_an_object(new_ledger):
    fixes = _fix(0, 30), _fix(0, 30.5)
    db = new_ledger(_labels(), _item("miss", *(_frame(fix.x, None, fix) for fix in fixes)))
    oracle(db, _truth((0, 30.4, T, 1)))
    assert _current(db) == [(0, 30, T)]


ERRORS = {
    "keeps a wrong label": ("position", "keep", [(0, 20, T)]),
    "accepts a wrong position": ("fix is wrong", "accept", [(0, 22.8, T)]),
    "accepts for a right label": ("position is right", "accept", [(0, 22.8, T)]),
    "overlooks a miss": ("miss", "keep", []),
    "labels nothing": ("background it is", "add", [(0, 30, T)]),
    "overlooks a target": ("an object it is", "accept", []),
    "without an opposite": ("no suggestion", "keep", [(0, 20, T)]),
}


@pytest.mark.parametrize("error", ERRORS)
def test_in_error_the_oracle_does_the_opposite(new_ledger, error):
    case, verb, result = ERRORS[error]
    labels, truths, (kind, x, label, fix), *_ = CASES[case]
    db = new_ledger(_labels(*((0, *row) for row in labels)), _item(kind, _frame(x, label, fix)))
    assert oracle(db, _truth(*((0, *row) for row in truths)), error_rate=1).verbs == {verb: 1}
    assert _current(db) == result


@pytest.mark.parametrize("match_px, verb", [(3.0, "delete"), (6.0, "move")])
def test_the_matching_radius_is_that_of_the_ledger(new_ledger, match_px, verb):
    labels, item = _labels((0, 20, T)), _item("wrong_position", _frame(20, 1))
    db = new_ledger(labels, item, match_px=match_px)
    assert oracle(db, _truth((0, 25, T, 1))).verbs == {verb: 1}


def test_an_error_that_would_duplicate_a_label_is_not_made(new_ledger):
    db = new_ledger(_labels((0, 20, T)), _item("miss", _frame(20, None, _fix(0, 20))))
    assert oracle(db, _truth((0, 20, T, 1)), error_rate=1).verbs == {"keep": 1}


def _many(count):
    """Labels 1, 2, ... of which every other is 3 px off, and an item with the right fix of each."""
    rows = [(k, 20 + 3 * (k % 2), T) for k in range(count)]
    items = [
        _item("wrong_position", _frame(x, k + 1, Change(k + 1, x=20.1), k), probability=1 / (1 + k))
        for k, x, _ in rows
    ]
    return _labels(*rows), items, _truth(*((k, 20, T, 1) for k in range(count)))


def test_the_error_rate_is_met_and_errors_depend_on_the_seed(new_ledger):
    labels, items, truth = _many(300)
    verbs = []
    for seed in (1, 1, 2):
        db = new_ledger(labels, *items)
        review = oracle(db, truth, error_rate=0.2, seed=seed)
        table = ledger.decision_table(db).sort_values("item")
        verbs.append(table.verb.tolist())
        assert (review.reviewed, sum(review.verbs.values())) == (300, 300)
    assert verbs[0] == verbs[1] != verbs[2]
    right = ["keep", "accept"] * 150
    wrong = sum(verb != other for verb, other in zip(verbs[0], right, strict=True))
    assert 40 <= wrong <= 80


def test_a_budget_spans_calls_and_favours_the_most_probable_items(new_ledger):
    labels, items, truth = _many(20)
    db = new_ledger(labels, *items)
    ledger.decide(db, 2, "keep", "ann")
    assert oracle(db, truth, budget=0).reviewed == 0
    assert oracle(db, truth, budget=4).reviewed == 4
    assert oracle(db, truth, budget=6) == (6, 2, 2, {"accept": 2, "keep": 4}, 13, 0, 0)
    assert ledger.decision_table(db).item.tolist() == [2, 1, 3, 4, 5, 6, 7]
    ledger.begin_round(db, 1)
    assert oracle(db, truth, budget=6) == (0, 0, 0, {}, 0, 0, 0)
    _add(db, *items[10:])
    assert oracle(db, truth, budget=6).reviewed == 6


def test_items_leased_to_other_reviewers_are_left_to_them_and_counted(new_ledger):
    labels, items, truth = _many(4)
    db = new_ledger(labels, *items)
    leased = ledger.lease_items(db, "ann")[0].id
    review = oracle(db, truth)
    assert (review.reviewed, review.waiting, review.refused) == (3, 1, 1)
    ledger.decide(db, leased, "keep", "ann")
    assert summary(db, "ann") == (1, 0, 0, {"keep": 1}, 0, 0, 0)


def test_items_that_a_decision_makes_stale_are_left_out(new_ledger):
    first = _item("wrong_position", _frame(20, 1, MOVED[-1]), probability=0.9)
    second = _item("labelled_background", _frame(20, 1, Change(1, removed=True)))
    near = _item("miss", _frame(22, None, _fix(0, 22)), probability=0.4)
    for review in (lambda db: oracle(db, _truth((0, 23, T, 1))), lambda db: auto(db, 0)):
        db = new_ledger(_labels((0, 20, T)), first, second, near)
        assert review(db) == (1, 1, 1, {"accept": 1}, 0, 2, 0)
        assert _current(db) == [(0, 22.8, T)]


def test_auto_accepts_probable_suggestions_and_leaves_the_rest(new_ledger):
    items = (
        _item("wrong_position", _frame(20, 1, MOVED[-1]), probability=0.96),
        _item("miss", _frame(40, None, _fix(0, 40)), probability=0.95),
        _item("miss", _frame(50, None, _fix(0, 50)), probability=0.94),
        _item("wrong_category", _frame(20, 2, None, 1), probability=0.99),  # suggests nothing
        _item("false_alarm", _frame(10), probability=0.99),
    )
    db = new_ledger(_labels((0, 20, T), (1, 20, T)), *items)
    assert auto(db, 0.95) == auto(db, 0.95) == (3, 2, 2, {"accept": 3}, 2, 0, 0)
    assert set(ledger.decision_table(db).reviewer_kind) == {"auto"}
    assert [item.id for item in ledger.get_items(db, ["open"])] == [4, 3]


def test_an_item_stays_open_and_is_counted_if_its_fix_would_duplicate_a_label(new_ledger):
    labels = _labels((0, 20, T), (0, 24, T))
    same = [_item("wrong_position", _frame(x, k, Change(k, x=22.0))) for k, x in ((1, 20), (2, 24))]
    db = new_ledger(labels, *same)
    assert auto(db, 0.5) == (1, 1, 1, {"accept": 1}, 1, 0, 1)


def test_other_refusals_of_the_ledger_are_errors(new_ledger):
    db = new_ledger(_labels(), _item("false_alarm", _frame(30)))
    truth = _truth((0, 30, T, 1)).assign(track="t\n1")  # a new label gets the track of its truth
    with pytest.raises(InputError, match="truth line 2: track must be a line of printable text"):
        oracle(db, truth)
    assert ledger.get_item(db, 1).state == "open"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"error_rate": 1.5}, r"oracle: error_rate must lie in 0..1; found 1.5. Correct it"),
        ({"error_rate": "much"}, "oracle: error_rate must be a finite number; found 'much'"),
        ({"seed": -1}, "oracle: seed must be a non-negative integer; found -1"),
        ({"budget": 2.5}, "oracle: budget must be a non-negative integer; found 2.5"),
        ({"reviewer": " "}, "oracle: reviewer must not be empty"),
        ({"truth": _truth().drop(columns="track")}, "truth: there must be a column track; found"),
        ({"truth": _truth((0, 20, T, 1), (400, 20, T, 1))}, "truth line 3: frame must lie in 0 <="),
    ],
)
def test_invalid_arguments_are_refused(new_ledger, arguments, message):
    labels, items, truth = _many(2)
    db = new_ledger(labels, *items)
    with pytest.raises(InputError, match=message):
        oracle(db, **{"truth": truth, **arguments})
    assert ledger.decision_table(db).empty


def test_invalid_bounds_are_refused(new_ledger):
    db = new_ledger(_labels())
    with pytest.raises(InputError, match=r"auto: min_probability must lie in 0..1; found -0.1"):
        auto(db, -0.1)
    with pytest.raises(InputError, match="auto: reviewer must be a line of printable text"):
        auto(db, 0.9, reviewer=7)


def test_truths_of_other_sequences_are_ignored(new_ledger):
    labels, items, truth = _many(2)
    db = new_ledger(labels, *items)
    other = truth.assign(sequence="b", frame=999)
    assert oracle(db, pd.concat([other, truth])).verbs == {"accept": 1, "keep": 1}


def test_right_labels_may_serve_as_truth(new_ledger):
    labels, items, truth = _many(2)
    assert oracle(new_ledger(labels, *items), truth[[*COLUMNS]]).verbs == {"accept": 1, "keep": 1}


def _contents(db):
    """Decisions and label versions of a ledger, without times."""
    rows = []
    for statement in (
        "SELECT decision, item, verb, reviewer, reviewer_kind, round FROM decisions",
        "SELECT * FROM versions ORDER BY label, decision",
    ):
        rows += db.execute(statement).fetchall()
    return rows


def _start(db, truth, path):
    truth.to_csv(path, index=False)
    command = [sys.executable, "-c", REVIEWER, str(db.path), str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_killed_and_a_concurrent_review_end_with_the_same_ledger(new_ledger, tmp_path):
    labels, items, truth = _many(400)
    calm, killed, shared = (new_ledger(labels, *items) for _ in range(3))
    review = oracle(calm, truth, error_rate=0.3, seed=5)
    with (
        _start(killed, truth, tmp_path / "truth.csv") as victim,
        _start(shared, truth, tmp_path / "truth.csv") as other,
    ):
        for process in (victim, other):
            assert process.stdout.readline() == "ready\n"
        victim.stdin.write("\n")
        victim.stdin.flush()
        while not ledger.count_decided(killed, "oracle"):
            time.sleep(0.005)
        os.kill(victim.pid, signal.SIGKILL)
        other.stdin.write("\n")
        other.stdin.flush()
        assert oracle(shared, truth, error_rate=0.3, seed=5).reviewed == 400
        assert other.communicate()[0] == "400\n"
    done = ledger.count_decided(killed, "oracle")
    assert 0 < done < 400
    assert oracle(killed, truth, error_rate=0.3, seed=5) == review
    assert _contents(killed) == _contents(shared) == _contents(calm)


def _objects(apart):
    """Frame, x, category and visibility of a few objects."""
    locations = st.tuples(st.integers(0, 3), st.integers(0, 56 // apart), st.integers(0, 4))
    rows = st.tuples(locations, st.sampled_from((T, I)), st.booleans())
    lists = st.lists(rows, max_size=6, unique_by=lambda row: row[0][:2])
    return lists.map(lambda rows: [(f, apart * k + d / 4, *more) for (f, k, d), *more in rows])


@settings(max_examples=25)
@given(labels=_objects(2), truths=_objects(8), shift=st.integers(-16, 16))
def test_a_second_review_by_the_oracle_changes_nothing(tmp_path_factory, labels, truths, shift):
    labels = _labels(*(row[:3] for row in labels))
    truth = _truth(*((*row, 0.2 + 0.8 * visible) for *row, visible in truths))
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    with create(path, labels, SHAPES) as db:
        _add_items_for_all(db, truth, shift)
        oracle(db, truth)
        ledger.begin_round(db, 1)
        _add_items_for_all(db, truth, shift)
        assert oracle(db, truth).items_changed == 0
        labels = ledger.labels_as_of(db)
        for frame, rows in truth[truth.visible == 1].groupby("frame"):
            in_frame = list(labels[labels.frame == frame].itertuples())
            assert len(pairs(list(rows.itertuples()), in_frame, 1.001)) == len(rows)


def _add_items_for_all(db, truth, shift):
    """Add an item for each label, with a suggestion that may be right, and one for each truth."""
    items = []
    for row in ledger.labels_as_of(db).itertuples():
        fix = Change(row.Index, x=min(max(row.x + shift / 4, 0.0), 59.0))
        items.append(_item("wrong_position", _frame(row.x, row.Index, fix, row.frame)))
    for row in truth.itertuples():
        frame = _frame(row.x, None, _fix(row.frame, row.x, T), row.frame)
        items.append(_item("miss", frame, probability=0.1))
    _add(db, *items)
