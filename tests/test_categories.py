"""Categories of tracks: numbers worked out by hand, the model and its fit, and their use."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from track_tables import concatenated, flight

from dimjax.errors import InputError
from dimjax.tracks import (
    APPEARANCE,
    CategoryModel,
    LinkingConfig,
    fit_category_model,
    fit_combination,
    kalman,
    labelled_windows,
    link,
    score,
)
from dimjax.tracks.category_fit import most_restrained
from dimjax.tracks.category_model import phrases
from dimjax.tracks.named_numbers import NUMBERS
from dimjax.tracks.track_frames import TrackFrames
from dimjax.tracks.track_numbers import track_numbers

PLAIN = dict.fromkeys(NUMBERS, [0.0, 1.0, 0.0])


def with_appearance(table, **values):
    """Detections with an appearance, 1 in all that is not given."""
    return table.assign(**{name: 1.0 for name in APPEARANCE} | values)


def model(**weights):
    """Model in which some numbers count, whose means are 0 and spreads 1."""
    numbers = {name: [0.0, 1.0, weights.get(name, 0.0)] for name in NUMBERS}
    return CategoryModel(numbers, weights.get("intercept", 0.0), weights.get("share", 0.0))


def judging(*models):
    return LinkingConfig(categories=(models * 2)[:2])


def numbers_of(table, causal=False):
    """Numbers of the one track of some detections, one row for each frame."""
    rows = TrackFrames.from_detections(table.frame.to_numpy(), np.zeros(len(table), int))
    xy = table[["x", "y"]].to_numpy()
    smoothed = kalman.smooth(rows.values(xy), rows.lengths, LinkingConfig(), causal)
    values = track_numbers(table, rows, smoothed, xy, causal)
    return pd.DataFrame(values, columns=list(NUMBERS))


def test_sums_in_windows_stay_inside_their_track():
    rows = TrackFrames.from_detections(np.array([0, 1, 2, 5, 6]), np.array([0, 0, 0, 1, 1]))
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    assert rows.window_sums(values, 1, 0).tolist() == [1, 3, 6, 8, 24]
    assert rows.window_sums(values, 1, 1).tolist() == [3, 7, 6, 24, 24]
    assert rows.window_sums(values[:, None], 9, 9)[:, 0].tolist() == [7, 7, 7, 24, 24]


def test_numbers_of_a_straight_flight_by_hand():
    light = [4.0, 8.0, 4.0, 8.0, 4.0, 8.0]
    table = with_appearance(flight([0, 1, 2, 4, 5, 6]), frame_contrast=light)
    numbers = numbers_of(table).iloc[2]
    assert numbers.step == pytest.approx(np.log(np.sqrt(10) + 0.1))
    assert numbers.speed == pytest.approx(numbers.step, abs=0.01)  # smoothed
    assert numbers.straightness == pytest.approx(1, abs=1e-3)
    assert numbers.turning == pytest.approx(np.log(0.1), abs=0.3)
    assert numbers.climb == pytest.approx(np.log(1.1), abs=0.02)
    assert numbers.hits == pytest.approx(np.log(6)) and numbers.gaps == pytest.approx(1 / 7)
    assert numbers.frame_contrast == pytest.approx(np.log(np.sqrt(32)))
    assert numbers.frame_contrast_spread == pytest.approx(np.log(2) / 2)
    assert numbers.frame_contrast_steps == pytest.approx(np.log(2))
    assert numbers.frame_area_spread == numbers.change_contrast == numbers.frame_elongation == 0
    assert numbers.contrast_ratio == pytest.approx(-np.log(np.sqrt(32)))


def test_a_single_detection_has_no_motion_and_does_not_vary():
    numbers = numbers_of(with_appearance(flight([3]))).iloc[0]
    unknown = [name for name in NUMBERS if np.isnan(numbers[name])]
    varying = [name for name in NUMBERS if name.endswith(("_spread", "_steps"))]
    assert unknown == ["speed", "step", "straightness", "turning", "climb", *varying]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_causal_numbers_do_not_depend_on_the_future(seed, count):
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.choice(60, 20, replace=False))
    appearance = {name: rng.uniform(0.5, 9, 20) for name in APPEARANCE}
    table = with_appearance(flight(frames.tolist()), **appearance)
    table[["x", "y"]] += rng.normal(0, 0.5, (20, 2))
    whole, past = (numbers_of(some, causal=True) for some in (table, table[:count]))
    np.testing.assert_allclose(whole[: len(past)], past, atol=1e-9)


def test_the_model_by_hand():
    numbers = PLAIN | {"speed": [1.0, 2.0, 3.0], "dark": [0.0, 1.0, -1.0]}
    judge = CategoryModel(numbers, 0.5, units=[])
    values = np.zeros((4, len(NUMBERS)))
    values[:, list(NUMBERS).index("speed")] = [1.0, 5.0, np.nan, -99.0]
    values[:, list(NUMBERS).index("dark")] = [0.0, 1.0, 0.0, 0.0]
    assert judge.log_odds(values).tolist() == [0.5, 5.5, 0.5, -8.0]  # the last one is clipped
    assert judge.scaled(2.0, 1.0, 0.3).log_odds(values[:1]).tolist() == [2.0]
    contributions, is_high = judge.contributions(values), judge.deviations(values) > 0
    assert phrases(contributions, is_high, np.array([True, True, True, False])) == [
        *("", "it is fast", "", "it is slow"),
    ]
    assert phrases(contributions[1:2], is_high[1:2], np.array([False])) == [
        "it is darker than its surroundings"
    ]
    assert judge == CategoryModel(**json.loads(json.dumps(judge._asdict())))


def tracks_of(rng, count, shift):
    """Windows of tracks of both categories, which differ in the number speed."""
    track = np.repeat(np.arange(count), 3)
    is_target = track % 2 == 0
    values = rng.normal(0, 1, (len(track), len(NUMBERS)))
    values[:, 0] += shift * is_target
    return values, is_target, track, track // 4


def test_the_model_is_fitted_to_the_number_that_differs():
    examples = tracks_of(np.random.default_rng(0), 400, 3.0)
    fitted = fit_category_model(*examples)
    size = np.abs(fitted.contributions(examples[0])).mean(axis=0)
    assert size[0] > 4 * size[1:].max()  # the first number is the speed
    right = (fitted.log_odds(examples[0]) > 0) == examples[1]
    assert right.mean() > 0.9
    unknown = examples[0].copy()
    unknown[::2, 1:] = np.nan
    fitted = fit_category_model(unknown, *examples[1:])
    assert ((fitted.log_odds(unknown) > 0) == examples[1]).mean() > 0.9


def test_log_odds_are_modest_if_nothing_differs():
    values, is_target, *rest = tracks_of(np.random.default_rng(1), 60, 0.0)
    assert np.abs(fit_category_model(values, is_target, *rest).log_odds(values)).mean() < 0.5


def test_a_category_with_few_tracks_or_one_sequence_has_no_model():
    values, is_target, track, sequence = tracks_of(np.random.default_rng(0), 40, 3.0)
    assert fit_category_model(values, track < 36, track, sequence) is None
    assert fit_category_model(values, track < 37, track, track) is None
    assert fit_category_model(values, track < 36, track, track) is not None
    assert fit_category_model(values, is_target, track, sequence * 0) is None


def test_four_birds_in_two_of_seven_sequences_are_told_from_targets():
    values, _, track, sequence = tracks_of(np.random.default_rng(3), 28, 0.0)
    unseen, _, others, _ = tracks_of(np.random.default_rng(4), 400, 0.0)
    is_target = (track % 14) >= 2  # birds are in sequences 0 and 3, two in each
    values[:, :8] += 1.5 * is_target[:, None]
    unseen[:, :8] += 1.5 * (others % 2 == 0)[:, None]
    fitted = fit_category_model(values, is_target, track, sequence)
    right = (fitted.log_odds(unseen) > 0) == (others % 2 == 0)
    assert right[others % 2 == 0].mean() > 0.8 and right[others % 2 == 1].mean() > 0.6


def test_the_network_counts_as_much_as_it_is_right():
    rng = np.random.default_rng(0)
    is_target, track = rng.random(400) < 0.5, np.arange(400)
    sign = np.where(is_target, 1.0, -1.0)
    noise = rng.normal(0, 1, 400)
    of_network = fit_combination(noise, 2 * sign, is_target, track)
    assert of_network.share_weight > 1.0 and of_network.slope < 0.7
    of_numbers = fit_combination(2 * sign, noise, is_target, track)
    assert of_numbers.share_weight < 0.3 and of_numbers.slope > 1.0
    none = fit_combination(sign[:0], sign[:0], is_target[:0], track[:0])
    assert none == pytest.approx((1.0, 0.0, 0.0))
    # A thousand detections of one track are no more than one.
    long = fit_combination(
        sign[:2].repeat(1000),
        noise[:2].repeat(1000),
        is_target[:2].repeat(1000),
        track[:2].repeat(1000),
    )
    assert long == pytest.approx(
        fit_combination(sign[:2], noise[:2], is_target[:2], track[:2]), abs=1e-3
    )


def test_of_penalties_that_differ_by_chance_the_largest_is_taken():
    sequence, weight = np.arange(4), np.full(4, 0.25)
    # Means 1.0, 1.1 and 1.6; the standard error of the first is sqrt(4) / 4 * 0.5 = 0.25.
    losses = [np.array([0.5, 1.5, 0.5, 1.5]), np.full(4, 1.1), np.full(4, 1.6)]
    assert most_restrained(losses, weight, sequence) == 1
    assert most_restrained(losses, weight, np.array([0, 0, 1, 1])) == 0  # equal in both sequences


def test_the_model_names_the_track_in_place_of_the_vote():
    table = with_appearance(flight(range(8)), category="interference")
    tracks = link(table, judging(model(speed=5.0)))  # it is fast: a target
    assert (
        set(tracks.points.category) == {"target"} and (tracks.points.target_probability > 0.9).all()
    )
    assert set(tracks.points.reason) == {"it is fast"}
    assert set(score(tracks).category) == {"target"}
    voted = link(table)
    assert set(voted.points.category) == {"interference"} and set(voted.points.reason) == {""}
    mostly = link(table, judging(model(speed=0.5, share=2.0)))  # the network has its say
    assert set(mostly.points.category) == {"interference"}
    assert set(mostly.points.reason) == {"the network's category of most of its detections"}


def test_a_gap_has_the_category_of_its_track():
    table = with_appearance(flight([0, 1, 2, 3, 6, 7, 8]))
    points = link(table, judging(model(intercept=-2.0))).points
    assert len(points) == 9 and points.target_probability.nunique() == 1
    scored = score(link(table, judging(model(intercept=-2.0))))
    assert (~scored.detected).sum() == 2 and set(scored.category) == {"interference"}


def test_online_the_category_is_that_of_the_past():
    """From the fifth frame on the object stands out; before, it does not."""
    contrast = [0.0] * 4 + [2.0] * 12
    table = with_appearance(flight(range(16)), dark=contrast)
    judge = judging(model(dark=4.0, intercept=-2.0))
    points = link(table, judge, causal=True).points.set_index("frame")
    past = [link(table[: t + 1], judge, causal=True).points.iloc[-1] for t in range(1, 16)]
    assert points.index.tolist() == list(range(1, 16))
    assert points.category.tolist() == [point.category for point in past]
    assert points.category[[3, 15]].tolist() == ["interference", "target"]
    assert set(link(table, judge).points.category) == {"target"}


def test_a_detection_without_a_track_is_judged_alone():
    lone = flight([3], (300.0, 200.0)).assign(score=0.9)
    table = with_appearance(concatenated(flight(range(8)), lone), dark=[0.0] * 8 + [1.0])
    tracks = link(table, judging(model(dark=-4.0, intercept=2.0)))
    assert tracks.detections.track.iloc[8] == ""
    assert score(tracks).category.tolist() == ["target"] * 8 + ["interference"]
    assert link(table).detections.target_probability.isna().all()


def test_a_model_needs_the_appearance_of_detections():
    with pytest.raises(
        InputError, match="detections: must have the columns .*; found no frame_con"
    ):
        link(flight(range(4)), judging(model()))


def test_what_may_be_of_either_category_scores_lower():
    table = with_appearance(flight(range(12)))
    sure, doubtful = (score(link(table, judging(model(intercept=o)))) for o in (8.0, 0.2))
    assert (sure.score.to_numpy() > doubtful.score.to_numpy()).all()
    # Odds of 1 e^8 that it is a target, and far higher ones that it is anything.
    assert sure.score.max() == pytest.approx((1 + 8 / 18) / 2, abs=1e-3)
    voted = score(link(table))
    assert (voted.object_score == voted.score).all()
    for judged in (sure, doubtful):
        np.testing.assert_array_equal(judged.object_score, voted.object_score)


def test_interference_that_stands_scores_as_if_it_were_alone():
    standing = with_appearance(flight(range(8), (300.0, 200.0), (0.0, 0.0)).assign(score=0.3))
    alone = with_appearance(flight([3], (300.0, 200.0), (0.0, 0.0)).assign(score=0.3))
    for intercept, lower in ((-8.0, False), (8.0, True)):
        config = judging(model(intercept=intercept))._replace(start=0.2)
        scores = [score(link(some, config)).score.to_numpy() for some in (standing, alone)]
        assert (scores[0].min() < scores[1] - 1e-6) == lower


def test_labels_are_measured_as_detections_are():
    labels = with_appearance(concatenated(flight(range(20)), flight(range(3), sequence="b")))
    labels["category"] = ["target"] * 20 + ["interference"] * 3
    windows = labelled_windows(labels, None)
    assert windows.track.tolist() == [0] * 11 + [1] * 3  # all of 8, then every fourth one
    assert windows.sequence.tolist() == [0] * 11 + [1] * 3
    assert windows.is_target.tolist() == [True] * 11 + [False] * 3
    speed = windows.values[:, list(NUMBERS).index("speed")]
    np.testing.assert_allclose(speed, np.log(np.sqrt(10) + 0.1), atol=0.15)
    motions = {name: np.outer(np.arange(20), [3.0, 1.0]) for name in "ab"}
    still = labelled_windows(labels, motions).values[:, list(NUMBERS).index("speed")]
    assert (still[:8] < np.log(0.3)).all()
    past = labelled_windows(labels, None, causal=True).values[:, list(NUMBERS).index("hits")]
    np.testing.assert_allclose(past[:8], np.log(np.arange(1, 9)))
