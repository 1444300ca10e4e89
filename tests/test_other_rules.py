"""Figures as other codes count them, on cases worked out by hand and against whole images."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from dimjax.drawing.text_tables import as_text
from dimjax.evaluation.box_precision import box_precision
from dimjax.evaluation.pixel_figures import RULES, connect, pixel_figures
from dimjax.report.tables import other_tables

SHAPES = {"a": (4, 50, 100)}
PIXELS = 4 * 50 * 100


def table(*rows) -> pd.DataFrame:
    """Targets from (frame, x, y, size, score)."""
    frame = pd.DataFrame(rows, columns=["frame", "x", "y", "w", "score"])
    return frame.assign(sequence="a", h=frame.w, category="target")


def counts(truth, detections) -> dict[str, list[tuple[float, int]]]:
    """Pd and the number of false pixels by each rule, for masks of 1 px, 3x3 px and boxes."""
    rows = pixel_figures(truth, detections, SHAPES)
    assert [row["mask"] for row in rows] == ["1 px", "3x3 px", "box"]
    return {rule: [(r[rule]["pd"], round(r[rule]["fa"] * PIXELS)) for r in rows] for rule in RULES}


def test_a_false_blob_as_large_as_a_hit_is_counted_but_by_dnanet():
    truth = table((0, 5.5, 5.5, 3, 1))
    found = counts(truth, table((0, 6.5, 5.5, 3, 0.9), (0, 30.5, 30.5, 5, 0.9)))
    assert found["basicirstd"] == [(1, 1), (1, 9), (1, 25)]
    assert found["dnanet"] == [(1, 0), (1, 0), (1, 25)]
    assert found["dtum"] == [(1, 1), (1, 9), (1, 25)]


def test_a_blob_of_another_frame_excuses_none():
    truth = table((0, 5.5, 5.5, 3, 1))
    found = counts(truth, table((0, 5.5, 5.5, 3, 0.9), (1, 30.5, 30.5, 3, 0.9)))
    assert found["dnanet"] == [(1, 1), (1, 9), (1, 9)]


def test_near_misses_by_each_rule():
    # The centre is 3 px away: too far for a match. The squares of 3 px touch, those of 1 px do not.
    found = counts(table((1, 5.5, 5.5, 3, 1)), table((1, 8.5, 5.5, 3, 0.9)))
    assert found["basicirstd"] == found["dnanet"] == [(0, 1), (0, 9), (0, 9)]
    assert found["dtum"] == [(0, 0), (1, 0), (1, 0)]


def test_pixels_beyond_four_px_are_false_by_dtum():
    # Columns 10 to 12; the target's pixels end in column 6: 10 is 4 px away, 11 and 12 are more.
    found = counts(table((1, 5.5, 5.5, 3, 1)), table((1, 11.5, 5.5, 3, 0.9)))
    assert found["dtum"] == [(0, 1), (0, 6), (0, 6)]


def test_touching_targets_are_one_blob():
    truth = table((0, 5.5, 5.5, 3, 1), (0, 8.5, 5.5, 3, 1))
    rows = pixel_figures(truth, table((0, 7.0, 5.5, 3, 0.9)), SHAPES)
    assert [row["truths"] for row in rows] == [2, 1, 1]
    assert [row["basicirstd"]["pd"] for row in rows] == [0.5, 1, 1]


def test_the_first_blob_in_raster_order_is_taken_even_if_another_is_nearer():
    truth, detections = table((0, 20.5, 20.5, 1, 1)), ((0, 20.5, 18.5, 1, 1), (0, 20.5, 21.5, 3, 1))
    assert counts(truth, table(*detections))["basicirstd"][2] == (1, 9)


def test_hidden_targets_are_not_drawn():
    truth = table((0, 5.5, 5.5, 3, 1)).assign(visible=0.4)
    found = counts(truth, table((0, 5.5, 5.5, 3, 0.9)))
    assert found["basicirstd"] == [(None, 1), (None, 9), (None, 9)]


def test_other_categories_do_not_count():
    birds = table((0, 5.5, 5.5, 3, 1)).assign(category="interference")
    assert counts(birds, birds)["dtum"] == [(None, 0)] * 3


def test_squares_are_cut_at_the_rim():
    found = counts(table(), table((0, 0.5, 0.5, 3, 0.9), (3, 99.5, 49.5, 3, 0.9)))
    assert found["basicirstd"] == [(None, 2), (None, 8), (None, 8)]


pixel = st.tuples(st.integers(0, 1), st.integers(0, 11), st.integers(0, 11))


@settings(max_examples=100)
@given(truth=st.lists(pixel, max_size=20), detected=st.lists(pixel, max_size=20))
def test_the_rules_hold_in_whole_images(truth, detected):
    masks = np.zeros((2, 2, 12, 12), bool)
    for mask, pixels in zip(masks, (truth, detected), strict=True):
        mask[tuple(np.array(pixels, int).reshape(-1, 3).T)] = True
    blobs = [connect(np.array(pixels, int).reshape(-1, 3)) for pixels in (truth, detected)]
    expected = {rule: np.sum([RULE_OF[rule](*pair) for pair in masks.swapaxes(0, 1)], axis=0)
                for rule in RULES}  # fmt: skip
    assert {rule: count(*blobs) for rule, count in RULES.items()} == {
        rule: tuple(total) for rule, total in expected.items()
    }


def components(mask):
    labels, number = ndimage.label(mask, np.ones((3, 3)))
    return [np.argwhere(labels == k + 1) for k in range(number)]


def taken(truth, detected):
    """Blobs that are taken by targets, and the others."""
    free, matched = components(detected), []
    for target in components(truth):
        centre = target.mean(axis=0)
        near = [k for k, blob in enumerate(free) if np.hypot(*(blob.mean(axis=0) - centre)) < 3]
        matched += [free.pop(near[0])] if near else []
    return matched, free


def basicirstd(truth, detected):
    matched, free = taken(truth, detected)
    return len(matched), sum(map(len, free))


def dnanet(truth, detected):
    matched, free = taken(truth, detected)
    return len(matched), sum(len(blob) for blob in free if len(blob) not in set(map(len, matched)))


def dtum(truth, detected):
    wide = ndimage.binary_dilation(detected, np.ones((3, 3)))
    clear = ~ndimage.binary_dilation(truth, np.ones((9, 9)))
    return sum(wide[tuple(blob.T)].any() for blob in components(truth)), (detected & clear).sum()


RULE_OF = {"basicirstd": basicirstd, "dnanet": dnanet, "dtum": dtum}


def test_ap50_depends_on_the_size_of_the_boxes():
    # A shift of 1 px: boxes of 3 px share 6 of 12 px, a half; 1.5 px: 4.5 of 13.5, a third.
    truth = table((0, 10, 10, 3, 1), (1, 10, 10, 3, 1))
    shifted = box_precision(truth, table((0, 11, 10, 3, 0.9), (1, 11.5, 10, 3, 0.8)))
    # Of 101 recalls 0, 0.01, ..., 1 the first 51 are reached, at a precision of 1.
    assert shifted["own boxes"] == shifted["3 px"] == pytest.approx(51 / 101)
    assert shifted["5 px"] == shifted["8 px"] == shifted["16 px"] == 1


def test_ap50_counts_false_boxes_above_a_hit():
    found = table((0, 50, 40, 3, 0.9), (0, 10, 10, 3, 0.5))
    assert box_precision(table((0, 10, 10, 3, 1)), found)["8 px"] == pytest.approx(1 / 2)


def test_ap50_uses_the_boxes_themselves():
    truth = table((0, 10, 10, 4, 1))
    assert box_precision(truth, table((0, 10, 10, 8, 0.9)))["own boxes"] == 0  # 16 of 64 px
    assert box_precision(truth, table((0, 10, 10, 5, 0.9)))["own boxes"] == 1  # 16 of 25 px


def test_ap50_prefers_truths_that_count():
    # pycocotools 2.0.11 gives the same; the hidden truth is nearer to the detection.
    truth = table((0, 10, 10, 8, 1), (0, 13, 10, 8, 1)).assign(visible=[1.0, 0.2])
    assert box_precision(truth, table((0, 12, 10, 8, 0.9)))["8 px"] == 1
    assert box_precision(truth, table((0, 13, 10, 8, 0.9), (0, 10, 10, 8, 0.5)))["8 px"] == 1
    far = table((0, 15.5, 10, 8, 0.9), (0, 10, 10, 8, 0.5))  # the hidden one alone is near enough
    assert box_precision(truth, far)["8 px"] == 1


def test_ap50_without_truths_or_detections():
    nothing, something = table(), table((0, 10, 10, 3, 1))
    assert set(box_precision(nothing, something).values()) == {None}
    assert set(box_precision(something, nothing).values()) == {0.0}
    hidden = something.assign(visible=0.2)
    assert set(box_precision(hidden, something).values()) == {None}


def test_the_tables_name_the_rules():
    truth, found = table((0, 10.5, 10.5, 3, 1)), table((0, 10.5, 10.5, 3, 0.9), (1, 40, 9, 3, 0.8))
    part = {"pixels": pixel_figures(truth, found, SHAPES), "ap50": box_precision(truth, found)}
    pixels, boxes = map(as_text, other_tables({"other_rules": {"frames": part}}).values())
    assert "BasicIRSTD Pd" in pixels and "DTUM Fa" in pixels and "pixels per megapixel" in pixels
    # 9 of 20,000 pixels are 450 per megapixel.
    nine = next(line for line in pixels.splitlines() if "3x3" in line)
    assert nine.split()[-7:] == ["1", "1.000", "450", "1.000", "450", "1.000", "450"]
    assert boxes.splitlines()[-1].split() == ["full", "frames", *["1.000"] * 5]


def test_figures_that_were_written_without_them_have_no_such_table():
    assert other_tables({"frames": {}}) == {}
