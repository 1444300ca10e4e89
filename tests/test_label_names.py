"""Label files by their names: with other texts around the name of a sequence, and empty ones."""

from pathlib import Path

import numpy as np
import pytest
from field_layouts import ABSENT, LENGTH, centre, every_frame, frames, mask, save, text, yolo_box

from dimjax.data.file_numbers import files_of_frames
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


@pytest.mark.parametrize(
    ("image", "label", "pattern"),
    [
        ("frame_{:05d}", "label_{:05d}", "label_{frame}"),
        ("{:05d}", "{}", "{frame}"),
        ("{}", "{:02d}", "{frame}"),  # 08, 09, 10, ...: the last ones are names of frames
        ("img{:03d}_14bit", "gt{:03d}_mask", "gt{frame}_mask"),
        ("{:03d}", "{:03d}_GT", "{frame}_GT"),
    ],
)
@pytest.mark.parametrize("form", ["masks", "yolo"])
def test_labels_belong_to_the_frames_of_their_numbers(tmp_path, image, label, pattern, form):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/c{k}/{image.format(t + 8)}.png", pixels)
        place = tmp_path / f"truth/c{k}/{label.format(t + 8)}"
        if form == "masks":
            save(place.with_suffix(".png"), mask(k, t))
        else:
            text(place.with_suffix(".txt"), yolo_box(k, t) or "\n")
    found = recognise(tmp_path)
    suffix = {"masks": "png", "yolo": "txt"}[form]
    assert found.layout.labels == f"truth/{{sequence}}/{pattern}.{suffix}" and not found.doubts
    labels = open_folder(tmp_path, found.layout).labels
    labelled = [t for t in range(LENGTH) if form == "masks" or t != ABSENT]
    rows = labels[["sequence", "frame", "x", "y"]].round(3).to_numpy().tolist()
    places = [(f"c{k}", t, *centre(k, t)) for k in range(3) for t in labelled]
    assert rows == [[name, t, x + 0.5, y + 0.5] for name, t, x, y in places]


def test_numbers_that_are_not_all_of_frames_tell_nothing(tmp_path):
    """The first frame is 8, the first mask 7: they may be counted from 1 and 0."""
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/c{k}/f{t + 8}.png", pixels)
        save(tmp_path / f"truth/c{k}/m{t + 7}.png", mask(k, t))
    found = recognise(tmp_path)
    assert found.layout.labels == ""
    assert "masks must have the names of their frames" in str(found.doubts[0])
    files = {str(t): Path(f"m{t}.png") for t in range(7, 13)}
    assert files_of_frames(files, [f"f{t}" for t in range(8, 14)]) == {}
    del files["7"]
    assert files_of_frames(files, ["f8", "f9"]) == {}  # of another sequence
    assert files_of_frames(files, [f"f{t}" for t in range(8, 13)])[0] == files["8"]


def test_other_documents_of_a_sequence_are_no_second_labels(tmp_path):
    write_images(tmp_path, ("c0", "c1", "c2"))
    rows = [f"c{k},{t},{x},{y},3,3" for k in range(3) for t, (x, y) in enumerate([centre(k, 0)])]
    text(tmp_path / "labels.csv", "\n".join(["sequence,frame,x,y,w,h", *rows]))
    for k in range(3):
        text(tmp_path / f"c{k}_window.csv", "frame,x,y,w,h\n0,100,200,48,40\n")
    found = recognise(tmp_path)
    assert found.layout.labels == "labels.csv" and not found.doubts


def test_labels_called_gt_beside_a_single_video_are_a_doubt(tmp_path):
    np.save(tmp_path / "clip.npy", frames(0))
    text(tmp_path / "gt/gt.txt", tracks(0))
    (doubt,) = recognise(tmp_path).doubts
    assert "found 1 file of format mot that fit no sequence and frame, such as gt/gt" in str(doubt)
    (tmp_path / "gt/gt.txt").rename(tmp_path / "gt/window.txt")
    assert not recognise(tmp_path).doubts
