"""Differences of detections, by hand."""

import numpy as np
import pytest

from dimjax.detection.grid import Detections
from dimjax.export.parity import greatest_difference, parity, planted_frames

BOXES = [[100.0, 50.0, 3.0, 4.0], [20.0, 30.0, 3.0, 3.0], [300.0, 200.0, 5.0, 5.0]]


def _found(boxes=BOXES, score=(0.9, 0.6, 0.3), category=(0, 1, 0)):
    return Detections(
        np.array([boxes], np.float32), np.array([score], np.float32), np.array([category])
    )


def _moved(row, column, by):
    boxes = np.array(BOXES)
    boxes[row, column] += by
    return boxes


def test_centres_count_in_strides_and_sizes_in_logarithms():
    assert greatest_difference(_found(), _found(), stride=8) == 0
    assert greatest_difference(_found(), _found(_moved(0, 1, 2.0)), 8) == pytest.approx(0.25)
    assert greatest_difference(_found(), _found(_moved(1, 2, 3.0)), 8) == pytest.approx(np.log(2))
    assert greatest_difference(_found(), _found(score=(0.9, 0.65, 0.3)), 8) == pytest.approx(0.05)


def test_the_order_of_equals_does_not_count():
    turned = _found([BOXES[1], BOXES[0], BOXES[2]], (0.6, 0.9, 0.3), (1, 0, 0))
    assert greatest_difference(_found(), turned, 8) == 0


@pytest.mark.parametrize("other", [_found(category=(0, 0, 0)), _found(score=(0.9, 0.0, 0.3))])
def test_another_category_or_none_at_all_differs_infinitely(other):
    assert greatest_difference(_found(), other, 8) == np.inf
    assert greatest_difference(other, _found(), 8) == np.inf


def test_the_weakest_may_be_another():
    assert greatest_difference(_found(), _found(_moved(2, 0, 80.0)), 8) == 0
    assert greatest_difference(_found(), _found(_moved(1, 0, 80.0)), 8) > 1


def test_a_value_that_is_no_number_is_not_lost():
    spoilt = _found(_moved(0, 0, np.nan))
    two = [
        Detections(*map(np.concatenate, zip(_found(), last, strict=True)))
        for last in (_found(), spoilt)
    ]
    assert np.isnan(greatest_difference(*two, 8))
    assert np.isnan(parity(lambda *_: _found(), lambda *_: spoilt, [(1, 20, 30)] * 2, 8, 4.0))


def test_planted_frames_differ_by_their_seed_and_hold_moving_spots():
    frames, scale = planted_frames(2, 60, 90, seed=0)
    assert frames.shape == (2, 4, 60, 90) and frames.dtype == np.uint16
    np.testing.assert_array_equal(scale, [[1000, 10]] * 2)
    difference = frames[:, 0].astype(int) - frames[:, 2]
    assert difference.max() > 40 and difference.min() < -40  # 4 sigmas of frames
    assert (planted_frames(2, 60, 90, seed=1)[0] != frames).any()


def test_frames_with_detections_on_the_edge_of_suppression_are_not_used():
    on_the_edge = [[100.0, 50.0, 3.0, 4.0], [104.0001, 50.0, 3.0, 3.0], BOXES[2]]
    seen = []

    def reference(frames, scale):
        seen.append(frames)
        return _found(BOXES if len(seen) > 1 else on_the_edge)

    assert parity(reference, lambda *_: _found(), [(1, 20, 30)], 8, radius_px=4.0) == 0
    assert len(seen) == 2
