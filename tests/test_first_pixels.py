"""The first pixel, where labels at the edges of the frames tell its number."""

import pandas as pd
import pytest
from field_layouts import HEIGHT, WIDTH, centre, every_frame, save, text

from dimjax.data.first_pixels import misnumbered
from dimjax.data.folders import open_folder
from dimjax.data.layouts import Layout
from dimjax.data.recognition import recognise

SHAPES = {"a": (9, HEIGHT, WIDTH), "b": (9, HEIGHT, WIDTH)}


def table(*boxes, name="a"):
    """Label table of boxes with the edges left, top, right, bottom."""
    rows = [(name, t, (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
            for t, (x1, y1, x2, y2) in enumerate(boxes)]  # fmt: skip
    return pd.DataFrame(rows, columns=["sequence", "frame", "x", "y", "w", "h"])


def problem_of(labels, form, first_pixel):
    layout = Layout(label_format=form, first_pixel=first_pixel)
    found = misnumbered(labels, SHAPES, layout, "labels")
    return None if found is None else str(found)


def test_boxes_at_pixel_0_count_from_it():
    """Boxes that begin at 0 in the file begin at -1 if pixels count from 1."""
    labels = table((-1, 5, 3, 8), (8, -1, 12, 3), (4, 4, 7, 7))
    message = "labels: labels must fit frames whose first pixel is number 1; found 2 labels at "
    message += "pixel 0, and none below. Set data.layout.first_pixel=0."
    assert problem_of(labels, "mot", 1) == problem_of(labels, "voc", 1) == message
    assert problem_of(labels[:1], "voc", 1) and not problem_of(labels[:1], "mot", 1)
    exceeding = table((-1, 5, 3, 8), (8, -1, 12, 3), (-3, 4, 7, 7))
    assert not problem_of(exceeding, "mot", 1)
    assert not problem_of(table((0, 0, 3, 3), (0, 5, 3, 8)), "mot", 1)
    assert not problem_of(labels, "table", 1)  # whose x, y are centres
    of_b = labels.assign(sequence="b")
    assert problem_of(of_b, "mot", {"a": 0, "*": 1}).endswith("=0 for sequences such as b.")


def test_boxes_up_to_a_pixel_beyond_the_frame_count_from_1():
    labels = table((40, 5, WIDTH + 1, 8), (8, 30, 12, HEIGHT + 1), (4, 4, 7, 7))
    message = "number 0; found 2 labels up to 1 px beyond the frame, and none below pixel 1. Set"
    assert message in problem_of(labels, "rectangles", 0)
    assert not problem_of(labels, "voc", 0)  # the last pixel from 1, or the end from 0
    assert not problem_of(labels[1:], "rectangles", 0)
    assert not problem_of(labels.assign(x=labels.x - 4), "rectangles", 0)
    assert not problem_of(pd.concat([labels, table((0, 5, 4, 9))]), "rectangles", 0)
    assert not problem_of(pd.concat([labels, table((40, 5, WIDTH + 3, 8))]), "rectangles", 0)


@pytest.mark.parametrize(("lowest", "first"), [(0, 0), (1, 1)])
def test_a_folder_is_read_by_them(tmp_path, lowest, first):
    """Boxes as ImageNet-VID has them, or as Pascal VOC has them, one of them at the edge."""
    for k, _, t, pixels in every_frame():
        save(tmp_path / f"images/s{k}/{t:02d}.png", pixels)
        x, y = centre(k, t)
        x1, y1 = (lowest, lowest) if t == 0 else (x - 3 + first, y - 3 + first)
        corners = zip(("xmin", "ymin", "xmax", "ymax"), (x1, y1, x + 4, y + 4), strict=True)
        box = "".join(f"<{key}>{value}</{key}>" for key, value in corners)
        box = f"<object><name>drone</name><bndbox>{box}</bndbox></object>"
        text(tmp_path / f"labels/s{k}/{t:02d}.xml", f"<annotation>{box}</annotation>")
    found = recognise(tmp_path)
    assert found.layout.first_pixel == first
    line = "first pixel 0: 3 labels at pixel 0, and none below"
    assert (line in found.evidence) == (first == 0)
    row = open_folder(tmp_path, found.layout).labels.query("sequence == 's1' and frame == 2")
    x, y = centre(1, 2)
    assert row[["x", "y", "w", "h"]].to_numpy().tolist() == [[x + 0.5, y + 0.5, 7, 7]]
