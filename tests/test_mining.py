"""Mining of trajectories that are laid out by hand."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.errors import InputError
from dimjax.ledger.values import Change
from dimjax.mining import (
    Mined,
    MiningConfig,
    mine,
    proposals,
    read_mined,
    shortlist,
    write_mined,
)
from dimjax.mining.isolated import probability_of as of_isolated
from dimjax.mining.trajectories import probability_of as of_tracks
from dimjax.tracks import APPEARANCE, CategoryModel, LinkingConfig, link
from dimjax.tracks.named_numbers import NUMBERS

SHAPE = (40, 200, 300)
SHAPES = {"a": SHAPE, "b": SHAPE, "001": SHAPE}
NO_LABELS = pd.DataFrame({name: [] for name in COLUMNS})


def detections(*rows, category="target", sequence="a"):
    """Detections from (frame, x, y)."""
    table = pd.DataFrame(rows, columns=["frame", "x", "y"])
    table = table.assign(sequence=sequence, w=3.0, h=3.0, category=category, score=0.9)
    return table[["sequence", "frame", "x", "y", "w", "h", "category", "score"]]


def flight(frames, start=(50.0, 40.0), speed=(3.0, 1.0), **more):
    return detections(
        *((t, start[0] + speed[0] * t, start[1] + speed[1] * t) for t in frames), **more
    )


def labels_of(table, track="t1", source="annotator"):
    return table.assign(track=track, source=source)[list(COLUMNS)]


def mined_from(*tables, labels=NO_LABELS, settings=MiningConfig()):  # noqa: B008
    table = pd.concat(tables, ignore_index=True)
    return mine(link(table), labels, SHAPES, settings)


def frames_of(item):
    return [frame.frame for frame in item.frames]


GAPS = [t for t in range(15) if t not in (7, 8, 11)]


def test_a_track_with_gaps_is_one_item_with_all_its_frames():
    mined = mined_from(flight(GAPS))
    (item,) = mined.misses
    assert (item.kind, item.sequence, mined.false_alarms, mined.doubtful) == ("miss", "a", [], [])
    reason = "12 detections on one path over 15 frames; frames 7, 8, 11 without one"
    assert item.reason == reason and frames_of(item) == list(range(15))
    frame = item.frames[8]
    assert (frame.x, frame.y) == pytest.approx((74, 48), abs=0.05) and frame.label is None
    box = (None, "a", 8, frame.x, frame.y, 3.0, 3.0, "target", "mined-0")
    assert frame.fix == Change(*box)


def test_a_track_without_gaps_is_an_unlabelled_target():
    (item,) = mined_from(flight(range(15))).misses
    assert item.kind == "unlabelled_target" and len(item.suggestion) == 15
    assert item.reason == "15 detections on one path over 15 frames"


def test_only_frames_without_a_label_are_suggested():
    labels = labels_of(flight([t for t in range(15) if t != 8]))
    (item,) = mined_from(flight(GAPS), labels=labels).misses
    assert item.kind == "miss" and frames_of(item) == [8]
    assert item.frames[0].fix.track == "t1"  # the labels' own
    (item,) = mined_from(flight(GAPS), labels=labels[labels.frame != 5]).misses
    assert frames_of(item) == [5, 8]
    assert mined_from(flight(GAPS), labels=labels_of(flight(range(15)))).misses == []


def test_a_label_off_its_track_is_not_duplicated():
    labels = labels_of(flight(range(15)))
    labels.loc[4, "y"] += 4.0
    assert mined_from(flight(GAPS), labels=labels).misses == []
    (item,) = mined_from(flight(GAPS), labels=labels.assign(track="")).misses
    assert frames_of(item) == [4]


def test_new_tracks_get_unused_names():
    labels = labels_of(flight([20], (10.0, 150.0)), track="mined-3")
    (item,) = mined_from(flight(GAPS), labels=labels).misses
    assert {frame.fix.track for frame in item.frames} == {"mined-4"}


def test_a_weak_detection_counts_as_a_miss():
    table = flight(range(15)).assign(score=[0.3 if t in (4, 5) else 0.9 for t in range(15)])
    (item,) = mined_from(table).misses
    assert item.kind == "miss" and item.reason.endswith("frames 4, 5 without one")


def test_labels_of_interference_decide_the_category_of_a_track():
    labels = labels_of(flight(range(0, 15, 2), category="interference"))
    mined = mined_from(flight(range(15)), labels=labels)
    (item,) = mined.false_alarms
    assert {fix.category for fix in item.suggestion} == {"interference"}
    assert frames_of(item) == [1, 3, 5, 7, 9, 11, 13] and not mined.misses + mined.doubtful


def test_an_isolated_detection_is_background():
    mined = mined_from(flight(GAPS), detections((20, 150.0, 100.0), (25, 250.0, 60.0)))
    assert [item.kind for item in mined.false_alarms] == ["false_alarm"] * 2
    (frame,) = mined.false_alarms[0].frames
    assert (frame.frame, frame.x, frame.label, frame.fix) == (20, 150.0, None, None)
    assert mined.false_alarms[0].reason == "a detection of 0.90 without another on its path"
    assert mined.false_alarms[0].probability == 1 - 2**-6


def test_a_detection_near_a_label_or_a_track_is_no_false_alarm():
    isolated = detections((20, 150.0, 100.0))
    assert not any(mined_from(isolated, labels=labels_of(isolated.assign(x=152.9))))
    assert mined_from(isolated, labels=labels_of(isolated.assign(x=153.0))).false_alarms
    beside = detections((5, 65.0, 47.5))  # 2.5 px from the track, which has its own detection
    mined = mined_from(flight(GAPS), beside)
    assert len(mined.misses) == 1 and not mined.false_alarms and not mined.doubtful
    interference = detections((20, 150.0, 100.0), category="interference")
    assert not any(mined_from(interference))


@pytest.mark.parametrize(("frame", "y", "sure"), [(16, 65.0, False), (16, 67.0, True), (9, 58, 0)])
def test_an_isolated_detection_beside_a_track_is_doubtful(frame, y, sure):
    # The track's position in frame 16, two frames after its end, is y = 56; in frame 9 it is 49.
    mined = mined_from(flight(GAPS), detections((frame, 50.0 + 3 * frame, y)))
    assert (len(mined.false_alarms), len(mined.doubtful)) == (int(sure), int(not sure))
    assert sure or mined.doubtful[0].reason.endswith("; it may belong to a track beside it")


@pytest.mark.parametrize(
    ("frame", "x", "sure"),
    [(20, 4.4, False), (20, 4.6, True), (20, 295.6, False), (0, 8.4, False), (39, 8.6, True)],
)
def test_an_isolated_detection_at_the_border_is_doubtful(frame, x, sure):
    mined = mined_from(detections((frame, x, 100.0)))
    assert (len(mined.false_alarms), len(mined.doubtful)) == (int(sure), int(not sure))
    if not sure:
        assert mined.doubtful[0].reason.endswith("; a target may have clipped the border")
        assert mined.doubtful[0].probability <= 0.5


def test_an_isolated_detection_in_a_short_sequence_is_doubtful():
    tracks = link(detections((1, 150.0, 100.0)))
    (item,) = mine(tracks, NO_LABELS, {"a": (3, 200, 300)}).doubtful
    assert item.reason.endswith("the sequence is short") and item.probability == 0.5 * (1 - 2**-2)


def test_a_spot_that_repeats_is_interference():
    jitter = [(2, 0.0), (9, 0.4), (17, -0.3), (30, 0.2)]
    (item,) = mined_from(detections(*((t, 150 + d, 100.0) for t, d in jitter))).false_alarms
    assert item.reason == "4 detections at one spot from frame 2 to 30"
    assert frames_of(item) == [2, 9, 17, 30] and item.probability == 1 - 2**-4
    assert item.frames[1].fix == Change(
        None, "a", 9, 150.4, 100.0, 3.0, 3.0, "interference", "mined-0"
    )


def test_detections_that_repeat_by_chance_are_no_spot():
    table = detections(*((t, 150.0, 100.0) for t in (2, 9, 17, 30)))
    assert len(mined_from(table, settings=MiningConfig(spot_chance=1e-12)).false_alarms) == 4


def test_a_spot_that_is_bright_most_of_the_time_does_not_flicker():
    table = detections(*((t, 150.0, 100.0) for t in [*range(2, 12), *range(28, 38)]))
    mined = mined_from(table)
    assert not mined.false_alarms and [len(item.frames) for item in mined.doubtful] == [10, 10]


def test_bursts_of_a_pixel_are_one_spot():
    still = [(t, 150.0 + 0.2 * (t % 3), 100.0) for t in (2, 3, 4, 20, 21, 22, 36)]
    mined = mined_from(detections(*still))
    assert [frames_of(item) for item in mined.false_alarms] == [[2, 3, 4, 20, 21, 22, 36]]
    assert mined.doubtful == []


@pytest.mark.parametrize(
    ("table", "kind", "doubt"),
    [
        (flight(range(12), speed=(0.1, 0.0)), "false_alarm", "stands still, as interference does"),
        (flight(range(3)), "unlabelled_target", "they are few"),
        (flight([4, 5]), "unlabelled_target", "they may lie on it by chance"),
        (flight(range(10, 20)), "unlabelled_target", "begins and ends in the middle of the frame"),
        (flight(range(15)).assign(score=[0.9] * 3 + [0.3] * 12), "miss", "they are few"),
    ],
)
def test_doubtful_tracks(table, kind, doubt):
    mined = mined_from(table)
    (item,) = mined.doubtful
    assert item.kind == kind and item.reason.endswith(doubt) and item.probability <= 0.5
    assert not mined.misses and not mined.false_alarms
    categories = {fix.category for fix in item.suggestion}
    assert categories == {"interference" if kind == "false_alarm" else "target"}


def test_a_short_track_that_leaves_the_frame_is_not_doubtful():
    (item,) = mined_from(flight(range(10, 18), (248.0, 40.0))).misses
    assert item.frames[-1].x > 298
    assert mined_from(flight(range(30, 40))).misses  # or lasts to the end of the sequence


def test_a_labelled_track_is_not_doubtful():
    labels = labels_of(flight(range(10, 16)))
    mined = mined_from(flight(range(10, 20)), labels=labels)
    assert [frames_of(item) for item in mined.misses] == [[16, 17, 18, 19]]


def test_targets_on_a_track_of_interference_are_doubtful():
    table = flight(range(15), category="interference")
    table.loc[[3, 9], "category"] = "target"
    mined = mined_from(table)
    (item,) = mined.doubtful
    assert item.kind == "false_alarm" and frames_of(item) == [3, 9]
    assert item.reason.endswith("most of them are of interference") and not mined.misses


def test_the_numbers_of_a_track_explain_its_category():
    table = flight(range(15)).assign(**dict.fromkeys(APPEARANCE, 1.0))
    reasons = {}
    for category, weight in (("target", 5.0), ("interference", -5.0)):
        numbers = {name: [0.0, 1.0, weight if name == "speed" else 0.0] for name in NUMBERS}
        config = LinkingConfig(categories=(CategoryModel(numbers, 0.0),) * 2)
        mined = mine(link(table, config), NO_LABELS, SHAPES)
        (item,) = mined.misses + mined.doubtful
        reasons[category] = item.reason
    assert reasons == {
        category: f"15 detections on one path over 15 frames; {category}: it is fast"
        for category in reasons
    }


def test_suggested_labels_lie_in_the_frame():
    # A curve that leaves the frame at the lower border for the frames 13 to 17.
    path = [(t, 50.0 + 3 * t, 201.0 - 0.12 * (t - 15) ** 2) for t in range(31)]
    table = detections(*(row for row in path if row[2] < 200))
    points = link(table).points.set_index("frame")
    below = points.index[points.y >= 200]
    (item,) = mined_from(table).misses
    assert len(below) and points.track.nunique() == 1
    kept = points.index[(points.y < 200) | points.detected]
    assert frames_of(item) == kept.tolist() and len(kept) < 31
    assert all(0 <= frame.fix.y < 200 for frame in item.frames)


@given(st.floats(-1e3, 1e9), st.floats(0, 1e6))
def test_probabilities_rise_with_the_ratio(ratio, more):
    low, high = map(of_tracks, (ratio, ratio + more))
    assert 0 <= low <= high <= 1


@given(st.integers(0, 2000))
def test_probabilities_rise_with_the_count(count):
    assert 0 <= of_isolated(count) <= of_isolated(count + 1) <= 1


def test_items_are_ordered_by_certainty_whatever_the_order_of_the_rows():
    isolated = detections((20, 150.0, 100.0), (39, 250.0, 60.0), (30, 20.0, 150.0))
    tables = [flight(GAPS), flight(range(25), (40.0, 120.0), sequence="b"), isolated]
    mined = mined_from(*tables)
    table = pd.concat(tables, ignore_index=True).sample(frac=1, random_state=3)
    assert mine(link(table), NO_LABELS, SHAPES) == mined
    for items in mined:
        probabilities = [item.probability for item in items]
        assert probabilities == sorted(probabilities, reverse=True)
    assert [item.sequence for item in mined.misses] == ["b", "a"]


def test_equally_probable_false_alarms_are_ordered_by_score():
    isolated = detections((10, 50.0, 100.0), (20, 150.0, 100.0), (30, 250.0, 100.0))
    mined = mined_from(isolated.assign(score=[0.7, 0.9, 0.8]))
    assert [item.score for item in mined.false_alarms] == [0.9, 0.8, 0.7]
    assert len({item.probability for item in mined.false_alarms}) == 1


def test_proposals_are_items_that_suggest_labels():
    flickering = detections(*((t, 250.0, 150.0) for t in (2, 9, 17, 30)))
    alone = detections((20, 150.0, 20.0))
    mined = mined_from(flight(GAPS), flickering, alone)
    kept = proposals(mined)
    assert kept.misses == mined.misses and len(kept.misses) == 1
    (spot,) = kept.false_alarms
    assert {fix.category for fix in spot.suggestion} == {"interference"}
    assert len(mined.false_alarms) == 2


def test_misses_are_shortlisted_first_and_all_items_are_written(tmp_path):
    false, beside = detections((20, 250.0, 150.0)), detections((7, 71.0, 55.0))
    mined = mined_from(*(t.assign(sequence="001") for t in (flight(GAPS), false, beside)))
    assert [len(items) for items in mined] == [1, 1, 1]
    assert shortlist(mined, 2) == [*mined.misses, *mined.false_alarms]
    assert shortlist(mined, 0) == [] and shortlist(mined, 9)[-1:] == mined.doubtful
    write_mined(tmp_path / "mined.csv", mined, shortlist(mined, 2))
    table = read_mined(tmp_path / "mined.csv")
    assert table.shown.tolist() == [1] * 15 + [1, 0] and set(table.sequence) == {"001"}
    assert table.category.tolist() == ["target"] * 15 + ["", ""]
    assert table[["frame", "x", "y"]].iloc[-1].tolist() == pytest.approx([7, 71, 55])
    write_mined(tmp_path / "none.csv", Mined([], [], []), [])
    assert read_mined(tmp_path / "none.csv").empty
    for text in ("", "a\n\n", "shown,kind\n1\n1,2,3\n", "\xff"):
        (tmp_path / "none.csv").write_text(text, encoding="latin-1")
        with pytest.raises(
            InputError, match=r"none\.csv: it must be a table with the numbers shown"
        ):
            read_mined(tmp_path / "none.csv")
    lines = (tmp_path / "mined.csv").read_text().replace(",71.0,", ",east,")
    (tmp_path / "mined.csv").write_text(lines)
    with pytest.raises(
        InputError, match=r"mined\.csv: .*, x, y; found none in x\. Restore the file"
    ):
        read_mined(tmp_path / "mined.csv")


def test_mined_items_can_be_decided_in_a_ledger(tmp_path):
    labels = labels_of(flight([0, 1, 2]))
    tracks = link(pd.concat([flight(GAPS), detections((20, 150.0, 100.0))], ignore_index=True))
    mined = mine(tracks, labels, SHAPES)
    with ledger.create_or_open(tmp_path / "ledger.sqlite", labels, SHAPES, 3.0) as db:
        ids = ledger.add_items(db, mined.misses + mined.false_alarms, stage="mine")
        assert len(ids) == 2
        for item in ids:
            ledger.decide(db, item, "accept", "ann")
        ledger.begin_round(db, 1)
        after = ledger.labels_as_of(db, 1)
    assert sorted(after.frame) == list(range(15)) and set(after.track) == {"t1"}
    assert len(mined.misses[0].frames) == 12  # one decision for twelve labels


def test_no_detections_give_no_items():
    assert not any(mined_from(flight([])))


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ({}, "sequence a: the shape of each sequence must be given; found none. Add it to shapes"),
        ({"a": (9, 200, 300)}, r"length, height, width \(9, 200, 300\); found frame 9, x 77, y 49"),
        ({"a": (40, 200, 60)}, "found frame 4, x 62, y 44. Give the shape of this sequence"),
    ],
)
def test_invalid_shapes_are_reported(shapes, text):
    with pytest.raises(InputError, match=text):
        mine(link(flight(GAPS)), NO_LABELS, shapes)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"match_px": 0.0}, "mining setting `match_px`: must be above 0; found 0.0. Correct"),
        ({"short_frames": -1}, "setting `short_frames`: must be 0 or more; found -1"),
        ({"spot_chance": 2.0}, "setting `spot_chance`: must be between 0 and 1; found 2.0"),
    ],
)
def test_settings_out_of_range_are_reported(change, text):
    with pytest.raises(InputError, match=text):
        mined_from(flight(GAPS), settings=MiningConfig(**change))


def test_boxes_of_a_poor_network_are_limited_to_those_of_labels():
    boxes = flight(GAPS).assign(w=0.0007, h=1e6)
    (miss,) = mined_from(boxes).misses
    assert {(frame.fix.w, frame.fix.h) for frame in miss.frames} == {(0.1, 200.0)}
