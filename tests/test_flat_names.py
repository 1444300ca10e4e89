"""Frames of several videos in one folder, by their names."""

import json
import random

import pytest
from field_layouts import centre, every_frame, frames, save, text, yolo_box

from dimjax.commands.sources import open_source
from dimjax.data.flat_names import flat_pattern
from dimjax.data.folders import open_folder
from dimjax.data.layouts import DIMJAX
from dimjax.data.recognition import recognise
from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError

RANDOM = ("x7Kd", "Qa3b", "9fTe", "w2Lm", "Zu8-", "k_5c")


def pattern_of(folder, names):
    for name in names:
        save(folder / f"{name}.png", frames(0)[0])
    return flat_pattern(folder, [folder])


def test_frames_with_a_random_text_behind_their_number_are_those_of_videos(tmp_path):
    """Names as FLIR ADAS has them; the numbers of a video do not begin with 0."""
    images, boxes = [], []
    for k, _, t, pixels in every_frame():
        name = f"video-{RANDOM[k]}-frame-{100 * k + t:06d}-{RANDOM[t]}.png"
        save(tmp_path / "data" / name, pixels)
        images.append({"id": len(images), "file_name": f"data/{name}"})
        x, y = centre(k, t)
        boxes.append({"image_id": len(boxes), "bbox": [x - 1, y - 1, 3, 3], "category_id": 0})
    content = {"images": images, "annotations": boxes, "categories": [{"id": 0, "name": "drone"}]}
    text(tmp_path / "coco.json", json.dumps(content))
    found = recognise(tmp_path)
    assert found.layout.sequences == "data/{sequence}-frame-{frame}-*.png"
    assert not found.doubts and not found.stills
    folder = open_folder(tmp_path, found.layout)
    assert sorted(folder.names) == sorted(f"video-{text}" for text in RANDOM[:3])
    row = folder.labels.query("sequence == 'video-Qa3b' and frame == 2")
    assert row[["x", "y"]].to_numpy().tolist() == [[v + 0.5 for v in centre(1, 2)]]
    alone = open_source(tmp_path / "data", DIMJAX)  # as the input of `detect`
    assert sorted(alone.names) == sorted(folder.names)


def test_a_sequence_with_a_missing_frame_is_not_taken_for_still_images(tmp_path):
    for t in (0, 1, 2, 4, 5):
        save(tmp_path / f"{t}.png", frames(0)[0])
    with pytest.raises(InputError, match="frames must be numbered without a gap, 3 follows 2"):
        open_source(tmp_path, DIMJAX)


def test_other_names_are_left_alone(tmp_path):
    videos = [f"{name}_{t}_{RANDOM[t]}" for name in "ab" for t in range(4)]
    assert pattern_of(tmp_path / "0", videos) == "{sequence}_{frame}_*.png"
    still = "{sequence}.*"
    assert pattern_of(tmp_path / "1", videos[:-1]) == still  # three frames of b
    assert pattern_of(tmp_path / "2", [*videos, "a_7_x"]) == still  # images of single moments
    assert pattern_of(tmp_path / "3", [*videos, "a_2_x"]) == still


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("abcdef", "a.png: a frame's name must contain its number; found a.png. Rename the frames"),
        (
            [f"12-{30 + t // 60}-{t % 60:02d}" for t in range(40, 100, 10)],
            "the names of frames must number them; found times, 12-30-40 to 12-31-30. Rename",
        ),
        (
            ["123058.00", "123058.50", "123059.00", "123059.50", "123100.00", "123100.50"],
            "must number them; found times, 123058.00 to 123100.50. Rename the frames 0, 1,",
        ),
        (
            [f"17092944{t // 4:02d}.{t % 4 * 250001 + 33:09d}" for t in range(6)],
            "found times, 1709294400.000000033 to 1709294401.000250034. Rename the frames 0, 1,",
        ),
        (
            [f"1709294400.{t * 33366700:09d}" for t in range(6)],
            "found times, 1709294400.000000000 to 1709294400.166833500. Rename the frames 0, 1,",
        ),
        (
            [f"IR_20230714_10320{t // 3}_{t % 3 * 300:03d}" for t in range(6)],
            "found times, IR_20230714_103200_000 to IR_20230714_103201_600. Rename the frames 0,",
        ),
        (
            [f"{1689330725123 + 400 * t}" for t in range(6)],
            "must number them; found times, 1689330725123 to 1689330727123. Rename the frames 0,",
        ),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_letters_and_times_do_not_number_frames(tmp_path, names, message, count):
    for k, _, t, pixels in every_frame():
        if k < count:
            save(tmp_path / f"s{k}/{names[t]}.png", pixels)
    found = recognise(tmp_path)
    assert found.layout.sequences == ("s0" if count == 1 else "{sequence}") and not found.stills
    with pytest.raises(InputError) as error:
        open_folder(tmp_path, found.layout).sequence("s0")
    assert message in str(error.value)


def test_numbers_behind_times_number_frames(tmp_path):
    """With a missing frame, which is said."""
    for t in (0, 1, 3, 4, 5):
        save(tmp_path / f"a/DJI_2023-07-14T10:32:0{t}_{t + 1:04d}.png", frames(0)[t])
        save(tmp_path / f"b/DJI_20230714_103205_{t + 1:06d}.png", frames(0)[t])
    for folder in ("a", "b"):
        with pytest.raises(InputError, match=r"without a gap, 3 follows 2|one numbering"):
            open_sequence(tmp_path / folder)


def test_numbers_that_look_like_times_are_none(tmp_path):
    """Scene and frame, and frame numbers of six digits."""
    names = [f"01-{scene:02d}-{t:02d}" for scene in (2, 3) for t in range(5)]
    assert pattern_of(tmp_path / "0", names) == "{sequence}-{frame}.*"
    for t in range(50, 70):
        save(tmp_path / f"1/s/{t:06d}.png", frames(0)[0])
    folder = open_folder(tmp_path / "1", recognise(tmp_path / "1").layout)
    assert len(folder.sequence("s")) == 20


@pytest.mark.parametrize(
    ("name", "pattern", "sequences"),
    [
        ("c{k}-a_{t:04d}", "{sequence}_{frame}.*", ["c0-a", "c1-a", "c2-a"]),
        ("day_{n:04d}", "{sequence}_{frame}.*", ["day"]),
        ("{n:04d}", "{frame}.*", None),
    ],
)
@pytest.mark.parametrize("split", ["", "train/"])
def test_a_random_text_before_a_name_is_left_out(tmp_path, name, pattern, sequences, split):
    """As Label Studio has it."""
    rng = random.Random(0)
    for k, _, t, pixels in every_frame():
        stem = f"{rng.getrandbits(32):08x}-{name.format(k=k, t=t, n=6 * k + t)}"
        save(tmp_path / f"images/{split}{stem}.png", pixels)
        text(tmp_path / f"labels/{split}{stem}.txt", yolo_box(k, t))
    found = recognise(tmp_path)
    place = split.replace("train", "{split}")
    assert found.layout.sequences == f"images/{place}????????-{pattern}" and not found.doubts
    assert found.layout.labels == f"labels/{place}????????-{pattern[:-2]}.txt"
    folder = open_folder(tmp_path, found.layout)
    assert folder.names == (sequences or [tmp_path.name]) and len(folder.labels) == 15
    assert len(folder.sequence(folder.names[0])) == (6 if "{k}" in name else 18)


def test_dates_and_numbers_before_names_are_no_random_texts(tmp_path):
    names = [f"202307{day}-a_{t:02d}" for day in (14, 15) for t in range(5)]
    assert pattern_of(tmp_path / "0", names) == "{sequence}_{frame}.*"
    names = [
        f"{start}-a{k}_{t:02d}"
        for k, start in enumerate(("deadbeef", "0ddba11d"))
        for t in range(5)
    ]
    assert pattern_of(tmp_path / "1", names) == "{sequence}_{frame}.*"
    names = [f"{7001 * t:08d}-a{t % 2}_{t:02d}" for t in range(10)]
    assert not (pattern_of(tmp_path / "2", names) or "").startswith("?")


@pytest.mark.parametrize(
    ("name", "pattern", "sequences"),
    [
        ("c{k}_frame{t:05d}", "{sequence}{frame}", ["c0_frame", "c1_frame", "c2_frame"]),
        ("c{k} 05-01 T{t:03d}", "{sequence}{frame}", ["c0 05-01 T", "c1 05-01 T", "c2 05-01 T"]),
        ("{word}{t:04d}", "{sequence}{frame}", ["day", "dusk", "night"]),
        ("cam{k} ({t})", "{sequence} ({frame})", ["cam0", "cam1", "cam2"]),
        ("c{k} [{t:03d}]", "{sequence} [[]{frame}]", ["c0", "c1", "c2"]),
    ],
)
def test_a_number_behind_a_letter_or_in_brackets_is_not_divided(tmp_path, name, pattern, sequences):
    """The numbers run from 7 to 12, so that their first digits change."""
    for k, _, t, pixels in every_frame():
        stem = name.format(k=k, t=t + 7, word=("day", "night", "dusk")[k])
        save(tmp_path / f"im/{stem}.png", pixels)
        x, y = ((v + 0.5) / size for v, size in zip(centre(k, t), (48, 40), strict=True))
        text(tmp_path / f"labels/{stem}.txt", f"0 {x} {y} .1 .1\n")
    found = recognise(tmp_path)
    assert found.layout.sequences == f"im/{pattern}.*" and not found.doubts
    folder = open_folder(tmp_path, found.layout)
    assert folder.names == sequences
    assert [len(folder.sequence(name)) for name in sequences] == [6, 6, 6]
    assert len(folder.labels) == 18
