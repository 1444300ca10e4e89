"""Layouts that are recognised from the files of a folder."""

import json

import numpy as np
import pytest
import tifffile
from field_layouts import (
    LAYOUTS,
    LENGTH,
    SPLITS,
    centre,
    every_frame,
    frames,
    mask,
    save,
    sirst,
    text,
)
from PIL import Image
from scipy.io import savemat

from dimjax.data.folders import open_folder
from dimjax.data.layouts import Layout, check_layout
from dimjax.data.patterns import path_pattern
from dimjax.data.presets import PRESETS
from dimjax.data.recognition import recognise
from dimjax.data.sniffing import sniff
from dimjax.errors import InputError, Note


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layouts_of_the_field_are_recognised(tmp_path, name):
    LAYOUTS[name][0](tmp_path)
    found = recognise(tmp_path)
    assert not found.doubts
    folder = open_folder(tmp_path, found.layout)
    expected = open_folder(tmp_path, PRESETS[name])
    assert folder.names == expected.names
    if "train" in expected.splits:
        assert folder.splits["train"] == expected.splits["train"]
    key = ["sequence", "frame"]
    ours, theirs = (it.labels.sort_values(key, ignore_index=True) for it in (folder, expected))
    assert ours[key].equals(theirs[key])
    np.testing.assert_allclose(ours[["x", "y"]], theirs[["x", "y"]], atol=0.01)
    assert set(ours.category) == {"target"}


def test_still_images_are_recognised(tmp_path):
    sirst(tmp_path)
    rng = np.random.default_rng(0)
    for file in sorted((tmp_path / "images").iterdir()):  # scenes that have nothing in common
        save(file, rng.integers(0, 255, (40, 48)).astype(np.uint8))
    found = recognise(tmp_path)
    assert found.layout.sequences == "images/{sequence}.*" and not found.doubts
    assert len(open_folder(tmp_path, found.layout).labels) == 18
    pattern = "images/Misc_{frame}.*"
    text = f"; if they are the frames of one sequence, set data.layout.sequences={pattern}"
    assert found.evidence[0].endswith(text)
    files = open_folder(tmp_path, Layout(sequences=pattern, labels="")).files
    assert len(files[tmp_path.name]) == 18
    (tmp_path / "images/Misc_3.png").unlink()
    assert recognise(tmp_path).evidence[0].endswith("show other scenes or sizes")


def test_sources_that_agree_and_that_differ(tmp_path):
    LAYOUTS["anti-uav410"][0](tmp_path)
    found = recognise(tmp_path)
    assert found.layout.label_format == "exist-rect" and not found.doubts
    assert any("rectangles at annos/{split}/{sequence}.txt: 15 labels that agree" in line
               for line in found.evidence)  # fmt: skip
    for file in tmp_path.glob("annos/train/*.txt"):
        file.write_text("\n".join(["30,30,5,5"] * 6))
    message = r"two sources of labels must agree; found \d of 15 labels within 1.5 px of 17 of rect"
    with pytest.raises(InputError, match=message):
        raise recognise(tmp_path).doubts[0]


def test_a_second_kind_of_frames_is_a_doubt(tmp_path):
    LAYOUTS["mot"][0](tmp_path)
    np.save(tmp_path / "extra.npy", frames(0))
    (doubt,) = recognise(tmp_path).doubts
    assert "found 1 that are not at {split}/{sequence}/img1, such as" in str(doubt)


def test_classes_and_names_of_interference(tmp_path):
    LAYOUTS["yolo-flat"][0](tmp_path)
    assert recognise(tmp_path).layout.category == {"bird": "interference", "target": "target"}
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"other/data/{('IR_BIRD', 'IR_DRONE', 'IR_X')[k]}/{t}.png", pixels)
    for name in ("IR_BIRD", "IR_DRONE", "IR_X"):
        text(tmp_path / f"other/labels/{name}.csv", "frame,x,y,w,h\n0,5,5,3,3\n")
    layout = recognise(tmp_path / "other").layout
    assert layout.category == {"*": "target", "*BIRD*": "interference"}
    line = "the labels of the sequences *BIRD* are taken for interference"
    assert line in recognise(tmp_path / "other").evidence
    categories = open_folder(tmp_path / "other", layout).labels.category.tolist()
    assert categories == ["interference", "target", "target"]


@pytest.mark.parametrize(
    ("second", "third", "category"),
    [
        ("tarqet", "interference", {}),  # `check` names it
        ("bird", "Targets", {"target": "target", "bird": "interference"}),
    ],
)
def test_a_misspelt_category_is_no_class_of_its_own(tmp_path, second, third, category):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"sequences/a/{t:02d}.png", pixels)
    rows = "".join(f"a,{t},{t + 9},9,3,3,target\n" for t in range(4))
    rows += f"a,5,20,9,3,3,{second}\na,6,30,9,3,3,{third}\n"
    text(tmp_path / "labels.csv", f"sequence,frame,x,y,w,h,category\n{rows}")
    layout = recognise(tmp_path).layout
    assert layout.category == category
    errors = []
    labels = open_folder(tmp_path, layout).read_labels({"a": (12, 64, 80)}, errors.append)
    assert len(labels) == 5 and "without one, in 1 label." in str(*errors)


def test_classes_without_names_are_said(tmp_path):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"images/a/{t:02d}.png", pixels)
        text(tmp_path / f"labels/a/{t:02d}.txt", f"{t % 2} .5 .5 .1 .1\n")
    line = (
        "classes 0, 1 without a name, taken for targets: write the names of all classes to classe"
    )
    found = recognise(tmp_path)
    assert any(it.startswith(line) for it in found.evidence)
    assert found.layout.category == {"0": "target", "1": "target"}
    text(tmp_path / "labels/a/classes.txt", "drone\nbird\n")
    assert recognise(tmp_path).layout.category == {"bird": "interference", "drone": "target"}


def test_a_folder_without_labels(tmp_path):
    for _, _, t, pixels in every_frame():
        save(tmp_path / f"a/{t}.png", pixels)
    found = recognise(tmp_path)
    assert found.layout == Layout(sequences="a", labels="") and not found.doubts
    assert open_folder(tmp_path, found.layout).labels.empty
    assert found.evidence[1].startswith("no labels: ")


def test_labels_in_another_encoding_are_a_doubt(tmp_path):
    (tmp_path / "sequences" / "a").mkdir(parents=True)
    np.save(tmp_path / "sequences" / "a" / "frames.npy", np.zeros((5, 8, 8), np.uint8))
    text = "sequence,frame,x,y,w,h,category,source\na,0,2,3,1,1,target,one\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-16")
    assert recognise(tmp_path).layout.labels == "labels.csv"
    (tmp_path / "labels.csv").write_text(text.replace("one", "\xe9"), encoding="latin-1")
    found = recognise(tmp_path)
    assert found.layout.labels == "" and "labels.csv in no known format" in found.evidence[-2]
    assert found.evidence[-1] == "1 document cannot be read"
    (doubt,) = found.doubts
    assert "labels.csv: the file must exist and be UTF-8 text; found" in str(doubt)
    assert str(doubt).endswith("Save it as UTF-8, in Excel as CSV UTF-8.")


@pytest.mark.parametrize(
    "header", ["file,xmin,ymin,xmax,ymax", "sequence;frame;cx;cy", "frame,x,y,w,h"]
)
def test_a_table_of_other_columns_is_a_doubt_that_names_them(tmp_path, header):
    for name in "ab":
        for t in range(4):
            save(tmp_path / f"{name}/{t}.png", frames(0)[t])
    text(tmp_path / "labels.csv", f"{header}\n")
    text(tmp_path / "telemetry.csv", "time,azimuth,elevation\n")
    (doubt,) = recognise(tmp_path).doubts
    rule = "labels.csv line 1: a table of labels must have the columns sequence, frame, x, y, w, h"
    found = f"found {', '.join(header.replace(';', ',').split(','))}. Rename or add columns"
    assert rule in str(doubt) and found in str(doubt)


@pytest.mark.parametrize(
    ("name", "content", "program"),
    [
        ("a.xml", '<annotations><version>1.1</version><track id="0">', "CVAT"),
        ("a.xml", "<annotation><object><polygon></polygon></object>", "LabelMe in XML"),
        ("a/0.json", '{"shapes": [], "imagePath": "0.png"}', "LabelMe"),
        ("a.json", '[{"id": 1, "data": {}, "annotations": []}]', "Label Studio"),
        ("a.json", '{"0.png1": {"filename": "0.png", "regions": []}}', "VIA"),
        (
            "labels.yaml",
            "a:\n- frame: 0\n  bbox: [1, 2, 3, 4]\n",
            "a YAML file. Write them as COCO",
        ),
        ("gt/a.yml", "- [1, 2, 3, 4]\n", "a YAML file. Write them as COCO"),
        ("a.csv", "filename,region_count,region_shape_attributes\n", "VIA"),
        ("a.json", '[{"image_id": 1, "bbox": [1, 2, 3, 4]}]', "COCO without its images and cat"),
        ("x/gt.txt", "1 2001 2 60 76 WSV:2d;1O1\n", "another program"),
        ("a.json", '{"videos": [], "annotations": [], "categories": []}', "YouTube-VIS"),
        ("labels/a.txt", "0 1 25 22 3 3 drone\n1 0\n2 1 26 22 3 3 drone\n", "another program"),
        (
            "a.txt",
            "0 32 25\n1 33 25\n",
            "a table without a header, such as '0 32 25'. Write commas",
        ),
        ("0.txt", "source:a\nsize:0.1\n4.0 2.0 7.0 2.0 7.0 5.0 4.0 5.0 b 0\n", "another program"),
        (
            "a.txt",
            "0,2,5,5,8,8,20,9,23,12\n1,0\n2,1,6,6,9,9\n",
            "lists of corners, frame,n,x1,y1,x2,y2,..., such as '0,2,5,5,8,8,20,9,23,12'. Write",
        ),
        ("a/truth.txt", "5,5,8,5,8,9,5,9\n6,5,9,5,9,9,6,9\n", "polygons of four corners, such as"),
        ("a.txt", "0 1 6 8 5 5\n1 1 7 8 5 5\n", "frame id x y w h, as 'mot' has them, without com"),
        ("a/rect.txt", "0 5 6 4 4\n1 6 6 4 4\n", "frame x y w h without a header, such as '0 5"),
        ("a/b.csv", "0,1,5,6,3,3,0,-1,0,1\n1,1,6,6,3,3,0,-1,0,0\n", "frame,id,x,y,w,h,class,spec"),
        ("a/gt/gt.txt", "1 1 6 8 5 5 1 1 1\n2 1 7 8 5 5 1 1 1\n", "frame id x y w h, as 'mot'"),
        ("a/IR.json", '{"gt_rect": [[5, 6, 4, 4], []]}', "rectangles alone. Add a list exist, 1"),
        ("a/IR_label.json", '{"res": [[5, 6, 4, 4], []]}', "a tracker, rectangles alone. Write a"),
        ("gt.json", '{"samples": [{"entities": [{"bb": [1, 2, 3, 4]}]}]}', "another program. Wri"),
        ("a.json", '{"frames": [{"frame": 0, "bbox": [1, 2, 3, 4]}]}', "another program. Write"),
        ("a.json", '{"0": [5, 6, 4, 4], "1": [6, 6, 4, 4]}', "another program. Write them as"),
        ("a.xml", '<data><frame id="0"><box left="5"/></frame></data>', "another program. Write"),
        ("a.txt", "# x y\n5.5e0 6e+0\n6 6\n", "a table without a usual header, such as '5.5e0 6e"),
        ("gt/a.csv", "x,y\n5.5,6\n6,6\n", "a table without a usual header, such as '5.5,6'. Wr"),
        ("a.txt", "0.png 5 6\n1.png 6 6\n", "a table without a header, such as '0.png 5 6'. Write"),
        ("a.txt", "[5.5, 6]\n[6, 6]\n", "a table without a header, such as '[5.5, 6]'. Write"),
        ("a.json", "[[5.5, 6], [6, 6]]", "another program. Write them as COCO"),
        ("a.json", '{"0": {"x": 5.5, "y": 6}, "1": {}}', "another program. Write them as COCO"),
        ("labels/0.txt", "Drone 0.0 0 -1.0 25.0 22.0 28.0 25.0\n", "another program"),
    ],
)
def test_labels_of_other_programs_are_named(tmp_path, name, content, program):
    for t in range(4):
        save(tmp_path / f"a/{t}.png", frames(0)[t])
    text(tmp_path / name, content)
    text(tmp_path / "about.json", '{"camera": "b", "fps": 25}')
    text(tmp_path / "labels/annotation.yaml", "names:\n- drone\n")
    text(tmp_path / "camera.yaml", "focal_length: 50\n")
    text(tmp_path / "about.txt", "camera b 640 512 25 14 bit\n")
    text(tmp_path / "poses/a.txt", "1 0 0 7.5 0 1 0\n2 0.5 0 7.5 1 1 0\n")
    text(tmp_path / "times/a.txt", "frame time\n0 0.04\n1 0.08\n")
    text(tmp_path / "tilt/a.json", '{"x": 1, "y": 2, "z": 3, "roi": [0, 0, 48, 40]}')
    text(tmp_path / "a/deep.json", '{"a":' * 900 + "1" + "}" * 900)
    text(tmp_path / "a/imu.json", '{"roi": [0, 0, 48, 40], "gyro": [1, 2, 3]}')
    (doubt,) = recognise(tmp_path).doubts
    assert f"{name}: labels must be in a form that is read; found those of {program}" in str(doubt)


@pytest.mark.parametrize("above", ["sep=;\n", "# by hand\n# in pixels\n", "% x y\n"])
def test_lines_above_the_header_of_a_table_are_a_doubt(tmp_path, above):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"a/{t}.png", pixels)
    text(tmp_path / "labels.csv", f"{above}sequence;frame;x;y;w;h;category\na;0;5;6;3;3;target\n")
    (doubt,) = recognise(tmp_path).doubts
    remedy = f"Remove all above line {above.count(chr(10)) + 1}."
    assert "labels.csv line 1: the first line must be the header; found" in str(doubt)
    assert str(doubt).endswith(remedy)
    text(tmp_path / "labels.csv", "sequence;frame;x;y;w;h;category\na;0;5;6;3;3;target\n")
    assert not recognise(tmp_path).doubts


def test_masks_and_tables_that_cannot_be_used_are_doubts(tmp_path):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"images/a/{t:02d}.png", pixels)
        save(tmp_path / f"masks/m{t + 9}.png", mask(0, t))
    (tmp_path / "labels.xlsx").write_bytes(b"PK")
    masks, table = recognise(tmp_path).doubts
    assert "found images of two levels that are not, such as masks/m10.png. Rename" in str(masks)
    assert "found labels.xlsx, a table of a kind that is not read. Save it as CSV." in str(table)
    (tmp_path / "labels.xlsx").rename(tmp_path / "masks/0.reg")
    _, regions = recognise(tmp_path).doubts
    assert "found masks/0.reg, regions of SAOImage DS9. Write them as COCO or CSV." in str(regions)


def test_label_files_that_are_not_called_after_frames_are_a_doubt(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/s{k}/{t:04d}.png", pixels)
        text(tmp_path / f"labels/s{k}/{t + 1:06d}.txt", "0 .5 .5 .1 .1")
    found = recognise(tmp_path)
    (doubt,) = found.doubts
    message = "must be called after their sequences and frames; found 18 files of format yolo"
    remedy = "such as labels/s0/000001.txt. Rename them after the images, see images/s0."
    assert message in str(doubt) and remedy in str(doubt)
    for file in sorted(tmp_path.glob("labels/*/*.txt")):  # without the sequence
        file.rename(tmp_path / "labels" / f"{int(file.stem) - 1:04d}.txt")
    (doubt,) = recognise(tmp_path).doubts
    assert "found 6 files of format yolo that fit no sequence and frame" in str(doubt)
    for k, _, t, _ in every_frame():
        save(tmp_path / f"masks/s{k}/{t:04d}.png", mask(k, t))
    found = recognise(tmp_path)
    assert found.layout.label_format == "masks" and not found.doubts
    assert any(it.startswith("not used: 6 files of format yolo that") for it in found.evidence)


@pytest.mark.parametrize("place", ["labels/s{k}/{t:04d}", "images/s{k}/{t:04d}", "gt/x{k}-{t}"])
def test_boxes_of_yolo_in_pixels_are_a_doubt(tmp_path, place):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/s{k}/{t:04d}.png", pixels)
        text(tmp_path / f"{place.format(k=k, t=t)}.txt", f"0 {20 + t} 9.5 5 5\n" if t else "")
    (doubt,) = recognise(tmp_path).doubts
    message = "found those of boxes in pixels with a class, as YOLO has them in shares of the frame"
    assert f"{message}, such as '0 21 9.5 5 5'. Divide x and w by the width" in str(doubt)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "a/0.pgm",
            "such as a/0.pgm, an image of a kind that is not read. Convert it to PNG or TIFF",
        ),
        (
            "a.webm",
            "such as a.webm, a video whose .* Copy it without loss: ffmpeg -i FILE -c copy "
            "NAME.mkv",
        ),
        (
            "a.zip",
            "1 file that cannot be read, such as a.zip, an archive. Unpack it. Or correct the path",
        ),
        ("a.seq", "such as a.seq, a recording of FLIR"),
        ("a.irb", "such as a.irb, a recording of another camera. Export it as 16 bit TIFF"),
    ],
)
def test_files_of_frames_that_are_not_read_are_named(tmp_path, name, message):
    text(tmp_path / name, "x")
    with pytest.raises(InputError, match=message):
        recognise(tmp_path)
    for t in range(4):
        save(tmp_path / f"b/{t}.png", frames(0)[t])
    evidence = recognise(tmp_path).evidence
    assert any(line.startswith(f"not read: 1 file such as {name}, a") for line in evidence)


def test_a_folder_without_frames_is_refused(tmp_path):
    text(tmp_path / "notes.txt", "nothing")
    with pytest.raises(InputError, match="must contain images, videos or stacks of frames; found"):
        recognise(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.csv", "sequence,frame,x,y,w,h,category\n", "table"),
        ("a.csv", "frame,x,y,w,h\n", "boxes"),
        ("a.csv", "frame,file,x,y\n", "centroids"),
        ("a.csv", "H;W;Y;X;Bild\n", "boxes"),
        ("a.csv", "Video,Frame,X,Y,Width,Height\n", "table"),
        ("a.txt", "5 7\nNone\n", "centroids"),
        ("a.txt", "54,4 37,1\n55,0;38,2\n", "centroids"),
        ("a.txt", "298,247,44,34\nnan nan nan nan\n", "rectangles"),
        ("a.txt", "0 0.5 0.5 0.1 0.1\n", "yolo"),
        ("a.txt", "0 .1 .1 .2 .1 .2 .2\n\n1 .1 .1 .2 .1 .2 .2 .1 .2\n", "yolo"),
        ("a.txt", "0 .1 .1 .2 .1 .2 3\n", None),
        ("a.txt", "0 .5 .5 .1 .1 .52 .49 2\n0 .5 .5 .1 .1 0 0 0 .52 .49 1\n", "yolo"),
        ("a.txt", "1,1,10,10,5,5,1,1,1\n", "mot"),
        ("a.txt", "1,1,10,10,5,5,0,2\n", "mot"),
        ("a.txt", "32,25,32,22,35,22,35,25\n", "centroids"),  # of one frame
        ("a.txt", "32,25,32,22,35,22,35,25\n" * 2, None),
        ("a.txt", "0,1,5,5,8,8\n1,1,5,5,3,3\n", "mot"),
        ("a.txt", "1 5 9 4\n2 6 8 5 9 9\n", "centroids"),
        ("a.txt", ",".join("0" * 24), None),
        ("a.txt", "/home/a b/0.bmp 1,2,3,4,0\n/home/a b/1.bmp\n", "lines"),
        ("a.txt", "0001\n0002\n", None),
        ("a.txt", "", None),
        ("a.json", '{"exist": [], "gt_rect": []}', "exist-rect"),
        ("a.json", "{", None),
        ("a.xml", "<annotation><object></object></annotation>", None),
    ],
)
def test_formats_are_recognised_by_content(tmp_path, name, content, form):
    text(tmp_path / name, content)
    assert sniff(tmp_path / name) == form


def test_paths_are_generalised():
    paths = [(split, f"s{k}", "img") for k, split in enumerate(SPLITS)]
    assert path_pattern(paths) == ("{split}", "{sequence}", "img")
    assert path_pattern([("data", "a", "x"), ("data", "b", "x")]) == ("data", "{sequence}", "x")


def test_sequences_of_a_group_may_number_pixels_from_one(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"data/{('easy1', 'sky1', 'sky2')[k]}/{t}.png", pixels)
    for k, name in enumerate(("easy1", "sky1", "sky2")):
        points = (np.array(centre(k, t)) + (k == 0) for t in range(LENGTH))
        text(tmp_path / f"anno/{name}.txt", "\n".join(f"{x} {y}" for x, y in points))
    found = recognise(tmp_path)
    assert found.layout.first_pixel == {"easy*": 1, "sky*": 0}
    assert any(line.startswith("first pixel 1: ") and "of easy*" in line for line in found.evidence)
    labels = open_folder(tmp_path, found.layout).labels
    assert labels[labels.frame == 0][["x", "y"]].to_numpy().tolist() == [
        [centre(k, 0)[0] + 0.5, centre(k, 0)[1] + 0.5] for k in range(3)
    ]


def test_one_sequence_beside_its_masks(tmp_path):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"images/1({t + 1}).bmp", pixels)
        save(tmp_path / f"masks/1({t + 1}).bmp", mask(0, t))
    found = recognise(tmp_path)
    assert (found.layout.sequences, found.layout.labels) == ("images", "masks/{frame}.bmp")
    assert len(open_folder(tmp_path, found.layout).labels) == LENGTH


def test_masks_without_the_name_of_a_sequence_are_those_of_one():
    layout = Layout(sequences="images/*", labels="masks/{frame}.bmp", label_format="masks",
                    category={"*": "target"})  # fmt: skip
    with pytest.raises(InputError, match=r"labels must .* for masks"):
        check_layout(layout, "layout")
    check_layout(layout._replace(sequences="images"), "layout")


def test_one_still_image_is_one(tmp_path):
    save(tmp_path / "images/000001.png", frames(0)[0])
    save(tmp_path / "masks/000001.png", mask(0, 0))
    found = recognise(tmp_path)
    assert found.stills and found.layout.sequences == "images/{sequence}.*"
    assert len(open_folder(tmp_path, found.layout).labels) == 1


def test_files_and_folders_in_the_folder_sequences(tmp_path):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"sequences/a/{t}.png", pixels)
    np.save(tmp_path / "sequences" / "b.npy", frames(1))
    found = recognise(tmp_path)
    assert found.layout.sequences == "sequences/*" and not found.doubts
    assert found.evidence[0] == "2 sequences at sequences/*, folders of images and .npy files"
    (tmp_path / "sequences" / "b.npy").unlink()
    for name in ("c", "d"):
        tifffile.imwrite(tmp_path / f"sequences/{name}.tif", frames(1), photometric="minisblack")
    found = recognise(tmp_path)
    assert found.evidence[0] == "3 sequences at sequences/*, folders of images and .tif files"
    assert not found.doubts


def test_stacks_of_doubles_are_sequences(tmp_path):
    for k, name in enumerate("ab"):  # Pillow does not read such numbers
        tifffile.imwrite(tmp_path / f"{name}.tif", frames(k) / 255, photometric="minisblack")
    found = recognise(tmp_path)
    assert found.layout.sequences == "{sequence}.tif"
    assert found.evidence[0] == "2 sequences at {sequence}.tif, .tif files"


def test_objects_of_matlab_are_no_frames(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", frames(0))
    (tmp_path / "a_LABELS.mat").write_bytes(b"MATLAB 5.0 MAT-file")

    def fail(path):
        raise TypeError("'NoneType' object is not iterable")

    monkeypatch.setattr("scipy.io.whosmat", fail)  # as SciPy 1.17 does at an object
    found = recognise(tmp_path)
    assert list(open_folder(tmp_path, found.layout).names) == ["a"]
    (doubt,) = found.doubts
    assert "found 1 files of MATLAB objects, such as a_LABELS.mat. Write a CSV" in str(doubt)


def test_damaged_images_are_left_to_those_who_read_them(tmp_path):
    for k in range(4):
        (tmp_path / "clip").mkdir(exist_ok=True)
        (tmp_path / "clip" / f"{k:04}.png").write_bytes(b"no image")
    assert recognise(tmp_path).layout.sequences == "clip"


def coco(folder, name, kinds=("drone",), shift=0, crowd=False):
    """Write a COCO file, in which the labels of sequence k are of the class k."""
    images, boxes = [], []
    for k, _, t, _ in every_frame():
        x, y = centre(k, t)
        images.append({"id": len(images), "file_name": f"s{k}/{t:02d}.png"})
        box = {"image_id": len(boxes), "bbox": [x - 1 + shift, y - 1, 3, 3]}
        boxes.append({**box, "id": len(boxes), "category_id": k % len(kinds)})
    if crowd:
        boxes.append({"image_id": 0, "bbox": [2, 2, 30, 20], "category_id": 0, "iscrowd": 1})
    categories = [{"id": k, "name": name} for k, name in enumerate(kinds)]
    content = {"images": images, "annotations": boxes, "categories": categories}
    text(folder / name, json.dumps(content))


def images_and_masks(folder, with_masks=True):
    for k, _, t, pixels in every_frame():
        save(folder / f"images/s{k}/{t:02d}.png", pixels)
        if with_masks:
            save(folder / f"masks/s{k}/{t:02d}.png", mask(k, t))


def test_two_files_of_one_format_are_compared(tmp_path):
    images_and_masks(tmp_path, with_masks=False)
    coco(tmp_path, "labels.json")
    coco(tmp_path, "labels_old.json", shift=1)
    found = recognise(tmp_path)
    assert found.layout.labels == "labels.json" and not found.doubts
    assert found.evidence[-1] == "coco at labels_old.json: 18 labels that agree; it is left out"
    coco(tmp_path, "labels_old.json", shift=2)
    (doubt,) = recognise(tmp_path).doubts
    assert "found 0 of 18 labels within 1.5 px of 18 of coco at labels_old.json" in str(doubt)


def test_labels_with_classes_are_preferred_to_masks(tmp_path):
    images_and_masks(tmp_path)
    coco(tmp_path, "labels.json", kinds=("drone", "bird", "drone 2"))
    found = recognise(tmp_path)
    assert found.layout.label_format == "coco" and not found.doubts
    labels = open_folder(tmp_path, found.layout).labels
    assert labels[labels.category == "interference"].sequence.unique().tolist() == ["s1"]


def test_regions_to_be_ignored_are_no_targets(tmp_path):
    images_and_masks(tmp_path, with_masks=False)
    coco(tmp_path, "labels.json", kinds=("drone", "ignored regions", "DontCare"), crowd=True)
    found = recognise(tmp_path)
    categories = {"drone": "target", "ignored regions": "ignore", "DontCare": "ignore"}
    assert found.layout.category == categories
    folder, message = (
        open_folder(tmp_path, found.layout),
        r"labels\.json: 1 annotation of iscrowd 1",
    )
    with pytest.warns(Note, match=message):
        assert folder.labels.sequence.tolist() == ["s0"] * LENGTH


def test_sequences_of_clouds_hold_targets(tmp_path):
    for k, _, t, pixels in every_frame():
        name = ("cloud1", "noise", "clear")[k]
        save(tmp_path / f"images/{name}/{t}.png", pixels)
        save(tmp_path / f"masks/{name}/{t}.png", mask(k, t))
    assert recognise(tmp_path).layout.category == {"*": "target"}


@pytest.mark.parametrize("layout", ["mot", "auto"])
def test_classes_of_our_mot_files(tmp_path, layout):
    LAYOUTS["mot"][0](tmp_path)
    for file in tmp_path.glob("*/IR-01/gt/gt.txt"):
        file.write_text(file.read_text().replace("7,7,1,1,", "7,7,1,2,"))
    found = recognise(tmp_path)
    assert any(line.startswith("class 2 is taken for interference") for line in found.evidence)
    layout = PRESETS["mot"] if layout == "mot" else found.layout
    labels = open_folder(tmp_path, layout).labels
    assert labels[labels.category == "interference"].sequence.tolist() == ["IR-01"] * LENGTH
    for file in tmp_path.glob("*/IR-02/gt/gt.txt"):
        file.write_text(file.read_text().replace("7,7,1,1,", "7,7,1,3,"))
    assert recognise(tmp_path).layout.category == {"*": "target"}


def test_a_gap_in_one_folder_leaves_the_others_recognised(tmp_path):
    images_and_masks(tmp_path)
    (tmp_path / "images/s1/03.png").unlink()
    found = recognise(tmp_path)
    assert found.layout.labels == "masks/{sequence}/{frame}.png" and not found.doubts
    assert f"{2 * LENGTH} labels of format masks, {3 * LENGTH} files" in found.evidence[-1]


def inverted(pixels):
    return 255 - pixels


def white_with_alpha(pixels):
    return np.dstack([np.full_like(pixels, 255)] * 3 + [pixels])


def grey_with_alpha(pixels):
    return np.dstack([pixels, np.full_like(pixels, 255)])


@pytest.mark.parametrize("change", [inverted, white_with_alpha, grey_with_alpha])
def test_masks_on_white_and_masks_with_alpha_are_no_sequences(tmp_path, change):
    images_and_masks(tmp_path)
    for file in tmp_path.glob("masks/*/*.png"):
        save(file, change(np.asarray(Image.open(file))))
    found, errors = recognise(tmp_path), []
    assert found.layout.sequences == "images/{sequence}" and not found.doubts
    folder = open_folder(tmp_path, found.layout)
    labels = folder.read_labels(folder.shapes, errors.append)
    if change == inverted:
        assert "s0/00.png: a mask must be 0 where there is no target" in str(errors[0])
    else:
        assert len(labels) == 3 * LENGTH and not errors


def test_a_flat_folder_with_a_sequence_of_one_frame(tmp_path):
    for k, _, t, pixels in every_frame():
        if k < 2 or t == 0:
            save(tmp_path / f"images/s{k}_{t:04d}.png", pixels)
    found = recognise(tmp_path)
    assert found.layout.sequences == "images/{sequence}_{frame}.*"
    names = open_folder(tmp_path, found.layout).files
    assert {name: len(images) for name, images in names.items()} == {"s0": 6, "s1": 6, "s2": 1}


def test_a_flat_sequence_whose_number_is_not_the_last_one(tmp_path):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"img_{t:04d}_14bit.png", pixels)
        save(tmp_path / f"masks/img_{t:04d}_14bit.png", mask(0, t))
    found = recognise(tmp_path)
    assert found.layout.sequences == "img_{frame}_14bit.png" and not found.stills
    assert len(open_folder(tmp_path, found.layout).labels) == LENGTH


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize(
    ("images", "masks"),
    [("images/s{}", "masks/s{}"), ("train/s{}/img1", "train/s{}/blobs"), ("s{}/img", "")],
)
def test_a_black_or_white_sequence_is_none_of_masks(tmp_path, images, masks, level):
    for k, _, t, pixels in every_frame():
        if masks:
            pixels = np.full_like(pixels, level) if k == 1 else pixels
            save(tmp_path / f"{masks.format(k)}/{t:02d}.png", mask(k, t))
        save(tmp_path / f"{images.format(k)}/{t:02d}.png", pixels)
    if not masks:  # a sequence without an object is none of frames
        for k, _, t, _ in every_frame():
            save(tmp_path / f"s{k}/blobs/{t:02d}.png", mask(k, t) * (k != 1))
    found = recognise(tmp_path)
    assert found.layout.label_format == "masks" and not found.doubts
    folder = open_folder(tmp_path, found.layout)
    assert folder.names == ["s0", "s1", "s2"]
    assert (folder.sequence("s1").frame(0).max() == level) == bool(masks)
    assert folder.labels.sequence.nunique() == (3 if masks else 2)


def test_a_black_sequence_beside_a_table(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"sequences/s{k}/{t:02d}.png", pixels * (k != 2))
    rows = [f"s{k},0,{centre(k, 0)[0]},9,3,3,target" for k in range(3)]
    text(tmp_path / "labels.csv", "\n".join(["sequence,frame,x,y,w,h,category", *rows]))
    found = recognise(tmp_path)
    assert found.layout.labels == "labels.csv" and not found.doubts
    folder = open_folder(tmp_path, found.layout)
    assert folder.names == ["s0", "s1", "s2"] and len(folder.labels) == 3


def test_links_to_folders(tmp_path):
    images_and_masks(tmp_path / "elsewhere")
    data = tmp_path / "data"
    (data / ".store").mkdir(parents=True)
    (data / "images").symlink_to(tmp_path / "elsewhere/images")
    message = r"must lie in the folder to be recognised; found 1 link out of it, such as images to "
    with pytest.raises(InputError, match=message):
        recognise(data)
    (data / "images").unlink()
    (tmp_path / "elsewhere/images").rename(data / ".store/images")
    (data / "images").symlink_to(data / ".store/images")
    (data / "again").symlink_to(".store/images")  # read once
    (data / "masks").symlink_to(tmp_path / "elsewhere/masks")
    found = recognise(data)
    assert any(it.startswith("not read: 1 link such as masks to") for it in found.evidence)
    assert "found 1 link out of it, such as masks to" in str(found.doubts[0])
    (data / "masks").unlink()
    (tmp_path / "elsewhere/masks").rename(data / "masks")
    (data / "images" / "all").symlink_to(data)  # a circle
    found = recognise(data)
    assert not found.doubts and len(open_folder(data, found.layout).labels) == 3 * LENGTH
    assert any(it.startswith("read there: 2 links such as images to ") for it in found.evidence)


@pytest.mark.parametrize(
    ("images", "masks"),
    [("rec [1]/images/s{}", "rec [1]/gt/s{}"), ("[ir] s{}", "m [2]/[ir] s{}"), ("[i]", "[m]")],
)
def test_brackets_in_names_stand_for_themselves(tmp_path, images, masks):
    for k, _, t, pixels in every_frame():
        if k == 0 or "{}" in images:
            save(tmp_path / f"{images.format(k)}/{t:02d}.png", pixels)
            save(tmp_path / f"{masks.format(k)}/{t:02d}.png", mask(k, t))
    found = recognise(tmp_path)
    assert not found.doubts
    labels = open_folder(tmp_path, found.layout).labels
    assert len(labels) == (3 * LENGTH if "{}" in images else LENGTH)


def test_the_sidecars_of_raw_files_are_no_unknown_documents(tmp_path):
    for name in "ab":
        frames(0).astype("<u2").tofile(tmp_path / f"{name}.raw")
        height, width = frames(0).shape[1:]
        text(
            tmp_path / f"{name}.json",
            json.dumps({"width": width, "height": height, "dtype": "uint16"}),
        )
    assert not any("document" in line for line in recognise(tmp_path).evidence)
    text(tmp_path / "notes.json", "{}")
    assert any("1 document such as notes.json" in line for line in recognise(tmp_path).evidence)


def test_structures_of_matlab_alone_are_named(tmp_path):
    savemat(tmp_path / "a.mat", {"data": {"frames": np.zeros((4, 4, 9)), "fps": 25.0}})
    with pytest.raises(InputError, match=r"a\.mat: it must contain one array of frames; found no"):
        recognise(tmp_path)


def test_thumbnails_in_tiff_images_are_left_aside(tmp_path):
    for k, pixels in enumerate(np.arange(9 * 24 * 32, dtype=np.uint16).reshape(9, 24, 32)):
        (tmp_path / "a").mkdir(exist_ok=True)
        with tifffile.TiffWriter(tmp_path / f"a/{k:03d}.tif") as file:
            file.write(pixels)
            file.write(pixels[::4, ::4], subfiletype=1)
    found = recognise(tmp_path)
    sequence = open_folder(tmp_path, found.layout).sequence("a")
    assert sequence.shape == (9, 24, 32) and sequence.frame(8)[0, 0] == 8 * 24 * 32
