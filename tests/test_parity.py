"""Differences of detections, worked out by hand."""

import numpy as np
import pytest

from dimjax.detection.grid import Detections
from dimjax.export.parity import (
    frames_with_targets,
    max_difference,
    max_difference_on_frames,
    max_evidence_difference,
)

BOXES = [[100.0, 50.0, 3.0, 4.0], [20.0, 30.0, 3.0, 3.0], [300.0, 200.0, 5.0, 5.0]]


def detections(boxes=BOXES, score=(0.9, 0.6, 0.3), category=(0, 1, 0)):
    return Detections(
        np.array([boxes], np.float32),
        np.array([score], np.float32),
        np.array([category]),
        np.zeros((1, 3), np.float32),
    )


def _moved(row, column, by):
    boxes = np.array(BOXES)
    boxes[row, column] += by
    return boxes


def difference(**changes):
    return max_difference(detections(), detections(**changes), stride=8)


def test_centres_differ_in_strides_and_sizes_in_logarithms():
    assert difference() == 0
    assert difference(boxes=_moved(0, 1, 2.0)) == pytest.approx(0.25)
    assert difference(boxes=_moved(1, 2, 3.0)) == pytest.approx(np.log(2))
    assert difference(score=(0.9, 0.65, 0.3)) == pytest.approx(0.05)


def test_the_order_of_detections_has_no_effect():
    boxes = [BOXES[1], BOXES[0], BOXES[2]]
    assert difference(boxes=boxes, score=(0.6, 0.9, 0.3), category=(1, 0, 0)) == 0


@pytest.mark.parametrize(
    "other", [detections(category=(0, 0, 0)), detections(score=(0.9, 0.0, 0.3))]
)
def test_a_missing_detection_or_another_category_differs_infinitely(other):
    assert max_difference(detections(), other, 8) == np.inf
    assert max_difference(other, detections(), 8) == np.inf


def test_the_weakest_detection_may_differ():
    assert difference(boxes=_moved(2, 0, 80.0)) == 0
    assert difference(boxes=_moved(1, 0, 80.0)) > 1


def _on_frames(reference, other, batches=1):
    shapes = [(1, 20, 30)] * batches
    return max_difference_on_frames(reference, other, shapes, stride=8, radius_px=4.0)


def test_a_nan_is_not_lost():
    with_nan = detections(boxes=_moved(0, 0, np.nan))
    two = [
        Detections(*map(np.concatenate, zip(detections(), last, strict=True)))
        for last in (detections(), with_nan)
    ]
    assert np.isnan(max_difference(*two, 8))
    assert np.isnan(_on_frames(lambda *_: detections(), lambda *_: with_nan, batches=2))


def test_frames_depend_on_the_seed_and_contain_moving_targets():
    frames, scale = frames_with_targets(2, 60, 90, seed=0)
    assert frames.shape == (2, 4, 60, 90) and frames.dtype == np.uint16
    np.testing.assert_array_equal(scale, [[1000, 10]] * 2)
    change = frames[:, 0].astype(int) - frames[:, 2]
    assert change.max() > 40 and change.min() < -40  # 4 sigmas of a frame
    assert (frames_with_targets(2, 60, 90, seed=1)[0] != frames).any()


def test_sums_of_residuals_rounded_to_another_step_are_left_out():
    expected, step = np.zeros((1, 50, 40, 4)), 0.1
    other = expected + 2e-5
    assert max_evidence_difference(expected, other, step) == pytest.approx(2e-5)
    other[0, 3, :4, 0] = 0.1, -0.1, 0.2, 0.1  # 0.5 in all, of 4,000 * 1e-4 and one step
    assert max_evidence_difference(expected, other, step) == pytest.approx(2e-5)
    other[0, 4, 0, 1] = 0.1
    assert max_evidence_difference(expected, other, step) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("channel", "value"), [(0, 0.3), (0, 0.04), (2, 0.1), (3, 0.1), (4, 0.3), (5, np.nan)]
)
def test_other_differences_of_evidence_count(channel, value):
    expected = np.zeros((1, 50, 40, 6))
    other = expected.copy()
    other[0, 3, 3, channel] = value
    difference = max_evidence_difference(expected, other, 0.1)
    np.testing.assert_allclose(difference, value)


def test_frames_with_detections_on_the_edge_of_suppression_are_skipped():
    on_the_edge = [[100.0, 50.0, 3.0, 4.0], [104.0001, 50.0, 3.0, 3.0], BOXES[2]]
    calls = []

    def reference(frames, scale):
        calls.append(frames)
        return detections(BOXES if len(calls) > 1 else on_the_edge)

    assert _on_frames(reference, lambda *_: detections()) == 0
    assert len(calls) == 2
