"""The matcher and the metrics, on cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.evaluation.metrics import (
    Objects,
    at_threshold,
    average_precision,
    confusion,
    match,
    sweep,
)
from dimjax.evaluation.thresholds import choose_threshold


def objects(*rows) -> Objects:
    """Truths or detections from (image, x, y, weight)."""
    table = np.array(rows, float).reshape(-1, 4)
    return Objects(table[:, 0].astype(int), table[:, 1:3], table[:, 3])


def test_the_strongest_detection_chooses_first_and_takes_the_nearest():
    truths = objects((0, 10, 10, 1), (0, 14, 10, 1))
    detections = objects((0, 12.5, 10, 0.6), (0, 11.9, 10, 0.9))
    outcome = match(truths, detections, 3.0)
    assert outcome.score.tolist() == [0.9, 0.6]
    assert outcome.truth.tolist() == [0, 1]
    assert outcome.detection.tolist() == [1, 0]


def test_the_nearest_truth_is_taken_and_not_the_first():
    truths, detections = objects((0, 10, 10, 1), (0, 12, 10, 1)), objects((0, 11.5, 10, 0.9))
    assert match(truths, detections, 3.0).truth.tolist() == [1]


def test_a_duplicate_is_a_false_alarm():
    outcome = match(objects((0, 5, 5, 1)), objects((0, 5, 5, 0.9), (0, 6, 5, 0.8)), 3.0)
    assert outcome.hit.tolist() == [True, False]


@pytest.mark.parametrize(("x", "hit"), [(7.99, True), (8.0, False)])
def test_a_hit_is_nearer_than_the_radius(x, hit):
    assert match(objects((0, 5, 5, 1)), objects((0, x, 5, 0.9)), 3.0).hit.tolist() == [hit]


def test_images_do_not_mix():
    assert match(objects((0, 5, 5, 1)), objects((1, 5, 5, 0.9)), 3.0).hit.tolist() == [False]


def test_a_detection_on_a_hidden_truth_does_not_count():
    outcome = match(objects((0, 5, 5, 0)), objects((0, 5, 5, 0.9), (0, 50, 5, 0.8)), 3.0)
    assert outcome.hit.tolist() == [False] and outcome.truths == 0
    assert outcome.detection.tolist() == [1]


def test_figures_at_a_threshold():
    # Three truths; by falling score: hit, false alarm, hit, false alarm.
    truths = objects((0, 5, 5, 1), (1, 5, 5, 1), (2, 5, 5, 1))
    detections = objects((0, 5, 5, 0.9), (0, 50, 5, 0.8), (1, 5, 5, 0.7), (1, 50, 5, 0.2))
    curve = sweep(match(truths, detections, 3.0))
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3, 2 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 3, 1 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(curve.f1, [1 / 2, 2 / 5, 2 / 3, 4 / 7])
    figures = at_threshold(curve, 0.5, images=4, pixels=1000)
    assert figures["precision"] == pytest.approx(2 / 3)
    assert figures["pd"] == figures["recall"] == pytest.approx(2 / 3)
    assert figures["false_alarms_per_frame"] == 1 / 4
    assert figures["false_alarms_per_pixel"] == 1 / 1000
    # Falling precision: 1 up to a recall of 1/3, then 2/3 up to 2/3.
    assert average_precision(curve) == pytest.approx(1 / 3 + (1 / 3) * (2 / 3))


def test_a_category_that_cannot_be_separated_from_noise_gets_a_threshold_of_a_half():
    noise = [(0, 50, k, 0.3 + 0.01 * k) for k in range(25)]
    outcome = match(objects((0, 5, 5, 1)), objects((0, 5, 5, 0.02), *noise), 3.0)
    assert 0 < sweep(outcome).f1.max() < 0.1
    assert choose_threshold(outcome, np.zeros(26, int), np.array([1])) == 0.5


def test_one_sequence_gets_the_median_of_its_best_thresholds():
    truths = objects((0, 5, 5, 1), (1, 5, 5, 1), (2, 5, 5, 1))
    detections = objects((0, 5, 5, 0.9), (0, 50, 5, 0.8), (1, 5, 5, 0.7), (1, 50, 5, 0.2))
    outcome = match(truths, detections, 3.0)  # F1 is 2/3 above 0.2 up to 0.7
    assert choose_threshold(outcome, np.zeros(4, int), np.array([3])) == pytest.approx(0.4525)


def test_a_threshold_does_not_depend_on_one_sequence():
    # F1 is 20/22 up to 0.4, lower up to 0.45 and 18/19 up to 0.9: one target and two false alarms,
    # each in a sequence of its own, make the difference.
    truths = objects(*[(k, 5, 5, 1) for k in range(10)])
    hits = [(k, 5, 5, 0.4 if k == 8 else 0.9) for k in range(10)]
    detections = objects(*hits, (9, 50, 5, 0.45), (9, 50, 30, 0.45))
    outcome = match(truths, detections, 3.0)
    alone = choose_threshold(outcome, np.zeros(12, int), np.array([10]))
    assert alone == pytest.approx((0.455 + 0.9) / 2)
    # 18/19 less its standard error over the sequences is less than 20/22: both ranges count.
    sequence = detections.image[outcome.detection]
    threshold = choose_threshold(outcome, sequence, np.ones(10, int))
    accepted = np.append(np.arange(0.005, 0.4025, 0.005), np.arange(0.455, 0.9025, 0.005))
    assert threshold == pytest.approx(np.median(accepted))


def test_equal_scores_are_accepted_together():
    detections = objects((0, 50, 5, 0.5), (0, 5, 5, 0.5))
    curve = sweep(match(objects((0, 5, 5, 1)), detections, 3.0))
    assert curve.threshold.tolist() == [0.5] and curve.precision.tolist() == [0.5]


def test_no_detections_or_no_truths():
    empty = objects()
    curve = sweep(match(objects((0, 5, 5, 1)), empty, 3.0))
    figures = at_threshold(curve, 0.5, images=1, pixels=1)
    assert (figures["precision"], figures["recall"], figures["f1"]) == (1.0, 0.0, 0.0)
    assert average_precision(curve) == 0.0
    outcome = match(objects((0, 5, 5, 1)), empty, 3.0)
    assert choose_threshold(outcome, np.zeros(0, int), np.array([1])) == 0.5
    curve = sweep(match(empty, objects((0, 5, 5, 0.9)), 3.0))
    assert at_threshold(curve, 0.5, images=2, pixels=1)["false_alarms_per_frame"] == 0.5


def test_confusion_counts_each_truth_and_each_detection_once():
    truths = objects((0, 5, 5, 1), (0, 20, 5, 1), (0, 40, 5, 1), (0, 60, 5, 0))
    detections = objects((0, 5, 5, 0.9), (0, 20, 5, 0.8), (0, 90, 5, 0.7), (0, 60, 5, 0.6))
    table = confusion(truths, np.array([0, 1, 0, 0]), detections, np.array([0, 0, 1, 0]), 3.0)
    assert table.tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 0]]


coordinate = st.floats(0, 20, allow_nan=False, width=32)
rows = st.lists(st.tuples(st.integers(0, 1), coordinate, coordinate), max_size=8)


@given(truths=rows, detections=rows, radius=st.floats(0.5, 10))
def test_matches_are_one_to_one_near_and_in_one_image(truths, detections, radius):
    truths = objects(*[(*row, 1) for row in truths])
    detections = objects(*[(*row, 1 / (k + 2)) for k, row in enumerate(detections)])
    outcome = match(truths, detections, radius)
    taken = outcome.truth[outcome.hit]
    chosen = outcome.detection[outcome.hit]
    assert len(set(taken.tolist())) == len(taken)
    assert (truths.image[taken] == detections.image[chosen]).all()
    assert (np.hypot(*(truths.xy[taken] - detections.xy[chosen]).T) < radius).all()
    # No free truth lies within reach of a false alarm.
    free = np.setdiff1d(np.arange(len(truths.image)), taken)
    for k in outcome.detection[~outcome.hit]:
        same = free[truths.image[free] == detections.image[k]]
        assert (np.hypot(*(truths.xy[same] - detections.xy[k]).T) >= radius).all()
