"""Label files by their names: with other texts around the name of a sequence, and empty ones."""

import pytest
from field_layouts import LENGTH, centre, every_frame, save, text, yolo_box

from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise


def write_images(folder, names, place="images/{}/{:03d}.png"):
    for k, _, t, pixels in every_frame():
        save(folder / place.format(names[k], t), pixels)


def tracks(k):
    points = (centre(k, t) for t in range(LENGTH))
    return "".join(f"{t + 1},1,{x},{y},3,3,1,1,1\n" for t, (x, y) in enumerate(points))


@pytest.mark.parametrize("names", [("c0", "c1", "c2"), ("1", "2", "12"), ("a", "a_x", "b")])
@pytest.mark.parametrize("name", ["{}_gt_whole.txt", "gt_{}.txt", "MOT.{}.v2.txt"])
def test_labels_may_be_called_as_sequences_and_more(tmp_path, name, names):
    write_images(tmp_path, names)
    for k in range(3):
        text(tmp_path / "GT" / name.format(names[k]), tracks(k))
    found = recognise(tmp_path)
    assert found.layout.labels == f"GT/{name.replace('{}', '{sequence}')}"
    labels = open_folder(tmp_path, found.layout).labels
    rows = labels[["sequence", "frame", "x", "y"]].to_numpy().tolist()
    places = [(k, t, *centre(k, t)) for k in range(3) for t in range(LENGTH)]
    assert rows == [[names[k], t, x + 0.5, y + 0.5] for k, t, x, y in places]


def test_a_name_within_a_word_is_none(tmp_path):
    write_images(tmp_path, ("c0", "c1", "c2"))
    for k in range(3):
        text(tmp_path / f"GT/abc{k}de.txt", tracks(k))
    assert recognise(tmp_path).layout.labels == ""


def test_empty_label_files_are_a_doubt(tmp_path):
    write_images(tmp_path, ("c0", "c1", "c2"))
    for k, _, t, _ in every_frame():
        text(tmp_path / f"labels/c{k}/{t:03d}.txt", "")
    text(tmp_path / "notes.txt", "")
    (doubt,) = recognise(tmp_path).doubts
    assert f"found {3 * LENGTH} empty files, called as sequences, frames" in str(doubt)
    text(tmp_path / "labels/c1/002.txt", yolo_box(1, 2))
    found = recognise(tmp_path)
    assert not found.doubts and len(open_folder(tmp_path, found.layout).labels) == 1
