"""Files beside frames that are none: those of systems, documents, photos, arrays and tables."""

import os
import zipfile

import numpy as np
import pytest
from field_layouts import LENGTH, centre, every_frame, frames, save, text
from scipy.io import savemat

from dimjax.data.folders import open_folder
from dimjax.data.label_arrays import holds_no_frames, label_array
from dimjax.data.listing import list_sequences
from dimjax.data.recognition import recognise

BOXES = np.array([[*centre(0, t), 5, 5] for t in range(LENGTH)], float)
WRITERS = {
    "mat": lambda file: savemat(file, {"boxes": BOXES}),
    "npy": lambda file: np.save(file, BOXES),
    "npz": lambda file: np.savez(file, boxes=BOXES, fps=25),
}


def write_images(folder, pattern="{}/{:03d}.png"):
    for k, _, t, pixels in every_frame():
        save(folder / pattern.format(f"c{k}", t), pixels)


def names_of(folder, found):
    return open_folder(folder, found.layout).names


@pytest.mark.parametrize(
    "place",
    [
        "images/c0/@eaDir/000.png",
        "#recycle",
        "Thumbs",
        "__MACOSX/c0",
        "$RECYCLE.BIN",
        ".thumbnails",
    ],
)
def test_folders_of_systems_hold_no_sequences(tmp_path, place):
    write_images(tmp_path, "images/{}/{:03d}.png")
    for t in range(LENGTH):
        save(tmp_path / f"{place}/{t}.png", frames(0)[t][::2, ::2])
    text(tmp_path / "images/c0/Thumbs.db", "")
    found = recognise(tmp_path)
    assert found.layout.sequences == "images/{sequence}" and not found.doubts
    assert {open_folder(tmp_path, found.layout).sequence("c0").shape[0]} == {LENGTH}


@pytest.mark.parametrize("place", ["", "c0/"])
def test_documents_and_photos_hold_no_sequences(tmp_path, place):
    write_images(tmp_path)
    for name in ("README", "README.pdf", "licence.docx", "plan.kml", "sums.md5", "flight.log"):
        text(tmp_path / f"{place}{name}", "x")
    text(tmp_path / "log.xlsx", "x")
    text(tmp_path / "all.zip", "x")
    save(tmp_path / "site.jpg", frames(0)[0])
    found, errors = recognise(tmp_path), []
    assert list(list_sequences(tmp_path, found.layout, errors.append)) == names_of(tmp_path, found)
    assert not errors and "site.jpg" not in names_of(tmp_path, found)
    assert "left out: 1 image beside folders, such as site.jpg" in found.evidence
    text(tmp_path / "c9.webm", "x")
    list_sequences(tmp_path, found.layout, errors.append)
    assert "found a video whose container is not read. Copy it without loss" in str(errors[0])


@pytest.mark.parametrize("count", [1, 3])
def test_the_preview_of_a_sequence_is_no_frame(tmp_path, count):
    for k, _, t, pixels in every_frame():
        if k < count:
            save(tmp_path / f"c{k}/{t:03d}.png", pixels)
            save(tmp_path / f"c{k}/preview.png", pixels[::2, ::2])
    found = recognise(tmp_path)
    folder = open_folder(tmp_path, found.layout)
    assert [len(folder.sequence(name)) for name in folder.names] == [LENGTH] * count


@pytest.mark.parametrize("name", ["groundtruth.mat", "boxes.npy", "boxes.npz"])
@pytest.mark.parametrize("inner", ["img/", ""])
def test_arrays_beside_images_are_labels_that_are_not_read(tmp_path, name, inner):
    write_images(tmp_path, f"{{}}/{inner}{{:03d}}.png")
    for k in range(3):
        WRITERS[name[-3:]](tmp_path / f"c{k}" / name)
    np.save(tmp_path / "times.npy", np.arange(LENGTH))
    found = recognise(tmp_path)
    assert found.layout.sequences == f"{{sequence}}/{inner}".rstrip("/")
    assert open_folder(tmp_path, found.layout).sequence("c0").shape[0] == LENGTH
    (doubt,) = found.doubts
    assert f"found 3 arrays of numbers, such as boxes [{LENGTH}, 4] in c0/{name}" in str(doubt)
    assert ("MATLAB counts pixels from 1" in str(doubt)) == name.endswith("mat")


def test_the_header_of_an_array_is_enough(tmp_path):
    """Its numbers would take 32 GB, and are not even there."""
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w") as arrays,
        arrays.open("boxes.npy", "w") as member,
    ):
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 4)}
        np.lib.format.write_array_header_1_0(member, header)
    assert holds_no_frames(tmp_path / "a.npz")
    assert label_array(tmp_path / "a.npz").name == "boxes"


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.mat"])
def test_pipes_and_damaged_files_hold_no_arrays(tmp_path, name):
    os.mkfifo(tmp_path / name)
    assert not holds_no_frames(tmp_path / name)  # and does not wait for it
    (tmp_path / name).unlink()
    WRITERS[name[2:]](tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for end in (0, 20, 60):
        (tmp_path / name).write_bytes(content[:end] + bytes([255] * 40))
        assert label_array(tmp_path / name) is None
