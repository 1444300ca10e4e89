"""Linking: cases worked out by hand, and properties that hold for any detections."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from track_tables import concatenated, detections, flight

from dimjax.data.labels import COLUMNS
from dimjax.data.sequences import as_sequence
from dimjax.detection.detector import Detector
from dimjax.errors import InputError
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths
from dimjax.tracks import (
    POINT_TYPES,
    LinkingConfig,
    ScoreModel,
    agreement,
    follow_and_join,
    has_neighbour,
    kalman,
    link,
    link_labels,
    nearest,
)
from dimjax.tracks.arrays import density_around, to_arrays
from dimjax.tracks.assignment import assign
from dimjax.tracks.following import extend, follow
from dimjax.tracks.joining import join
from dimjax.tracks.likelihood import trim
from dimjax.tracks.track_frames import TrackFrames

BOTH = {"target": 0.5, "interference": 0.5}
HAND = LinkingConfig(noise_px=1.0, speed_px=2.0, acceleration_px=1e-9)


def arrays(table):
    return to_arrays(table, table.score.to_numpy() >= 0.5, None)


def test_filter_step_by_hand():
    state = kalman.predict(kalman.start(np.zeros((1, 2)), HAND), 1, HAND)
    np.testing.assert_allclose(state.cov[0], [[5, 4], [4, 4]])
    assert kalman.innovation_variance(state, HAND)[0] == pytest.approx(6)
    state = kalman.update(state, np.array([[3.0, 6.0]]), HAND)
    np.testing.assert_allclose(state.mean[0], [[2.5, 5], [2, 4]])
    np.testing.assert_allclose(state.cov[0], [[5 / 6, 2 / 3], [2 / 3, 4 / 3]])


def test_process_noise_by_hand():
    still = kalman.State(np.zeros((2, 2, 2)), np.zeros((2, 2, 2)))
    state = kalman.predict(still, np.array([1.0, 2.0]), LinkingConfig(acceleration_px=3.0))
    np.testing.assert_allclose(state.cov[0], [[3, 4.5], [4.5, 9]])  # 9 / 3, 9 / 2, 9
    np.testing.assert_allclose(state.cov[1], [[24, 18], [18, 18]])  # 9 * 8 / 3, 9 * 4 / 2, 9 * 2


def test_log_likelihood_ratio_by_hand():
    # Innovation variance 6 px squared, innovation 3 px: NIS 9 / 6. With one more detection
    # elsewhere, the density is 3 detections in 256 x 256 pixels and 2 frames.
    table = detections((0, 0.0, 0.0), (1, 3.0, 0.0), (1, 90.0, 90.0, 0.95))
    points = link(table, HAND._replace(min_log_likelihood_ratio=-9.0)).points
    expected = -9 / 6 / 2 - np.log(2 * np.pi * 6 * 3 / (256 * 256 * 2))
    assert points.log_likelihood_ratio.tolist() == pytest.approx([expected] * 2, abs=1e-6)


def test_clutter_density_counts_neighbours_but_not_the_track_itself():
    ours, crowd = flight(range(5)), detections(*((2, 60.0 + k, 45.0) for k in range(6)))
    table = concatenated(ours, crowd).sort_values("frame", kind="stable", ignore_index=True)
    mine = (table.y != 45.0).to_numpy()
    volume = 4 / 3 * np.pi * 30**2 * 5
    around = density_around(arrays(table), np.where(mine, 0, -1))
    np.testing.assert_allclose(around[mine], 6 / volume)
    np.testing.assert_allclose(around[~mine], 10 / volume)
    alone = density_around(arrays(ours), np.zeros(5, int))
    np.testing.assert_allclose(alone, 5 / (256 * 256 * 5))


def test_smoothing_by_hand():
    # Variances: 1 of the first position, 1 of the second, 4 of the speed. Of the 3 px between the
    # positions, a sixth is attributed to the first position and four sixths to the speed.
    smoothed = kalman.smooth(np.array([[0.0, 0], [3, 0]]), np.array([2]), HAND)
    np.testing.assert_allclose(smoothed.state.mean[:, :, 0], [[0.5, 2], [2.5, 2]], atol=1e-6)
    np.testing.assert_allclose(smoothed.state.cov[:, 0, 0], [5 / 6, 5 / 6])
    assert smoothed.nis[1] == pytest.approx(9 / 6) and np.isnan(smoothed.nis[0])


def test_tracks_are_smoothed_independently():
    one, other = np.array([[0.0, 0], [3, 0], [np.nan, np.nan], [9, 1]]), np.array([[7.0, 7]])
    alone = kalman.smooth(one, np.array([4]), LinkingConfig())
    both = kalman.smooth(np.vstack([other, one]), np.array([1, 4]), LinkingConfig())
    np.testing.assert_allclose(both.state.mean[1:], alone.state.mean)
    assert alone.state.cov[2, 0, 0] == alone.state.cov[:, 0, 0].max(initial=0, where=[0, 1, 1, 0])


def test_a_gap_is_filled_on_the_path():
    tracks = link(flight([0, 1, 2, 3, 6, 7, 8]))
    assert set(tracks.detections.track) == {"a/0"}
    points = tracks.points.set_index("frame")
    assert points.index.tolist() == list(range(9)) and points.confirmed.all()
    assert points.detected[[0, 3, 4, 5, 6]].tolist() == [True, True, False, False, True]
    np.testing.assert_allclose(points.x[[4, 5]], [62, 65], atol=0.1)
    np.testing.assert_allclose(points.vy[[4, 5]], [1, 1], atol=0.05)
    assert points.sigma_px[4] > points.sigma_px[3] and points.score[[4, 7]].tolist() == [0, 0.9]


def test_the_gate_widens_while_a_track_coasts():
    steady, aside = flight(range(6)), flight(range(6, 9), (50.0, 46.0))  # 6 px off the path
    assert "a/0" not in set(link(concatenated(steady, aside)).detections.track[6:])
    later = flight(range(11, 14), (50.0, 46.0))  # the same after a gap of five frames
    assert link(concatenated(steady, later)).points.track.nunique() == 1


def test_weak_detections_continue_tracks_but_start_none():
    table = flight(range(6)).assign(score=[0.9, 0.9, 0.2, 0.9, 0.1, 0.9])
    tracks = link(table)
    assert tracks.detections.track.tolist() == ["a/0"] * 4 + ["", "a/0"]  # 0.1 is below 0.15
    assert tracks.points.strong.tolist() == [True, True, False, True, False, True]
    assert link(table.assign(score=0.4)).points.empty


def test_each_category_has_its_own_threshold():
    table = concatenated(flight(range(5)), flight(range(5), (300.0, 200.0)))
    table["category"] = ["target"] * 5 + ["interference"] * 5
    tracks = link(table, LinkingConfig(strong=(0.95, 0.5), start=1.0))
    assert tracks.detections.strong.tolist() == [False] * 5 + [True] * 5
    assert tracks.points.category.unique().tolist() == ["interference"]


def test_confirmation_needs_hits_within_few_frames():
    lax = LinkingConfig(young_coast_frames=3, missed_detection_cost=0.0)
    rare, often = (link(flight(frames), lax).points for frames in ([0, 3, 6], [0, 2, 4]))
    assert not rare.confirmed.any() and len(rare) == 7
    assert often.confirmed.all() and len(often) == 5
    strict = lax._replace(confirm_log_likelihood_ratio=50.0)  # hits alone do not confirm a track
    assert not link(flight([0, 2, 4]), strict).points.confirmed.any()
    assert link(flight([0])).points.empty and link(flight([0])).detections.track.tolist() == [""]


def test_crossing_targets_keep_their_tracks():
    one, other = flight(range(20)), flight(range(20), (107.0, 40.0), (-3.0, 1.0))
    tracks = link(concatenated(one, other)).detections.track
    assert tracks[:20].nunique() == tracks[20:].nunique() == 1 and tracks[0] != tracks[20]


def test_the_category_of_a_track_is_voted_by_scores():
    table = flight(range(6)).assign(category=["target"] * 2 + ["interference"] * 4)
    points = link(table).points
    assert points.category.unique().tolist() == ["interference"]
    assert points.target_probability.tolist() == pytest.approx([2 / 6] * 6)


def test_ends_are_joined_to_starts_that_fit():
    table = flight([0, 1, 2, 3, 13, 14, 15, 16])  # a gap of nine frames: longer than coasting
    assert link(table).points.track.nunique() == 1
    assert link(table, LinkingConfig(join_frames=5)).points.track.nunique() == 2
    turned = concatenated(flight(range(4)), flight(range(13, 17), (128.0, 40.0), (-3.0, 1.0)))
    assert link(turned).points.track.nunique() == 2


def test_a_confirmed_track_is_extended_backwards():
    table = flight(range(10))
    known = np.array([-1, 1, 1, 0, 0, 0, 0, 0, 0, 0])  # a false pair has taken two detections
    assert extend(arrays(table), known, LinkingConfig()).tolist() == [0] * 10


def test_targets_that_meet_early_keep_their_first_detections():
    rng = np.random.default_rng(9)
    heading, meeting = rng.uniform(0, 2 * np.pi), int(rng.integers(1, 4))
    speed = 8 * np.cos(heading), 8 * np.sin(heading)
    aside = 2 * rng.normal(), 2 * rng.normal()
    start = [50 + 7 * meeting - speed[0] * meeting, 40 + 2 * meeting - speed[1] * meeting]
    one = flight(range(16), speed=(7.0, 2.0))
    table = concatenated(one, flight(range(16), (start[0] + aside[0], start[1] + aside[1]), speed))
    table = table[rng.random(len(table)) < 0.85]
    table = table.assign(x=table.x + rng.normal(0, 0.7, len(table)))
    table = table.assign(y=table.y + rng.normal(0, 0.7, len(table)))

    def forwards_only(arrays, settings):
        return trim(arrays, join(arrays, follow(arrays, settings), settings), settings)

    linked, fewer = (
        link(table, linker=by).detections.track != "" for by in (follow_and_join, forwards_only)
    )
    assert linked.sum() > fewer.sum() and linked[fewer].all()


def test_the_gate_is_as_wide_as_it_is_set():
    table = concatenated(flight(range(6)), flight(range(6, 9), (50.0, 43.0)))  # 3 px off the path
    table = concatenated(table, detections((0, 600.0, 500.0)))
    narrow = LinkingConfig(gate_sigmas=1.5)
    assert link(table).detections.track[6] == "a/0" != link(table, narrow).detections.track[6]


def test_a_young_track_coasts_for_fewer_frames():
    table, lax = flight([0, 4, 8]), LinkingConfig(missed_detection_cost=0.0)
    assert link(table, lax).points.empty
    assert len(link(table, lax._replace(young_coast_frames=3)).points) == 9


def test_an_end_that_lowers_the_ratio_is_trimmed():
    ours = flight([0, 6, 7, 8, 9, 10, 16])
    crowd = detections(*((t, 5.0 + 37 * k, 300.0 + 7 * t) for t in range(17) for k in range(9)))
    table = concatenated(ours, crowd).sort_values("frame", kind="stable", ignore_index=True)
    mine = table.y.to_numpy() < 200
    track = trim(arrays(table), np.where(mine, 0, -1), LinkingConfig())
    assert table.frame[track == 0].tolist() == [6, 7, 8, 9, 10]
    alone = trim(arrays(ours), np.zeros(7, int), LinkingConfig(missed_detection_cost=0.1))
    assert alone.tolist() == [0] * 7


def test_joining_needs_one_track_with_enough_hits():
    table = flight([0, 1, 4, 5])
    assert join(arrays(table), np.array([0, 0, 1, 1]), LinkingConfig()).tolist() == [0, 0, 1, 1]


def test_frames_of_tracks():
    rows = TrackFrames.from_detections(np.array([2, 0, 5, 3]), np.array([0, 1, 0, -1]))
    assert rows.frame.tolist() == [2, 3, 4, 5, 0]
    assert rows.detection.tolist() == [0, -1, -1, 2, 1]
    assert rows.max_hits(3).tolist() == [1, 1] and rows.max_hits(4).tolist() == [2, 1]


def test_the_assignment_of_least_total_cost_is_chosen():
    rows, columns = np.array([0, 0, 1, 1, 3]), np.array([0, 1, 0, 1, 7])
    assert assign(rows, columns, np.array([-5, -4, -4.5, -1, -0.1])).tolist() == [1, 2, 4]


@given(st.lists(st.tuples(*[st.integers(0, 7)] * 2, st.floats(-9, -0.1)), max_size=20))
def test_solving_groups_separately_is_exact(pairs):
    pairs = list({pair[:2]: pair for pair in pairs}.values())
    rows, columns, cost = (
        (np.array(values) for values in zip(*pairs, strict=True))
        if pairs
        else (np.zeros(0, int),) * 3
    )
    table = np.zeros((8, 8))
    table[rows, columns] = cost
    chosen = assign(rows, columns, cost)
    assert cost[chosen].sum() == pytest.approx(table[linear_sum_assignment(table)].sum())
    assert len(set(rows[chosen])) == len(set(columns[chosen])) == len(chosen)


locations = st.tuples(st.integers(0, 11), st.floats(0, 99), st.floats(0, 79), st.floats(0.1, 1))


@settings(max_examples=20)
@given(st.lists(locations, max_size=25, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random):
    table = concatenated(flight(range(0, 12, 2)), detections(*rows))
    shuffled = table.sample(frac=1, random_state=random.randrange(2**32))
    tracks, same = link(table), link(shuffled)
    assert same.detections.track.sort_index().tolist() == tracks.detections.track.tolist()
    pd.testing.assert_frame_equal(same.points, tracks.points)


@settings(max_examples=20)
@given(st.lists(locations, max_size=25), st.integers(-64, 64), st.integers(0, 50))
def test_tracks_move_with_their_detections(rows, shift, later):
    table = concatenated(flight(range(0, 12, 2)), detections(*rows)).round(3)
    moved = table.assign(x=table.x + shift, frame=table.frame + later)
    tracks, same = link(table), link(moved)
    assert same.detections.track.tolist() == tracks.detections.track.tolist()
    np.testing.assert_allclose(same.points.x, tracks.points.x + shift, atol=1e-6)
    np.testing.assert_allclose(same.points.sigma_px, tracks.points.sigma_px)
    assert same.points.frame.tolist() == (tracks.points.frame + later).tolist()


@settings(max_examples=20)
@given(st.lists(locations, max_size=40))
def test_a_track_has_all_its_frames_and_one_detection_in_each(rows):
    tracks = link(concatenated(flight(range(12)), detections(*rows)))
    linked = tracks.detections[tracks.detections.track != ""]
    assert not linked.duplicated(["track", "frame"]).any()
    assert len(linked) == tracks.points.detected.sum()
    for _, own in tracks.points.groupby("track"):
        assert (np.diff(own.frame) == 1).all() and own.detected.iloc[[0, -1]].all()


def test_sequences_are_linked_separately_and_columns_are_kept():
    table = concatenated(flight(range(4)), flight(range(4, 8), sequence="b")).assign(note="n")
    tracks = link(table.iloc[::-1], progress=list)
    assert tracks.detections.track.tolist() == ["b/0"] * 4 + ["a/0"] * 4
    assert tracks.detections.index.tolist() == list(range(8))[::-1]
    assert (tracks.detections.note == "n").all() and tracks.notes == ()


def test_of_duplicate_rows_the_strongest_is_linked():
    table = concatenated(flight(range(5)), flight(range(5)).assign(score=0.95))
    tracks = link(table).detections
    assert tracks.track.tolist() == [""] * 5 + ["a/0"] * 5 and not tracks.strong[:5].any()


def test_no_detections_give_empty_tables():
    tracks = link(detections())
    assert tracks.points.dtypes.astype(str).to_dict() == POINT_TYPES
    assert tracks.detections.columns[-3:].tolist() == ["strong", "track", "target_probability"]
    assert tracks.notes == ()


def test_only_the_strongest_detections_of_a_frame_are_linked():
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 500, (5000, 2))
    rows = [(k % 5, *xy[k], score) for k, score in enumerate(rng.uniform(0.5, 0.8, 5000))]
    tracks = link(
        concatenated(flight(range(5)), detections(*rows)), LinkingConfig(max_per_frame=50)
    )
    assert tracks.detections.track[:5].tolist() == ["a/0"] * 5
    assert tracks.detections.strong.sum() == 5 * 50
    note = "a: 5 frames hold more than 50 detections; the strongest 50 of each were linked"
    assert tracks.notes == (note,)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": np.nan}, r"detections row 0 \(sequence a\): x must be finite; found nan"),
        ({"x": "left"}, "x must be finite; found left"),
        ({"y": np.inf}, "y must be finite; found inf. Correct the table or remove the row"),
        ({"frame": 1.5}, "frame must be a whole number from 0; found 1.5"),
        ({"frame": -1}, "frame must be a whole number from 0; found -1"),
        ({"score": 1.2}, "score must lie between 0 and 1; found 1.2"),
        ({"w": 0.0}, "w must be above 0; found 0.0"),
        ({"category": "bird"}, "category must be target or interference; found bird"),
    ],
)
def test_invalid_detections_are_reported(change, text):
    with pytest.raises(InputError, match=text):
        link(flight(range(3)).assign(**change))


def test_a_missing_column_is_reported():
    with pytest.raises(
        InputError, match="must have the columns sequence, .*; found no w, score. Add"
    ):
        link(flight(range(3)).drop(columns=["w", "score"]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"strong": (0.5, 0.0)}, "setting `strong`: must be two scores above 0 and at most 1"),
        ({"weak": 0.0}, "setting `weak`: must be above 0 and at most 1; found 0.0"),
        ({"noise_px": 0.0}, "setting `noise_px`: must be above 0; found 0.0. Correct"),
        ({"max_per_frame": 0}, "setting `max_per_frame`: must be 1 or more; found 0"),
        ({"confirm_frames": 2}, "setting `confirm_frames`: must be between 3 and 62; found 2"),
    ],
)
def test_settings_out_of_range_are_reported(change, text):
    with pytest.raises(InputError, match=text):
        link(flight(range(3)), LinkingConfig(**change))


def test_the_motion_of_the_camera_is_removed():
    shake = np.random.default_rng(1).normal(0, 12, (12, 2))
    table = flight(range(12))
    shaken = table.assign(x=table.x + shake[:, 0], y=table.y + shake[:, 1])
    tracks = link(shaken, motions={"a": shake})
    assert set(tracks.detections.track) == {"a/0"}
    np.testing.assert_allclose(tracks.points[["x", "y"]], shaken[["x", "y"]], atol=0.1)
    np.testing.assert_allclose(tracks.points.vx, 3, atol=0.05)
    assert len(link(shaken).points) < 12


@pytest.mark.parametrize(
    ("motions", "text"),
    [
        (
            {},
            r"sequence a: the motion must be \[T, 2\] or \[T, 4\] with a row for each of 3 fra",
        ),
        ({"a": np.zeros((2, 2))}, r"found \(2, 2\). Measure them with camera_shifts"),
        ({"a": np.full((3, 2), np.nan)}, "the motion must be finite"),
    ],
)
def test_invalid_motions_are_reported(motions, text):
    with pytest.raises(InputError, match=text):
        link(flight(range(3)), motions=motions)


def test_detections_and_labels_are_linked_through_the_motion_of_the_camera():
    rng = np.random.default_rng(0)
    clouds = 4000 * ndimage.gaussian_filter(rng.normal(size=(200, 220)), 4.0)
    corner = rng.integers(0, 40, (12, 2))  # of the window, far apart from frame to frame
    frames = [clouds[y : y + 128, x : x + 160] + 2000 for x, y in corner]
    frames = np.array(frames) + rng.normal(0, 3, (12, 128, 160))
    sequence = as_sequence(np.rint(frames).astype(np.uint16), "a")
    shake = corner[0] - corner
    table = flight(range(12))
    table = table.assign(x=table.x + shake[:, 0], y=table.y + shake[:, 1])
    description = {"threshold": BOTH, "score_model": ScoreModel()._asdict()}
    config, detector = tiny_config(), Detector(None, None, description, None)
    for camera_moves in (False, True):
        config.detection.camera_motion = camera_moves
        context = RoundContext(config, Paths("unused"))
        context.folder = SimpleNamespace(sequence=lambda name: sequence)
        motions = context.camera_motions(["a"])
        for tracks in (detector.link(table, motions), link_labels(table, motions)):
            assert (tracks.detections.track == "a/0").all() == camera_moves


def test_the_nearest_row_of_the_same_frame():
    table, others = flight([0, 1, 2]), flight([1, 2], (51.0, 40.0))
    index, distance = nearest(table, others, 1.5)
    assert index.tolist() == [-1, 0, 1] and distance.tolist() == [np.inf, 1, 1]
    assert nearest(table, others, 1.0)[0].tolist() == [-1, -1, -1]
    assert has_neighbour(table, others, 1.5).tolist() == [False, True, True]


def test_the_nearest_row_of_the_same_sequence():
    table = concatenated(flight([1]), flight([1], sequence="b"), flight([1], sequence="c"))
    others = concatenated(flight([1], (51.0, 40.0), sequence="b"), flight([1], (52.0, 40.0)))
    index, distance = nearest(table, others, 3.0)
    assert index.tolist() == [1, 0, -1] and distance.tolist() == [2, 1, np.inf]
    assert nearest(table, others.head(0), 3.0)[0].tolist() == [-1, -1, -1]


def labels_of(table, **more):
    table = table.assign(track="t1", source="annotator", **more)
    return table[list(COLUMNS)].set_index(pd.Index(range(7, 7 + len(table)), name="label"))


def test_agreement_of_labels_with_tracks():
    ours = concatenated(flight(range(9)), flight(range(9), sequence="b"))
    points = link(ours).points
    labels = labels_of(
        flight([2, 3, 4, 5], (50.0, 44.0)), category=["target"] * 3 + ["interference"]
    )
    labels.loc[8, "y"] += 2.0  # 6 px off: on no track
    labels.loc[10, "sequence"] = "b"
    table = agreement(labels, points)
    assert table.index.tolist() == [7, 8, 9, 10]
    assert table.track.tolist() == ["a/0", "", "a/0", "b/0"]
    np.testing.assert_allclose(table.residual_px, [4, np.nan, 4, 4], atol=0.02)
    sigma = points.set_index(["track", "frame"]).sigma_px["a/0", 2]
    assert table.residual_sigmas[7] == pytest.approx(table.residual_px[7] / sigma)
    np.testing.assert_array_equal(table.other_probability, [0, np.nan, 0, 1])


def test_labels_without_a_track():
    table = agreement(labels_of(flight([2, 3])), link(detections()).points)
    assert table.track.tolist() == ["", ""] and table.residual_px.isna().all()
    assert agreement(labels_of(flight([])), link(flight(range(9))).points).empty
