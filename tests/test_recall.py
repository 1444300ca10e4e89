"""Recall at fixed false alarms, worked out by hand, and its intervals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.evaluation.figures import ANYTHING, outcome_of
from dimjax.evaluation.metrics import sweep
from dimjax.evaluation.recall import recall_at

# Three frames, three visible targets and a hidden one.
TRUTH = pd.DataFrame(
    [
        ("a", 0, 10.0, "target", 6.0, 1.0),
        ("a", 1, 10.0, "target", 6.0, 0.5),
        ("b", 0, 10.0, "target", 2.5, 1.0),
        ("b", 0, 90.0, "target", 9.0, 0.4),
        ("b", 0, 50.0, "interference", 7.0, 1.0),
    ],
    columns=["sequence", "frame", "x", "category", "snr", "visible"],
).assign(y=20.0)
FRAMES = {"a": 2, "b": 1}


def detections(*rows) -> pd.DataFrame:
    """Detections from (sequence, frame, x, score) or with a category at the end."""
    table = pd.DataFrame(
        [(*row, "target")[:5] for row in rows],
        columns=["sequence", "frame", "x", "score", "category"],
    )
    return table.assign(y=20.0).astype({"x": float, "score": float})


SIX = detections(
    ("a", 0, 11.0, 0.9),  # hit
    ("a", 0, 70.0, 0.8),  # false alarm
    ("a", 1, 11.0, 0.7),  # hit
    ("b", 0, 90.0, 0.65),  # on a hidden target: neither
    ("b", 0, 50.0, 0.6),  # on interference: a false alarm of targets
    ("b", 0, 11.0, 0.5),  # hit
)


def at(allowed: float, table=SIX, category="target", truth=TRUTH) -> dict:
    (row,) = recall_at(truth, table, FRAMES, category, 3.0, (allowed,))
    assert row["false_alarms_per_frame"] == allowed
    return row


@pytest.mark.parametrize(
    ("allowed", "threshold", "recall"),
    [
        (0.1, 0.9, 1 / 3),  # less than one false alarm in three frames
        (1 / 3, 0.7, 2 / 3),  # one: down to the last score above the second
        (0.6, 0.7, 2 / 3),
        (2 / 3, 0.5, 1.0),  # two
        (5.0, 0.5, 1.0),  # more than there are
    ],
)
def test_recall_by_hand(allowed, threshold, recall):
    row = at(allowed)
    assert (row["threshold"], row["recall"], row["truths"]) == (threshold, recall, 3)


def test_slices_are_those_of_the_effective_snr():
    slices = at(1 / 3)["slices"]
    assert [(s["range"]["low"], s["range"]["high"]) for s in slices] == [
        (0, 2), (2, 3), (3, 4), (4, 5), (5, 8), (8, None)
    ]  # fmt: skip
    assert [s["truths"] for s in slices] == [0, 1, 1, 0, 1, 0]  # 6 * 0.5 lies in 3 to 4
    assert [s["recall"] for s in slices] == [None, 0.0, 1.0, None, 1.0, None]


def test_labels_are_sliced_by_scr_and_other_truths_not_at_all():
    labels = TRUTH.drop(columns=["snr", "visible"])
    assert at(1.0, truth=labels)["slices"] == []
    slices = at(1.0, truth=labels.assign(scr=[9.0, 1.0, 1.5, 2.0, 3.0]))["slices"]
    assert [s["truths"] for s in slices] == [2, 1, 0, 0, 0, 1]


def test_anything_ignores_the_categories():
    called = SIX.assign(category=["interference", *SIX.category[1:]])
    row = at(1 / 3, called, ANYTHING)
    assert (row["truths"], row["recall"], row["threshold"]) == (4, 1.0, 0.5)  # one false alarm
    assert at(1 / 3, called)["recall"] == 1 / 3
    assert at(0.0 + 1e-3, called, "interference")["recall"] == 0.0


def test_equal_scores_are_accepted_together():
    ties = SIX.assign(score=[0.9, 0.7, 0.7, 0.65, 0.6, 0.5])
    assert at(0.1, ties)["threshold"] == 0.9
    assert (at(1 / 3, ties)["threshold"], at(1 / 3, ties)["recall"]) == (0.7, 2 / 3)
    assert at(0.1, SIX.assign(score=0.5))["threshold"] is None


def test_an_allowed_number_is_not_lost_to_rounding():
    table = detections(*[("a", 0, 30.0 + 5 * k, 0.9 - 0.01 * k) for k in range(40)])
    assert 0.29 * 100 < 29
    (row,) = recall_at(TRUTH, table, {"a": 99, "b": 1}, "target", 3.0, (0.29,))
    assert row["threshold"] == pytest.approx(0.9 - 0.01 * 28)  # of 29 false alarms


def test_each_draw_allows_the_false_alarms_of_its_own_frames():
    table = detections(("a", 0, 70.0, 0.9), ("a", 0, 10.0, 0.8), ("b", 0, 10.0, 0.8))
    (row,) = recall_at(TRUTH.iloc[[0, 2]], table, {"a": 1, "b": 9}, "target", 3.0, (0.5,))
    # One false alarm in ten frames is allowed, but not two in the two frames of twice "a".
    assert (row["recall"], row["low"], row["high"]) == (1.0, 0.0, 1.0)


def test_without_a_detection_or_a_truth():
    row = at(0.1, SIX.head(0))
    assert (row["threshold"], row["recall"], row["low"], row["high"]) == (None, 0.0, 0.0, 0.0)
    row = at(0.1, truth=TRUTH.head(0))
    assert (row["truths"], row["recall"], row["low"]) == (0, None, None)


def test_one_sequence_has_no_interval():
    (row,) = recall_at(TRUTH[:2], SIX[:3], {"a": 2}, "target", 3.0, (0.5,))
    assert (row["recall"], row["low"], row["high"]) == (1.0, None, None)


def _random(seed: int, sequences: int) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Ten targets in each frame, half of them found, and uniform false alarms."""
    rng = np.random.default_rng(seed)
    frames = {f"s{k}": int(rng.integers(2, 6)) for k in range(sequences)}
    keys = [(name, t) for name, count in frames.items() for t in range(count)]
    truth = pd.DataFrame(
        [(*key, 20.0 * k, 20.0) for key in keys for k in range(10)],
        columns=["sequence", "frame", "x", "y"],
    ).assign(category="target")
    hits = truth[rng.random(len(truth)) < 0.5]
    hits = hits.assign(score=rng.beta(3, 1, len(hits)).round(2))
    false = truth[rng.random(len(truth)) < 0.2]
    false = false.assign(y=200.0, score=rng.beta(1, 2, len(false)).round(2))
    return truth, pd.concat([hits, false], ignore_index=True), frames


@pytest.mark.parametrize("seed", range(8))
def test_the_interval_contains_the_recall_and_shrinks_with_more_sequences(seed):
    widths = []
    for sequences in (4, 64):
        truth, table, frames = _random(seed, sequences)
        row, again = (recall_at(truth, table, frames, "target", 3.0, (0.65,))[0] for _ in range(2))
        assert row == again and row["low"] <= row["recall"] <= row["high"]
        widths.append(row["high"] - row["low"])
    assert 0 < widths[1] < widths[0]


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.01, 3.0))
def test_recall_is_that_of_the_curve(seed, sequences, allowed):
    truth, table, frames = _random(seed, sequences)
    (row,) = recall_at(truth, table, frames, "target", 3.0, (allowed,))
    curve = sweep(outcome_of(truth, table, "target", 3.0)[0])
    accepted = np.count_nonzero(curve.false_alarms <= allowed * sum(frames.values()) + 1e-9)
    assert row["recall"] == (curve.recall[accepted - 1] if accepted else 0.0)
    assert row["threshold"] == (curve.threshold[accepted - 1] if accepted else None)
