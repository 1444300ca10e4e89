"""Names with accents, stored in two characters (as macOS does) or in one."""

import json
import unicodedata

import pytest
from field_layouts import LENGTH, every_frame, save, text, yolo_box

from dimjax.data.folders import open_folder
from dimjax.data.recognition import recognise
from dimjax.data.unicode_names import same_name

FORMS = ("NFD", "NFC")


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


def other(form, name):
    return unicodedata.normalize(FORMS[1 - FORMS.index(form)], name)


def write_images(folder, form):
    names = [unicodedata.normalize(form, f"Köln{k}") for k in range(3)]
    for k, _, t, pixels in every_frame():
        save(folder / f"images/{names[k]}/{t:03d}.png", pixels)
    return names


def table(folder, form, names):
    rows = (f"{other(form, names[k])},{t},9,9,3,3\n" for k, _, t, _ in every_frame())
    text(folder / "labels.csv", "sequence,frame,x,y,w,h\n" + "".join(rows))


def boxes(folder, form, names):
    rows = "".join(f"{t},9,9,3,3\n" for t in range(LENGTH))
    for name in names:
        text(folder / f"gt/{other(form, name)}.csv", f"frame,x,y,w,h\n{rows}")


def yolo(folder, form, names):
    for k, _, t, _ in every_frame():
        text(folder / f"labels/{other(form, names[k])}/{t:03d}.txt", yolo_box(k, t))


def coco(folder, form, names):
    files = [f"{other(form, names[k])}/{t:03d}.png" for k, _, t, _ in every_frame()]
    images = [{"id": k, "file_name": file} for k, file in enumerate(files)]
    rows = [{"id": k, "image_id": k, "category_id": 0, "bbox": [9, 9, 3, 3]} for k in range(18)]
    kinds = [{"id": 0, "name": "target"}]
    content = {"images": images, "annotations": rows, "categories": kinds}
    text(folder / "coco.json", json.dumps(content))


@pytest.mark.parametrize("write", [table, boxes, yolo, coco])
def test_labels_and_lists_may_have_the_other_form(tmp_path, form, write):
    names = write_images(tmp_path, form)
    write(tmp_path, form, names)
    text(tmp_path / "train.txt", "".join(f"{other(form, name)}\n" for name in names))
    found = recognise(tmp_path)
    folder = open_folder(tmp_path, found.layout)
    assert not found.doubts and folder.names == names
    assert folder.splits["train"] == names
    count = LENGTH - (write is yolo)  # one frame has no object
    assert folder.labels.sequence.value_counts().to_dict() == dict.fromkeys(names, count)


def test_of_two_names_the_one_in_the_same_form_is_meant():
    names = [unicodedata.normalize(form, "ö") for form in FORMS]
    assert [same_name(name, names) for name in names] == names
    assert same_name("o", names) is None
