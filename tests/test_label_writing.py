"""Labels that are written in the formats of other programs, and read again."""

import json

import numpy as np
import pandas as pd
import pytest
from full_disk import limited_size
from PIL import Image

from dimjax.data.folders import open_folder
from dimjax.data.label_writing import FORMS, as_labels, write_labels
from dimjax.data.labels import CATEGORIES, COLUMNS
from dimjax.data.layouts import Layout
from dimjax.errors import InputError

ROWS = [
    ("b", 0, 10.5, 8.5, 3.0, 3.0, "target", "x"),
    ("b", 1, 12.5, 9.5, 3.0, 5.0, "target", "x"),
    ("b", 1, 30.0, 20.0, 4.0, 4.0, "interference", ""),
    ("a", 2, 5.25, 6.75, 2.5, 3.5, "target", "y"),
]
LABELS = pd.DataFrame([(*row, "annotator") for row in ROWS], columns=COLUMNS)
READ_BY = {
    "csv": {"labels": "csv/labels.csv"},
    "coco": {"labels": "coco/annotations.json", "label_format": "coco"},
    "yolo": {"labels": "yolo/labels/{sequence}/{frame}.txt", "label_format": "yolo"},
    "mot": {"labels": "mot/{sequence}/gt/gt.txt", "label_format": "mot", "first_pixel": 1,
            "first_frame": 1, "category": {"1": "target", "2": "interference"}},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for name in "ab":
        for t in range(3):
            file = tmp_path / "sequences" / name / f"frame{t + 7}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((32, 48), 9, np.uint8)).save(file)
    return open_folder(tmp_path, Layout(labels=""))


def write(folder, form, labels=LABELS):
    sequences = {name: folder.sequence(name) for name in folder.names}
    write_labels(labels, sequences, folder.path / form, form)
    return folder.path / form


@pytest.mark.parametrize("form", READ_BY)
def test_a_round_trip_keeps_the_labels(folder, form):
    out = write(folder, form)
    if form == "yolo":
        (folder.path / "data.yaml").write_text((out / "data.yaml").read_text())
    read = open_folder(folder.path, Layout(**READ_BY[form])).labels
    key = ["sequence", "frame", "x"]
    read, given = (table.sort_values(key, ignore_index=True) for table in (read, LABELS))
    assert read[["sequence", "frame", "category"]].equals(given[["sequence", "frame", "category"]])
    np.testing.assert_allclose(read[[*"xywh"]], given[[*"xywh"]], atol=1e-4)
    if form in ("csv", "coco"):
        assert read.track.tolist() == given.track.tolist()


def test_masks_of_targets(folder):
    out = write(folder, "masks", LABELS[:3])
    layout = {"labels": "masks/masks/{sequence}/{frame}.png", "label_format": "masks"}
    read = open_folder(folder.path, Layout(**layout, category={"*": "target"})).labels
    np.testing.assert_array_equal(read[["frame", *"xywh"]], LABELS[["frame", *"xywh"]][:2])
    assert len(list(out.glob("masks/*/frame*.png"))) == 6


def test_regions_count_from_the_lower_left_pixel(folder):
    text = (write(folder, "regions") / "regions/b/frame7.reg").read_text()
    assert "box(11.0000,24.0000,3.0000,3.0000,0) # color=green text={target x}" in text


def test_coco_names_the_files_of_all_frames(folder):
    content = json.loads((write(folder, "coco") / "annotations.json").read_text())
    assert [image["file_name"] for image in content["images"]][:2] == [
        "a/frame7.png",
        "a/frame8.png",
    ]
    assert [kind["name"] for kind in content["categories"]] == list(CATEGORIES)
    assert content["images"][3] | {"id": 0} == {
        "id": 0, "file_name": "b/frame7.png", "width": 48, "height": 32, "frame": 0,
    }  # fmt: skip


def test_coco_is_read_by_pycocotools(folder):
    tools = pytest.importorskip("pycocotools.coco")
    out = write(folder, "coco", as_labels(LABELS.assign(score=0.5)))
    coco = tools.COCO(str(out / "annotations.json"))
    assert len(coco.getAnnIds()) == 4 and len(coco.getImgIds()) == 6
    results = coco.loadRes(list(coco.anns.values()))
    assert sorted(entry["score"] for entry in results.anns.values()) == [0.5] * 4


def test_detections_keep_their_scores(folder):
    detections = as_labels(LABELS.assign(score=[0.9, 0.8, 0.7, 0.6], track=[1, 1, None, 2]))
    assert detections.track.tolist() == ["1.0", "1.0", "", "2.0"]
    lines = (write(folder, "mot", detections) / "b/gt/gt.txt").read_text().splitlines()
    assert lines[0] == "1,1,10.0000,8.0000,3.0000,3.0000,0.900000,1,1"
    assert lines[2].startswith("2,-1,29.0000,19.0000,4.0000,4.0000,0.700000,2")
    text = (write(folder, "yolo", detections) / "labels/a/frame9.txt").read_text()
    assert text.endswith(" 0.600000\n")


@pytest.mark.parametrize("form", FORMS)
def test_links_are_replaced_and_no_file_is_incomplete(folder, form):
    victim, out = folder.path / "victim", write(folder, form, LABELS[1:2])
    victim.write_text("foreign")
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for path in files:
        path.unlink()
        path.symlink_to(victim)
    with limited_size(20), pytest.raises(OSError):  # noqa: PT011
        write(folder, form, LABELS[1:2])
    assert all(path.is_symlink() or path.read_bytes() == files[path] for path in files)
    write(folder, form, LABELS[1:2])
    assert victim.read_text() == "foreign" and not any(path.is_symlink() for path in files)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == files


def test_an_unknown_form_is_refused(folder):
    with pytest.raises(InputError, match=f"must be one of {', '.join(FORMS)}; found 'voc'. Name"):
        write(folder, "voc")
