"""Frames of several videos in one folder, by their names."""

import json
from pathlib import Path

from field_layouts import centre, every_frame, save, text

from dimjax.data.flat_names import counted_pattern
from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise

RANDOM = ("x7Kd", "Qa3b", "9fTe", "w2Lm", "Zu8-", "k_5c")


def pattern_of(*names):
    return counted_pattern([Path(f"{name}.jpg") for name in names])


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


def test_other_names_are_left_alone():
    videos = [f"{name}_{t}_{RANDOM[t]}" for name in "ab" for t in range(4)]
    assert pattern_of(*videos) == "{sequence}_{frame}_*.jpg"
    assert pattern_of(*videos[:-1]) is None  # three frames of b
    assert pattern_of(*videos, "a_7_x") is None  # a gap: images of single moments
    assert pattern_of(*videos, "a_2_x") is None
    assert pattern_of(*[f"a-{t}" for t in range(4)]) is None
