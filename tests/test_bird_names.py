"""Sequences, folders and label files that are called after birds."""

import pytest
from field_layouts import LENGTH, centre, every_frame, save, text, yolo_box

from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise

PLACES = ("drone/a1", "drone/a2", "Birds/b1")


def birds_of(folder, layout):
    labels = open_folder(folder, layout).labels
    return sorted(set(labels.sequence[labels.category == "interference"]))


@pytest.mark.parametrize("form", ["yolo", "centroids", "mot", "named"])
def test_sequences_in_a_folder_of_birds_are_interference(tmp_path, form):
    for k, _, t, pixels in every_frame():
        save(tmp_path / PLACES[k] / f"{t:03d}.png", pixels)
        if form in ("yolo", "named"):
            text(tmp_path / PLACES[k] / f"{t:03d}.txt", yolo_box(k, t))
    for k, place in enumerate(PLACES):
        points = [centre(k, t) for t in range(LENGTH)]
        if form == "centroids":
            text(tmp_path / f"{place}.txt", "".join(f"{x} {y}\n" for x, y in points))
        if form == "mot":
            rows = [f"{t + 1},1,{x},{y},3,3,1,1,1\n" for t, (x, y) in enumerate(points)]
            text(tmp_path / f"{place}.txt", "".join(rows))
    if form == "named":
        text(tmp_path / "classes.txt", "drone\n")
    found = recognise(tmp_path)
    assert birds_of(tmp_path, found.layout) == ([] if form == "named" else ["b1"])
    said = "the labels of sequences in folders Birds are taken for interference"
    assert (said in found.evidence) == (form != "named") and not found.doubts


def test_a_folder_of_all_sequences_tells_no_class(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"drone_vs_bird/c{k}/{t:03d}.png", pixels)
        text(tmp_path / f"drone_vs_bird/c{k}/{t:03d}.txt", yolo_box(k, t))
    found = recognise(tmp_path)
    assert birds_of(tmp_path, found.layout) == [] and not found.doubts


@pytest.mark.parametrize("name", ["bird.csv", "Birds_2.csv", "drone.csv"])
def test_label_files_called_after_birds_are_a_doubt(tmp_path, name):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/c{k}/{t:03d}.png", pixels)
    for k, file in enumerate(("labels/x.csv", f"labels/{name}")):
        place = tmp_path / file
        rows = [f"c{k},{t},{x},{y},3,3" for t, (x, y) in enumerate([centre(k, 0)] * 3)]
        text(place, "\n".join(["sequence,frame,x,y,w,h", *rows]))
    doubts = [str(it) for it in recognise(tmp_path).doubts]
    assert any("1 file called as birds are" in it for it in doubts) == ("ird" in name)
    text(place, f"sequence,frame,x,y,w,h,category\n{rows[0]},interference\n")
    assert not any("called as birds" in str(it) for it in recognise(tmp_path).doubts)
