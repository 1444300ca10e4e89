"""The bound of detection: deflections, false alarms in noise, and the recall that they allow."""

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from dimjax.data.scale import measure_scale
from dimjax.data.sequences import as_sequence
from dimjax.evaluation.bound import bound_at
from dimjax.evaluation.slices import must_be_found
from dimjax.motion import EvidenceConfig, window_evidence, window_of
from dimjax.motion.deflections import (
    along_straight_paths,
    along_tracks,
    deflections,
    point_filter,
    search_band,
)
from dimjax.motion.filtering import filter_frame, residuals
from dimjax.motion.noise_places import noise_places
from dimjax.motion.peaks import find_peaks
from dimjax.sky import SkyConfig, signal_of, simulate
from dimjax.sky.folder import sequence_seed

BAND = EvidenceConfig(speed_px=3.3, min_speed_px=0.5)


def tracked(*rows, category="target"):
    return pd.DataFrame(rows, columns=["frame", "x", "y", "track"]).assign(category=category)


def test_deflections_of_targets_by_hand():
    targets = tracked((0, 5, 5, "a"), (0, 9, 9, "b"), (1, 5, 5, "a"), (3, 5, 5, "a"))
    energy = np.array([9.0, 4.0, 16.0, 144.0])
    # All windows of four of the six frames: 0-3 up to frame 2, 1-4 for frame 3.
    d = along_tracks(targets, energy, 6, EvidenceConfig(frames=4))
    assert d.tolist() == [13.0, 2.0, 13.0, pytest.approx(np.sqrt(160.0))]


@pytest.mark.parametrize("top_speed", [3.3, 6.3])
def test_deflections_of_interference_by_hand(top_speed):
    seen = np.zeros((8, 40, 40))
    seen[2, 20, 20] = 100.0  # a spot for one frame, clipped
    seen[:, 30, 5 + 2 * np.arange(8)] = np.eye(8) * -3.0  # dark, two pixels a frame
    objects = tracked((2, 20.5, 20.5, "spot"), (4, 13.5, 30.5, "bird"), category="interference")
    config = EvidenceConfig(frames=8, speed_px=top_speed)
    d = along_straight_paths(objects, seen, config)
    assert d[0] == pytest.approx(config.clip_sigmas / np.sqrt(8))
    assert d[1] == pytest.approx(8 * 3.0 / np.sqrt(8))


def test_paths_may_be_longer_than_a_frame():
    objects = tracked((40, 4.5, 4.5, "spot"), category="interference")
    seen, band = np.zeros((80, 32, 32)), EvidenceConfig(frames=4, stride=13)
    seen[40, 4, 4] = 3.0
    assert along_straight_paths(objects, seen, band) == pytest.approx(1.5)


def test_the_filter_of_a_point_keeps_the_sigma_of_noise():
    noise = np.random.default_rng(0).normal(size=(2, 200, 200))
    assert point_filter(noise, 0.9).std() == pytest.approx(1, abs=0.02)


def test_a_search_begins_at_the_lowest_speed_that_leaves_a_path():
    settings = EvidenceConfig(slow_stride=3)
    assert search_band(settings, 0.5) == EvidenceConfig(min_speed_px=0.5)
    assert search_band(settings, 9.0) == EvidenceConfig(min_speed_px=3.15)


@pytest.mark.long
def test_noise_exceeds_a_threshold_as_often_as_its_places_say():
    places = noise_places(BAND, windows=6, side=128) * 128**2
    threshold = norm.isf(2 / places)  # two maxima of a frame exceed it
    window, level = window_of(4, 8, BAND), np.zeros(1, np.float32)
    bank = jax.jit(lambda noise: window_evidence(noise, level, level + 1, window, BAND)[0])
    count = 0
    for k in range(100, 130):  # other noise
        evidence = bank(jax.random.normal(jax.random.key(k), (1, 8, 128, 128)))
        count += int((find_peaks(evidence, 40).strength > threshold).sum())

    assert count == pytest.approx(60, abs=25)


def object_of(sequence, category, deflection, snr=9.0, visible=1.0) -> dict:
    return {
        "sequence": sequence,
        "category": category,
        "deflection": deflection,
        "snr": snr,
        "visible": visible,
    }


def test_the_threshold_allows_the_false_alarms():
    truth = pd.DataFrame([object_of("a", "interference", d) for d in (2.0, 9.0)])
    truth.loc[2] = object_of("a", "target", 6.0)
    (row,) = bound_at(truth, {"a": 10}, 500.0, (0.3,))
    on_interference = norm.sf(row["threshold"] - np.array([2.0, 9.0])).sum() / 10
    assert 500 * norm.sf(row["threshold"]) + on_interference == pytest.approx(0.3)
    assert row["recall"] == pytest.approx(norm.sf(row["threshold"] - 6.0))
    # Three interferences in ten frames are allowed: the threshold is that of noise alone.
    (apart,) = bound_at(truth[2:], {"a": 10}, 500.0, (0.3,))
    assert apart["threshold"] == pytest.approx(norm.isf(0.3 / 500))
    assert apart["recall"] > row["recall"]


def test_without_targets_there_is_no_recall():
    truth = pd.DataFrame([object_of("a", "interference", 2.0)])
    (row,) = bound_at(truth, {"a": 5, "b": 5}, 500.0, (0.1,))
    assert row["truths"] == 0 and row["recall"] is None and row["low"] is None


def test_bounds_by_hand():
    truth = pd.DataFrame(
        [
            object_of("a", "target", 99.0, snr=2.5),
            object_of("a", "target", -99.0, snr=8.0, visible=0.5),
            object_of("b", "target", 99.0, snr=4.0),
            object_of("b", "target", -99.0, visible=0.4),  # hidden
            object_of("b", "interference", 99.0, visible=0.4),
        ]
    )
    strict, loose = bound_at(truth, {"a": 5, "b": 5}, 500.0, (0.1, 0.65))
    assert strict["threshold"] == pytest.approx(norm.isf(0.1 / 500))
    for row in (strict, loose):
        assert row["truths"] == 3 and row["recall"] == pytest.approx(2 / 3)
        # Sets of only the first sequence have a recall of 1/2, of only the other of 1.
        assert (row["low"], row["high"]) == (pytest.approx(0.5), pytest.approx(1.0))
        slices = {part["range"]["low"]: part for part in row["slices"]}
        assert slices[2.0]["recall"] == pytest.approx(1) and slices[2.0]["truths"] == 1
        # In half of the slice's truths its light passes: 8 sigmas are 4.
        assert slices[4.0]["recall"] == pytest.approx(0.5) and slices[4.0]["truths"] == 2
        assert slices[8.0]["recall"] is None and slices[8.0]["low"] is None


SKY = SkyConfig(
    frames=16,
    height=96,
    width=128,
    targets_per_frame=6.0,
    interference_per_frame=0.5,
    snr=(1.0, 6.0),
    speed_px=(0.5, 3.0),
    cloud_scale_px=(40.0, 90.0),
    cloud_counts=(20.0, 50.0),  # faint: little of a target is lost with the background
)


@pytest.fixture(scope="module")
def small_sky():
    """The signal of a sequence, its deflections, and the bound at two rates."""
    signal = signal_of("test-0000", SKY, SKY, seed=3)
    truth = signal.truth.assign(deflection=deflections(*signal, BAND))
    places = noise_places(BAND, windows=6, side=128) * SKY.height * SKY.width
    return signal, truth, bound_at(truth, {"test-0000": 16}, places, (0.1, 0.65))


def light_around(frames, row) -> np.ndarray:
    top, left = max(0, int(row.y) - 9), max(0, int(row.x) - 9)
    return frames[row.frame, top : int(row.y) + 10, left : int(row.x) + 10].ravel()


def test_a_filter_that_is_given_all_but_the_noise_reaches_the_bound(small_sky):
    """Correlate white noise and the light of each target with this light, in the whole window."""
    signal, truth, bound = small_sky
    rng, found = np.random.default_rng(0), []
    noisy = [signal.frames + rng.normal(size=signal.frames.shape) for _ in range(20)]
    for row in truth[must_be_found(truth) & (truth.category == "target")].itertuples():
        window = window_of(row.frame, SKY.frames, BAND).frames
        track = signal.truth[signal.truth.track == row.track]
        rows = list(track[track.frame.isin(window)].itertuples())
        light = np.concatenate([light_around(signal.frames, one) for one in rows])
        seen = [np.concatenate([light_around(frames, one) for one in rows]) for frames in noisy]
        found.append(np.array(seen) @ light / np.linalg.norm(light))
    for row in bound:
        assert np.mean(np.array(found) >= row["threshold"]) == pytest.approx(
            row["recall"], abs=0.02
        )


@pytest.mark.long
def test_a_filter_along_the_known_paths_finds_less(small_sky):
    """The background is not given: each window's own is subtracted from its frames."""
    frames, truth = simulate(SKY, sequence_seed(3, "test", 0), "test-0000")
    level, sigma = (np.full(SKY.frames, value) for value in measure_scale(as_sequence(frames)))
    filtered, sums = np.asarray(filter_frame(frames, level, sigma, 1.0)), np.zeros(len(truth))
    windows = [window_of(t, SKY.frames, BAND).frames for t in range(SKY.frames)]
    of_window = {w: np.asarray(residuals(filtered[list(w)], BAND.box_px)) for w in set(windows)}
    for k, row in enumerate(truth.itertuples()):
        window = windows[row.frame]
        values = of_window[window]
        path = truth[(truth.track == row.track) & truth.frame.isin(window)]
        places = ((window.index(one.frame), int(one.y), int(one.x)) for one in path.itertuples())
        sums[k] = abs(sum(values[place] for place in places)) / np.sqrt(8)
    counts = must_be_found(truth) & (truth.category == "target").to_numpy()
    for row in small_sky[2]:
        share = np.mean(sums[counts] >= row["threshold"])
        assert 0.75 < share < row["recall"] and row["truths"] == counts.sum()
