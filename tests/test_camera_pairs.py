"""Recordings of an infrared camera beside those of a visible one."""

import numpy as np
import pytest
from field_layouts import centre, frames, save, text

from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise

LABELS = "\n".join("{} {}".format(*centre(0, t)) for t in range(6))


def write_pairs(folder, infrared, visible):
    for k, name in enumerate(("c1", "c2")):
        for pattern, dimmed in ((infrared, 1), (visible, 2)):
            path = folder / pattern.format(name)
            if path.suffix:
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, frames(k) // dimmed)
                continue
            for t, pixels in enumerate(frames(k)):
                save(path / f"{t:03d}.png", pixels // dimmed)


@pytest.mark.parametrize(
    ("infrared", "visible", "sequences"),
    [
        ("{}_ir.npy", "{}_rgb.npy", "*_ir.npy"),
        ("d/LWIR-{}.npy", "d/EO-{}.npy", "d/LWIR-*.npy"),
        ("d/{}_thermal", "d/{}_visible", "d/*_thermal"),
        ("sequences/{}_tir", "sequences/{}_vis.npy", "sequences/*_tir"),
        ("{}_ir/img", "{}_rgb/img", "{sequence}_ir/img"),
    ],
)
def test_of_names_with_both_cameras_the_infrared_ones_are_taken(
    tmp_path, infrared, visible, sequences
):
    write_pairs(tmp_path, infrared, visible)
    found = recognise(tmp_path)
    assert found.layout.sequences == sequences and not found.doubts
    (line,) = [it for it in found.evidence if it.startswith("left out: 2 f")]
    assert line.endswith(f" such as {visible.format('c1')}")
    folder = open_folder(tmp_path, found.layout)
    assert [(folder.sequence(name).frame(0)).max() for name in folder.names] == [
        frames(k)[0].max() for k in range(2)
    ]


@pytest.mark.parametrize(
    ("stem", "sequences"), [("c1", "{sequence}_ir.npy"), ("c1_ir", "*_ir.npy")]
)
def test_sequences_are_called_as_their_labels(tmp_path, stem, sequences):
    write_pairs(tmp_path, "{}_ir.npy", "{}_rgb.npy")
    text(tmp_path / f"labels/{stem}.txt", LABELS)
    found = recognise(tmp_path)
    assert found.layout.sequences == sequences
    assert found.layout.labels == "labels/{sequence}.txt"


def test_an_infrared_recording_of_another_camera_is_a_doubt(tmp_path):
    write_pairs(tmp_path, "{}_ir.npy", "{}_rgb.npy")
    np.save(tmp_path / "c_thermal.npy", frames(0))
    (doubt,) = recognise(tmp_path).doubts
    assert "found 1 that are not at *_ir.npy, such as" in str(doubt)


def test_frames_of_both_cameras_in_one_folder(tmp_path):
    for k, name in enumerate("ab"):
        for t, pixels in enumerate(frames(k)):
            save(tmp_path / f"images/{name}_ir_{t:03d}.png", pixels)
            save(tmp_path / f"images/{name}_rgb_{t:03d}.png", pixels // 2)
    found = recognise(tmp_path)
    assert found.layout.sequences == "images/{sequence}_ir_{frame}.*" and not found.doubts
    assert "left out: 12 files such as images/a_rgb_000.png" in found.evidence
    folder = open_folder(tmp_path, found.layout)
    assert folder.names == ["a", "b"]
    assert (folder.sequence("b").frame(0) == frames(1)[0]).all()


def test_names_of_one_camera_are_no_pairs(tmp_path):
    for name in ("a_ir", "b_rgb"):
        np.save(tmp_path / f"{name}.npy", frames(0))
    found = recognise(tmp_path)
    assert found.layout.sequences == "{sequence}.npy" and not found.doubts
