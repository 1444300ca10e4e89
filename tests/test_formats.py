"""Readers of label files, format by format; the numbers are those of the files."""

import json
import warnings

import numpy as np
import pytest
from PIL import Image

from dimjax.data.formats import FORMATS, Options, read_classes
from dimjax.errors import InputError, Note, raise_error

# Ten to the power of 30 texts, if the lists were written out.
ALIASES = "a0: &a0 [x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 31)
) + "names: *a30\n"  # fmt: skip


def marks(path, form, text=None, on_error=raise_error, **options):
    """The marks of a file in a format; `text` is written to it first."""
    if text is not None:
        path.write_text(text)
    return FORMATS[form].read(path, Options(**options), on_error)


def numbers(found):
    return [(mark.frame, mark.x, mark.y) for mark in found]


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("5\t7\n6\t8\n", "xy", [(0, 5, 7), (1, 6, 8)]),
        ("5,7\n6,8", "rowcol", [(0, 7, 5), (1, 8, 6)]),
        ("5 7 9 11\nNone\n\n0 0\n1 0", "xy", [(0, 5, 7), (0, 9, 11), (4, 1, 0)]),
        ("None\r\n5.25; 7.5\r\n", "xy", [(1, 5.25, 7.5)]),
        ("5.0e+00 7.0e+00\n", "xy", [(0, 5, 7)]),
        ("-1 -1\nnan nan\nNaN\n-1.0,-1.0\n3 4\n", "xy", [(4, 3, 4)]),
        ("frame,file,x,y\n3,a,5,7\n", "xy", [(3, 5, 7)]),
        ("frame,x,y\n3,5,7\n4,None,\n5,-1,-1\n9,6,8\n", "rowcol", [(3, 5, 7), (9, 6, 8)]),
        ("Y [px];X;Bild\n7,5;5;3\n", "xy", [(3, 5, 7.5)]),
        ("", "xy", []),
    ],
)  # fmt: skip
def test_centroids(tmp_path, text, order, expected):
    assert numbers(marks(tmp_path / "s.txt", "centroids", text, order=order)) == expected


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        ("centroids", "5 7\n5 7 8\n", r"line 2: a line must contain pairs of .*; found '5 7 8'"),
        ("centroids", "5 7\n5 seven\n", r"line 2: y must be a finite number; found 'seven'"),
        ("centroids", "5 7\n5 1_0\n", r"line 2: y must be a finite number; found '1_0'"),
        ("centroids", "frame,col,row\n1,2,3\n", r"line 1: there must be columns frame, x, y; fou"),
        ("centroids", "54,4 37,1\n", r"line 1: commas must either separate .*'54,4 37,1'. Write"),
        ("centroids", "None\n54,4 37,1\n54,5 37,3\n", r"line 2: commas must .*'54,4 37,1'. Write"),
        ("centroids", "298,247,44,34\n300,247,44,34\n", r"not boxes or .*'298,247,44,34'. Set lab"),
        ("centroids", "1 7 298 247 44 34\nNone\n", r"or polygons; found 6 .* has 3 targets"),
        ("centroids", "1 1 5 1 5 4 1 4\n" * 2, r"found 8 numbers in every line, .* \('rectangles'"),
        ("boxes", "frame,x,y,w\n", r"line 1: there must be a column h"),
        ("table", "sequence,frame,x,y,w,h,categroy\n", r"line 1: .*'categroy'. Rename it to cate"),
        ("rectangles", "1,2,3\n", r"line 1: a line must contain x, y, w, h or nothing; found '1"),
        ("mot", "1,1,5,5\n", r"line 1: a line must be frame, id, x, y, w, h, flag"),
        ("mot", "1.5,1,5,5,3,3\n", r"line 1: frame must be a whole number of .*; found '1.5'"),
        ("mot", "1e20,1,5,5,3,3\n", r"line 1: frame must be a .* at most 9 digits; found '1e20'"),
        ("lines", "a.bmp\nb.bmp 1,2,x,4,0\n", r"line 2: x2 must be a finite number"),
        ("lines", "a.bmp 1,2,3\n", r"line 1: a line must be a path and boxes .*; found '1,2,3'"),
        ("lines", "a.bmp 1,2,3,4 5,6,7,8,0\n", r"boxes x1,y1,x2,y2,class; found '1,2,3,4'"),
        ("lines", "1,2,3,4,0\n", r"line 1: a line must be a path and boxes"),
        ("yolo", "0 .5 .5 .1\n", r"line 1: a line must be a class and the centre and size"),
        ("yolo", "0 .1 .1 .2 .1 .2 9\n", r"line 1: the numbers must be shares .*; found '0 .1"),
        ("yolo", "0 .1 .1 .2 .1 .2 .2 .3\n", r"line 1: a line must be .*, or a polygon; found"),
        ("yolo", "0 50 50 3 3\n", r"line 1: the four numbers must be shares .*; found '0 50 50"),
        ("exist-rect", '{"exist": [1], "gt_rect": [[1, 2, 3, 4], []]}', r"1 exist, 2 gt_rect"),
        ("exist-rect", '{"exist": [1], "gt_rect": [[]]}', r"gt_rect\[0\]: an object that exists"),
        ("exist-rect", "[]", r"it must contain the lists exist and gt_rect; found \[\]"),
        ("exist-rect", "{", r"it must be JSON; found Expecting"),
        ("coco", '{"images": []}', r"it must contain a list categories of objects"),
        ("coco", '{"images": [{"id": [1], "file_name": "a"}], "categories": []}',
         r"images\[0\]: each id must be a number or a text, and occur once; found \[1\]"),
        ("coco", '{"images": [], "categories": [], "annotations": [{"image_id": {}}]}',
         r"annotations\[0\]: image_id must occur in the file; found \{\}"),
        ("voc", "<annotation>", r"it must be XML; found no element found"),
        ("voc", "<a><object><bndbox/></object></a>", r"object 1: xmin must be a .*; found None"),
        ("voc", '<!DOCTYPE a [<!ENTITY b "c">]><a/>', r"it must be XML; found an entity"),
        ("spotgeo", '[{"sequence_id": 1, "frame": 1, "object_coords": null}]',
         r"\[0\]: object_coords must be a list; found None"),
        ("spotgeo", '[{"sequence_id": 1, "frame": 1, "object_coords": []}, 7]',
         r"it must be a list of objects with sequence_id, frame, object_coords; found 7"),
        ("spotgeo", '[{"frame": 1}]', r"it must be a list of objects with sequence_id, frame"),
    ],
)  # fmt: skip
def test_an_invalid_file_is_reported_with_its_place(tmp_path, form, text, message):
    with pytest.raises(InputError, match=message):
        marks(tmp_path / "labels", form, text)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_tables_of_any_separator_have_the_same_labels(tmp_path, separator, decimal):
    if separator == decimal:
        pytest.skip("such a table cannot be told")
    rows = [
        ["frame", "x", "y", "w", "h"],
        ["0", "1.5", "2", "3", "4"],
        ["7", "20.25", "3", "4", "5"],
    ]
    text = "".join(f"{separator.join(row)}\n" for row in rows).replace(".", decimal)
    found = marks(tmp_path / "a.csv", "boxes", text)
    assert [tuple(mark[1:6]) for mark in found] == [(0, 1.5, 2, 3, 4), (7, 20.25, 3, 4, 5)]


def test_all_invalid_lines_are_reported_and_the_others_read(tmp_path):
    errors = []
    text = "5 6\n7\n8 nine\n1 2 3 4\n"
    found = marks(tmp_path / "a", "centroids", text, errors.append)
    assert numbers(found) == [(0, 5, 6), (3, 1, 2), (3, 3, 4)]
    assert [mark.place for mark in found] == ["line 1", "line 4", "line 4"]
    assert ["line 2" in str(errors[0]), "line 3" in str(errors[1])] == [True, True]
    errors.clear()
    text = "frame,x,y,w,h\n0,1,1,2,2\n1,?,1,2,!\n2,1,1,2,2\n?,,1,2,2\n3\n"
    found = marks(tmp_path / "a", "boxes", text, errors.append)
    assert [mark.place for mark in found] == ["line 2", "line 4"] and len(errors) == 3
    assert "line 6: a row must have 5 fields" in str(errors[0])
    assert "line 3: x, h must be finite numbers; found '?', '!'. Correct" in str(errors[1])
    text = "line 5: frame must be a whole number of at most 9 digits and x must be a finite number"
    assert f"{text}; found '?', ''." in str(errors[2])


def test_tables_of_other_programs(tmp_path):
    text = "ID\tFrame_Nr\tX (px)\tY\tWidth\tHeight\tTrackID\tVideo\tClass\n"
    text += "1\t3\t1,5\t2\t4\t5\t7\ts\tdrone\n2\t4\t\tnan\t\t-\t\ts\t\n"
    with pytest.warns(Note, match="tables of labels: columns 'ID' are not used"):
        label, absent = marks(tmp_path / "a.csv", "table", text)
    assert label[:8] == ("line 2", 3, 1.5, 2, 4, 5, "drone", "7")
    assert (label.sequence, label.source, label.left_out) == ("s", "annotator", "")
    assert (absent.place, absent.left_out) == ("line 3", "without a box: frames without an object")
    (mark,) = marks(tmp_path / "a.csv", "boxes", "frame,X,y,h,w\n3,1,2,5,4\n")
    assert mark[2:6] == (1, 2, 4, 5)
    with pytest.warns(Note, match="columns 'width' are not used"):
        (mark,) = marks(tmp_path / "a.csv", "boxes", "frame,x,y,w,h,width\n3,1,2,4,5,640\n")
    assert mark.w == 4
    with pytest.warns(Note, match="columns 'score', 'tracked' are not used"):
        (mark,) = marks(
            tmp_path / "a.csv", "table", "sequence,frame,x,y,w,h,score,tracked\ns,3,1,2,4,5,9,1\n"
        )
    assert mark.sequence == "s"
    with pytest.raises(InputError, match="columns must be frame, x, y, w, h, each once; found 'x'"):
        marks(tmp_path / "a.csv", "boxes", "frame,x,X,y,w,h\n")


def test_rectangles_of_one_object(tmp_path):
    text = "298,247,44,34\n0,0,0,0\nnan nan nan nan\n\n1.5\t2\t3\t4\n"
    found = marks(tmp_path / "a", "rectangles", text)
    assert [(mark.frame, mark.x, mark.w) for mark in found] == [(0, 298, 44), (4, 1.5, 3)]


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("absence.label", "0\n1\n0\n"),
        ("full_occlusion.txt", "0,1,0\n"),
        ("out_of_view.txt", "0, 1, 0"),
    ],
)
def test_rectangles_of_hidden_objects_are_none(tmp_path, name, flags):
    (tmp_path / name).write_text(flags)
    found = marks(tmp_path / "groundtruth.txt", "rectangles", "5,7,3,3\n" * 3)
    assert [mark.frame for mark in found if not mark.left_out] == [0, 2]
    assert len(found) == 3 - (name == "absence.label")  # the others are counted in a note
    (tmp_path / name).write_text("1 of 3 frames\n")
    assert len(marks(tmp_path / "groundtruth.txt", "rectangles")) == 3


def test_mot_marks_rows_that_are_not_to_be_evaluated(tmp_path):
    text = "1,4,10,20,5,6,1,1,1\n1,5,30,20,5,6,0,1,1\n2,-1,10,20,5,6\n"
    found = marks(tmp_path / "gt.txt", "mot", text)
    assert [(m.frame, m.track, m.category, m.left_out[:9]) for m in found] == [
        (1, "4", "1", ""),
        (1, "5", "1", "of flag 0"),
        (2, "", "-1", ""),
    ]


def test_lines_with_blanks_in_the_path(tmp_path):
    text = "my data/0.bmp 1,2,5,8,0 9,9,12,12,1\nmy data/1.bmp\n"
    found = marks(tmp_path / "a", "lines", text, classes=("drone",))
    assert [(m.frame, m.w, m.h, m.category) for m in found] == [
        ("my data/0.bmp", 4, 6, "drone"),
        ("my data/0.bmp", 3, 3, "1"),
    ]


def test_polygons_of_yolo_become_their_bounding_boxes(tmp_path):
    text = "0 0.25 0.5 0.375 0.25 0.5 0.75\n0 0.5 0.5 0.25 0.25\n"
    found = marks(tmp_path / "a.txt", "yolo", text)
    assert [mark[2:6] for mark in found] == [(0.375, 0.5, 0.25, 0.5), (0.5, 0.5, 0.25, 0.25)]


@pytest.mark.parametrize("points", ["0.52 0.49", "0.52 0.49 2", "0 0 0 0.52 0.49 1", "0.5 0.5 0 0"])
def test_of_a_pose_of_yolo_the_box_is_read(tmp_path, points):
    with pytest.warns(Note, match="lines of YOLO with key points in their boxes: only the boxes"):
        (mark,) = marks(tmp_path / "a.txt", "yolo", f"0 0.5 0.5 0.1 0.06 {points}\n")
    assert mark[2:6] == (0.5, 0.5, 0.1, 0.06)


@pytest.mark.parametrize("points", ["0.5 0.5 0.51 0.5 0.5 0.51", "0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9"])
def test_polygons_are_no_poses(tmp_path, points):
    (mark,) = marks(tmp_path / "a.txt", "yolo", f"0 {points}\n")
    numbers = [float(word) for word in points.split()]
    width = max(numbers[::2]) - min(numbers[::2])
    assert mark[4] == pytest.approx(width)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.yaml", "path: .\nnames:\n  0: drone\n  1: 'bird'\ntrain: x\n"),
        ("data.yaml", "names:\n- drone\n- bird\nnc: 2\n"),
        ("data.yaml", "nc: 2\nnames: [drone, 'bird']\n"),
        ("data.yaml", "names: {0: drone, 1: bird}\n"),
        ("data.yaml", "names:  # two\n  1: bird  # not a drone\n\n  0: drone\n"),
        ("classes.txt", "drone\nbird\n"),
    ],
)
def test_names_of_yolo_classes(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_classes(tmp_path) == ("drone", "bird")


def test_names_of_numbered_classes_that_do_not_begin_with_0(tmp_path):
    (tmp_path / "data.yaml").write_text("names:\n  1: drone\n  3: no\n")
    classes = read_classes(tmp_path)
    assert classes == ("", "drone", "", "no")
    found = marks(tmp_path / "a.txt", "yolo", "1 .5 .5 .1 .1\n2 .5 .5 .1 .1", classes=classes)
    assert [mark.category for mark in found] == ["drone", "2"]
    (tmp_path / "data.yaml").write_text("path: .\n")
    assert read_classes(tmp_path) == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("set/data.yaml", "names: [drone, bird]"),
        ("my.yml", "names: {0: drone, 1: bird}"),
        ("data/obj.names", "drone\nbird\n"),
        ("train/_darknet.labels", "drone\nbird\n"),
        ("class_names.txt", "drone\nbird\n"),
        ("a/labels/classes.txt", "drone\nbird\n"),
        ("notes.json", '{"categories": [{"id": 1, "name": "bird"}, {"id": 0, "name": "drone"}]}'),
    ],
)
def test_names_of_classes_are_searched(tmp_path, name, text):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    (tmp_path / "other.yaml").write_text("lr: 3")
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "b").mkdir()
    for k, broken in enumerate(("{", '{"categories": 3}', '{"categories": [{}, 7]}', "[]")):
        (tmp_path / f"b/{k}").mkdir()
        (tmp_path / f"b/{k}/notes.json").write_text(broken)
    assert read_classes(tmp_path) == ("drone", "bird")
    (tmp_path / "other.yaml").write_text("names: [bird, drone]")
    with pytest.raises(InputError, match=r"alike; found .*drone.* in .* and .*bird.* in "):
        read_classes(tmp_path)
    (tmp_path / "classes.txt").write_text("bird\ndrone\n")
    assert read_classes(tmp_path) == ("bird", "drone")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: {drone: 0}", "data.yaml: names must be a list of texts, or .*; found {'drone'"),
        ("names: classes.txt", "names must be a list .*; found classes.txt"),
        ("names: {-1: drone}", "names must be a list"),
        ("names: [{a: b}]", "names must be a list"),
        (ALIASES, r"names must be a list .*; found \{0: \[\[\[\[\[\[?\.\.\."),
        (
            "names: [drone]\n" + "# " * 2**19,
            r"YAML must have at most 1,048,576 .*; found 1,048,591",
        ),
        ("names: [drone", "data.yaml: it must be YAML; found while parsing"),
    ],
)
def test_names_of_classes_that_are_not_understood(tmp_path, text, message):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_classes(tmp_path)


def test_the_names_of_mot_classes_are_counted_from_1(tmp_path):
    text = "1,1,5,5,3,3,1,1,1\n2,1,5,5,3,3,1,2,1\n3,1,5,5,3,3,1,3,1\n"
    (tmp_path / "labels.txt").write_text("bird\ndrone\n")
    found = marks(tmp_path / "gt.txt", "mot", text)
    assert [mark.category for mark in found] == ["bird", "drone", "3"]


def test_a_category_of_a_table_may_be_a_number_with_a_name(tmp_path):
    text = "sequence,frame,x,y,w,h,class\na,0,5,5,3,3,1\na,1,5,5,3,3,2\n"
    found = marks(tmp_path / "a.csv", "table", text, classes=("drone", "bird"))
    assert [mark.category for mark in found] == ["bird", "2"]


def test_a_class_number_of_any_length_stays_itself(tmp_path):  # int() refuses 5,000 digits
    text = f"sequence,frame,x,y,w,h,class\na,0,5,5,3,3,{'9' * 5000}\n"
    (found,) = marks(tmp_path / "a.csv", "table", text, classes=("drone",))
    assert found.category == "9" * 5000


@pytest.mark.parametrize(
    ("column", "values"), [("visible", ("1", "0", "0.4")), ("Outside", ("False", "TRUE", "no"))]
)
@pytest.mark.parametrize("form", ["table", "boxes", "centroids"])
def test_rows_of_objects_that_are_not_visible_are_left_out(tmp_path, form, column, values):
    header = f"frame,x,y,{column}" if form == "centroids" else f"sequence,frame,x,y,w,h,{column}"
    row = "{t},5,5,{seen}" if form == "centroids" else "a,{t},5,5,3,3,{seen}"
    rows = [row.format(t=t, seen=seen) for t, seen in enumerate(values)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)  # a table of boxes needs no sequence
        found = marks(tmp_path / "a.csv", form, "\n".join([header, *rows]))
    assert [mark.frame for mark in found if not mark.left_out] == [0, 2]
    assert [(mark.place, mark.left_out) for mark in found if mark.left_out] == [
        ("line 3", "of objects that are absent or to be ignored, and left out")
    ]


def test_coco_ignores_what_no_annotation_uses(tmp_path):
    content = {
        "images": [{"id": 3, "file_name": "a/0.png"}, {"id": 4, "file_name": "b/7.png"}],
        "categories": [{"id": 0, "name": "root"}, {"id": 2, "name": "target"}],
        "annotations": [
            {"image_id": 3, "category_id": 2, "bbox": [1, 2, 3, 4], "track_id": 8},
            {"image_id": 9, "category_id": 2, "bbox": [1, 2, 3, 4]},
        ],
    }
    errors = []
    found = marks(tmp_path / "a.json", "coco", json.dumps(content), errors.append)
    assert found[0][:2] == ("annotations[0]", "a/0.png")
    assert (found[0].category, found[0].track, len(found)) == ("target", "8", 1)
    assert "annotations[1]: image_id must occur in the file; found 9." in str(errors[0])


def test_a_number_is_no_id_that_is_a_text(tmp_path):
    content = {"images": [{"id": 1, "file_name": "a"}], "categories": [{"id": 1, "name": "b"}]}
    content["annotations"] = [{"image_id": "1", "category_id": 1, "bbox": [1, 2, 3, 4]}]
    with pytest.raises(InputError, match="image_id must occur in the file; found '1'"):
        marks(tmp_path / "a.json", "coco", json.dumps(content))


def test_the_size_of_the_image_in_xml(tmp_path):
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>"
    thing = f"<object><name>a</name>{box}</object>"
    for width, size in (("640", (640, 512)), ("0", None), ("", None)):
        stated = f"<size><width>{width}</width><height>512</height></size>"
        text = f"<annotation>{stated}{thing}</annotation>"
        assert marks(tmp_path / "a.xml", "voc", text)[0].image_size == size


def test_tracks_of_coco(tmp_path):
    rows = [{"track_id": 7}, {"track_id": None}, {}, {"attributes": {"track_id": 0}}]
    rows += [{"instance_id": 5}, {"track_id": 6, "instance_id": 5}]
    rows = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]} | row for row in rows]
    content = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": rows}
    content["categories"] = [{"id": 1, "name": "drone"}]
    found = marks(tmp_path / "a.json", "coco", json.dumps(content))
    assert [mark.track for mark in found] == ["7", "", "", "0", "5", "6"]


def test_polygons_of_coco_without_a_box(tmp_path):
    polygons = [[2, 3, 6, 3, 4, 8], [1, 4, 5, 4.5, 3, 5]]
    rows = [{"segmentation": polygons}, {"segmentation": polygons, "bbox": [1, 2, 3, 4]}]
    rows += [{"segmentation": {"counts": "a", "size": [8, 8]}}, {"segmentation": [[]], "bbox": []}]
    content = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "a"}]}
    content["annotations"] = [{"image_id": 1, "category_id": 1} | row for row in rows]
    errors = []
    found = marks(tmp_path / "a.json", "coco", json.dumps(content), errors.append)
    assert [mark[2:6] for mark in found] == [(1, 3, 5, 5), (1, 2, 3, 4)]
    assert ["bbox must be a list of x, y, w, h" in str(error) for error in errors] == [True, True]


def test_centroids_in_xml(tmp_path):
    thing = "<object><name>Target</name><point><x>5</x><y>7</y></point></object>"
    found = marks(tmp_path / "a.xml", "centroid-xml", f"<annotation>{thing}</annotation>")
    assert (found[0].x, found[0].y, found[0].category) == (5, 7, "Target")


def mask():
    """Two objects that touch at a corner, which are one, and another one."""
    pixels = np.zeros((20, 30), np.uint8)
    pixels[2:4, 3:6] = pixels[4:6, 6:8] = pixels[15, 20] = 255
    return pixels


def colour(alpha):
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[mask() > 0] = (255, 0, 0, 255)
    if alpha:
        pixels[..., 3] = 255
    return Image.fromarray(pixels)


def palette():
    image = Image.fromarray((mask() > 0).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 0, 0])
    return image


def alpha_only():
    pixels = np.full((20, 30, 4), 255, np.uint8)
    pixels[..., 3] = mask()
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(mask()),
        Image.fromarray(mask() // 255),
        Image.fromarray(mask()).convert("1"),
        Image.fromarray(mask()).convert("RGB"),
        Image.fromarray(mask()).convert("RGBA"),
        Image.fromarray(mask()).convert("LA"),
        Image.fromarray(mask().astype(np.uint16) * 257),
        palette(),
        colour(alpha=False),
        colour(alpha=True),
        alpha_only(),
    ],
    ids=["255", "1", "bit", "RGB", "RGBA", "LA", "I16", "P", "red", "red-opaque", "alpha"],
)
def test_masks_of_all_modes(tmp_path, image):
    image.save(tmp_path / "m.png")
    boxes = [(mark.x, mark.y, mark.w, mark.h) for mark in marks(tmp_path / "m.png", "masks")]
    assert boxes == [(3, 2, 5, 4), (20, 15, 1, 1)]


def test_a_mask_in_a_jpeg_and_an_inverted_one(tmp_path):
    pixels = np.zeros((64, 64), np.uint8)
    pixels[24:32, 32:40] = 255
    Image.fromarray(pixels).save(tmp_path / "m.jpg", quality=75)
    assert [mark[2:6] for mark in marks(tmp_path / "m.jpg", "masks")] == [(32, 24, 8, 8)]
    Image.fromarray(255 - pixels).save(tmp_path / "m.png")
    with pytest.raises(
        InputError, match=r"no target; found 98% .* set, most to 255\. Invert the mask"
    ):
        marks(tmp_path / "m.png", "masks")
    Image.fromarray(pixels // 255 * 3 + 7).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"a background of 7\. Write 0 in place of 7, or corr"):
        marks(tmp_path / "m.png", "masks")
