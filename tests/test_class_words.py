"""Classes by the words in their names, in functions and in recognised folders."""

import json

import pytest
from conftest import tiny_config
from field_layouts import every_frame, frames, save, text, yolo_box

from dimjax.commands import recognise as command
from dimjax.commands.config_file import check_texts
from dimjax.data.class_words import category_of_class
from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise
from dimjax.errors import Note, UsageError


@pytest.mark.parametrize(
    ("category", "names"),
    [
        ("interference", "bird birds Seabird IR_BIRD cloudEdge cloud-clutter interferer NOISE"),
        (
            "interference",
            "false_alarm background non-target no_target nontargets not-a-drone Stars",
        ),
        (
            "target",
            "drone UAV small_obj drone_cloud thunderbird-UAV not_a_bird 1 birdseye plane-bird",
        ),
        ("target", "target_1 cloudy starlink"),
        ("ignore", "ignored_region DontCare crowd"),
    ],
)
def test_the_words_of_a_name_tell_its_category(category, names):
    assert {name: category_of_class(name) for name in names.split()} == dict.fromkeys(
        names.split(), category
    )


def yolo_folder(path, *names):
    for k, _, t, pixels in every_frame():
        save(path / f"c{k}/{t:03d}.png", pixels)
        text(path / f"c{k}/{t:03d}.txt", yolo_box(k, t).replace("0 ", f"{k % len(names)} ", 1))
    text(path / "data.yaml", json.dumps({"names": names}))


def test_a_class_with_dots_and_brackets_is_read(tmp_path):
    yolo_folder(tmp_path, "DJI Mavic 2.0", "[b] bird")
    found = recognise(tmp_path)
    assert found.layout.category == {"DJI Mavic 2?0": "target", "[[]b] bird": "interference"}
    assert "taken for interference by its name: class [b] bird" in found.evidence
    labels = open_folder(tmp_path, found.layout).labels
    assert set(labels[labels.category == "interference"].sequence) == {"c1"}
    config = tiny_config()
    config.data.folder, config.data.layout.sequences = str(tmp_path), "auto"
    command.apply(config)
    assert config.data.layout.category.to_dict() == found.layout.category


def test_a_key_with_a_dot_has_a_remedy():
    with pytest.raises(UsageError, match=r"found 'a\.b'. Write 'a\?b', in which \? is any charac"):
        check_texts("config.data.layout.category", {"a.b": "target"})


@pytest.mark.parametrize(("name", "value"), [("valid", 0), ("is_present", "False"), ("ignore", 1)])
def test_rows_of_absent_objects_are_left_out(tmp_path, name, value):
    rows = f"frame,x,y,w,h,{name}\n0,9,9,3,3,{1 - (name == 'ignore')}\n1,9,9,3,3,{value}\n"
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"a/{t:03d}.png", pixels)
    text(tmp_path / "a.csv", rows)
    found = recognise(tmp_path)
    with pytest.warns(Note, match="1 label row .* absent or to be ignored"):
        labels = open_folder(tmp_path, found.layout).labels
    assert labels.frame.tolist() == [0]


def test_ignored_annotations_of_coco_are_left_out(tmp_path):
    images = list(enumerate(frames(0)))
    box = {"bbox": [5, 5, 4, 4], "category_id": 1, "area": 16}
    for t, pixels in images:
        save(tmp_path / f"a/{t:03d}.png", pixels)
    record = {
        "images": [{"id": t, "file_name": f"a/{t:03d}.png"} for t, _ in images],
        "categories": [{"id": 1, "name": "drone"}],
        "annotations": [{"id": t, "image_id": t, "ignore": t % 2, **box} for t, _ in images],
    }
    text(tmp_path / "annotations.json", json.dumps(record))
    found = recognise(tmp_path)
    count = len(images) // 2
    with pytest.warns(Note, match=f"{count} annotations with ignore 1, left out"):
        labels = open_folder(tmp_path, found.layout).labels
    assert set(labels.frame % 2) == {0}
