import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dimjax.chips import cutting, planning
from dimjax.errors import InputError

SHAPES = {"day": (40, 100, 160), "night": (20, 120, 90), "empty": (20, 100, 160)}
MIX = 54_489 / 35_021


def label_table(count=30, seed=1):
    rng = np.random.default_rng(seed)
    names = rng.choice(["day", "night"], count)
    length, height, width = np.array([SHAPES[name] for name in names]).T
    return pd.DataFrame(
        {
            "sequence": names,
            "frame": rng.integers(0, length),
            "x": rng.uniform(0, width),
            "y": rng.uniform(0, height),
            "w": 3.0,
            "h": 3.0,
            "category": rng.choice(["target", "interference"], count),
            "track": "",
            "source": "person",
        }
    )


def plan(labels, shapes=SHAPES, chip_px=32, frame_step=1, mix=MIX, seed=0):
    return planning.plan(labels, shapes, chip_px, frame_step, mix, seed)


def inside_by_hand(row, label, chip_px=32, rim=0):
    """Whether a label's centre is in a chip, or within rim pixels of it."""
    across, down = label.x - row.x0, label.y - row.y0
    return -rim <= across < chip_px + rim and -rim <= down < chip_px + rim


def test_every_label_of_a_chosen_frame_has_a_chip_that_holds_its_centre():
    labels = label_table()
    planned = plan(labels, frame_step=2)
    assert (planned.frame % 2 == 0).all()
    cut = planned[planned.reason == "label"]
    for label in labels[labels.frame % 2 == 0].itertuples():
        near = cut[(cut.sequence == label.sequence) & (cut.frame == label.frame)]
        assert any(inside_by_hand(row, label) for row in near.itertuples())
    assert set(zip(cut.sequence, cut.frame, strict=True)) <= set(
        zip(labels.sequence, labels.frame, strict=True)
    )


def test_chips_lie_in_their_sequences():
    planned = plan(label_table())
    length, height, width = np.array([SHAPES[name] for name in planned.sequence]).T
    assert (planned[["x0", "y0"]] >= 0).all(axis=None)
    assert (planned.frame < length).all()
    assert (planned.x0 + 32 <= width).all() and (planned.y0 + 32 <= height).all()


def test_backgrounds_hold_no_label_nor_the_light_of_one_at_the_rim():
    # A label in each frame, so that a third of all places is forbidden.
    labels = label_table(400)
    backgrounds = plan(labels).query("reason == 'background'")
    assert len(backgrounds) > 500
    labels_of = dict(list(labels.groupby(["sequence", "frame"])))
    for row in backgrounds.itertuples():
        own = labels_of.get((row.sequence, row.frame), labels.iloc[:0])
        assert not any(inside_by_hand(row, label, rim=2.99) for label in own.itertuples())


def test_mix_and_spread_of_backgrounds():
    planned = plan(label_table(30))
    assert (planned.reason == "label").sum() == 30
    backgrounds = planned[planned.reason == "background"]
    assert len(backgrounds) == round(30 * MIX) == 47
    # By their number of frames, 2 : 1 : 1; rounding moves none by more than one.
    counts = backgrounds.sequence.value_counts()
    assert abs(counts["day"] - 23.5) <= 1
    assert abs(counts["night"] - 11.75) <= 1 and abs(counts["empty"] - 11.75) <= 1


def test_mix_is_kept_over_many_short_sequences():
    shapes = {f"s{i:03d}": (4, 40, 40) for i in range(200)}
    labels = label_table(10).assign(sequence="s000", frame=0, x=20.5, y=20.5)
    labels["x"] += np.arange(10)
    assert (plan(labels, shapes).reason == "background").sum() == 16


def test_backgrounds_differ_although_there_is_little_room():
    shapes = {"day": (30, 33, 33)}  # four places a frame
    labels = label_table(60).assign(sequence="day", frame=0)
    labels[["x", "y"]] = np.random.default_rng(0).uniform(0, 33, (60, 2))
    backgrounds = plan(labels, shapes, mix=1.0).query("reason == 'background'")
    assert len(backgrounds) == 60 and backgrounds.id.is_unique


def test_where_labels_leave_no_room_there_are_fewer_backgrounds():
    labels = label_table(4).assign(sequence="day", frame=[0, 1, 2, 3], x=20.5, y=20.5)
    planned = plan(labels, {"day": (4, 40, 40)}, mix=5.0)
    assert planned.reason.tolist() == ["label"] * 4


def test_ids_are_unique_and_say_what_a_chip_shows():
    planned = plan(label_table())
    assert planned.id.is_unique
    row = planned.iloc[0]
    assert row.id == f"{row.sequence}/{row.frame:06d}/{row.x0}+{row.y0}/32"
    assert cutting.chip_id("day", 7, 12, 3, 32) == "day/000007/12+3/32"


def test_plan_is_the_same_again_in_any_order_of_rows():
    labels = label_table()
    first = plan(labels)
    pd.testing.assert_frame_equal(first, plan(labels.sample(frac=1, random_state=3)))
    assert list(first.columns) == list(planning.COLUMNS)
    assert first.sequence.is_monotonic_increasing
    assert set(plan(labels, seed=1).id) != set(first.id)


def test_label_chips_do_not_depend_on_other_sequences():
    labels = label_table()
    alone = plan(labels, {"day": SHAPES["day"]})
    both = plan(labels)

    def label_ids(table):
        return set(table[(table.sequence == "day") & (table.reason == "label")].id)

    assert label_ids(alone) == label_ids(both) and label_ids(both)


def test_place_of_a_label_in_its_chip_is_uniform():
    count = 4000
    labels = label_table(count).assign(sequence="day", x=80.5, y=50.5)
    labels["frame"] = np.arange(count)
    cut = plan(labels, {"day": (count, 100, 160)}, mix=0.0)
    for place in (80 - cut.x0, 50 - cut.y0):
        counts = np.bincount(place, minlength=32)
        assert len(counts) == 32
        # 125 expected in each of 32 places; 70 is about the 0.01% point of chi-squared(31).
        assert ((counts - 125) ** 2 / 125).sum() < 70


def test_frame_smaller_than_a_chip():
    text = r"sequence night: a chip .*chip_px=100 must fit .* found 90x120 pixels\. Choose"
    with pytest.raises(InputError, match=text):
        plan(label_table(), chip_px=100)


def test_no_labels_give_no_chips():
    assert plan(label_table().iloc[:0]).empty


def test_cut_takes_rows_from_y_and_columns_from_x():
    clip = np.arange(4 * 30 * 50).reshape(4, 30, 50)
    window = cutting.cut(clip, x0=7, y0=2, chip_px=16)
    assert window.shape == (4, 16, 16)
    assert window[3, 0, 0] == clip[3, 2, 7] and window[0, 15, 15] == clip[0, 17, 22]


def test_differential_of_eq_1_by_hand():
    window = np.array([100, 90, 0, 65_535], np.uint16).reshape(4, 1, 1)
    frame, difference = cutting.differential(window)
    assert frame.tolist() == [[[100]]] and frame.dtype == np.uint16
    assert difference.tolist() == [[[10, 100, -65_435]]] and difference.dtype == np.int32


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.just(4), st.integers(1, 5), st.integers(1, 5)),
    )
)
def test_frames_come_back_from_reference_and_difference(window):
    back = cutting.frames_of(*cutting.differential(window))
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, window)


def test_frames_of_a_batch():
    windows = np.array([0, 65_535, 7, 300], np.uint16).reshape(4, 1, 1) + np.zeros(
        (2, 4, 3, 5), np.uint16
    )
    parts = [cutting.differential(window) for window in windows]
    back = cutting.frames_of(*(np.stack(part) for part in zip(*parts, strict=True)))
    np.testing.assert_array_equal(back, windows)


def test_chip_holds_what_begins_at_its_rim():
    centres = [[9.99, 5.5], [10.0, 5.0], [25.99, 20.9], [26.0, 6.0], [12.0, 21.0]]
    boxes = np.array([[*centre, 3.0, 3.0] for centre in centres])
    assert cutting.holds(boxes, 10, 5, 16).tolist() == [False, True, True, False, False]
    assert cutting.holds(boxes[:0], 10, 5, 16).shape == (0,)


def test_new_sequences_are_filled_up_with_backgrounds_clear_of_all_that_may_be_there():
    labels = label_table(60)
    there = plan(labels, mix=0.0).assign(split="train")
    filled = planning.fill(there, labels, labels[:0], {"day": SHAPES["day"]}, 32, 1.5, seed=0)
    own, cut = filled[filled.sequence == "day"], int((there.sequence == "day").sum())
    assert own.reason.value_counts().to_dict() == {"label": cut, "background": round(1.5 * cut)}
    assert len(filled) == len(there) + round(1.5 * cut) and filled.split.eq("train").all()
    empty = own[own.reason == "background"]
    assert len(planning.lacking(empty, labels, 32)) == len(labels)  # none is seen
    # What has its mix stays as it is, and false alarms are background.
    assert planning.fill(
        filled, labels, labels[:0], {"day": SHAPES["day"]}, 32, 1.0, seed=0
    ).equals(filled)
    false = filled.assign(reason=filled.reason.replace("background", "false_alarm"))
    assert planning.fill(false, labels, labels[:0], {"day": SHAPES["day"]}, 32, 1.5, seed=0).equals(
        false
    )


def test_likely_false_alarms_are_the_first_backgrounds_but_not_where_something_else_is():
    labels = label_table(60)
    there = plan(labels, mix=0.0).assign(split="train")
    cut = int((there.sequence == "day").sum())
    frame, x, y = np.meshgrid(range(1, 40, 3), [20, 80, 140], [20, 80])
    likely = {"frame": frame.ravel(), "x": x.ravel(), "y": y.ravel()}
    likely = pd.DataFrame({"sequence": "day", **likely})
    beside = likely.head(3)[["sequence", "frame", "x", "y"]]  # what a track may be, at the worst
    occupied = pd.concat([labels[beside.columns], beside], ignore_index=True)
    filled = planning.fill(there, occupied, likely, {"day": SHAPES["day"]}, 32, 0.5, seed=0)
    false, count = filled[filled.reason == "false_alarm"], round(0.5 * cut)
    assert 3 < count < len(likely) - 10 and len(false) == count
    assert len(planning.lacking(false, likely[3 : 3 + count], 32)) <= 2  # labels may be near some
    assert len(planning.lacking(false, occupied, 32)) == len(occupied)
    wide = planning.fill(there, occupied, likely, {"day": SHAPES["day"]}, 32, 5.0, seed=0)
    assert (wide.reason == "background").sum() + (wide.reason == "false_alarm").sum() == 5 * cut


def write_plan(path, **changes):
    table = plan(label_table(3)).assign(split="train")
    for name, value in changes.items():
        table[name] = table[name].astype(object)
        table.loc[2, name] = value
    table.to_csv(path, index=False)
    return path


def test_plan_is_read_as_it_was_written(tmp_path):
    read = planning.read_plan(write_plan(tmp_path / "plan.csv"), SHAPES, 32)
    expected = plan(label_table(3)).assign(split="train")
    pd.testing.assert_frame_equal(read, expected, check_dtype=False)
    assert list(read.columns) == list(planning.PLAN_COLUMNS)
    empty = tmp_path / "empty.csv"
    empty.write_text(",".join(planning.PLAN_COLUMNS) + "\n")
    assert planning.read_plan(empty, SHAPES, 32).empty


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"sequence": "dusk"}, "sequence must be one of the folder's"),
        ({"x0": 200}, "a chip of 32 px must lie in its sequence"),
        ({"y0": -1}, "a chip of 32 px must lie in its sequence"),
        ({"frame": 40}, "a chip of 32 px must lie in its sequence"),
        ({"reason": "guess"}, "reason must be one of"),
        ({"split": "new"}, "split must be one of"),
        ({"x0": "left"}, "x0 must be a whole number"),
    ],
)
def test_wrong_row_of_a_plan(tmp_path, changes, rule):
    path = write_plan(tmp_path / "plan.csv", **changes)
    with pytest.raises(InputError, match=rf"plan\.csv line 4: {rule}"):
        planning.read_plan(path, SHAPES, 32)


def test_plan_with_a_sequence_in_two_splits(tmp_path):
    path = write_plan(tmp_path / "plan.csv", split="test")
    with pytest.raises(InputError, match=r"plan\.csv line \d: a sequence must be in one split"):
        planning.read_plan(path, SHAPES, 32)


def test_plan_with_an_id_twice(tmp_path):
    path = write_plan(tmp_path / "plan.csv", id=plan(label_table(3)).id[1])
    with pytest.raises(InputError, match=r"plan\.csv line 4: an id must be there once"):
        planning.read_plan(path, SHAPES, 32)
