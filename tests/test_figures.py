"""The figures of an evaluation, from tables worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from dimjax.chips.examples import Examples
from dimjax.evaluation.chip_tables import chip_truth
from dimjax.evaluation.figures import best_f1, choose_thresholds, evaluate, outcome_of
from dimjax.evaluation.thresholds import accepted

COLUMNS = ["sequence", "frame", "x", "y", "w", "h", "category", "snr", "visible"]
HALF = {"target": 0.5, "interference": 0.5}


def _examples(*chips):
    """Examples without pixels at (sequence, frame, x0, y0)."""
    sequence, frame, x0, y0 = (np.array(values) for values in zip(*chips, strict=True))
    fields = dict.fromkeys(Examples._fields)
    fields |= {"sequence": sequence, "frame": frame.astype(np.int32)}
    return Examples(**{**fields, "origin": np.stack([x0, y0], axis=1), "frames": frame})


def _table(*rows, **columns):
    """Truths or detections from (sequence, frame, x, y, category, score)."""
    names = ["sequence", "frame", "x", "y", "category", "score"]
    return pd.DataFrame(rows, columns=names).assign(w=3.0, h=3.0, **columns)


def test_truth_of_chips_by_hand():
    rows = [("a", 3, 20.5, 40.5, 3.0, 3.0, "target", 8.0, 0.3),
            ("a", 3, 42.0, 40.0, 5.0, 1.0, "interference", 9.0, 1.0),
            ("b", 3, 20.5, 40.5, 3.0, 3.0, "target", 8.0, 1.0)]  # fmt: skip
    data = _examples(
        ("a", 3, 10, 30), ("a", 4, 10, 30), ("a", 3, 20, 40), ("b", 0, 0, 0), ("a", 3, 43, 30)
    )  # fmt: skip
    table = chip_truth(data, pd.DataFrame(rows, columns=COLUMNS), chip_px=32)
    assert table.columns.tolist() == COLUMNS
    assert table.sort_values("frame").values.tolist() == [
        ["chips", 0, 10.5, 10.5, 3.0, 3.0, "target", 8.0, 0.3],  # 42 - 10 is outside
        ["chips", 2, 0.5, 0.5, 3.0, 3.0, "target", 8.0, 0.3],
        ["chips", 2, 22.0, 0.0, 5.0, 1.0, "interference", 9.0, 1.0],
    ]


def test_curves_are_densest_at_high_thresholds():
    rng = np.random.default_rng(0)
    truth = _table(*(("a", frame, 9.0, 9.0, "target", 0) for frame in range(50)))
    scores = rng.uniform(0, 1, 5000)
    frames = rng.integers(0, 50, 5000)
    rows = zip(frames, scores, strict=True)
    detections = _table(*(("a", frame, 9.0, 9.0, "target", score) for frame, score in rows))
    figures = evaluate(truth, detections, {"a": 50}, {"a": 100}, 3.0, HALF)
    threshold = np.array(figures["categories"]["target"]["curve"]["threshold"])
    scores = np.sort(scores)[::-1]
    assert len(threshold) <= 200 and (np.diff(threshold) < 0).all()
    assert (threshold[:20] == scores[:20]).all() and threshold[-1] == scores[-1]
    assert figures["categories"]["interference"]["curve"]["threshold"] == []


def test_slices_compare_their_hits_with_all_false_alarms():
    truth = _table(
        ("a", 0, 20.0, 20.0, "target", 0), ("a", 1, 20.0, 20.0, "target", 0), scr=[4.0, 9.0]
    )
    detections = _table(("a", 1, 21.0, 20.0, "target", 0.9), ("a", 1, 50.0, 20.0, "target", 0.8))
    figures = evaluate(truth, detections, {"a": 2}, {"a": 100}, 3.0, HALF)
    rows = [(r["low"], r["high"], r["truths"], r["recall"], r["precision"]) for r in figures["scr"]]
    assert rows == [
        (0.0, 2.0, 0, 0.0, 0.0),
        (2.0, 3.0, 0, 0.0, 0.0),
        (3.0, 4.0, 0, 0.0, 0.0),
        (4.0, 5.0, 1, 0.0, 0.0),
        (5.0, 8.0, 0, 0.0, 0.0),
        (8.0, None, 1, 1.0, 0.5),
        (5.0, None, 1, 1.0, 0.5),
    ]
    assert figures["categories"]["target"]["recall"] == 0.5 and "snr" not in figures
    # F1 is 2/3 above 0.8 up to 0.9; 0.5 and 0.5 elsewhere.
    chosen = choose_thresholds(truth, detections, 3.0)
    assert chosen == {
        "target": pytest.approx(0.8525), "interference": 0.5, "anything": pytest.approx(0.8525)
    }  # fmt: skip
    assert best_f1(truth, detections, "target", 3.0) == 2 / 3


def test_hidden_truths_need_not_be_found_and_are_no_false_alarms():
    truth = _table(
        ("a", 0, 20.0, 20.0, "target", 0),  # hidden, detected
        ("a", 1, 20.0, 20.0, "target", 0),  # hidden, not detected
        ("a", 2, 20.0, 20.0, "target", 0),  # visible, detected
        visible=[0.2, 0.2, 0.5],
        snr=[90.0, 90.0, 12.0],
    )
    detections = _table(("a", 0, 21.0, 20.0, "target", 0.9), ("a", 2, 20.0, 20.0, "target", 0.8))
    figures = evaluate(truth, detections, {"a": 3}, {"a": 100}, 3.0, HALF)
    for part in (figures["categories"]["target"], figures["snr"][-1]):
        assert (part["truths"], part["recall"], part["precision"]) == (1, 1.0, 1.0)
        assert part["false_alarms_per_frame"] == 0
    assert figures["confusion"] == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    outcome, _, kept = outcome_of(truth, detections, "target", 3.0)
    assert kept.frame.iloc[outcome.detection].tolist() == [2] and outcome.truths == 1


def test_interference_from_snr_5_on_leaves_dimmer_truths_out():
    truth = _table(
        ("a", 0, 20.0, 20.0, "interference", 0),  # dim, detected: neither hit nor false alarm
        ("a", 1, 20.0, 20.0, "interference", 0),  # dim by a cloud, not detected: no miss
        ("a", 2, 20.0, 20.0, "interference", 0),  # hit
        ("a", 3, 20.0, 20.0, "interference", 0),  # miss
        snr=[4.9, 9.0, 5.0, 9.0],
        visible=[1.0, 0.5, 1.0, 1.0],
    )
    detections = _table(("a", 0, 20.0, 20.0, "interference", 0.9),
                        ("a", 2, 20.0, 20.0, "interference", 0.8),
                        ("a", 2, 60.0, 20.0, "interference", 0.7))  # fmt: skip
    category = evaluate(truth, detections, {"a": 4}, {"a": 100}, 3.0, HALF)["categories"]
    part = category["interference"]["from_5"]
    assert (part["truths"], part["recall"], part["precision"], part["f1"]) == (2, 0.5, 0.5, 0.5)
    assert (part["ap"]["3"], part["false_alarms_per_frame"]) == (0.5, 0.25)
    assert category["interference"]["f1"] == pytest.approx(4 / 7)


def test_anything_counts_accepted_detections_of_both_categories():
    truth = _table(("a", 0, 20.0, 20.0, "target", 0), ("a", 0, 60.0, 20.0, "interference", 0))
    detections = _table(("a", 0, 20.0, 20.0, "interference", 0.6),  # called wrongly, yet found
                        ("a", 0, 60.0, 20.0, "interference", 0.3),  # too weak
                        ("a", 0, 90.0, 20.0, "target", 0.9))  # fmt: skip
    part = evaluate(truth, detections, {"a": 1}, {"a": 100}, 3.0, HALF)["anything"]
    assert (part["truths"], part["recall"], part["precision"]) == (2, 0.5, 0.5)
    # With its own threshold, for scores that say nothing of the category.
    detections["object_score"] = [0.7, 0.65, 0.5]
    own = HALF | {"anything": 0.6}
    part = evaluate(truth, detections, {"a": 1}, {"a": 100}, 3.0, own)["anything"]
    assert (part["recall"], part["precision"], part["threshold"]) == (1.0, 1.0, 0.6)


def test_detections_are_accepted_by_the_threshold_of_their_category():
    rows = [("target", 0.4), ("target", 0.39), ("interference", 0.6), ("interference", 0.59)]
    table = pd.DataFrame(rows, columns=["category", "score"])
    assert accepted(table, {"target": 0.4, "interference": 0.6}).index.tolist() == [0, 2]
    assert accepted(table.head(0), {"target": 0.4, "interference": 0.6}).empty
