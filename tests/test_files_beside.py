"""Files beside frames that are none: those of systems, documents, photos, arrays and tables."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from field_layouts import LENGTH, centre, every_frame, frames, save, text
from scipy.io import savemat

from dimjax.data.folders import open_folder
from dimjax.data.formats.masks import set_pixels
from dimjax.data.label_arrays import holds_no_frames, label_array
from dimjax.data.listing import list_sequences
from dimjax.data.recognition import recognise
from dimjax.errors import InputError

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


def make_run(folder, with_sky):
    for name in ("config.json", "run.lock"):
        text(folder / name, "{}")
    write_images(folder, "rounds/0/examples/{}/{:03d}.png")
    if with_sky:
        write_images(folder, "sky/sequences/{}/{:03d}.png")


def test_runs_are_no_data_folder(tmp_path):
    make_run(tmp_path / "a", with_sky=False)
    with pytest.raises(InputError, match=r"found 1 run of dimjax, such as a. Give one as --work"):
        recognise(tmp_path)
    make_run(tmp_path / "b", with_sky=True)
    found = "found 2 runs of dimjax, such as a. Give one as --workdir, or .* such as b/sky."
    with pytest.raises(InputError, match=found):
        recognise(tmp_path)
    assert names_of(tmp_path / "b/sky", recognise(tmp_path / "b/sky")) == ["c0", "c1", "c2"]


def test_runs_beside_a_data_folder_are_left_out(tmp_path):
    make_run(tmp_path / "runs/a", with_sky=True)
    write_images(tmp_path, "mine/{}/{:03d}.png")
    found = recognise(tmp_path)
    assert found.layout.sequences == "mine/{sequence}" and not found.doubts
    assert "left out: 1 run of dimjax such as runs/a" in found.evidence


@pytest.mark.parametrize(
    "name", ["c0/009.png", "m/000.png", "c9/0.tif", "c9/a.mat", "label.png", "c0_mask/0.png"]
)
def test_named_pipes_among_images_are_not_waited_for(tmp_path, name):
    write_images(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / name)
    code = (
        "import sys; from dimjax.data.recognition import recognise; print(recognise(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "3 sequences" in done.stdout or "4 sequences" in done.stdout, done.stderr


def test_a_mask_that_is_a_pipe_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "0.png")
    with pytest.raises(InputError, match="it must be a file; found a named pipe"):
        set_pixels(tmp_path / "0.png")
