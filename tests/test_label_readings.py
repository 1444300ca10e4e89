"""Each wrong reading of a simulated sky's labels is named, and the right one raises no doubt."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import real_folder
from field_layouts import save

from dimjax.data.label_evidence import COLUMNS, PLACES, measure_sequence
from dimjax.data.label_readings import better_readings, late_labels, offset, unclear
from dimjax.data.layouts import DIMJAX, Layout
from dimjax.data.sequences import as_sequence, open_sequence
from dimjax.errors import Note
from dimjax.sky import SkyConfig, simulate

HEIGHT, WIDTH, LENGTH = 128, 160, 12
CALM = SkyConfig(
    frames=LENGTH, height=HEIGHT, width=WIDTH, targets_per_frame=6.0, interference_per_frame=0.0,
    cloud_counts=(150.0, 400.0), drift_px=(0.0, 0.1), pan_px=0.05, jitter_px=(0.01, 0.05),
    snr=(6.0, 12.0),
)  # fmt: skip
FAST, SLOW = CALM._replace(speed_px=(1.0, 5.0)), CALM._replace(speed_px=(0.0, 0.02))
CENTROIDS = Layout(labels="{sequence}.csv", label_format="centroids", category={"*": "target"})
BOXES = CENTROIDS._replace(label_format="boxes")


def sky(settings, names=("a1", "a2", "b1", "b2")):
    """Sequences and their true labels, those of visible targets."""
    sequences, tables = {}, []
    for seed, name in enumerate(names):
        frames, truth = simulate(settings, seed)
        sequences[name] = as_sequence(frames, name)
        tables.append(truth[truth.visible > 0.5].assign(sequence=name))
    return sequences, pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def fast():
    return sky(FAST)


@pytest.fixture(scope="module")
def slow():
    return sky(SLOW, ("a1", "a2"))


def evidence_of(sequences, labels):
    inside = labels.x.between(0, WIDTH - 0.01) & labels.y.between(0, HEIGHT - 0.01)
    inside &= labels.frame.between(0, LENGTH - 1)
    groups = labels[inside].groupby("sequence")
    return pd.concat([measure_sequence(rows, sequences[name]) for name, rows in groups])


def moved(labels, x=0.0, y=0.0, frame=0):
    return labels.assign(x=labels.x + x, y=labels.y + y, frame=labels.frame + frame)


def problems_of(sky, labels, layout=CENTROIDS):
    return [str(problem) for problem in better_readings(evidence_of(sky[0], labels), layout)]


@pytest.mark.parametrize("layout", [DIMJAX, CENTROIDS, BOXES, BOXES._replace(label_format="yolo")])
def test_the_right_reading_raises_no_doubt(fast, layout):
    evidence = evidence_of(*fast)
    assert not better_readings(evidence, layout)
    assert unclear(evidence, layout) is None and not late_labels(evidence, layout)
    centre, spread = offset(evidence)
    assert np.abs(centre).max() < 0.15 and spread < 0.8
    assert tuple(evidence.columns) == COLUMNS and len(evidence) == 144


WRONG = {
    "exchanged": (
        lambda it: it.assign(x=it.y, y=it.x),
        CENTROIDS,
        "data.layout.centroid_order=row",
    ),
    "exchanged in a table": (lambda it: it.assign(x=it.y, y=it.x), DIMJAX, "Exchange x and y"),
    "exchanged as shares": (
        lambda it: it.assign(x=it.y * WIDTH / HEIGHT, y=it.x * HEIGHT / WIDTH),
        BOXES._replace(label_format="yolo"),
        "as if x and y were exchanged",
    ),
    "twice the size": (lambda it: it.assign(x=2 * it.x, y=2 * it.y), DIMJAX, "Divide x, y, w and"),
    "half the size": (lambda it: it.assign(x=it.x / 2, y=it.y / 2), BOXES, "Multiply x, y, w an"),
    "padded": (
        lambda it: it.assign(y=(it.y + (WIDTH - HEIGHT) / 2) * HEIGHT / WIDTH),
        BOXES._replace(label_format="yolo"),
        "at the labels). Compute them as shares of the frames without the padding.",
    ),
    "upwards": (lambda it: it.assign(y=HEIGHT - it.y), DIMJAX, "Subtract y from the height"),
    "mirrored": (lambda it: it.assign(x=WIDTH - it.x), BOXES, "Subtract x from the width"),
    "turned": (
        lambda it: it.assign(x=WIDTH - it.x, y=HEIGHT - it.y),
        DIMJAX,
        "Subtract x from the width of the frames. Subtract y from the height",
    ),
    "first pixel 1": (lambda it: moved(it, 1, 1), CENTROIDS, "data.layout.first_pixel=1."),
    "first pixel 0": (
        lambda it: moved(it, -1, -1),
        CENTROIDS._replace(first_pixel=1),
        "data.layout.first_pixel=0.",
    ),
    "too small": (lambda it: moved(it, -1, -1), CENTROIDS, "Add 1 to x and y in the labels."),
    "corner of a format": (
        lambda it: moved(it, it.w / 2, it.h / 2),
        BOXES._replace(label_format="coco"),
        "data.layout.box_point=centre.",
    ),
    "corner by the key": (
        lambda it: moved(it, -it.w / 2, -it.h / 2),
        BOXES._replace(box_point="centre"),
        "data.layout.box_point=corner.",
    ),
    "first frame 1": (lambda it: moved(it, frame=1), CENTROIDS, "data.layout.first_frame=1."),
    "a frame early": (lambda it: moved(it, frame=-1), BOXES, "Add 1 to the frames of the labels."),
    "a frame late": (
        lambda it: moved(it, frame=1),
        BOXES._replace(first_frame=1),
        "Subtract 1 from the frames of the labels.",
    ),
    "a frame late by lines": (
        lambda it: moved(it, frame=1),
        BOXES._replace(label_format="rectangles", first_frame=1),
        "Remove the first entry of the label files.",
    ),
    "a frame early by lines": (
        lambda it: moved(it, frame=-1),
        CENTROIDS._replace(labels="{sequence}.txt"),
        "Add an entry at the start of the label files.",
    ),
    "first frame 0": (
        lambda it: moved(it, frame=-1),
        BOXES._replace(first_frame=1),
        "data.layout.first_frame=0.",
    ),
    "first pixel and frame": (
        lambda it: moved(it, 1, 1, 1),
        CENTROIDS,
        "pixels were numbered from 1 and frames were counted from 1. "
        "Set data.layout.first_pixel=1. Set data.layout.first_frame=1.",
    ),
    "corner": (lambda it: moved(it, -it.w / 2, -it.h / 2), DIMJAX, "data.layout.box_point=corner."),
    "centre": (lambda it: moved(it, it.w / 2, it.h / 2), BOXES, "data.layout.box_point=centre."),
    "bottom": (lambda it: moved(it, y=it.h), BOXES, "data.layout.box_point=bottom-left."),
}


@pytest.mark.parametrize(("change", "layout", "key"), WRONG.values(), ids=WRONG)
def test_a_wrong_reading_is_named_with_its_key(fast, change, layout, key):
    (problem,) = problems_of(fast, change(fast[1]), layout)
    assert problem.startswith("labels: they must lie on the objects; found a median offset of ")
    assert key in problem


def test_the_sequences_with_a_wrong_reading_are_named(fast):
    labels = fast[1]
    shift = labels.sequence.str.startswith("b").astype(float)
    (problem,) = problems_of(fast, moved(labels, shift, shift))
    assert problem.startswith("labels of b*: ") and "in 2 sequences" in problem
    remedy = "Set data.layout.first_pixel=\"{'*': 0, 'b*': 1}\"."
    assert f"as if pixels were numbered from 1. {remedy}" in problem


def test_the_first_frame_is_wrong_only_if_it_is_in_all_groups(fast):
    lagging = moved(fast[1], frame=fast[1].sequence.str.startswith("b").astype(int))
    assert not problems_of(fast, lagging)  # the labels of one group lag by a frame
    (note,) = late_labels(evidence_of(fast[0], lagging), CENTROIDS)
    assert re.match(
        r"the labels of b\* seem to be 1\.0 frames late, standard error 0\.\d\d, unl", note
    )
    assert ", unlike others: a median offset of " in note
    (problem,) = problems_of(fast, moved(lagging, frame=1))
    assert problem.startswith("labels: ") and "Set data.layout.first_frame=1." in problem
    early = moved(fast[1], frame=-fast[1].sequence.str.startswith("a").astype(int))
    from_one = CENTROIDS._replace(first_frame=1)
    assert not problems_of(fast, early, from_one)
    (note,) = late_labels(evidence_of(fast[0], early), from_one)
    assert note.startswith("the labels of a* seem to be 1.0 frames early, standard error 0.")


def test_fast_objects_in_large_boxes_tell_that_the_first_frame_is_right():
    rows = {"frame": np.arange(1, 41), "w": 15.0, "h": 15.0, "strength": 8.0, "before": 8.0}
    rows |= {"after": 8.0} | dict.fromkeys(("swapped", "upwards", "mirrored", "turned"), 1.5)
    still = {"dy": 0.0, "vy": 0.0, "uy": 0.0}
    late = pd.DataFrame({"sequence": "a", "dx": 2.0, "vx": 2.0, "ux": -2.0, **rows, **still})
    late = late.assign(w=4.0, h=4.0).reindex(columns=COLUMNS)
    right = pd.DataFrame({"sequence": "b", "dx": 0.0, "vx": 6.0, "ux": -6.0, **rows, **still})
    evidence = pd.concat([late, right], ignore_index=True)
    (problem,) = better_readings(late, BOXES)
    value = "as if frames were counted from 1 (labels 1.0 frames late, standard error 0.10). Set"
    assert value in str(problem)
    assert not better_readings(evidence, BOXES)
    (note,) = late_labels(evidence, BOXES)
    assert "the labels of a* seem to be 1.0 frames late, standard error 0.10, unlike others" in note


def test_late_labels_that_begin_in_the_first_frame_are_not_counted_from_1(fast):
    lagging = moved(fast[1], frame=1)
    first = fast[1][fast[1].frame == 0]  # labels of a tracker that stood still at first
    labels = pd.concat([first, lagging], ignore_index=True)
    assert not problems_of(fast, labels)
    (note,) = late_labels(evidence_of(fast[0], labels), CENTROIDS)
    assert "the labels of a*, b* seem to be 1.0 frames late" in note
    assert ", though the first frame has labels: a median offset" in note


def synthetic(offset, motion, spread=0.0, **columns):
    """Evidence of 40 labels at which spots lie at an offset, with a spread, pixels."""
    rng = np.random.default_rng(0)
    rows = {"sequence": "a", "frame": np.arange(1, 41), "w": 3.0, "h": 3.0, "strength": 8.0}
    rows |= dict(
        zip(("dx", "dy"), np.transpose(offset) + rng.normal(0, spread, (2, 40)), strict=True)
    )
    rows |= dict(
        zip(("vx", "vy", "ux", "uy"), (*np.transpose(motion), *-np.transpose(motion)), strict=True)
    )
    return pd.DataFrame(rows | columns, columns=COLUMNS)


def test_first_pixel_and_frame_are_named_together_though_spots_are_uncertain():
    angle = np.arange(40) * 2.4
    motion = np.column_stack([np.cos(angle), np.sin(angle)])
    (problem,) = better_readings(synthetic(motion - 1, motion, 0.9), CENTROIDS)  # late by a frame
    assert "pixels were numbered from 1 and frames were counted from 1. Set" in str(problem)
    (problem,) = better_readings(synthetic(0 * motion - 1, motion, 0.3), CENTROIDS)
    assert "as if pixels were numbered from 1. Set data.layout.first_pixel=1." in str(problem)
    (problem,) = better_readings(synthetic(motion, motion, 0.1), CENTROIDS)
    assert "as if frames were counted from 1 (labels 1.0 frames late, standard" in str(problem)


@pytest.mark.parametrize(("late", "count"), [(1.0, 1), (1.4, 1), (1.9, 2)])
def test_labels_late_by_several_frames_get_their_number(late, count):
    angle = np.arange(40) * 2.4
    motion = np.column_stack([np.cos(angle), np.sin(angle)])
    layout = BOXES._replace(first_frame=1)
    (problem,) = better_readings(synthetic(late * motion, motion, 0.1), layout)
    assert f"as if frames were too large by {count} (labels {late} frames late" in str(problem)
    assert f"Subtract {count} from the frames of the labels." in str(problem)
    assert str(problem).endswith("Check again: it may be more.") == (late > 1)


def test_corners_are_named_though_clutter_elsewhere_is_stronger_than_the_corners():
    sizes = {"w": 15.0, "h": 13.0, "strength": 2.0, "swapped": 5.0, "upwards": 1.0}
    corners = synthetic(np.full((40, 2), (7.5, 6.5)), np.zeros((40, 2)), 0.3, **sizes)
    (problem,) = better_readings(corners, DIMJAX)
    assert "x, y were the corner of a box. Set data.layout.box_point=corner." in str(problem)


def test_slow_targets_cannot_tell_the_first_frame(slow):
    for frame in (0, 1):
        evidence = evidence_of(slow[0], moved(slow[1], frame=frame))
        assert not better_readings(evidence, CENTROIDS)
        note = unclear(evidence, CENTROIDS)
        assert "move too little to tell whether frames are counted from 0 or 1" in note


def test_exchanged_axes_are_not_called_slow():
    frames = np.random.default_rng(0).normal(100, 2, (12, 32, 64))
    x, y = 2.5 + 2 * np.arange(12), 6.5
    frames[np.arange(12), 6, (x - 0.5).astype(int)] += 50
    labels = pd.DataFrame({"sequence": "a", "frame": np.arange(12), "x": y, "y": x, "w": 3.0})
    sequence = as_sequence(frames.astype(np.uint8), "a")
    evidence = measure_sequence(labels.assign(h=3.0, track=""), sequence)
    assert better_readings(evidence, DIMJAX) and unclear(evidence, DIMJAX) is None


@pytest.mark.parametrize(("frame", "key"), [(1, "first_frame=1"), (-1, "Add 1 to the frames")])
def test_labels_before_a_camera_that_jumps_are_late_or_early(frame, key):
    rng = np.random.default_rng(3)
    frames = rng.normal(100, 2, (40, 80, 80))
    x, y = rng.integers((10, 50), (26, 66), (40, 2)).T  # no displacement is like the one before it
    frames[np.arange(40), y, x] += 60
    table = {"sequence": "a", "frame": np.arange(40) + frame, "x": x + 0.5, "y": y + 0.5}
    labels = pd.DataFrame(table).assign(w=3.0, h=3.0, track="t")
    sequence = as_sequence(frames.astype(np.uint8), "a")
    evidence = measure_sequence(labels[labels.frame.between(0, 39)], sequence)
    (problem,) = better_readings(evidence, CENTROIDS)
    assert key in str(problem)


@pytest.mark.parametrize(
    ("offset", "motion", "size"),
    [
        ((0.59, 1.06), (0.59, 1.06), 5),
        ((-2.0, -0.4), (0.0, 0.0), 5),
        ((0.5, 0.5), (0.4, 0.3), 3),
        ((0.02, 0.02), (0.59, 1.06), 5),
    ],
    ids=["a frame of a slow target", "another direction", "half a pixel", "a pixel less a frame"],
)
def test_an_offset_of_another_cause_names_no_reading(offset, motion, size):
    rows = {"sequence": "a", "frame": np.arange(40), "w": size, "h": size, "strength": 8.0}
    back = (-motion[0], -motion[1])
    rows |= dict(zip(("dx", "dy", "vx", "vy", "ux", "uy"), (*offset, *motion, *back), strict=True))
    evidence = pd.DataFrame(rows, columns=COLUMNS)
    assert not better_readings(evidence, DIMJAX)


def test_labels_on_nothing_are_named_without_a_reading(fast):
    rng = np.random.default_rng(0)
    count = len(fast[1])
    anywhere = fast[1].assign(x=rng.uniform(0, WIDTH, count), y=rng.uniform(0, HEIGHT, count))
    (problem,) = problems_of(fast, anywhere)
    assert "labels: they must lie on the objects; found spots of 1.5 sigmas at them" in problem
    some = anywhere.where(fast[1].sequence.str.startswith("b"), fast[1])
    (problem,) = problems_of(fast, some)
    assert problem.startswith("labels of b*: ") and "of 1.5 at other places. Correct" in problem


def test_the_number_of_the_first_pixel_is_that_of_each_group(fast):
    pixels = CENTROIDS._replace(first_pixel={"*": 0, "a*": 1})
    of_a, of_b = problems_of(fast, moved(fast[1], 1, 1), pixels)
    assert of_a.startswith("labels of a*: ") and "Subtract 1 from x and y in the labels." in of_a
    remedy = "Set data.layout.first_pixel=\"{'*': 0, 'a*': 1, 'b*': 1}\"."
    assert of_b.startswith("labels of b*: ") and remedy in of_b


def test_objects_in_the_centre_of_all_frames_are_no_doubt():
    frames = np.random.default_rng(0).normal(100, 2, (40, 64, 64))
    frames[:, 31:33, 31:33] += 30
    labels = pd.DataFrame({"sequence": "a", "frame": np.arange(40), "x": 32.0, "y": 32.0})
    sequence = as_sequence(frames.astype(np.uint8), "a")
    evidence = measure_sequence(labels.assign(w=3.0, h=3.0, track="t"), sequence)
    assert not better_readings(evidence, CENTROIDS)


@pytest.mark.parametrize(
    ("form", "remedy"),
    [
        ("masks", "1 from the numbers in the names of the label files."),
        ("coco", "numbers of the images in the labels were too large by 1 (labels 1.0 frames late"),
    ],
)
def test_the_first_frame_is_no_remedy_for_labels_that_name_images(fast, form, remedy):
    layout = CENTROIDS._replace(label_format=form)
    (problem,) = problems_of(fast, moved(fast[1], frame=1), layout)
    assert remedy in problem and "first_frame" not in problem


@pytest.fixture(scope="module")
def four():
    return sky(FAST, ("a1", "a2", "a3", "a4"))


ODD = {
    "a pixel": (lambda it: moved(it, 1, 1), "Set data.layout.first_pixel=\"{'*': 0, 'a3': 1}\"."),
    "a frame": (lambda it: moved(it, frame=1), "Subtract 1 from the frames of the labels."),
    "a frame early": (lambda it: moved(it, frame=-1), "Add 1 to the frames of the labels."),
    "upwards": (lambda it: it.assign(y=HEIGHT - it.y), "Subtract y from the height of the frames."),
    "two pixels": (lambda it: moved(it, 2), "sequences with a name like this. Correct their pos"),
}


@pytest.mark.parametrize(("change", "remedy"), ODD.values(), ids=ODD)
def test_one_sequence_that_is_unlike_its_group_is_named(four, change, remedy):
    sequences, labels = four
    odd = labels.sequence == "a3"
    changed = pd.concat([labels[~odd], change(labels[odd])], ignore_index=True)
    (problem,) = problems_of((sequences, None), changed)
    assert problem.startswith("labels of a3: they must lie on the objects; found ")
    assert "unlike the sequences with a name like this" in problem and remedy in problem


def test_sequences_whose_labels_are_exchanged_are_named(four):
    sequences, labels = four
    names = labels.sequence.replace({"a2": "a3", "a3": "a2"})
    problems = problems_of((sequences, None), labels.assign(sequence=names))
    assert [it.partition(":")[0] for it in problems] == ["labels of a2", "labels of a3"]
    assert all("in the sequences with a name like this. Correct" in it for it in problems)


@pytest.mark.parametrize(
    ("others", "own", "is_odd"),
    [
        ((5, 2.8, 2.6), 1.4, False),
        ((5, 3.2, 2.6), 1.4, True),
        ((5, 3.2, 2.6), 1.5, False),  # all a little stronger than at other places
    ],
)
def test_dim_objects_are_not_odd_where_strengths_vary(four, others, own, is_odd):
    evidence = evidence_of(*four)
    strengths = dict(zip(("a1", "a2", "a4", "a3"), (*others, own), strict=True))
    places = dict.fromkeys((*PLACES, "before", "after"), 1.4)
    evidence = evidence.assign(strength=evidence.sequence.map(strengths), **places)
    problems = better_readings(evidence, CENTROIDS)
    assert ["a3" in str(problem) for problem in problems] == [True] * is_odd


@pytest.mark.parametrize(
    ("gain", "greatest", "is_odd"),
    [(0.5, 0.5, True), (-0.5, -0.5, False), (-0.5, 500.0, False)],  # one of a brighter object
)
def test_offsets_like_those_of_late_labels_need_stronger_spots_a_frame_before(
    four, gain, greatest, is_odd
):
    evidence = evidence_of(*four)
    odd = evidence.sequence == "a3"
    evidence.loc[odd, ["dx", "dy"]] = 0.7 * evidence.loc[odd, ["vx", "vy"]].to_numpy()
    evidence.loc[odd, "before"] = evidence.strength[odd] + gain
    evidence.loc[odd.idxmax(), "before"] = evidence.strength[odd.idxmax()] + greatest
    problems = better_readings(evidence, CENTROIDS)
    assert ["labels 0.7 frames late" in str(problem) for problem in problems] == [True] * is_odd


def test_few_labels_name_no_reading(fast):
    assert not problems_of(fast, moved(fast[1].iloc[:7], 1, 1))


FAST_CLIPS = [
    *(f"IR_HELICOPTER_0{number}" for number in (32, 34, 45)),
    *("IR_DRONE_060", "IR_DRONE_073", "IR_AIRPLANE_025", "IR_AIRPLANE_026"),
]


# The frames of the first are the most by far.
REAL = [pytest.param("cloud-seqs", marks=pytest.mark.long), "sky-seqs", "drone-ir"]


@pytest.fixture(scope="module", params=REAL)
def real(request):
    """A preset, and the sequences and labels of a real set, whose objects move."""
    folder = real_folder(request.param)
    names = FAST_CLIPS if request.param == "drone-ir" else folder.names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)  # four clips are without objects for a time
        labels = folder.labels
    return folder.layout, {name: folder.sequence(name) for name in names}, labels


def real_problems(real, change, **keys):
    layout, sequences, labels = real
    tables = []
    for name, sequence in sequences.items():
        length, height, width = sequence.shape
        rows = change(labels[labels.sequence == name], width)
        inside = rows.x.between(0, width - 0.01) & rows.frame.between(0, length - 1)
        tables.append(measure_sequence(rows[inside].reset_index(drop=True), sequence))
    return [str(it) for it in better_readings(pd.concat(tables), layout._replace(**keys))]


def test_the_labels_of_real_sets_are_right(real):
    assert not real_problems(real, lambda it, width: it)


def test_labels_of_real_sets_that_are_a_frame_early_or_mirrored_are_named(real):
    (problem,) = real_problems(real, lambda it, width: moved(it, frame=-1), first_frame=1)
    assert "as if frames were counted from 0 (labels " in problem
    assert "Set data.layout.first_frame=0." in problem
    (problem,) = real_problems(real, lambda it, width: it.assign(x=width - it.x))
    assert "labels: " in problem and "as if x pointed to the left (spots of " in problem


def test_first_pixel_and_frame_of_real_sets_are_named_at_once(real):
    problems = " ".join(real_problems(real, lambda it, width: moved(it, 1, 1, 1)))
    assert "as if pixels were numbered from 1" in problems
    assert "frames were counted from 1" in problems


def test_the_remedy_of_labels_numbered_as_the_files_names_their_number():
    angle = np.arange(40) * 2.4
    motion = np.column_stack([np.cos(angle), np.sin(angle)])
    layout = BOXES._replace(first_frame=1)

    def text_of(first, late=1.4, frame=4):
        columns = {"first_number": first, "frame": np.arange(40) + frame}
        (problem,) = better_readings(synthetic(late * motion, motion, 0.1, **columns), layout)
        return str(problem)

    assert "as if frames were too large by 4, numbered as the files" in text_of(5.0)
    assert text_of(5.0).endswith("Subtract 4 from them.")
    for other in (text_of(5.0, frame=3), text_of(2.0), text_of(1.0), text_of(np.nan)):
        assert "numbered as the files" not in other and "it may be more" in other
    assert "numbered as the files" not in text_of(5.0, late=1.0)


def test_labels_on_nothing_may_number_the_files():
    rng = np.random.default_rng(1)
    names = (*PLACES, "before", "after", "strength")
    columns = {
        **{name: rng.normal(1, 0.2, 40) for name in names},
        "frame": np.arange(40) + 9,
        "first_number": 10.0,
    }
    spread = rng.uniform(-4, 4, (40, 2))
    (problem,) = better_readings(synthetic(spread, 2 * np.ones((40, 2)), **columns), BOXES)
    assert str(problem).endswith("Correct their positions, frames or sequences.")
    layout = BOXES._replace(first_frame=1)
    (problem,) = better_readings(synthetic(spread, 2 * np.ones((40, 2)), **columns), layout)
    assert str(problem).endswith("If they number the files, subtract 9 from their frames.")


def test_the_number_of_the_first_file_is_part_of_the_evidence(tmp_path):
    frames = np.random.default_rng(0).integers(0, 99, (4, 40, 48)).astype(np.uint8)
    for t, pixels in enumerate(frames):
        save(tmp_path / f"a/f{t + 7}_14bit.png", pixels)
    rows = {"sequence": "a", "frame": [1], "x": 9.5, "y": 9.5, "w": 3.0, "h": 3.0, "track": ""}
    measured = measure_sequence(pd.DataFrame(rows), open_sequence(tmp_path / "a"))
    assert measured.first_number.tolist() == [7]
    measured = measure_sequence(pd.DataFrame(rows), as_sequence(frames))
    assert measured.first_number.isna().all()
