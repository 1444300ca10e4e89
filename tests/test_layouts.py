"""Folders in the layouts of the field, read by their presets."""

import numpy as np
import pytest
from field_layouts import ABSENT, LAYOUTS, LENGTH, SPLITS, centre, frames, save, sirst, text

from dimjax.data.folders import open_folder
from dimjax.data.layouts import Layout
from dimjax.data.presets import PRESETS, preset
from dimjax.errors import InputError


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_preset_reads_frames_labels_and_splits(tmp_path, name):
    write, width, has_gap, has_splits = LAYOUTS[name]
    write(tmp_path)
    folder = open_folder(tmp_path, PRESETS[name])
    assert len(folder.names) == len(SPLITS)
    for k, sequence in enumerate(folder.names):
        np.testing.assert_array_equal(folder.sequence(sequence).shape, frames(k).shape)
        if "uav" not in name:  # the others are stored without loss
            np.testing.assert_array_equal(folder.sequence(sequence).frame(2), frames(k)[2])
        labels = folder.labels[folder.labels.sequence == sequence].sort_values("frame")
        present = [t for t in range(LENGTH) if not (has_gap and t == ABSENT)]
        assert labels.frame.tolist() == present
        expected = np.array([centre(k, t) for t in present]) + 0.5
        np.testing.assert_allclose(labels[["x", "y"]], expected, atol=0.01)
        np.testing.assert_allclose(labels[["w", "h"]], width, atol=0.01)
    assert set(folder.labels.category) == {"target"}
    if has_splits:
        other = "val" if name == "itsdt" else "test"
        assert folder.splits["train"] == folder.names[:2]
        assert folder.splits[other] == folder.names[2:]
    else:
        assert folder.splits == {"all": folder.names}


def test_still_images_are_sequences_of_one_frame(tmp_path):
    sirst(tmp_path)
    folder = open_folder(tmp_path, PRESETS["sirst"])
    assert len(folder.names) == 18 and folder.names[10] == "Misc_10"
    assert folder.shapes["Misc_10"] == (1, 40, 48)
    label = folder.labels.set_index("sequence").loc["Misc_10"]
    assert (label.frame, label.x, label.y) == (0, centre(1, 4)[0] + 0.5, centre(1, 4)[1] + 0.5)
    assert len(folder.splits["train"]) == 12 and len(folder.splits["test"]) == 6


def test_file_names_of_frames_are_kept(tmp_path):
    LAYOUTS["yolo-flat"][0](tmp_path)
    folder = open_folder(tmp_path, PRESETS["yolo-flat"])
    assert folder.sequence("seq1").names[:2] == ("seq1_00000.png", "seq1_00001.png")


def test_an_unknown_preset_is_named():
    with pytest.raises(InputError, match="a layout's name must be one of auto, dimjax, drone-ir,"):
        preset("mots", "--config.data.layout")


MASKS = Layout(
    sequences="{sequence}/images",
    labels="{sequence}/masks/{frame}.png",
    label_format="masks",
    category={"*": "target"},
)


def test_frames_without_a_label_file_are_counted(tmp_path):
    LAYOUTS["nudt-mirsdt"][0](tmp_path)
    (tmp_path / "Sequence2/masks/00003.png").unlink()
    save(tmp_path / "Sequence2/masks/00099.png", np.zeros((40, 48), np.uint8))
    with pytest.warns(UserWarning) as notes:
        labels = open_folder(tmp_path, MASKS).labels
    assert len(labels) == 17
    assert "1 frame without a file {sequence}/masks/{frame}.png" in str(notes[1].message)
    assert "1 label file at {sequence}/masks/{frame}.png without a frame" in str(notes[0].message)


def test_no_label_file_at_all_is_an_error(tmp_path):
    LAYOUTS["nudt-mirsdt"][0](tmp_path)
    layout = MASKS._replace(labels="{sequence}/truth/{frame}.png")
    with pytest.raises(InputError, match=r"label files of the frames at {sequence}/truth/{frame}"):
        open_folder(tmp_path, layout).labels  # noqa: B018


def test_a_sequence_in_no_split_is_left_alone(tmp_path):
    LAYOUTS["irdst"][0](tmp_path)
    (tmp_path / "images/3/1.bmp").write_bytes(b"damaged")
    text(tmp_path / "img_idx/test_IRDST-simulation.txt", "")
    with pytest.warns(UserWarning, match="6 label files at masks/.* without a frame"):
        folder = open_folder(tmp_path, PRESETS["irdst"])
        assert set(folder.labels.sequence) == {"1", "2"} == set(folder.shapes)


def test_a_list_that_is_named_must_exist(tmp_path):
    LAYOUTS["irdst"][0](tmp_path)
    layout = PRESETS["irdst"]
    own = layout._replace(splits={**layout.splits, "val": "img_idx/vaal.txt"})
    with pytest.raises(InputError, match="splits.val must name a file .*; found no img_idx/vaal"):
        open_folder(tmp_path, own).splits  # noqa: B018
    later = {**layout.splits, "new": "later.txt", "val": "splits/val.txt"}
    assert open_folder(tmp_path, layout._replace(splits=later)).splits["train"]


def test_frames_of_a_sequence_in_two_splits_are_refused(tmp_path):
    LAYOUTS["irdst"][0](tmp_path)
    text(tmp_path / "img_idx/test_IRDST-simulation.txt", "3/1\n2/2\n")
    message = r"test_IRDST-simulation.txt line 2: 2 must be in one split, once; .*by sequence"
    with pytest.raises(InputError, match=message):
        open_folder(tmp_path, PRESETS["irdst"]).splits  # noqa: B018


CLASSES = {"target": "target", "bird*": "interference", "*": "ignore"}


def test_classes_have_categories(tmp_path):
    save(tmp_path / "sequences/s/0.png", frames(0)[0])
    header = "sequence,frame,x,y,w,h,category\n"
    kinds = ("target", "bird-2", "cloud", "cloud")
    rows = [f"s,0,{9 + k},10,3,3,{kind}\n" for k, kind in enumerate(kinds)]
    text(tmp_path / "labels.csv", header + "".join(rows))
    labels = open_folder(tmp_path, Layout(category=CLASSES)).labels
    assert labels.category.tolist() == ["target", "interference"]
    message = r"labels\.csv: each class .* must have a category, .*; found class 'bird-2'"
    with pytest.raises(InputError, match=message):
        open_folder(tmp_path, Layout()).labels  # noqa: B018
    errors = []
    folder = open_folder(tmp_path, Layout())
    assert len(folder.read_labels(folder.shapes, errors.append)) == 1
    assert len(errors) == 2 and "class 'cloud' without one, in 2 labels" in str(errors[1])


@pytest.mark.parametrize(
    ("changes", "x", "y"),
    [
        ({}, 12.0, 20.0),
        ({"first_pixel": 1}, 11.0, 19.0),
        ({"first_pixel": {"s": 1, "*": 0}}, 11.0, 19.0),
        ({"box_point": "corner"}, 14.0, 23.0),
        ({"box_point": "bottom-left"}, 14.0, 17.0),
    ],
)
def test_conventions_of_boxes(tmp_path, changes, x, y):
    save(tmp_path / "sequences/s/0.png", frames(0)[0])
    text(tmp_path / "labels.csv", "sequence,frame,x,y,w,h,category\ns,0,12,20,4,6,target\n")
    label = open_folder(tmp_path, Layout(**changes)).labels.iloc[0]
    assert (label.x, label.y, label.w, label.h, label.frame) == (x, y, 4, 6, 0)


def test_shares_of_the_frame_are_one_problem(tmp_path):
    """The frames have 48x40 pixels: 0.25 and 0.0625 of the width are 12 and 3, of the height 10."""
    for t in range(3):
        save(tmp_path / f"sequences/s/{t}.png", frames(0)[t])
    rows = "".join(f"s,{t},0.25,0.25,0.0625,0.075,target\n" for t in range(3))
    text(tmp_path / "labels.csv", f"sequence,frame,x,y,w,h,category\n{rows}")
    errors = []
    folder = open_folder(tmp_path)
    labels = folder.read_labels(folder.shapes, errors.append)
    (error,) = map(str, errors)
    assert "x, y, w and h must be pixels; found 3 labels with all four from 0 to 1, as sh" in error
    assert labels[["x", "y", "w", "h"]].iloc[0].tolist() == [12, 10, 3, 3]
    text(tmp_path / "labels.csv", "sequence,frame,x,y,w,h,category\ns,0,0.5,0.5,1,1,target\n")
    assert len(open_folder(tmp_path).labels) == 1  # a pixel in the corner


def test_labels_on_images_of_another_size_in_xml_are_one_problem(tmp_path):
    LAYOUTS["voc"][0](tmp_path)
    for file in tmp_path.rglob("*.xml"):
        size = "<size><width>96</width><height>80</height></size>"
        file.write_text(file.read_text().replace("<annotation>", f"<annotation>{size}"))
    folder, errors = open_folder(tmp_path, PRESETS["voc"]), []
    folder.read_labels(folder.shapes, errors.append)
    assert "of an image of 96x80 for the frames of 48x40 of sequence" in str(errors[-1])


def test_frames_that_count_from_1(tmp_path):
    for t in range(2):
        save(tmp_path / f"sequences/s/{t}.png", frames(0)[t])
    text(tmp_path / "labels.csv", "sequence,frame,x,y,w,h,category\ns,2,12,20,4,6,target\n")
    assert open_folder(tmp_path, Layout(first_frame=1)).labels.frame.tolist() == [1]
    with pytest.raises(InputError, match=r"line 2: frame must lie in 0 <= frame < 2; found 2"):
        open_folder(tmp_path).labels  # noqa: B018


@pytest.mark.parametrize(
    ("form", "name", "content"),
    [
        ("centroids", "{sequence}.txt", "-1 -1\n1 2\n3 4\n"),
        ("rectangles", "{sequence}.txt", "0,0,0,0\n0,1,3,3\n2,3,3,3\n"),
        (
            "exist-rect",
            "{sequence}.json",
            '{"exist": [0, 1, 1], "gt_rect": [[], [0, 1, 3, 3], [2, 3, 3, 3]]}',
        ),
    ],
)
def test_entries_without_numbers_count_from_0_to_the_first_frame(tmp_path, form, name, content):
    for t in range(2):
        save(tmp_path / f"sequences/s/{t}.png", frames(0)[t])
    text(tmp_path / name.format(sequence="s"), content)
    layout = Layout(labels=name, label_format=form, category={"*": "target"}, first_frame=1)
    labels = open_folder(tmp_path, layout).labels
    assert labels[["frame", "x", "y"]].to_numpy().tolist() == [[0, 1.5, 2.5], [1, 3.5, 4.5]]
    with pytest.raises(InputError, match=r"frame must lie in 0 <= frame < 2; found 2"):
        open_folder(tmp_path, layout._replace(first_frame=0)).labels  # noqa: B018


def test_images_that_no_sequence_has(tmp_path):
    LAYOUTS["itsdt"][0](tmp_path)
    file = tmp_path / "coco_val_ITSDT.txt"
    file.write_text(file.read_text().replace("/3/1.bmp", "/33/1.bmp"))
    folder = open_folder(tmp_path, PRESETS["itsdt"]._replace(splits={}))
    with pytest.warns(UserWarning, match=r"found 1 of 5 that are none, such as .*/33/1\.bmp"):
        assert len(folder.labels) == 14
    file.write_text("/home/public/33/1.bmp 3,3,9,9,0\n")
    with pytest.raises(InputError, match=r"ITSDT\.txt: an image must be a frame of a sequence"):
        open_folder(tmp_path, PRESETS["itsdt"]._replace(splits={})).labels  # noqa: B018


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("s[2-4]_{sequence}.npy", ["c", "d"]),  # of s1_a, s2_c, s4_d, s\_e and s]_f
        ("s[!2-4]_{sequence}.npy", ["a", "e", "f"]),
        ("s[!4-2]_{sequence}.npy", ["a", "c", "d", "e", "f"]),  # an empty range
        ("s[!\\]_{sequence}.npy", ["a", "c", "d", "f"]),
        ("s[!]1]_{sequence}.npy", ["c", "d", "e"]),
        ("s[]1]_{sequence}.npy", ["a", "f"]),
    ],
)
def test_brackets_match_as_those_of_a_glob(tmp_path, pattern, names):
    for stem in ("s1_a", "s2_c", "s4_d", "s\\_e", "s]_f"):
        np.save(tmp_path / f"{stem}.npy", frames(0))
    assert open_folder(tmp_path, Layout(sequences=pattern)).names == names


def test_a_sequence_without_the_text_of_its_name_is_an_error(tmp_path):
    np.save(tmp_path / "a_b.npy", frames(0))
    layout = Layout(sequences="{sequence}_{sequence}.npy")
    with pytest.raises(InputError, match=r"a_b.npy: sequences must match .*Correct the key"):
        open_folder(tmp_path, layout)
