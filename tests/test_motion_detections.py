"""Peaks of evidence maps, and the detector that needs no training."""

import jax.numpy as jnp
import numpy as np
import pytest

from dimjax.data.scale import Scale
from dimjax.data.sequences import as_sequence
from dimjax.motion import EvidenceConfig, detect_untrained
from dimjax.motion.detections import expected_false_alarms
from dimjax.motion.peaks import find_peaks, normalized


def blob(x, y, height, shape=(60, 80)):
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    return height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4)


def maps(bright, dark):
    return jnp.stack([bright, dark, bright], axis=-1)


def test_peaks_are_sorted_by_strength_and_have_signs():
    peaks = find_peaks(maps(blob(20.5, 10.5, 9), blob(60.5, 40.5, 7)), 4)
    np.testing.assert_allclose(peaks.x[:2], [20.5, 60.5], atol=1e-4)
    np.testing.assert_allclose(peaks.y[:2], [10.5, 40.5], atol=1e-4)
    np.testing.assert_allclose(peaks.strength[:2], [9, 7], atol=1e-4)
    assert peaks.sign[:2].tolist() == [1, -1]


def test_positions_are_finer_than_pixels():
    peaks = find_peaks(maps(blob(20.8, 10.3, 9), blob(0, 0, 0)), 1)
    assert abs(peaks.x[0] - 20.8) < 0.15 and abs(peaks.y[0] - 10.3) < 0.15


def test_a_plateau_is_one_peak_and_of_close_peaks_the_stronger_one_is_found():
    flat = np.zeros((60, 80))
    flat[20:23, 30:33] = 12.7
    flat[40, 50], flat[40, 55], flat[40, 61] = 8, 7, 6
    peaks = find_peaks(maps(flat, 0 * flat), 10)
    strong = np.asarray(peaks.strength) > 5
    assert np.count_nonzero(strong) == 3  # the plateau, the 8 and the 6, 6 px from the 7
    np.testing.assert_allclose(peaks.x[0], 31.5)


def test_peaks_at_the_borders_are_found():
    corner = blob(0.5, 0.5, 9) + blob(79.5, 59.5, 8)
    peaks = find_peaks(maps(corner, 0 * corner), 2)
    assert peaks.x.round(0).tolist() in ([0, 79], [1, 79], [0, 80], [1, 80])
    assert abs(peaks.y[0] - 0.5) < 0.6 and abs(peaks.y[1] - 59.5) < 0.6


def test_the_excess_of_the_local_mean_is_subtracted():
    high = np.full((60, 80), 2.0)
    high[:, 40:] = 4.75
    level = normalized(maps(high, high))
    np.testing.assert_allclose(level[:, :32], 2)
    np.testing.assert_allclose(level[:, 48:], 2.75, rtol=1e-6)


def test_expected_false_alarms_follow_the_tail_of_each_region():
    # A mean excess over 4.5 of 0.2 in the left half and 0.5 in the right one.
    rng, frames = np.random.default_rng(0), 50
    x, y = rng.uniform(0, 512, 20000), rng.uniform(0, 256, 20000)
    strength = 4.5 + rng.exponential(np.where(x < 256, 0.2, 0.5))
    expected = expected_false_alarms(x, y, strength, 4.5, (frames, 256, 512))
    for half in (x < 160, x > 352):
        for nominal in (100, 10, 3):
            share = half.mean()
            counted = np.count_nonzero(expected[half] <= nominal) / frames / share
            assert counted == pytest.approx(nominal, rel=0.35)


def test_targets_are_detected_at_few_false_alarms():
    frames = np.random.default_rng(1).normal(1000, 4, (10, 128, 160))
    rows, columns = np.mgrid[:128, :160] + 0.5
    for t in range(10):
        for x, y, light in ((30 + 2 * t, 40 + t, 20), (120 - 1.5 * t, 90 - t, -20)):
            frames[t] += light * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2)
    sequence = as_sequence(np.rint(frames).astype(np.uint16))
    settings = EvidenceConfig(frames=6, speed_px=3.0)
    detections = detect_untrained(sequence, Scale(1000, 4), settings, max_false_alarms=0.05)
    truth = {(t, 1): (30 + 2 * t, 40 + t) for t in range(10)}
    truth |= {(t, -1): (120 - 1.5 * t, 90 - t) for t in range(10)}
    hits = 0
    for frame, x, y, sign in zip(*detections[:3], detections.sign, strict=True):
        position = truth.pop((int(frame), int(sign)), None)
        hits += position is not None and np.hypot(x - position[0], y - position[1]) < 1
    assert hits >= 18 and len(detections.frame) - hits <= 2
    assert detections.false_alarms.max() <= 0.05
