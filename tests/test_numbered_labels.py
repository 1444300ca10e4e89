"""Labels that name the frames of videos and stacks by their numbers, and images by their paths."""

import json
from pathlib import Path

import numpy as np
import pytest
from field_layouts import LENGTH, SPLITS, centre, every_frame, frames, mask, save, text, yolo_box

from dimjax.data.folders import open_folder
from dimjax.data.frame_index import FrameIndex
from dimjax.data.recognition import recognise
from dimjax.errors import InputError


def stacks(folder):
    (folder / "sequences").mkdir()
    for k in range(len(SPLITS)):
        np.save(folder / f"sequences/clip_{k}.npy", frames(k))


def coco(folder, name):
    """Write labels of images that are called as `name` says."""
    images, boxes = [], []
    for k, _, t, _ in every_frame():
        x, y = centre(k, t)
        images.append({"id": len(images), "file_name": name(k, t)})
        boxes.append({"id": len(boxes), "image_id": len(boxes), "category_id": 1})
        boxes[-1]["bbox"] = [x - 1, y - 1, 3, 3]
    kinds = [{"id": 1, "name": "target"}]
    text(folder / "labels.json", json.dumps({"images": images, "annotations": boxes,
                                             "categories": kinds}))  # fmt: skip


def check(folder, absent=()):
    found = recognise(folder)
    assert not found.doubts
    labels = open_folder(folder, found.layout).labels
    rows = [(f"clip_{k}", t, *np.add(centre(k, t), 0.5)) for k, _, t, _ in every_frame()]
    expected = [row for row in rows if row[1] not in absent]
    read = labels[["sequence", "frame", "x", "y"]].to_numpy().tolist()
    assert [row[:2] for row in read] == [list(row[:2]) for row in expected]
    np.testing.assert_allclose([row[2:] for row in read], [row[2:] for row in expected], atol=0.01)
    return found.layout


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("masks/clip_{}/{:06d}", "masks/{sequence}/{frame}"),
        ("masks/clip_{}/frame_{:06d}", "masks/{sequence}/frame_{frame}"),
        ("masks/clip_{}_{:06d}", "masks/{sequence}_{frame}"),
    ],
)
@pytest.mark.parametrize("first", [0, 1])
def test_a_mask_per_frame_of_a_stack(tmp_path, name, pattern, first):
    stacks(tmp_path)
    for k, _, t, _ in every_frame():
        save(tmp_path / (name.format(k, t + first) + ".png"), mask(k, t))
    layout = check(tmp_path)
    assert (layout.labels, layout.first_frame) == (f"{pattern}.png", first)


@pytest.mark.filterwarnings("ignore:3 frames without a file")
def test_a_text_per_frame_of_a_stack(tmp_path):
    stacks(tmp_path)
    for k, _, t, _ in every_frame():
        if yolo_box(k, t):
            text(tmp_path / f"labels/clip_{k}/frame_{t:06d}.txt", yolo_box(k, t))
    assert check(tmp_path, absent=(3,)).labels == "labels/{sequence}/frame_{frame}.txt"


@pytest.mark.parametrize(
    ("name", "first"),
    [
        (lambda k, t: f"clip_{k}/frame_{t:06d}.PNG", 0),
        (lambda k, t: f"clip_{k}/{t + 1:06d}", 1),
        (lambda k, t: f"clip_{k}_{t}.jpg", 0),
        (lambda k, t: f"C:\\video\\clip_{k}.npy\\{t}.jpg", 0),
    ],
)
def test_coco_of_the_frames_of_a_stack(tmp_path, name, first):
    stacks(tmp_path)
    coco(tmp_path, name)
    assert check(tmp_path).first_frame == first


def test_numbers_behind_the_names_of_videos():
    index = FrameIndex({"s1": [], "s1_2": []})
    assert index.number("a/s1/frame_007.png") == ("s1", 7)
    assert index.number("s1_2_3.png") == ("s1_2", 3)
    assert index.number("s1_2.png") is index.number("s3/1.png") is index.number("s1/a.png") is None


def test_images_that_are_several_frames_are_a_problem(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"clip_{k}/{t if k else t + 3:02d}.png", pixels)
    coco(tmp_path, lambda k, t: f"{t if k else t + 3:02d}.png")
    layout, errors = recognise(tmp_path).layout, []
    folder = open_folder(tmp_path, layout)
    # The names 00 to 02 occur twice, 03 to 05 in all three sequences, 06 to 08 in clip_0 alone.
    assert len(folder.read_labels(folder.shapes, errors.append)) == LENGTH // 2
    with pytest.raises(
        InputError, match=r"must be one frame; found 15 labels of .* several, such "
    ):
        raise errors[0]
    assert len(errors) == 1


@pytest.mark.parametrize("path", ["", "/", ".", "./", "\\\\"])
def test_a_path_without_a_name_is_no_frame(path):
    index = FrameIndex({"s1": [], "s2": [Path("s2/0.png")]})
    assert index.find(path) is None and index.number(path) is None


@pytest.mark.parametrize("form", ["yolo", "voc", "lines"])
def test_labels_of_which_the_first_25_frames_have_none(tmp_path, form):
    rows, size = [], "<size><width>48</width><height>40</height></size>"
    for t in range(30):
        save(tmp_path / f"images/a/{t:02d}.png", frames(0)[t % LENGTH])
        box = "<object><name>target</name><bndbox><xmin>5</xmin><ymin>6</ymin><xmax>7</xmax>"
        box = "" if t < 25 else f"{box}<ymax>8</ymax></bndbox></object>"
        if form == "yolo":
            text(tmp_path / f"labels/a/{t:02d}.txt", "" if t < 25 else "0 .125 .175 .0625 .075\n")
        if form == "voc":
            text(tmp_path / f"labels/a/{t:02d}.xml", f"<annotation>{size}{box}</annotation>")
        rows.append(f"/x/images/a/{t:02d}.png" + (" 5,6,8,9,0" if t >= 25 else ""))
    if form == "lines":
        text(tmp_path / "list.txt", "\n".join(rows))
    found = recognise(tmp_path)
    labels = open_folder(tmp_path, found.layout).labels
    assert found.layout.label_format == form and labels.frame.tolist() == [*range(25, 30)]
