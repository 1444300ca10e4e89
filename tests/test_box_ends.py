"""Boxes of two corners: whether the second one is their last pixel."""

import numpy as np
import pandas as pd
import pytest
from field_layouts import LENGTH, centre, every_frame, save, text

from dimjax.commands.label_checks import measure_labels
from dimjax.data import box_ends
from dimjax.data.box_ends import last_pixels
from dimjax.data.folders import open_folder
from dimjax.data.label_evidence import COLUMNS
from dimjax.data.layouts import Layout, check_layout
from dimjax.errors import InputError

VOC = Layout("images/*", "boxes/{sequence}/{frame}.xml", "voc", {"*": "target"})


def write(folder, first, inclusive):
    """Objects of 3x3 pixels."""
    for k, _, t, pixels in every_frame():
        save(folder / f"images/c{k}/{t:03d}.png", pixels)
        x, y = centre(k, t)
        ends = [("xmin", x - 1), ("ymin", y - 1), ("xmax", x + 2 - inclusive)]
        ends += [("ymax", y + 2 - inclusive)]
        box = "".join(f"<{name}>{at + first}</{name}>" for name, at in ends)
        box = f"<object><name>a</name><bndbox>{box}</bndbox></object>"
        text(folder / f"boxes/c{k}/{t:03d}.xml", f"<annotation>{box}</annotation>")


@pytest.mark.parametrize(
    ("first", "inclusive", "box_end"),
    [(1, True, ""), (0, False, ""), (0, True, "inclusive"), (1, False, "exclusive")],
)
def test_boxes_span_their_objects(tmp_path, first, inclusive, box_end):
    write(tmp_path, first, inclusive)
    layout = VOC._replace(first_pixel=first, box_end=box_end)
    labels = open_folder(tmp_path, layout).labels
    expected = [np.add(centre(k, t), 0.5).tolist() for k in range(3) for t in range(LENGTH)]
    assert labels[["x", "y"]].to_numpy().tolist() == expected
    assert (labels[["w", "h"]] == 3).all(axis=None)


def test_the_key_is_for_two_corners_alone():
    check_layout(VOC._replace(box_end="exclusive"), "layout")
    with pytest.raises(InputError, match="box_end must be empty for masks, which contains no sec"):
        check_layout(VOC._replace(box_end="inclusive", label_format="masks"), "layout")


def evidence(offset, spread=0.05, count=20, size=3.0):
    spots = np.random.default_rng(0).normal(offset, spread, (count, 2)).T
    rows = {"sequence": "a", "frame": 1, "dx": spots[0], "dy": spots[1], "w": size, "h": size}
    return pd.DataFrame(rows, columns=COLUMNS)


def test_half_a_pixel_is_noted_where_the_last_pixel_explains_it():
    found = last_pixels(evidence(0.5), VOC)
    assert "the boxes seem to end with their last pixels: a median offset of 0.48" in found
    assert found.endswith("data.layout.box_end=inclusive says so")
    assert last_pixels(evidence((0.6, 0.4)), VOC)
    others = [evidence(0.0), evidence((0.5, 0.2)), evidence(0.5, count=19), evidence(0.5, size=9)]
    others += [evidence((0.7, 0.45), spread=0.5), evidence(0.5, count=0)]
    assert not any(last_pixels(it, VOC) for it in others)
    others = [VOC._replace(first_pixel=1), VOC._replace(box_end="exclusive")]
    others += [VOC._replace(label_format="masks"), VOC._replace(first_pixel={"*": 0})]
    assert not any(last_pixels(evidence(0.5), it) for it in others)


def test_check_prints_the_note(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(box_ends, "FEWEST", 3 * LENGTH)
    write(tmp_path, 0, True)

    def printed(layout):
        folder = open_folder(tmp_path, layout)
        measure_labels(folder, folder.labels, folder.names, lambda error: None)
        return capsys.readouterr().out

    assert "note: the boxes seem to end with their last pixels: a median" in printed(VOC)
    assert "box_end=inclusive" not in printed(VOC._replace(box_end="inclusive"))
