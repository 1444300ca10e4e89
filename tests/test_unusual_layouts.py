"""Layouts that differ in names, nesting and suffixes from those of public data sets."""

import json
import shutil

import numpy as np
import pytest
import tifffile
from field_layouts import (
    ABSENT,
    HEIGHT,
    LAYOUTS,
    LENGTH,
    SPLITS,
    WIDTH,
    centre,
    every_frame,
    frames,
    mask,
    rectangles,
    save,
    text,
    yolo_box,
)

from dimjax.data.folders import open_folder
from dimjax.data.layouts import Layout
from dimjax.data.recognition import recognise
from dimjax.errors import InputError, Note


def masks_in_colours(folder):
    for k, _, t, pixels in every_frame():
        red = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        red[..., 3], red[..., 0] = 255, mask(k, t)
        save(folder / f"data/set1/c{k}/frames/f-{t:03d}.PNG", pixels)
        save(folder / f"data/set1/c{k}/gt/f-{t:03d}.PNG", red)


def masks_beside(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"c{k}/{t:03d}.png", pixels)
        save(folder / f"c{k}/{t:03d}_mask.png", mask(k, t))


def masks_with_a_prefix(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"images/c{k}/{t:04d}.png", pixels)
        save(folder / f"ann/c{k}/mask{t:04d}.png", mask(k, t))


def boxes_called_after_sequence_and_frame(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"images/c{k}/{t:04d}.png", pixels)
        text(folder / f"labels/c{k}_{t:04d}.txt", yolo_box(k, t))


def masks_of_the_centre_alone(folder):
    for k, split, t, pixels in every_frame():
        save(folder / f"{split.title()}/c{k}/images/{t + 1}.tif", pixels)
        save(folder / f"{split.title()}/c{k}/masks_centroid/{t + 1}.png", mask(k, t))


def coco_in_each_split(folder):
    kinds = [{"id": 0, "name": "objects"}, {"id": 1, "name": "target"}]
    files = {split: {"images": [], "annotations": [], "categories": kinds} for split in SPLITS}
    for k, split, t, pixels in every_frame():
        save(folder / split / f"c{k}_{t:04d}.png", pixels)
        key, (x, y) = LENGTH * k + t, centre(k, t)
        files[split]["images"].append({"id": key, "file_name": f"c{k}_{t:04d}.png"})
        box = {"image_id": key, "category_id": 1, "bbox": [x - 3, y - 3, 7, 7]}
        files[split]["annotations"].append({"id": key, **box})
    for split, content in files.items():
        text(folder / split / "_annotations.coco.json", json.dumps(content))


def coco_of_each_sequence(folder):
    kinds = [{"id": 1, "name": "target"}]
    images = [{"id": t, "file_name": f"frame_{t:06d}.PNG"} for t in range(LENGTH)]
    for k, _, t, pixels in every_frame():
        save(folder / f"c{k}/images/frame_{t:06d}.PNG", pixels)
        corners = [(x - 3, y - 3) for x, y in (centre(k, i) for i in range(LENGTH))]
        boxes = [{"image_id": i, "category_id": 1, "bbox": [*it, 7, 7]}
                 for i, it in enumerate(corners)]  # fmt: skip
        content = {"images": images, "annotations": boxes, "categories": kinds}
        text(folder / f"c{k}/instances_default.json", json.dumps(content))


def coco_of_each_stack(folder):
    coco_of_each_sequence(folder)
    for k in range(len(SPLITS)):
        (folder / f"c{k}/instances_default.json").rename(folder / f"c{k}.json")
        np.save(folder / f"c{k}.npy", frames(k))
        shutil.rmtree(folder / f"c{k}")


def tracking_with_absences(folder):
    for k, split, t, pixels in every_frame():
        save(folder / split / f"c{k}/{t + 1:08d}.jpg", pixels, quality=95)
    for k, split in enumerate(SPLITS):
        boxes = [[x - 3, y - 3, 7, 7] for x, y in (centre(k, t) for t in range(LENGTH))]
        rows = "\n".join("\t".join(map(str, box)) for box in boxes)
        text(folder / split / f"c{k}/groundtruth.txt", rows)
        absent = "\n".join(str(int(t == ABSENT)) for t in range(LENGTH))
        text(folder / split / f"c{k}/absence.label", absent)
        text(
            folder / split / "list.txt", "\n".join(f"c{i}" for i in range(3) if SPLITS[i] == split)
        )


def infrared_and_visible(folder):
    LAYOUTS["anti-uav"][0](folder / "set")
    for k, split in enumerate(SPLITS):
        place = folder / "set" / split / f"20190925_111757_1_{k}"
        place = place.rename(place.with_name(f"c{k}"))
        (place / "visible.mp4").write_bytes((place / "infrared.mp4").read_bytes())
        text(place / "visible.json", json.dumps(rectangles(k, [])).replace(", 7, 7]", ", 9, 9]"))


def points_in_xml(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"imgs/c{k}/{t:03d}.png", pixels)
        x, y = centre(k, t)
        point = f"<centroid><x>{x + 1}</x><y>{y + 1}</y></centroid>"
        text(folder / f"points/c{k}/{t:03d}.xml", f"<a><object>{point}</object></a>")


def tables_from_one(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"c{k}/{t:03d}.png", pixels)
    for k in range(len(SPLITS)):
        points = (centre(k, t) for t in range(LENGTH))
        rows = [f"{t + 1},{x - 3},{y - 3},7,7" for t, (x, y) in enumerate(points)]
        text(folder / f"c{k}.csv", "\n".join(["frame,x,y,w,h", *rows]))


def stacks_of_a_microscope(folder):
    (folder / "stacks").mkdir(parents=True)
    for k in range(len(SPLITS)):
        file = folder / f"stacks/c{k}.ome.tif"
        tifffile.imwrite(file, frames(k), photometric="minisblack", metadata={"axes": "TYX"})
        text(folder / f"truth/c{k}.txt", "\n".join("{} {}".format(*centre(k, t)) for t in range(6)))


def cubes_with_headers(folder):
    for k in range(len(SPLITS)):
        header = f"ENVI\nsamples = {WIDTH}\nlines = {HEIGHT}\nbands = {LENGTH}\ndata type = 12\n"
        name = ("c0.hdr", "c1.dat.hdr", "c2.hdr")[k]
        text(folder / f"day{k % 2}/{name}", f"{header}interleave = bsq\nbyte order = 1\n")
        frames(k).astype(">u2").tofile(folder / f"day{k % 2}/c{k}.dat")
        points = "\n".join("{},{}".format(*centre(k, t)) for t in range(LENGTH))
        text(folder / f"day{k % 2}/c{k}.txt", points)


def boxes_beside_the_images(folder):
    for k, _, t, pixels in every_frame():
        save(folder / f"c{k}/{t:05d}.png", pixels)
        text(folder / f"c{k}/{t:05d}.txt", yolo_box(k, t))
        text(folder / f"c{k}/classes.txt", "target\n")


CASES = [
    (masks_in_colours, "data/set1/{sequence}/frames", False),
    (masks_with_a_prefix, "images/{sequence}", False),
    (boxes_called_after_sequence_and_frame, "images/{sequence}", True),
    (masks_beside, "{sequence}/{frame}.png", False),
    (masks_of_the_centre_alone, "{split}/{sequence}/images", False),
    (coco_in_each_split, "{split}/{sequence}_{frame}.*", False),
    (coco_of_each_sequence, "{sequence}/images", False),
    (coco_of_each_stack, "{sequence}.npy", False),
    (tracking_with_absences, "{split}/{sequence}", True),
    (infrared_and_visible, "set/{split}/{sequence}/infrared.mp4", True),
    (points_in_xml, "imgs/{sequence}", False),
    (tables_from_one, "{sequence}", False),
    (stacks_of_a_microscope, "stacks/{sequence}.ome.tif", False),
    (cubes_with_headers, "*/{sequence}.dat", False),
    (boxes_beside_the_images, "{sequence}", True),
]


@pytest.mark.filterwarnings("ignore:3 label files at")  # classes.txt
@pytest.mark.parametrize(("write", "sequences", "absent"), CASES)
def test_labels_are_those_of_the_source(tmp_path, write, sequences, absent):
    write(tmp_path)
    found = recognise(tmp_path)
    assert found.layout.sequences == sequences and not found.doubts
    folder = open_folder(tmp_path, found.layout)
    assert folder.names == ["c0", "c1", "c2"]
    labels = folder.read_labels({name: folder.sequence(name).shape for name in folder.names})
    expected = [(f"c{k}", t, *np.add(centre(k, t), 0.5)) for k in range(3) for t in range(LENGTH)]
    expected = [row for row in expected if not absent or row[1] != ABSENT]
    found = labels.sort_values(["sequence", "frame"])[["sequence", "frame", "x", "y"]]
    assert found[["sequence", "frame"]].to_numpy().tolist() == [list(row[:2]) for row in expected]
    np.testing.assert_allclose(found[["x", "y"]], [row[2:] for row in expected], atol=0.01)
    if "{split}" in sequences:
        assert folder.splits["train"] == ["c0", "c1"]


@pytest.mark.parametrize(("image", "annotation"), [("image.png", "mask.png"), ("a.bmp", "b.png")])
def test_still_images_with_a_folder_each(tmp_path, image, annotation):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"scenes/{k}{t}/{image}", pixels)
        save(tmp_path / f"scenes/{k}{t}/{annotation}", mask(k, t))
    found = recognise(tmp_path)
    assert found.stills and not found.doubts
    assert found.layout.sequences == f"scenes/{{sequence}}/{image}"
    labels = open_folder(tmp_path, found.layout).labels.set_index("sequence")
    assert labels.loc["12", ["x", "y"]].tolist() == [v + 0.5 for v in centre(1, 2)]
    assert len(labels) == 3 * LENGTH


def test_a_folder_that_is_one_sequence(tmp_path):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"im_{t}.png", pixels)
    text(tmp_path / "gt.txt", "\n".join("{} {}".format(*centre(0, t)) for t in range(LENGTH)))
    found = recognise(tmp_path)
    assert (found.layout.sequences, found.layout.labels) == ("im_{frame}.png", "gt.txt")
    labels = open_folder(tmp_path, found.layout).labels
    assert labels.sequence.unique().tolist() == [tmp_path.name] and len(labels) == LENGTH


def test_a_document_that_is_not_read_is_named(tmp_path):
    save(tmp_path / "c/0.png", frames(0)[0])
    save(tmp_path / "c/1.png", frames(0)[1])
    text(tmp_path / "labels.csv", "time;position\n0;5\n")
    (line,) = [line for line in recognise(tmp_path).evidence if line.startswith("no labels")]
    assert line.endswith("; 1 document such as labels.csv in no known format")


def test_a_missing_number_in_a_flat_folder(tmp_path):
    for t in (0, 1, 3):
        save(tmp_path / f"a_{t}.png", frames(0)[0])
    layout = Layout(sequences="{sequence}_{frame}.png", labels="")
    with pytest.raises(InputError, match="without a gap, 2 follows 1; found a_1.png, then a_3.png"):
        open_folder(tmp_path, layout)
    save(tmp_path / "a_2.png", frames(0)[0])
    save(tmp_path / "a_last.png", frames(0)[0])
    layout = layout._replace(sequences="a_{frame}.png")
    with pytest.raises(InputError, match=r"a_last.png: a file must match .*, with a number for"):
        open_folder(tmp_path, layout)


def test_a_single_image_without_a_number(tmp_path):
    tifffile.imwrite(tmp_path / "radiometric.tiff", frames(0)[0], photometric="minisblack")
    found = recognise(tmp_path)
    assert found.stills and found.layout.sequences == "{sequence}.tiff"
    assert open_folder(tmp_path, found.layout).names == ["radiometric"]


@pytest.mark.parametrize(
    ("infrared", "visible", "sequences"),
    [
        ("s{}/infrared", "s{}/visible", "{sequence}/infrared"),
        ("thermal/s{}", "RGB/s{}", "thermal/{sequence}"),
        ("set/s{}/ir/left", "set/s{}/color/left", "set/{sequence}/ir/left"),
    ],
)
def test_frames_of_a_visible_camera_are_left_out(tmp_path, infrared, visible, sequences):
    for k, _, t, pixels in every_frame():
        save(tmp_path / infrared.format(k) / f"i{t:03d}.png", pixels)
        save(tmp_path / visible.format(k) / f"v{t:03d}.png", pixels // 2)
    found = recognise(tmp_path)
    assert found.layout.sequences == sequences and not found.doubts
    left_out = f"left out: {len(SPLITS)} folders such as {visible.format(0)}"
    assert left_out in found.evidence
    assert (open_folder(tmp_path, found.layout).sequence("s0").frame(0) == frames(0)[0]).all()


@pytest.mark.parametrize("first_frame", [0, 1])
def test_labels_numbered_as_their_files_are_one_problem(tmp_path, first_frame):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"s{k}/f{t + 1500}.png", pixels)
    for k in range(len(SPLITS)):
        rows = [f"{t + (1500 if k else first_frame)},9,9,3,3" for t in range(LENGTH)]
        text(tmp_path / f"s{k}.csv", "\n".join(["frame,x,y,w,h", *rows]))
    layout = recognise(tmp_path).layout._replace(first_frame=first_frame)
    errors, shapes = [], {f"s{k}": (LENGTH, HEIGHT, WIDTH) for k in range(len(SPLITS))}
    labels = open_folder(tmp_path, layout).read_labels(shapes, errors.append)
    assert labels.sequence.tolist() == ["s0"] * LENGTH
    (error,) = errors
    count, last = (len(SPLITS) - 1) * LENGTH, 1500 + LENGTH - 1
    found = f"found {count} labels numbered as the files, such as 1500 to {last} in sequence s1."
    assert found in str(error)


def test_of_two_files_of_a_recording_the_infrared_one_is_taken(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("IR", "RGB"):
        np.save(tmp_path / f"a/{name}.npy", frames(0))
    found = recognise(tmp_path)
    assert open_folder(tmp_path, found.layout).names == ["IR"] and not found.doubts
    assert "left out: 1 file such as a/RGB.npy" in found.evidence


def test_names_that_two_folders_share_are_no_sequences(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/s{k}/{t // 3}_{t % 3}.png", pixels)
    assert recognise(tmp_path).layout.sequences == "images/{sequence}"


def test_labels_of_the_first_frame_alone_are_a_problem(tmp_path):
    for name in ("train/a", "test/b"):
        for t in range(8):
            save(tmp_path / f"{name}/{t + 1:08d}.png", frames(0)[t % LENGTH])
    text(tmp_path / "train/a/groundtruth.txt", "5,5,3,3\n" * 8)
    text(tmp_path / "test/b/groundtruth.txt", "5,5,3,3\n")
    errors, shapes = [], dict.fromkeys("ab", (8, HEIGHT, WIDTH))
    folder = open_folder(tmp_path, recognise(tmp_path).layout)
    assert len(folder.read_labels(shapes, errors.append)) == 9
    (error,) = errors
    found = "b/groundtruth.txt: labels must be of all frames; found those of the first frame alone"
    assert f"{found} in 1 label file." in str(error)


def test_rows_that_are_no_labels_are_counted_in_one_note(tmp_path):
    LAYOUTS["mot"][0](tmp_path)
    files = sorted(tmp_path.glob("*/*/gt/gt.txt"))
    for file in files:
        text(file, file.read_text() + "\n1,9,5,5,3,3,0,1,1\n2,9,5,5,3,3,0,1,1\n")
    folder = open_folder(tmp_path, recognise(tmp_path).layout)
    message = f"{2 * len(files)} label rows at .*gt.txt of flag 0, which are not to be evaluated"
    for _ in range(2):  # none is counted twice
        with pytest.warns(Note, match=message):
            labels = folder.read_labels({name: (LENGTH, HEIGHT, WIDTH) for name in folder.files})
    assert "9" not in labels.track.tolist() and len(labels) == 18


@pytest.mark.parametrize(
    ("images", "masks", "pattern"),
    [
        ("images/day{k}/s{k}", "masks/day{k}/s{k}", "masks/*/{sequence}/{frame}.png"),
        ("i/day{k}/cam{k}/s{k}", "m/day{k}/cam{k}/s{k}", "m/*/*/{sequence}/{frame}.png"),
        ("images/a{k}/x/s{k}", "x/a{k}/s{k}", "x/*/{sequence}/{frame}.png"),
    ],
)
def test_labels_in_a_folder_for_each_day_are_all_read(tmp_path, images, masks, pattern):
    for k, _, t, pixels in every_frame():
        save(tmp_path / images.format(k=k) / f"{t:04d}.png", pixels)
        save(tmp_path / masks.format(k=k) / f"{t:04d}.png", mask(k, t))
    found = recognise(tmp_path)
    assert found.layout.labels == pattern and not found.doubts
    assert len(open_folder(tmp_path, found.layout).labels) == 3 * LENGTH


@pytest.mark.filterwarnings("ignore:1 label file at")
def test_a_frame_with_two_label_files_is_a_problem(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/day{k}/s{k}/{t:04d}.png", pixels)
        save(tmp_path / f"masks/day{k}/s{k}/{t:04d}.png", mask(k, t))
    save(tmp_path / "masks/day2/s0/0003.png", mask(1, 3))
    errors, folder = [], open_folder(tmp_path, recognise(tmp_path).layout)
    folder.read_labels(folder.shapes, errors.append)
    assert len(errors) == 1 and "a frame must have one label file; found " in str(errors[0])
    assert "day0/s0/0003.png and " in str(errors[0]) and "day2/s0/0003.png. Remove" in str(
        errors[0]
    )


@pytest.mark.parametrize("parts", ["sequences", "frames"])
def test_labels_at_another_pattern_are_not_lost(tmp_path, parts):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/s{k}/{t:04d}.png", pixels)
        is_first = k == 0 if parts == "sequences" else t < 2
        place = "labels" if is_first else "labels_of_tom"
        text(tmp_path / f"{place}/s{k}/{t:04d}.txt", yolo_box(k, t) or "0 .5 .5 .1 .1")
    (doubt,) = recognise(tmp_path).doubts
    rule = "the labels of all sequences must be at one pattern, such as labels/{sequence}/{frame}"
    count = {"sequences": 2, "frames": 3}[parts]
    found = f"found those of {count} sequences at labels_of_tom/{{sequence}}/{{frame}}.txt alone."
    assert rule in str(doubt) and found in str(doubt)


@pytest.mark.parametrize(
    ("images", "masks", "sequences", "labels"),
    [
        ("train/a/img1", "train/a/mask", "{split}/{sequence}/img1", "{split}/{sequence}/mask"),
        ("val/images/a", "val/gt/a", "{split}/images/{sequence}", "{split}/gt/{sequence}"),
        ("i/test/a", "m/test/a", "i/{split}/{sequence}", "m/{split}/{sequence}"),
    ],
)
def test_one_sequence_in_a_split_has_the_name_of_its_labels(
    tmp_path, images, masks, sequences, labels
):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"{images}/{t:03d}.png", pixels)
        save(tmp_path / f"{masks}/{t:03d}.png", mask(0, t))
    found = recognise(tmp_path)
    assert found.layout.sequences == sequences and not found.doubts
    assert found.layout.labels == f"{labels}/{{frame}}.png"
    assert open_folder(tmp_path, found.layout).labels.sequence.tolist() == ["a"] * LENGTH


def test_one_sequence_in_a_split_with_a_table(tmp_path):
    for t, pixels in enumerate(frames(0)):
        save(tmp_path / f"train/a/img1/{t + 1:03d}.png", pixels)
    x, y = centre(0, 3)
    text(tmp_path / "train/a/gt/gt.txt", f"4,1,{x - 1},{y - 1},5,5,1,1,1\n")
    found = recognise(tmp_path)
    assert found.layout.sequences == "{split}/{sequence}/img1" and not found.doubts
    row = open_folder(tmp_path, found.layout).labels.iloc[0]
    assert (row.sequence, row.frame, row.x, row.y) == ("a", 3, x + 0.5, y + 0.5)


def test_frames_of_one_camera_in_two_splits(tmp_path):
    """Each split is a sequence; the labels of both are read."""
    for t, pixels in enumerate(frames(0)):
        split = "train" if t < 4 else "val"
        save(tmp_path / f"images/{split}/v_{t:03d}.png", pixels)
        save(tmp_path / f"masks/{split}/v_{t:03d}.png", mask(0, t))
    found = recognise(tmp_path)
    assert found.layout.sequences == "images/{split}" and not found.doubts
    folder = open_folder(tmp_path, found.layout)
    assert folder.splits == {"train": ["train"], "val": ["val"], "test": [], "new": []}
    rows = folder.labels[["sequence", "frame", "x"]].to_numpy().tolist()
    steps = [("train", t, t) for t in range(4)] + [("val", 0, 4), ("val", 1, 5)]
    assert rows == [[name, t, centre(0, of_camera)[0] + 0.5] for name, t, of_camera in steps]
    with pytest.raises(InputError, match=r"labels must contain {sequence} for masks"):
        open_folder(tmp_path, found.layout._replace(sequences="images/{split}/*"))


def test_labels_of_a_sequence_without_images(tmp_path):
    for k, _, t, pixels in every_frame():
        if k < 2:
            save(tmp_path / f"images/s{k}/{t:04d}.png", pixels)
        text(tmp_path / f"labels/s{k}/{t:04d}.txt", "0 .5 .5 .1 .1")
    found = recognise(tmp_path)
    assert found.layout.labels == "labels/{sequence}/{frame}.txt" and not found.doubts
    note = "6 label files at labels/{sequence}/{frame}.txt without a frame or sequence"
    with pytest.warns(Note, match=note):
        assert len(open_folder(tmp_path, found.layout).labels) == 2 * LENGTH


def test_sequences_of_the_same_name_get_a_remedy_that_fits(tmp_path):
    for k in range(2):
        for camera in "ab":
            for t in range(2):
                save(tmp_path / f"day{k}/{camera}{k}/s{k}/{t}.png", frames(k)[t])
    errors = []
    open_folder(tmp_path, Layout(sequences="*/*/{sequence}", labels=""), errors.append)
    assert "b0/s0: names must be unique; found " in str(errors[0]) and len(errors) == 2
    other = "*/{sequence}/*"
    assert str(errors[0]).endswith(f"a0/s0. Rename one of them, or set sequences={other}.")
    folder = open_folder(tmp_path, Layout(sequences=other, labels=""))
    assert folder.names == ["a0", "a1", "b0", "b1"]
    save(tmp_path / "day2/b1/s2/0.png", frames(0)[0])  # now no folder has names for all
    errors = []
    open_folder(tmp_path, Layout(sequences="*/*/{sequence}", labels=""), errors.append)
    assert str(errors[0]).endswith("Rename one of them, and its labels alike.")


def test_frames_of_several_cameras_in_two_splits_are_problems(tmp_path):
    for k, _, t, pixels in every_frame():
        split = "train" if t < 4 or k == 2 else "val"
        save(tmp_path / f"images/{split}/s{k}_{t:03d}.png", pixels)
    layout, errors = recognise(tmp_path).layout, []
    assert layout.sequences == "images/{split}/{sequence}_{frame}.*"
    open_folder(tmp_path, layout, errors.append)
    assert len(errors) == 2
    message = "images/train/s0_000.png: the frames of a sequence must be in one split; found "
    assert message in str(errors[0]) and "images/val/s0_004.png. Move all" in str(errors[0])


def test_parallel_folders_of_each_sequence_are_named_as_a_choice(tmp_path):
    for k, _, t, pixels in every_frame():
        for camera in ("00", "01"):
            save(tmp_path / f"images/c{k}/{camera}/{t:05d}.png", pixels)
    errors = []
    open_folder(tmp_path, recognise(tmp_path).layout, errors.append)
    assert "c0/01: names must be unique; found " in str(errors[0])
    choice = "Choose one of the folders 00, 01, as in sequences=images/{sequence}/00."
    assert str(errors[0]).endswith(choice)
