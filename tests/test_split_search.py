"""Splits that the names of files and folders tell, and those that nobody can tell."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from field_layouts import every_frame, frames, lists, mask, save, text

from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise
from dimjax.data.split_files import ListReader

TRAIN, TEST = "s0\ns1\n", "s2\n"
YOLO = """path: /home/me/ir
train: # of the sequences
- images/s0
- images/s1/
valid: ../images/s2
names: {0: drone}
"""


def masks(folder, images="images/s{}", labels="masks/s{}"):
    for k, split, t, pixels in every_frame():
        save(folder / images.format(k, split=split) / f"{t:02d}.png", pixels)
        save(folder / labels.format(k, split=split) / f"{t:02d}.png", mask(k, t))


def splits_of(folder):
    found = recognise(folder)
    assert not found.doubts
    return open_folder(folder, found.layout).splits


@pytest.mark.parametrize("names", ["{}.txt", "{}set.txt", "IR{}List.txt", "lists/{}_1.csv"])
def test_lists_are_read(tmp_path, names):
    masks(tmp_path)
    for split, content in (("train", TRAIN), ("test", TEST)):
        word = split.title() if names.startswith("IR") else split
        (tmp_path / "lists").mkdir(exist_ok=True)
        (tmp_path / names.format(word)).write_text(content, encoding="utf-8-sig")
    assert splits_of(tmp_path) == {"train": ["s0", "s1"], "test": ["s2"]}


@pytest.mark.parametrize(
    ("train", "test"),
    [("train2017", "test2017"), ("Train_set", "Test_set"), ("train", "eval"), ("trainval", "test")],
)
def test_folders_of_splits(tmp_path, train, test):
    masks(tmp_path, "images/{split}/s{}", "masks/{split}/s{}")
    for place in ("images", "masks"):
        for split, name in (("train", train), ("test", test)):
            (tmp_path / place / split).rename(tmp_path / place / name)
    found = splits_of(tmp_path)
    assert (found["train"], found["test"]) == (["s0", "s1"], ["s2"])


def test_a_list_may_name_a_sequence_that_is_missing(tmp_path):
    masks(tmp_path)
    text(tmp_path / "train.txt", TRAIN)
    text(tmp_path / "test.txt", "s2\ns3\n")
    found, errors = recognise(tmp_path), []
    splits = open_folder(tmp_path, found.layout).read_splits(errors.append)
    assert splits == {"train": ["s0", "s1"], "test": ["s2"]}
    (error,) = errors
    assert "test.txt line 2: a split must name sequences" in str(error)


def test_a_union_is_no_second_list_of_train(tmp_path):
    masks(tmp_path)
    lists(tmp_path, "{}.txt", lambda k, t: f"s{k}/{t:02d}.png")
    text(tmp_path / "trainval.txt", "s0\ns1\ns2\n")
    assert splits_of(tmp_path) == {"train": ["s0", "s1"], "test": ["s2"]}


def test_lists_of_one_split_that_differ_are_a_doubt(tmp_path):
    masks(tmp_path)
    lists(tmp_path, "{}.txt", lambda k, t: f"s{k}/{t:02d}.png")
    text(tmp_path / "old/train.txt", "s0\ns1\n")
    assert splits_of(tmp_path)["train"] == ["s0", "s1"]
    text(tmp_path / "old/train.txt", "s0\n")
    (doubt,) = recognise(tmp_path).doubts
    assert "found others in old/train.txt and train.txt. Remove one of them" in str(doubt)


@pytest.mark.parametrize(
    "documents",
    [
        {"train.csv": "sequence\ns0\ns1\n", "test.csv": "Video_Name;frames\ns2;6\n"},
        {"train.csv": "id,file\n1,images/s0/00.png\n2,images/s1/03.png\n", "test.csv": "s2\n"},
        {"train.json": '["s0", "s1"]', "test.json": '["images/s2/00.png"]'},
        {"split.json": '{"train": ["s0", "s1"], "test_set": ["s2"]}'},
        {"meta.csv": "sequence,fps,split\ns0,25,train\ns1,25,Train\ns2,25,testing\n"},
        {"train.txt": TRAIN.encode("utf-16"), "test.txt": TEST.encode("utf-16")},
    ],
)
def test_lists_in_tables_and_json_are_read(tmp_path, documents):
    masks(tmp_path)
    for name, content in documents.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert splits_of(tmp_path) == {"train": ["s0", "s1"], "test": ["s2"]}


def test_a_table_of_labels_may_tell_the_splits(tmp_path):
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/s{k}/{t:02d}.png", pixels)
    rows = [f"s{k},{t},9,9,3,3,{split}" for k, split, t, _ in every_frame()]
    text(tmp_path / "all.csv", "\n".join(["sequence,frame,x,y,w,h,split", *rows]))
    assert splits_of(tmp_path) == {"train": ["s0", "s1"], "test": ["s2"]}
    assert recognise(tmp_path).layout.labels == "all.csv"
    text(
        tmp_path / "all.csv",
        "\n".join(["sequence,frame,x,y,w,h,split", *rows, "s0,1,5,5,3,3,test"]),
    )
    folder, errors = open_folder(tmp_path, recognise(tmp_path).layout), []
    folder.read_splits(errors.append)
    assert "all.csv line 20: s0 must be in one split, once; found it in" in str(errors[0])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("test.csv", "name;kind\ns9;x\n"),
        ("split.json", '{"test": ["s9"]}'),
        ("split.json", '{"test": {"a": 1}}'),
        ("split.json", '{"test": 3, "val": [1]}'),
        ("test.json", "[1]"),
        ("split.xlsx", "PK"),
        ("test.xls", "PK"),
        ("split.yaml", "train: [s0, s1]\ntest: [s9]\n"),
        ("data.yaml", "names: [target]\ntrain:\n- images/s0\n- images/s1\nval: images/s9\n"),
    ],
)
def test_a_document_of_a_split_that_is_not_read_is_a_doubt(tmp_path, name, content):
    masks(tmp_path)
    text(tmp_path / name, content)
    (doubt,) = recognise(tmp_path).doubts
    assert f"or all are trained on; found no list of them, such as {name}. Write" in str(doubt)
    text(tmp_path / "train.txt", TRAIN)
    assert splits_of(tmp_path) == {"train": ["s0", "s1"]}


@pytest.mark.parametrize("content", ["train: [s0, s1]\nval: s2\n", YOLO])
def test_lists_in_yaml_are_read(tmp_path, content):
    masks(tmp_path)
    text(tmp_path / "data.yaml", content)
    assert splits_of(tmp_path) == {"train": ["s0", "s1"], "val": ["s2"]}
    text(tmp_path / "train.txt", "s2\n")  # which is preferred
    assert splits_of(tmp_path) == {"train": ["s2"]}


def test_a_yaml_that_trains_and_validates_on_the_same_sequence_is_no_list(tmp_path):
    masks(tmp_path, "images", "masks")
    text(tmp_path / "data.yaml", "train: images\nval: images\n")
    assert splits_of(tmp_path) == {"all": ["images"]}


def test_settings_in_yaml_are_no_splits(tmp_path):
    masks(tmp_path)
    text(tmp_path / "data.yaml", "path: .\ntrain: images\nval: images\ntest:\nnames: [target]\n")
    text(tmp_path / "train.yml", "epochs: 5\ntrain: true\n")
    assert splits_of(tmp_path) == {"all": ["s0", "s1", "s2"]}


def test_a_json_without_a_list_of_the_split_is_refused(tmp_path):
    masks(tmp_path)
    text(tmp_path / "a.json", '{"val": ["s0"]}')
    layout, errors = recognise(tmp_path).layout._replace(splits={"train": "a.json"}), []
    open_folder(tmp_path, layout).read_splits(errors.append)
    assert "a.json: it must be a list of names of sequences, or have a list train" in str(errors[0])


def test_labels_called_after_splits_are_a_doubt(tmp_path):
    masks(tmp_path)
    for split in ("train", "test"):
        rows = [(k, t) for k, of, t, _ in every_frame() if of == split]
        images = [{"id": n, "file_name": f"s{k}/{t:02d}.png"} for n, (k, t) in enumerate(rows)]
        content = {"images": images, "annotations": [], "categories": []}
        text(tmp_path / f"instances_{split}.json", json.dumps(content))
    assert "found 2 documents that list none, such as instances_test.json" in str(
        recognise(tmp_path).doubts[0]
    )


def test_a_list_in_another_encoding_is_a_doubt(tmp_path):
    masks(tmp_path)
    (tmp_path / "train.txt").write_bytes(b"\xe9" + TRAIN.encode())
    (doubt,) = recognise(tmp_path).doubts
    assert "train.txt: the file must exist and be UTF-8 text" in str(doubt)


def test_sequences_called_after_splits_are_a_doubt(tmp_path):
    for name in ("train_a", "train_b", "test_a"):
        (tmp_path / "sequences").mkdir(exist_ok=True)
        np.save(tmp_path / f"sequences/{name}.npy", frames(0))
    (doubt,) = recognise(tmp_path).doubts
    assert "found 2 names of splits, such as test_a. Write the names" in str(doubt)
    (tmp_path / "sequences/train_a.npy").unlink()
    (tmp_path / "sequences/train_b.npy").rename(tmp_path / "sequences/test_b.npy")
    assert splits_of(tmp_path) == {"all": ["test_a", "test_b"]}


def test_links_in_folders_of_splits_are_a_doubt(tmp_path):
    masks(tmp_path)
    for k, split in enumerate(("train", "train", "val")):
        (tmp_path / split).mkdir(exist_ok=True)
        (tmp_path / split / f"s{k}").symlink_to(tmp_path / f"images/s{k}")
    found = recognise(tmp_path)
    assert found.layout.sequences == "images/{sequence}"
    (doubt,) = found.split_doubts
    assert "the sequences of train, val and test must be known" in str(doubt)
    assert "found 3 links in folders of splits, such as train/s0. Write the names" in str(doubt)
    (tmp_path / "train.txt").write_text(TRAIN)
    assert splits_of(tmp_path) == {"train": ["s0", "s1"]}


@pytest.mark.parametrize("text", ["a" + " " * 20_000 + "x", "a " + "1," * 20_000 + "/"])
def test_a_line_is_read_in_time_in_proportion_to_its_length(tmp_path, text):
    (tmp_path / "train.txt").write_text(f"a\n{text}\nb/0001.png 1,2,3,4,0  5,6,7,8,0\n")
    errors, begun = [], time.process_time()
    index = SimpleNamespace(find={"b/0001.png": ("b", 0)}.get)
    reader = ListReader(["a", "b"], lambda: index, "it must name a sequence", errors.append)
    assert reader.read(tmp_path / "train.txt", "train") == ["a", "b"]
    assert len(errors) == 1 and "line 2: it must name a sequence" in str(errors[0])
    assert time.process_time() - begun < 2
