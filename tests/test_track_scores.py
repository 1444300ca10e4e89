"""Scores that tracks support: sums worked out by hand, and properties."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from track_tables import concatenated, detections, flight

from dimjax.detection.detector import Detector
from dimjax.tracks import UNTRAINED, LinkingConfig, ScoreModel, fit_score_model, link, linking_of
from dimjax.tracks import score as score_tracks
from dimjax.tracks.arrays import density_around, to_arrays
from dimjax.tracks.track_frames import TrackFrames

HAND = LinkingConfig(noise_px=1.0, speed_px=2.0, acceleration_px=1e-9)
WEAK = linking_of(
    {"threshold": {"target": 0.6, "interference": 0.6}, "score_model": ScoreModel()._asdict()}
)


def scored(table, config=WEAK, **options):
    return score_tracks(link(table, config, **options))


def test_score_model_by_hand():
    assert ScoreModel(1.0, 1.5).log_likelihood_ratio(0.5) == pytest.approx(1.0)
    assert ScoreModel(1.0, 1.5).log_likelihood_ratio(0.8) == pytest.approx(1 + 1.5 * np.log(4))
    # The score of two expected false alarms in a frame is 1 / 3.
    assert UNTRAINED.log_likelihood_ratio(1 / 3) == pytest.approx(-np.log(2))
    assert np.isfinite(ScoreModel().log_likelihood_ratio(np.array([0.0, 1.0]))).all()


@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(0.01, 0.99))
def test_scores_and_ratios_are_inverse(intercept, slope, score):
    model = ScoreModel(intercept, slope)
    assert model.score_at(model.log_likelihood_ratio(score)) == pytest.approx(score)


def test_a_model_is_fitted_to_many_labels_and_keeps_its_default_with_few():
    rng, truth = np.random.default_rng(0), ScoreModel(-1.0, 0.8)
    score = rng.uniform(0.01, 0.99, 20_000)
    is_true = rng.random(20_000) < 1 / (1 + np.exp(-truth.log_likelihood_ratio(score)))
    fitted = fit_score_model(score, is_true)
    np.testing.assert_allclose(fitted[:2], truth[:2], atol=0.1)
    assert fit_score_model([], []) == pytest.approx(ScoreModel())
    few = fit_score_model([0.9, 0.1, 0.2], [True, False, False])
    np.testing.assert_allclose(few[:2], ScoreModel()[:2], atol=0.8)
    assert fit_score_model(score, score < 0.5).slope > 0  # labels that contradict all scores


def test_the_cost_of_a_missed_detection_by_hand():
    costs = [fit_score_model([], [], share).missed_detection_cost for share in (0.1, 0.6, 1.0)]
    assert costs == pytest.approx([0.7, -np.log(0.4), 2.0])


def test_evidence_by_hand():
    # Innovation variance 6 px squared, innovation and step 6 px: NIS 6. A score of 0.5 has the
    # ratio 1. The second detection adds 1 - 3 - ln(2 pi 6 (1 / 3000 + exp(-9) / (2 pi 2) / 2)).
    table = detections((0, 0.0, 0.0, 0.5), (1, 6.0, 0.0, 0.5))
    config = HAND._replace(scores=ScoreModel(1.0, 1.5), min_log_likelihood_ratio=-9.0)
    added = -2 - np.log(12 * np.pi * (1 / 3000 + np.exp(-9) / (8 * np.pi)))
    points = link(table, config).points
    assert points.evidence.tolist() == pytest.approx([1 + 0.9 * added, 0.9 + added], abs=1e-6)
    causal = link(table, config, causal=True)
    assert causal.points.evidence.tolist() == pytest.approx([0.9 + added], abs=1e-6)
    assert causal.detections.track.tolist() == ["", "a/0"]
    ratio = np.array([1 - 1 + 1, 0.9 + added + 1])  # the first one is alone yet, which costs 1
    expected = (1 + ratio / (ratio + 10)) / 2
    assert score_tracks(causal).score.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_missed_frame_costs_evidence():
    whole, broken = flight(range(9)), flight([*range(4), *range(5, 9)])
    complete, gap = (link(table, WEAK).points.evidence for table in (whole, broken))
    assert (complete > gap).all()
    costly = WEAK._replace(scores=ScoreModel()._replace(missed_detection_cost=2.0))
    decay = 0.9 ** np.abs(np.arange(9) - 4)
    np.testing.assert_allclose(gap - link(broken, costly).points.evidence, 1.3 * decay)


def test_gaps_in_confirmed_tracks_are_filled():
    table = flight([0, 1, 2, 5, 6, 7]).assign(note="n")
    table = concatenated(table, detections((3, 300.0, 200.0, 0.95, "interference")))
    tracks = scored(table)
    assert tracks.detected.tolist() == [True] * 7 + [False] * 2
    filled = tracks[~tracks.detected]
    assert filled.frame.tolist() == [3, 4] and filled.track.tolist() == ["a/0"] * 2
    assert filled.category.tolist() == ["target"] * 2 and (filled.w == 3).all()
    np.testing.assert_allclose(filled[["x", "y"]], [[59, 43], [62, 44]], atol=0.1)
    assert filled.score.max() < tracks.score[:6].min() and filled.score.min() > tracks.score[6]
    pairs = scored(flight([0, 1, 3, 4]), WEAK._replace(confirm_hits=5, confirm_frames=5))
    assert pairs.detected.all() and (pairs.track == "a/0").all()  # the track is not confirmed
    assert scored(table, causal=True).detected.all()


@pytest.mark.parametrize(("speed", "filled"), [((0.0, 0.0), 0), ((0.5, 0.3), 2), ((0.3, 0.3), 0)])
def test_gaps_in_tracks_of_standing_interference_are_not_filled(speed, filled):
    table = flight([0, 1, 2, 5, 6, 7], speed=speed)
    assert (~scored(table).detected).sum() == 2
    assert (~scored(table.assign(category="interference")).detected).sum() == filled


def test_a_track_decides_the_category_of_its_detections():
    table = flight(range(6)).assign(category=["target"] * 4 + ["interference"] * 2)
    assert scored(table).category.tolist() == ["target"] * 6
    late = table.assign(category=["target"] * 2 + ["interference"] * 4)
    assert scored(late).category.tolist() == ["interference"] * 6
    # With equal scores, interference has the majority from the fifth frame on.
    expected = ["target"] * 4 + ["interference"] * 2
    assert scored(late, causal=True).category.tolist() == expected


def test_a_weak_track_beats_a_strong_false_alarm():
    alone = detections((5, 400.0, 300.0, 0.9))
    table = concatenated(flight(range(12)).assign(score=0.25), alone)
    for causal in (False, True):
        tracks = scored(table, causal=causal)
        later = tracks[(tracks.track != "") & (tracks.frame > 6)]
        assert later.score.min() > tracks.score[12]
    short = scored(concatenated(flight([0, 1]).assign(score=0.25), alone))
    assert short.score[:2].max() < short.score[2]


def test_what_stands_needs_higher_scores_than_what_moves():
    moving, standing = flight(range(8)), flight(range(8), (300.0, 200.0), (0.0, 0.0))
    for causal in (False, True):
        tracks = scored(concatenated(moving, standing).assign(score=0.3), causal=causal)
        assert (tracks.score[1:8].to_numpy() > tracks.score[9:].to_numpy()).all()
        assert tracks.score[9] < scored(standing, causal=causal).score[1]  # of score 0.9


@settings(max_examples=20)
@given(st.lists(st.floats(0.1, 0.8), min_size=6, max_size=6), st.integers(0, 5), st.booleans())
def test_scores_rise_with_the_score_of_each_detection(base, k, causal):
    table = flight(range(6)).assign(score=base)
    higher = table.assign(score=table.score + 0.15 * (table.frame == k))
    before, after = (scored(rows, causal=causal).score for rows in (table, higher))
    assert after[k] > before[k]
    assert (after[k:] >= before[k:] - 1e-9).all()
    assert causal or (after >= before - 1e-9).all()


weak = st.tuples(st.integers(0, 11), st.floats(0, 99), st.floats(0, 79), st.floats(0.02, 1))


@settings(max_examples=25)
@given(st.lists(weak, max_size=30, unique_by=lambda row: row[:3]), st.integers(0, 11))
def test_causal_scores_do_not_depend_on_later_frames(rows, last):
    table = concatenated(flight(range(0, 12, 2)), flight(range(12), (90.0, 10.0), (-4.0, 3.0)))
    table = concatenated(table, detections(*rows)).sort_values("frame", kind="stable")
    table = table.reset_index(drop=True)
    past = table[table.frame <= last]
    whole = scored(table, causal=True)[: len(past)]
    pd.testing.assert_frame_equal(scored(past, causal=True), whole, rtol=1e-9)


@settings(max_examples=15)
@given(st.lists(st.floats(0.15, 0.95), min_size=10, max_size=10))
def test_time_may_run_backwards(scores):
    table = flight(range(10)).assign(score=scores)
    back = table.assign(frame=9 - table.frame)[::-1].reset_index(drop=True)
    one, other = scored(back), scored(table)
    assert set(one.track) == set(other.track) == {"a/0"}
    # The first detection of a track has no prediction, so its surroundings differ a little.
    np.testing.assert_allclose(one.score[::-1], other.score, atol=0.15)
    assert one.score.mean() == pytest.approx(other.score.mean(), abs=0.03)


def test_past_density_by_hand():
    table = detections((0, 0, 0, 0.9), (0, 10, 0, 0.5), (1, 0, 10, 0.7), (2, 300.0, 0, 0.6))
    arrays = to_arrays(table, np.ones(4, bool), None, causal=True)
    area = 256.0 * 256
    expected = [1 / area, 2 / area, 2 / (2 * area), 3 / (3 * 300 * 256)]
    np.testing.assert_allclose(arrays.density, expected)
    # Only the first detection is earlier, nearby and stronger than the third one.
    half = 2 / 3 * np.pi * 30**2 * 5
    around = density_around(arrays, np.full(4, -1), causal=True)
    np.testing.assert_allclose(around[:3], np.maximum(expected[:3], [0, 1 / half, 1 / half]))


def test_decaying_sums_of_tracks():
    rows = TrackFrames.from_detections(np.array([0, 1, 2, 0]), np.array([0, 0, 0, 1]))
    values = np.array([1.0, 2.0, 4.0, 8.0])
    assert rows.sums_so_far(values, 0.5).tolist() == [1, 2.5, 5.25, 8]
    assert rows.sums_around(values, 0.5).tolist() == [1 + 1 + 1, 0.5 + 2 + 2, 5.25, 8]


def test_a_detector_accepts_by_the_thresholds_of_its_scores():
    description = {"threshold": {"target": 0.6, "interference": 0.6}}
    description |= {"track_threshold": {"target": 0.5, "interference": 0.5}}
    description |= {"causal_threshold": {"target": 0.99, "interference": 0.99}}
    description |= {"score_model": ScoreModel(missed_detection_cost=0.9)._asdict()}
    detector = Detector(None, None, description, None)
    table = flight([0, 1, 2, 4, 5])
    accepted = detector.accept(detector.link(table))
    assert accepted.frame.tolist() == list(range(6)) and "strong" not in accepted
    assert accepted.detected.tolist() == [True] * 3 + [False] + [True] * 2
    assert detector.link(table).settings.scores.missed_detection_cost == 0.9
    assert detector.accept(detector.link(table, causal=True)).empty
