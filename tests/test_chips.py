"""Plans of chips, and the windows cut by them."""

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
    return planning.plan_chips(labels, shapes, chip_px, frame_step, mix, seed)


def inside_by_hand(row, label, chip_px=32, margin=0):
    """Whether a label's centre is in a chip, or within a margin of it, pixels."""
    x, y = label.x - row.x0, label.y - row.y0
    return -margin <= x < chip_px + margin and -margin <= y < chip_px + margin


def test_every_label_of_a_chosen_frame_has_a_chip_that_contains_its_centre():
    labels = label_table()
    planned = plan(labels, frame_step=2)
    assert (planned.frame % 2 == 0).all()
    cut = planned[planned.reason == "label"]
    for label in labels[labels.frame % 2 == 0].itertuples():
        of_frame = cut[(cut.sequence == label.sequence) & (cut.frame == label.frame)]
        assert any(inside_by_hand(row, label) for row in of_frame.itertuples())
    assert set(zip(cut.sequence, cut.frame, strict=True)) <= set(
        zip(labels.sequence, labels.frame, strict=True)
    )


def test_chips_lie_in_their_sequences():
    planned = plan(label_table())
    length, height, width = np.array([SHAPES[name] for name in planned.sequence]).T
    assert (planned[["x0", "y0"]] >= 0).all(axis=None)
    assert (planned.frame < length).all()
    assert (planned.x0 + 32 <= width).all() and (planned.y0 + 32 <= height).all()


def test_backgrounds_contain_no_label_and_lie_3_px_off_all_labels():
    # Several labels in each frame: a third of all positions is forbidden.
    labels = label_table(400)
    backgrounds = plan(labels).query("reason == 'background'")
    assert len(backgrounds) > 500
    labels_of = dict(list(labels.groupby(["sequence", "frame"])))
    for row in backgrounds.itertuples():
        of_frame = labels_of.get((row.sequence, row.frame), labels.iloc[:0])
        assert not any(inside_by_hand(row, label, margin=2.99) for label in of_frame.itertuples())


def test_number_and_distribution_of_backgrounds():
    planned = plan(label_table(30))
    assert (planned.reason == "label").sum() == 30
    backgrounds = planned[planned.reason == "background"]
    assert len(backgrounds) == round(30 * MIX) == 47
    # In proportion to the numbers of frames, 2 : 1 : 1; rounding changes each by at most one.
    counts = backgrounds.sequence.value_counts()
    assert abs(counts["day"] - 23.5) <= 1
    assert abs(counts["night"] - 11.75) <= 1 and abs(counts["empty"] - 11.75) <= 1


def test_rounding_keeps_the_number_of_backgrounds_in_many_short_sequences():
    shapes = {f"s{i:03d}": (4, 40, 40) for i in range(200)}
    labels = label_table(10).assign(sequence="s000", frame=0, x=20.5, y=20.5)
    labels["x"] += np.arange(10)
    assert (plan(labels, shapes).reason == "background").sum() == 16


def test_backgrounds_are_distinct_even_in_little_room():
    shapes = {"day": (30, 33, 33)}  # four positions per frame
    labels = label_table(60).assign(sequence="day", frame=0)
    labels[["x", "y"]] = np.random.default_rng(0).uniform(0, 33, (60, 2))
    backgrounds = plan(labels, shapes, mix=1.0).query("reason == 'background'")
    assert len(backgrounds) == 60 and backgrounds.id.is_unique


def test_fewer_backgrounds_if_labels_leave_no_room():
    labels = label_table(4).assign(sequence="day", frame=[0, 1, 2, 3], x=20.5, y=20.5)
    planned = plan(labels, {"day": (4, 40, 40)}, mix=5.0)
    assert planned.reason.tolist() == ["label"] * 4


def test_ids_are_unique_and_describe_the_chip():
    planned = plan(label_table())
    assert planned.id.is_unique
    row = planned.iloc[0]
    assert row.id == f"{row.sequence}/{row.frame:06d}/{row.x0}+{row.y0}/32"
    assert cutting.chip_id("day", 7, 12, 3, 32) == "day/000007/12+3/32"
    assert cutting.parse_chip_id(cutting.chip_id("a/b", 7, 12, 3, 32)) == ("a/b", 7, 12, 3, 32)


def test_plan_depends_on_the_seed_and_not_on_the_order_of_labels():
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


def test_position_of_a_label_in_its_chip_is_uniform():
    count = 4000
    labels = label_table(count).assign(sequence="day", x=80.5, y=50.5)
    labels["frame"] = np.arange(count)
    cut = plan(labels, {"day": (count, 100, 160)}, mix=0.0)
    for position in (80 - cut.x0, 50 - cut.y0):
        counts = np.bincount(position, minlength=32)
        assert len(counts) == 32
        # 125 expected at each of 32 positions; 70 is about the 0.01% point of chi-squared(31).
        assert ((counts - 125) ** 2 / 125).sum() < 70


def test_a_frame_smaller_than_a_chip_is_refused():
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
def test_frames_are_restored_from_reference_and_difference(window):
    restored = cutting.restore_frames(*cutting.differential(window))
    assert restored.dtype == np.uint16
    np.testing.assert_array_equal(restored, window)


def test_frames_of_a_batch_are_restored():
    windows = np.array([0, 65_535, 7, 300], np.uint16).reshape(4, 1, 1) + np.zeros(
        (2, 4, 3, 5), np.uint16
    )
    parts = [cutting.differential(window) for window in windows]
    restored = cutting.restore_frames(*(np.stack(part) for part in zip(*parts, strict=True)))
    np.testing.assert_array_equal(restored, windows)


def test_left_and_top_edges_belong_to_a_chip_and_right_and_bottom_edges_do_not():
    centres = [[9.99, 5.5], [10.0, 5.0], [25.99, 20.9], [26.0, 6.0], [12.0, 21.0]]
    boxes = np.array([[*centre, 3.0, 3.0] for centre in centres])
    assert cutting.lies_in_chip(boxes, 10, 5, 16).tolist() == [False, True, True, False, False]
    assert cutting.lies_in_chip(boxes[:0], 10, 5, 16).shape == (0,)
    x0, y0 = np.array([9, 10, 11, 10, 0]), np.array([5, 5, 5, 7, 0])
    assert cutting.lies_in_chip(boxes, x0, y0, 16).tolist() == [True, True, True, False, False]


def test_added_backgrounds_avoid_all_that_may_be_a_target():
    labels, day = label_table(60), {"day": SHAPES["day"]}
    planned = plan(labels, mix=0.0).assign(split="train")
    extended = planning.add_backgrounds(planned, labels, labels[:0], day, 32, 1.5, seed=0)
    of_day, count = extended[extended.sequence == "day"], int((planned.sequence == "day").sum())
    expected = {"label": count, "background": round(1.5 * count)}
    assert of_day.reason.value_counts().to_dict() == expected
    assert len(extended) == len(planned) + round(1.5 * count) and extended.split.eq("train").all()
    backgrounds = of_day[of_day.reason == "background"]
    assert len(planning.uncovered_labels(backgrounds, labels, 32)) == len(labels)


def test_a_sequence_with_enough_backgrounds_gets_no_more():
    labels, day = label_table(60), {"day": SHAPES["day"]}
    planned = plan(labels, mix=0.0).assign(split="train")
    enough = planning.add_backgrounds(planned, labels, labels[:0], day, 32, 1.5, seed=0)
    # Chips of false alarms count as background.
    alarms = enough.assign(reason=enough.reason.replace("background", "false_alarm"))
    for table, mix in ((enough, 1.0), (enough, 1.5), (alarms, 1.5)):
        again = planning.add_backgrounds(table, labels, labels[:0], day, 32, mix, seed=0)
        pd.testing.assert_frame_equal(again, table)


def test_likely_false_alarms_are_the_first_backgrounds_unless_something_else_is_near():
    labels, day = label_table(60), {"day": SHAPES["day"]}
    planned = plan(labels, mix=0.0).assign(split="train")
    label_chips = int((planned.sequence == "day").sum())
    frame, x, y = np.meshgrid(range(1, 40, 3), [20, 80, 140], [20, 80])
    alarms = {"frame": frame.ravel(), "x": x.ravel(), "y": y.ravel()}
    alarms = pd.DataFrame({"sequence": "day", **alarms})
    near = alarms.head(3)[["sequence", "frame", "x", "y"]]  # e.g. a track that may be a target
    occupied = pd.concat([labels[near.columns], near], ignore_index=True)
    extended = planning.add_backgrounds(planned, occupied, alarms, day, 32, 0.5, seed=0)
    chips, count = extended[extended.reason == "false_alarm"], round(0.5 * label_chips)
    assert 3 < count < len(alarms) - 10 and len(chips) == count
    # The worst ones come first; a label may lie near one or two of them.
    assert len(planning.uncovered_labels(chips, alarms[3 : 3 + count], 32)) <= 2
    assert len(planning.uncovered_labels(chips, occupied, 32)) == len(occupied)
    extended = planning.add_backgrounds(planned, occupied, alarms, day, 32, 5.0, seed=0)
    backgrounds = extended.reason.isin(["background", "false_alarm"])
    assert backgrounds.sum() == 5 * label_chips


def test_an_extended_plan_keeps_its_chips_and_the_split_of_each_sequence():
    planned = plan(label_table(10), {"day": SHAPES["day"]}).assign(split="val")
    locations = pd.DataFrame(
        {"sequence": ["day", "night"], "frame": 5, "x": [50.5, 40.5], "y": [60.5, 119.5],
         "reason": ["miss", "false_alarm"]}
    )  # fmt: skip
    extended = planning.extend_plan(planned, locations, SHAPES, 32, seed=0)
    assert set(planned.id) < set(extended.id) and len(extended) == len(planned) + 2
    added = extended[~extended.id.isin(planned.id)]
    assert added[["sequence", "reason", "split"]].to_numpy().tolist() == [
        ["day", "miss", "val"], ["night", "false_alarm", "train"]
    ]  # fmt: skip
    assert planning.uncovered_labels(added, locations, 32).empty
    pd.testing.assert_frame_equal(
        planning.extend_plan(planned, locations[::-1], SHAPES, 32, seed=0), extended
    )


def write_plan(path, **changes):
    table = plan(label_table(3)).assign(split="train")
    for name, value in changes.items():
        table[name] = table[name].astype(object)
        table.loc[2, name] = value
    table.to_csv(path, index=False)
    return path


def test_a_written_plan_is_read_back_unchanged(tmp_path):
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
def test_an_invalid_row_of_a_plan_is_named(tmp_path, changes, rule):
    path = write_plan(tmp_path / "plan.csv", **changes)
    with pytest.raises(InputError, match=rf"plan\.csv line 4: {rule}"):
        planning.read_plan(path, SHAPES, 32)


def test_a_plan_with_a_sequence_in_two_splits_is_refused(tmp_path):
    path = write_plan(tmp_path / "plan.csv", split="test")
    with pytest.raises(InputError, match=r"plan\.csv line \d: a sequence must be in one split"):
        planning.read_plan(path, SHAPES, 32)


def test_a_plan_with_an_id_twice_is_refused(tmp_path):
    path = write_plan(tmp_path / "plan.csv", id=plan(label_table(3)).id[1])
    with pytest.raises(InputError, match=r"plan\.csv line 4: an id must occur once"):
        planning.read_plan(path, SHAPES, 32)
