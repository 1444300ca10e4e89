"""Tables of labels with tabs or other names, and tables that are none or of other programs."""

import pytest
from field_layouts import LENGTH, every_frame, mask, save, text

from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise
from dimjax.errors import InputError


@pytest.fixture
def folder(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/c{k}/{t:03d}.png", pixels)
    return tmp_path


@pytest.mark.parametrize("name", ["labels.tsv", "annotations/labels.tsv"])
def test_tables_with_tabs_are_read(folder, name):
    rows = [f"c{k}\t{t}\t{t + 9}\t9\t3\t3\n" for k, _, t, _ in every_frame()]
    text(folder / name, "sequence\tframe\tx\ty\tw\th\n" + "".join(rows))
    found = recognise(folder)
    assert found.layout.labels == name and not found.doubts
    assert len(open_folder(folder, found.layout).labels) == len(rows)


def test_a_table_of_splits_with_tabs_is_read(folder):
    text(folder / "split.tsv", "sequence\tsplit\nc0\ttrain\nc1\tval\nc2\ttest\n")
    found = recognise(folder)
    assert open_folder(folder, found.layout).splits == {
        "train": ["c0"],
        "val": ["c1"],
        "test": ["c2"],
    }


@pytest.mark.parametrize("name", ["{}_labels.csv", "gt/{}_groundtruth.csv", "{}_bbox.tsv"])
def test_labels_may_have_a_word_behind_the_name_of_their_sequence(folder, name):
    rows = "".join(f"{t},9,9,3,3\n" for t in range(LENGTH))
    content = f"frame,x,y,w,h\n{rows}"
    for k in range(3):
        tabs = name.endswith("tsv")
        text(folder / name.format(f"c{k}"), content.replace(",", "\t") if tabs else content)
    found = recognise(folder)
    assert found.layout.labels == name.format("{sequence}") and not found.doubts


def check_doubt(folder, name, content, value):
    """A file beside the frames is no labels, and a doubt says the value; none if it is None."""
    text(folder / name, content)
    found = recognise(folder)
    assert found.layout.labels == ""
    assert [value in str(doubt) for doubt in found.doubts] == [True] * (value is not None)


@pytest.mark.parametrize(
    ("name", "content", "value"),
    [
        ("gt.csv", "imageFilename,a_1,a_2,a_3,a_4\n", "a groundTruth of MATLAB"),
        ("x/all.csv", "imageFilename;drone\n", "a groundTruth of MATLAB"),
        ("poses/c0.csv", "frame,x [m],y [m],z [m]\n0,1,2,3\n", "places in space. If x and y are"),
        ("labels.db", "SQLite format 3", "labels.db, a database. Export its table of"),
        ("poses/c0.csv", "frame,time,x,y,z,roll,pitch,yaw\n0,0,1,2,3,0,0,0\n", None),
        ("poses/c0.csv", "frame,x,y,qx,qy,qz,qw\n0,1,2,0,0,0,1\n", None),
    ],
)
def test_tables_of_other_programs_and_of_cameras(folder, name, content, value):
    check_doubt(folder, name, content, value)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
COCO = '{"images": [{"id": 1, "file_name": "c0/0.png"}], "annotat'


@pytest.mark.parametrize(
    ("name", "content", "value"),
    [
        ("labels.csv", POINTER, "a pointer of Git LFS. Run `git lfs pull`"),
        ("annotations/gt.json", COCO, "it must be JSON; found Unterminated string"),
        (
            "gt/c0.csv",
            "frame,id,bb_left,bb_top,bb_width,bb_height\n0,1,2,3,4,5\n",
            "found frame, id",
        ),
        ("c0/box.csv", "Image,Pos X,Pos Y\n0.png,1,2\n", "Rename or add columns"),
        ("gt/c0.csv", "time,target_col,target_line\n0.0,12,14\n", "those of another program, such"),
        ("labels/c0.txt", "nothing was seen\n", None),
        ("tables/c0.csv", "time,temperature\n0.0,12\n", None),
    ],
)
def test_labels_that_are_not_understood_are_a_problem(folder, name, content, value):
    check_doubt(folder, name, content, value)


def test_frames_that_are_pointers_are_named(folder):
    for file in folder.glob("images/c0/*.png"):
        file.write_text(POINTER)
    with pytest.raises(InputError, match=r"0\.png: .*found a pointer of Git LFS\. Run `git lfs"):
        open_folder(folder, recognise(folder).layout).sequence("c0")


def test_a_damaged_first_mask_is_the_only_problem(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/c{k}/{t:04d}.png", pixels)
        save(tmp_path / f"masks/c{k}/{t:04d}.png", mask(k, t))
    (tmp_path / "masks/c0/0000.png").write_bytes(b"")
    found = recognise(tmp_path)
    assert (found.layout.sequences, found.doubts) == ("images/{sequence}", [])
    assert found.layout.labels == "masks/{sequence}/{frame}.png"
