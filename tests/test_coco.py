import copy
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_tools import create
from PIL import Image

from dimjax import ledger
from dimjax.data.labels import COLUMNS
from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError
from dimjax.ledger import Change, Item, ItemFrame
from dimjax.review.coco import export_items, import_items, write_images

SHAPES = {"a": (10, 40, 60), "b": (4, 40, 60)}
T, I = "target", "interference"  # noqa: E741


def _labels(count=4):
    """Labels 1, 2, ... at x = 10, 20, ..., y = 20.5 in frames 0, 1, ... of sequence a."""
    rows = [("a", k, 10.0 * (k + 1), 20.5, 3, 3, T, "t1", "annotator") for k in range(count)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _at(label, fix=None):
    return ItemFrame(label - 1, 10.0 * label, 20.5, label, fix)


def _fix(frame, x=30.0, category=T):
    return Change(None, "a", frame, x, 30.0, 4.0, 2.0, category, "t7")


def _miss(*frames):
    item_frames = tuple(ItemFrame(f, 30.0, 30.0, None, _fix(f)) for f in frames)
    return Item("miss", "a", 0.5, "a gap", item_frames)


ITEMS = {
    "position": Item("wrong_position", "a", 0.9, "off", (_at(1, Change(1, x=13.0, y=24.5)),)),
    "background": Item("labelled_background", "a", 0.8, "dark", (_at(2, Change(2, removed=True)),)),
    "category": Item("wrong_category", "a", 0.7, "flickers", (_at(3, Change(3, category=I)),)),
    "miss": _miss(4, 5, 6),
    "false": Item("false_alarm", "b", 0.3, "alone", (ItemFrame(1, 12.0, 8.0),)),
}
IDS = {name: k for k, name in enumerate(ITEMS, start=1)}


class Review:
    """A ledger with one item of each kind, and the exported file, to be edited."""

    def __init__(self, folder):
        self.db = create(folder / "ledger.sqlite", _labels(), SHAPES)
        ledger.add_items(self.db, ITEMS.values(), "mine")
        self.exported, self.path = folder / "items.json", folder / "edited.json"
        assert export_items(self.db, self.exported) == list(IDS.values())
        self.file = json.loads(self.exported.read_text())
        self.boxes = self.file["annotations"]

    def boxes_of(self, name, role=None):
        boxes = [box for box in self.boxes if box["attributes"].get("item") == IDS[name]]
        return [box for box in boxes if role in (None, box["attributes"]["role"])]

    def delete(self, name, role=None):
        for box in self.boxes_of(name, role):
            self.boxes.remove(box)

    def draw(self, image, x, y, **attributes):
        """Draw a new 2 x 2 box with its centre at x, y."""
        box = {"id": 99, "image_id": image, "category_id": 1, "bbox": [x - 1, y - 1, 2, 2]}
        self.boxes.append(box | {"attributes": attributes})

    def forget_attributes(self):
        """Drop attributes as Label Studio does, which also renumbers boxes and renames images."""
        for k, box in enumerate(self.boxes):
            del box["attributes"]
            box["id"] = k
            box["image_id"] += 50
        for image in self.file["images"]:
            image["id"] += 50
            image["file_name"] = f"images/0a1b2c3d-{image['file_name']}"

    def import_edited(self, finished=False):
        """Import the edited file; return item and verb of its decisions."""
        self.path.write_text(json.dumps(self.file))
        decisions = import_items(self.db, self.path, "ann", self.exported, finished)
        names = list(IDS)
        return {names[decision.item - 1]: decision.verb for decision in decisions}

    def label(self, label):
        row = ledger.labels_as_of(self.db).loc[label]
        return row.frame, row.x, row.y, row.w, row.h, row.category


@pytest.fixture
def review(tmp_path):
    review = Review(tmp_path)
    yield review
    review.db.close()


def test_the_file_has_boxes_in_pixels_from_the_top_left_corner(review):
    roles = [(b["attributes"]["role"], b["attributes"].get("item")) for b in review.boxes]
    assert roles == [
        ("label", 1), ("suggestion", 1), ("label", 2), ("label", 3), ("suggestion", 3),
        *[("suggestion", 4)] * 3, ("location", 5),
    ]  # fmt: skip
    assert review.boxes[0]["bbox"] == [8.5, 19.0, 3.0, 3.0]
    assert review.boxes[1]["bbox"] == [11.5, 23.0, 3.0, 3.0]
    assert review.boxes[5]["bbox"] == [28.0, 29.0, 4.0, 2.0] and review.boxes[5]["area"] == 8
    assert [box["category_id"] for box in review.boxes[3:5]] == [1, 2]
    assert review.boxes[1]["attributes"] == {
        "box": 2, "role": "suggestion", "item": 1, "frame_index": 0, "label": 1,
        "kind": "wrong_position", "probability": 0.9, "reason": "off",
    }  # fmt: skip
    images = {image["id"]: image for image in review.file["images"]}
    last = images[review.boxes[-1]["image_id"]]
    assert (last["file_name"], last["width"], last["height"]) == ("b-000001.png", 60, 40)
    assert {c["id"]: c["name"] for c in review.file["categories"]} == {1: T, 2: I}


def test_labels_of_no_item_are_exported_and_must_stay_unchanged(tmp_path):
    with create(tmp_path / "ledger.sqlite", _labels(), SHAPES) as db:
        ledger.add_items(db, [_miss(3)], "mine")
        export_items(db, tmp_path / "items.json")
        file = json.loads((tmp_path / "items.json").read_text())
        assert file["annotations"][1]["attributes"] == {"box": 2, "role": "other", "label": 4}
        file["annotations"][1]["bbox"][0] += 2
        for boxes in (file["annotations"], file["annotations"][:1]):
            (tmp_path / "edited.json").write_text(json.dumps({**file, "annotations": boxes}))
            with pytest.raises(InputError, match="a label of no exported item must stay unchanged"):
                import_items(db, tmp_path / "edited.json", "ann", tmp_path / "items.json")


def test_of_items_about_one_object_the_most_probable_is_exported(review):
    removed = Item("labelled_background", "a", 0.95, "r", (_at(1, Change(1, removed=True)),))
    near = Item("miss", "a", 0.4, "r", (ItemFrame(5, 30, 30, None, _fix(5, x=32.9)),))
    apart = Item("miss", "a", 0.2, "r", (ItemFrame(5, 33.5, 30, None, _fix(5, x=33.5)),))
    ids = ledger.add_items(review.db, [removed, near, apart], "other")
    expected = [ids[0], 2, 3, 4, 5, ids[2]]
    assert export_items(review.db, review.path) == expected
    ledger.decide(review.db, 2, "skip", "ann")
    ledger.decide(review.db, 3, "keep", "ann")
    expected.remove(3)
    assert export_items(review.db, review.path) == expected


@pytest.mark.parametrize("match_px, exported", [(3.0, [1, 2]), (3.1, [1])])
def test_items_within_the_matching_radius_are_about_one_object(tmp_path, match_px, exported):
    with create(tmp_path / "ledger.sqlite", _labels(0), SHAPES, match_px) as db:
        near = Item("miss", "a", 0.4, "r", (ItemFrame(5, 33, 30, None, _fix(5, x=33)),))
        ledger.add_items(db, [_miss(5), near], "mine")
        assert export_items(db, tmp_path / "items.json") == exported


@pytest.mark.parametrize("match_px, verb", [(3.0, "delete"), (3.1, "move")])
def test_boxes_without_attributes_are_matched_within_the_radius(tmp_path, match_px, verb):
    exported, edited = tmp_path / "items.json", tmp_path / "edited.json"
    with create(tmp_path / "ledger.sqlite", _labels(1), SHAPES, match_px) as db:
        ledger.add_items(db, [ITEMS["position"]], "mine")
        export_items(db, exported)
        file = json.loads(exported.read_text())
        box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [11.5, 19.0, 3.0, 3.0]}
        edited.write_text(json.dumps({**file, "annotations": [box]}))  # 3 px from the label
        (decision,) = import_items(db, edited, "ann", exported)
        assert decision.verb == verb


def _shift(name, role, x=0.0, y=0.0):
    def edit(review):
        for box in review.boxes_of(name, role):
            box["bbox"][0] += x
            box["bbox"][1] += y

    return edit


def _resize(review):
    (box,) = review.boxes_of("background")
    box["bbox"] = [18.0, 18.5, 4.0, 4.0]  # round the same centre


def _recategorise(review):
    review.boxes_of("background")[0]["category_id"] = 2


def _draw(review):
    review.draw(review.boxes_of("background")[0]["image_id"], 50, 10)


# Edits, the item, its verb, a label, and that label afterwards (None: removed).
EDITS = {
    "accept a position": (["-position label"], "position", "accept", 1, (0, 13, 24.5, 3, 3, T)),
    "keep a position": (["-position suggestion"], "position", "keep", 1, (0, 10, 20.5, 3, 3, T)),
    "move a label": (
        ["-position suggestion", _shift("position", "label", 2)],
        *("position", "move", 1, (0, 12, 20.5, 3, 3, T)),
    ),
    "move a suggestion": (
        ["-position label", _shift("position", "suggestion", -1)],
        *("position", "move", 1, (0, 12, 24.5, 3, 3, T)),
    ),
    "delete": (["-position"], "position", "delete", 1, None),
    "accept a removal": (["-background"], "background", "accept", 2, None),
    "resize": ([_resize], "background", "resize", 2, (1, 20, 20.5, 4, 4, T)),
    "recategorise": ([_recategorise], "background", "category", 2, (1, 20, 20.5, 3, 3, I)),
    "draw": ([_draw], "background", "add", 5, (1, 50, 10, 2, 2, T)),
    "accept a category": (["-category label"], "category", "accept", 3, (2, 30, 20.5, 3, 3, I)),
    "move a miss": ([_shift("miss", None, 1, 2)], "miss", "add", 5, (4, 31, 32, 4, 2, T)),
    "decline a miss": (["-miss"], "miss", "keep", 4, (3, 40, 20.5, 3, 3, T)),
    "nothing is there": (["-false"], "false", "accept", 4, (3, 40, 20.5, 3, 3, T)),
    "something is there": ([_shift("false", None, 1)], "false", "add", 5, (1, 13, 8, 3, 3, T)),
}


@pytest.mark.parametrize("attributes", [True, False])
@pytest.mark.parametrize("edit", EDITS)
def test_decisions_are_derived_from_the_differences(review, edit, attributes):
    edits, name, verb, label, result = EDITS[edit]
    for change in edits:
        if isinstance(change, str):
            review.delete(*change.removeprefix("-").split())
        else:
            change(review)
    if not attributes:
        review.forget_attributes()
    assert review.import_edited() == {name: verb}
    if result is None:
        assert label not in ledger.labels_as_of(review.db).index
    else:
        assert review.label(label) == result
    assert set(ledger.decision_table(review.db).reviewer_kind) == {"person"}


def test_a_box_that_rounding_puts_outside_the_frame_is_unchanged(tmp_path):
    rim = pd.DataFrame([("a", 0, 59.997, 0.0, 3, 3, T, "", "annotator")], columns=COLUMNS)
    with create(tmp_path / "ledger.sqlite", rim, SHAPES) as db:
        fix = Change(1, category=I)
        frames = (ItemFrame(0, 59.997, 0.0, 1, fix),)
        ledger.add_items(db, [Item("wrong_category", "a", 0.9, "flickers", frames)], "mine")
        export_items(db, tmp_path / "items.json")
        file = json.loads((tmp_path / "items.json").read_text())
        for box in file["annotations"]:
            box["bbox"] = [round(value, 2) for value in box["bbox"]]
            box["bbox"][1] -= 0.01
            assert box["bbox"][0] + 1.5 == 60  # as CVAT rounds
        file["annotations"] = [b for b in file["annotations"] if b["attributes"]["role"] != "label"]
        (tmp_path / "edited.json").write_text(json.dumps(file))
        decisions = import_items(db, tmp_path / "edited.json", "ann", tmp_path / "items.json")
        assert [decision.verb for decision in decisions] == ["accept"]


def test_a_box_that_was_cut_at_the_rim_is_unchanged(tmp_path):
    columns = ["a", 0, 0.7, 20.5, 3, 3, T, "t1", "annotator"]  # from -0.8 to 2.2
    rows = pd.DataFrame(
        [columns, ["a", 0, 30.0, 39.8, 3, 3, T, "t2", "annotator"]], columns=COLUMNS
    )
    with create(tmp_path / "ledger.sqlite", rows, SHAPES) as db:
        removal = ItemFrame(0, 0.7, 20.5, 1, Change(1, removed=True))
        ledger.add_items(db, [Item("labelled_background", "a", 0.9, "dark", (removal,))], "mine")
        export_items(db, tmp_path / "items.json")
        file = json.loads((tmp_path / "items.json").read_text())
        for box in file["annotations"]:  # as CVAT cuts them, the label of no item too
            (x, y, w, h), role = box["bbox"], box["attributes"]["role"]
            left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, 60), min(y + h, 40)
            box["bbox"] = [left, top, right - left, bottom - top]
            assert box["bbox"] == pytest.approx(
                [0, 19, 2.2, 3] if role == "label" else [28.5, 38.3, 3, 1.7]
            )
        (tmp_path / "edited.json").write_text(json.dumps(file))
        names = tmp_path / "edited.json", "ann", tmp_path / "items.json"
        assert import_items(db, *names) == []
        (decision,) = import_items(db, *names, finished=True)
        assert decision.verb == "keep"
        label = ledger.labels_as_of(db).loc[1]
        assert (label.x, label.w) == (0.7, 3)


def test_each_frame_of_a_track_is_decided_separately(review):
    review.boxes.remove(review.boxes_of("miss")[0])
    assert review.import_edited() == {"miss": "accept"}
    table = ledger.labels_as_of(review.db).loc[5:]
    assert table.frame.tolist() == [5, 6] and set(table.track) == {"t7"}
    assert set(table.source) == {"person"}


def test_unedited_items_stay_open(review):
    before = ledger.labels_as_of(review.db)
    assert review.import_edited() == {}
    for box in review.boxes:  # CVAT rounds, renumbers, and turns numbers into text and floats
        box["bbox"] = [round(value + 0.004, 2) for value in box["bbox"]]
        box["attributes"] |= {"box": float(box["attributes"]["box"]), "item": "1"}
        box["attributes"]["item"] = ""
    assert review.import_edited() == {}
    review.forget_attributes()
    assert review.import_edited() == {}
    pd.testing.assert_frame_equal(ledger.labels_as_of(review.db), before)
    assert ledger.progress(review.db).open == 5


def test_finished_decides_unambiguous_items_as_they_are(review):
    assert review.import_edited(finished=True) == {"background": "keep", "miss": "accept"}
    assert len(ledger.labels_as_of(review.db)) == 7
    open_items = {item.id for item in ledger.get_items(review.db, ["open"])}
    assert open_items == {IDS[name] for name in ("position", "category", "false")}
    assert review.import_edited(finished=True) == {}  # decided items are left out


def test_items_without_all_their_images_stay_open(review):
    removed = [
        box["image_id"] for box in review.boxes_of("background") + review.boxes_of("miss")[:1]
    ]
    for key in ("images", "annotations"):
        name = {"images": "id", "annotations": "image_id"}[key]
        review.file[key] = [row for row in review.file[key] if row[name] not in removed]
    review.boxes = review.file["annotations"]
    assert review.import_edited(finished=True) == {}
    review.boxes.remove(review.boxes_of("miss")[0])
    with pytest.raises(InputError, match="item 4: all images of a touched item must be present; f"):
        review.import_edited()


def test_a_copy_of_a_box_is_a_new_one(review):
    review.delete("position", "suggestion")
    other = copy.deepcopy(review.boxes_of("position")[0])
    other["bbox"][0] += 30
    moved_on = copy.deepcopy(review.boxes_of("position")[0])
    moved_on["image_id"] = review.boxes_of("background")[0]["image_id"]
    review.boxes += [other, moved_on]
    assert review.import_edited() == {"position": "add", "background": "add"}
    table = ledger.labels_as_of(review.db)
    assert review.label(1) == (0, 10, 20.5, 3, 3, T)
    assert table.loc[5:, ["frame", "x"]].values.tolist() == [[0, 40], [1, 10]]


def test_a_box_in_another_image_is_a_new_one(review):
    review.delete("position", "suggestion")
    (box,) = review.boxes_of("position")
    box["image_id"] = review.boxes_of("background")[0]["image_id"]
    assert review.import_edited() == {"position": "delete", "background": "add"}


def test_a_file_is_imported_as_a_whole_or_not_at_all(review):
    review.delete("position", "label")
    review.delete("false")
    ledger.lease_items(review.db, "bob", kinds=["false_alarm"])
    with pytest.raises(InputError, match="edited.json item 5: the ledger must accept it"):
        review.import_edited()
    assert ledger.decision_table(review.db).empty
    ledger.lease_items(review.db, "bob", count=0)
    assert review.import_edited() == {"position": "accept", "false": "accept"}


def test_a_new_box_belongs_to_the_item_it_names(review):
    review.draw(review.boxes_of("miss")[1]["image_id"], 5, 5, item=IDS["miss"])
    assert review.import_edited() == {"miss": "add"}
    assert ledger.labels_as_of(review.db).frame.tolist()[4:] == [4, 5, 6, 5]


def _set(key, value, *path):
    """An edit that sets a key of the object at a path of keys, or deletes it."""

    def edit(review):
        row = review.file
        for step in path:
            row = row[step]
        if value is None:
            del row[key]
        else:
            row[key] = value

    return edit


def _decide_position(review):
    review.delete("position", "label")
    ledger.decide(review.db, IDS["position"], "keep", "bob")


def _make_stale(review):
    review.delete("position", "label")
    removed = Item("labelled_background", "a", 0.9, "r", (_at(1, Change(1, removed=True)),))
    ledger.decide(review.db, ledger.add_items(review.db, [removed], "o")[0], "accept", "bob")


def _lapse(review):
    review.delete("position", "label")
    ledger.begin_round(review.db, 1)


def _lease(review):
    review.delete("position", "label")
    ledger.lease_items(review.db, "bob")


def _double(review):
    review.delete("position", "suggestion")
    review.draw(review.boxes_of("position")[0]["image_id"], 30, 10)
    review.draw(review.boxes_of("position")[0]["image_id"], 30, 10)


def _twice(review):
    review.file["images"].append({**review.file["images"][0], "id": 77})


REFUSED = {
    "no images": (_set("images", None), "edited.json: there must be a key images; found info, lic"),
    "no list": (_set("images", {}), "edited.json images: it must be a list; found dict"),
    "no object": (_set(0, 5, "annotations"), r"annotations\[0\]: it must be an object; found int"),
    "no info": (_set("info", []), "edited.json info: it must be an object; found list"),
    "no bbox": (
        _set("bbox", None, "annotations", 2),
        r"edited.json annotations\[2\]: there must b",
    ),
    "short bbox": (_set("bbox", [1, 2, 3], "annotations", 2), "bbox must be a list of x, y, w, h"),
    "text in bbox": (_set(1, "9", "annotations", 2, "bbox"), r"bbox\[1\] must be a finite number;"),
    "true in bbox": (_set(1, True, "annotations", 2, "bbox"), r"bbox\[1\] must be a finite number"),
    "large bbox": (
        _set(2, 1e999, "annotations", 2, "bbox"),
        "must be strict JSON; found the numbe",
    ),
    "no size": (_set(2, 0, "annotations", 2, "bbox"), "bbox must have a size above 0; found"),
    "outside": (
        _set(0, 58.6, "annotations", 2, "bbox"),
        r"annotations\[2\]: the centre of bbox mus",
    ),
    "above": (_set(1, -1.6, "annotations", 2, "bbox"), "the frame of 60x40 pixels; found 20, -0.1"),
    "unknown image": (_set("image_id", 70, "annotations", 2), "image_id must occur in the file"),
    "text as image": (
        _set("image_id", "1", "annotations", 2),
        "image_id must be a non-negative int",
    ),
    "unknown category": (
        _set("category_id", 3, "annotations", 2),
        "category_id must occur in the f",
    ),
    "bird": (_set("name", "bird", "categories", 0), r"categories\[0\]: name must be one of target"),
    "other image": (
        _set("file_name", "c-000001.png", "images", 1),
        "each image must be an exported on",
    ),
    "number as name": (
        _set("file_name", 7, "images", 1),
        "file_name must be a line of printable t",
    ),
    "same id": (_set("id", 1, "images", 1), r"images\[1\]: each id must occur once; found 1"),
    "same image": (_twice, "each image must occur once; found a-000000.png"),
    "unknown item": (
        _set("item", 88, "annotations", 2, "attributes"),
        "attributes.item must be an e",
    ),
    "unknown box": (
        _set("box", 88, "annotations", 2, "attributes"),
        "attributes.box must be an expo",
    ),
    "broken item": (
        _set("item", "x", "annotations", 2, "attributes"),
        "attributes.item must be a n",
    ),
    "list of attributes": (
        _set("attributes", [], "annotations", 2),
        r"\[2\].attributes: it must be an",
    ),
    "both stand": (
        _shift("position", "label", 1),
        "edited.json item 1: in a touched item, each la",
    ),
    "decided": (
        _decide_position,
        "item 1: only an open or skipped item can be decided; found a deci",
    ),
    "stale": (
        _make_stale,
        "item 1: only an open or skipped item can be decided; found a stale one",
    ),
    "lapsed": (_lapse, "item 1: only an open or skipped item can be decided; found a lapsed"),
    "leased": (
        _lease,
        "item 1: the ledger must accept it; found .* other than ann; found bob",
    ),
    "twice": (_double, "the ledger must accept it; found .* two labels with one location and"),
    "nobody's": (
        lambda review: review.draw(1, 5, 5, item=4),
        "a new box must be in an image of the",
    ),
}


def test_a_category_that_no_box_has_may_have_any_name(review):
    review.file["categories"].insert(0, {"id": 0, "name": "objects", "supercategory": "none"})
    review.delete("false")
    assert review.import_edited()
    review.boxes[0]["category_id"] = 0
    with pytest.raises(InputError, match=r"categories\[0\]: name must be one of target, interfer"):
        review.import_edited()


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_file_is_refused_and_changes_nothing(review, case):
    edit, message = REFUSED[case]
    review.delete("false")  # a valid edit, which must not be imported either
    edit(review)
    before = ledger.decision_table(review.db)
    with pytest.raises(InputError, match=message):
        review.import_edited()
    pd.testing.assert_frame_equal(ledger.decision_table(review.db), before)


@pytest.mark.parametrize(
    "text, message",
    [
        ("[1, 2", "edited.json: it must be strict JSON; found Expecting"),
        ("[" * 100000, "it must be strict JSON; found"),
        ('{"images": NaN}', "it must be strict JSON; found the number NaN. Export it again"),
        ("[]", "edited.json: it must be an object; found list"),
    ],
)
def test_a_file_that_is_not_strict_json_is_refused(review, text, message):
    review.path.write_text(text)
    with pytest.raises(InputError, match=message):
        import_items(review.db, review.path, "ann", review.exported)


def test_other_exported_files_are_refused(review, tmp_path):
    review.delete("position", "label")
    review.path.write_text(json.dumps(review.file))
    with pytest.raises(InputError, match="edited.json: it must be as it was exported; found a cha"):
        import_items(review.db, review.path, "ann", review.path)
    with pytest.raises(InputError, match="reviewer must not be empty"):
        import_items(review.db, review.path, "", review.exported)
    labels = _labels().assign(x=_labels().x + 1)
    with create(tmp_path / "other.sqlite", labels, SHAPES) as other:
        with pytest.raises(InputError, match="edited.json item 1: the ledger must accept it; foun"):
            import_items(other, review.path, "ann", review.exported)
        ledger.add_items(other, ITEMS.values(), "mine")
        with pytest.raises(InputError, match="items.json item 1: its items must equal those of th"):
            import_items(other, review.path, "ann", review.exported)


def test_images_are_the_frames_stretched_to_8_bits(review, tmp_path):
    frames = {}
    for name, (length, height, width) in SHAPES.items():
        frames[name] = np.arange(length * height * width, dtype=np.uint16).reshape(
            length, height, -1
        )
        np.save(tmp_path / f"{name}.npy", frames[name])

    def sequence_of(name):
        return open_sequence(tmp_path / f"{name}.npy", name)

    names = {image["file_name"] for image in review.file["images"]}
    assert write_images(review.exported, sequence_of, tmp_path / "images") == len(names) == 7
    assert {path.name for path in (tmp_path / "images").iterdir()} == names
    image = np.asarray(Image.open(tmp_path / "images" / "a-000002.png"))
    assert image.shape == (40, 60) and image.dtype == np.uint8
    assert (image.min(), image.max()) == (0, 255) and image[20, 0] in (127, 128)
    review.file["images"][0]["frame"] = 10
    review.path.write_text(json.dumps(review.file))
    with pytest.raises(InputError, match=r"images\[0\]: frame must lie in 0 <= frame < 10; found"):
        write_images(review.path, sequence_of, tmp_path / "images")


def test_a_sequence_name_with_a_path_is_refused(tmp_path):
    with create(tmp_path / "l.sqlite", _labels(0), {"../a": (4, 40, 60)}) as db:
        ledger.add_items(db, [Item("false_alarm", "../a", 0.5, "r", (ItemFrame(1, 9, 9),))], "s")
        with pytest.raises(InputError, match=r"sequence ../a: its name must be a valid file name"):
            export_items(db, tmp_path / "items.json")
    assert not (tmp_path / "items.json").exists()


def test_import_and_export_do_not_load_jax():
    code = "import sys, dimjax.review.coco; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


coordinates = st.floats(0, 39.99, allow_nan=False)
fixes = st.one_of(
    st.just({"removed": True}),
    st.fixed_dictionaries({"category": st.just(I)}),
    st.fixed_dictionaries({"x": coordinates, "y": coordinates}, optional={"w": st.just(0.7)}),
)


@settings(max_examples=30)
@given(
    labelled=st.lists(st.tuples(coordinates, coordinates, fixes), min_size=1, max_size=5),
    unlabelled=st.lists(st.tuples(st.integers(5, 9), coordinates, coordinates), max_size=3),
)
def test_accepting_in_a_file_equals_accepting_in_the_ledger(tmp_path_factory, labelled, unlabelled):
    folder = tmp_path_factory.mktemp("coco")
    rows = [("a", k, x, y, 3, 3.3, T, "", "annotator") for k, (x, y, _) in enumerate(labelled)]
    labels = pd.DataFrame(rows, columns=COLUMNS).astype({"x": float, "y": float, "w": float})
    items = []
    for k, (x, y, fix) in enumerate(labelled):
        frame = ItemFrame(k, x, y, k + 1, Change(k + 1, **fix))
        items.append(Item("wrong_position", "a", 0.5, "r", (frame,)))
    for t, x, y in unlabelled:
        fix = Change(None, "a", t, x, y, 1.7, 2.9, T)
        items.append(Item("miss", "a", 0.4, "r", (ItemFrame(t, x, y, None, fix),)))
    with (
        create(folder / "by_file.sqlite", labels, SHAPES) as by_file,
        create(folder / "by_hand.sqlite", labels, SHAPES) as by_hand,
    ):
        for db in (by_file, by_hand):
            ledger.add_items(db, items, "mine")
        exported, path = folder / "items.json", folder / "edited.json"
        ids = export_items(by_file, exported)
        assert import_items(by_file, exported, "ann", exported) == []
        file = json.loads(exported.read_text())
        boxes = [b for b in file["annotations"] if b["attributes"]["role"] != "label"]
        path.write_text(json.dumps({**file, "annotations": boxes}))
        decisions = import_items(by_file, path, "ann", exported, finished=True)
        assert [(d.item, d.verb) for d in decisions] == [(item, "accept") for item in ids]
        for item in ids:
            ledger.decide(by_hand, item, "accept", "ann")
        pd.testing.assert_frame_equal(ledger.labels_as_of(by_file), ledger.labels_as_of(by_hand))
