"""Motion of the camera: measured from frames, and taken out of clips."""

from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import random_detector
from scipy import ndimage

import dimjax
from dimjax.chips.planning import COLUMNS
from dimjax.chips.shards import make_shards
from dimjax.commands import detect
from dimjax.data.alignment import align, align_levels
from dimjax.data.camera import CameraMotion, aligned, camera_shifts, mean_step, moves
from dimjax.data.folders import open_folder
from dimjax.data.layouts import DIMJAX
from dimjax.data.scale import Scale, measure_scale
from dimjax.data.sequences import as_sequence
from dimjax.detection.clips import clips_of
from dimjax.detection.inference import detect_in_sequence
from dimjax.detection.streaming import Stream
from dimjax.motion import EvidenceConfig, evidence_of
from dimjax.tracks import ScoreModel, measure_appearance

PAN = (2.4, -1.3)  # pixels a frame
NOISE = 4.0


@pytest.fixture(scope="module")
def panned():
    """Clouds behind which nothing moves, and the camera pans: ten frames of 96x128 px."""
    rng = np.random.default_rng(1)
    clouds = 2500 * ndimage.gaussian_filter(rng.normal(size=(180, 220)), 4.0) + 3000
    shifts = np.arange(10)[:, None] * PAN
    moved = [ndimage.shift(clouds, (y, x), order=5)[42:138, 46:174] for x, y in shifts]
    frames = np.array(moved) + rng.normal(0, NOISE, (10, 96, 128))
    return as_sequence(frames.round().astype(np.uint16), "panned")


def test_alignment_worked_by_hand():
    frame = np.array([[0, 0, 8, 0, 0, 0]] * 2, np.uint8)
    other = np.full((2, 6), 5, np.uint8)
    shifted = align_levels(frame, np.array([2.0, 0.0]), other)
    assert shifted.tolist() == [[8, 0, 0, 0, 5, 5]] * 2  # its scene left the frame on the right
    half = align(frame.astype(np.float32), np.array([0.5, 0.0]), other)
    assert half.tolist() == [[-0.5, 4.5, 4.5, -0.5, 0.0, 5.0]] * 2  # -1/16, 9/16, 9/16, -1/16
    down = align_levels(frame.T.copy(), np.array([0.0, -1.0]), other.T)
    assert down.T.tolist() == [[5, 0, 0, 8, 0, 0]] * 2


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_alignment_recovers_a_smooth_scene(x, y):
    rows, columns = np.indices((20, 24))

    def scene(dx, dy):
        return 100 + 20 * np.sin((columns - dx) / 3) * np.cos((rows - dy) / 4)

    still = align(scene(x, y), np.array([x, y]), scene(0, 0))
    np.testing.assert_allclose(still, scene(0, 0), atol=0.6)


def test_alignment_in_jax_is_that_in_numpy():
    frame, reference = np.random.default_rng(0).integers(0, 255, (2, 12, 17)).astype(np.uint8)
    shift = np.array([1.3, -2.6], np.float32)
    expected = align(frame, shift, reference)
    np.testing.assert_allclose(jax.jit(align)(frame, shift, reference), expected, atol=1e-3)


def test_clips_are_free_of_the_motion_of_the_camera(panned):
    still = aligned(panned)
    np.testing.assert_allclose(np.diff(still.motion(), axis=0), [PAN] * 9, atol=0.15)
    raw, clip = (one.clip(2, stride=2).astype(float) for one in (panned, still))
    np.testing.assert_array_equal(raw[0], clip[0])
    inside = (slice(None), slice(12, -12), slice(20, -20))
    assert (raw[1:] - raw[0])[inside].std() > 20 * NOISE
    assert (clip[1:] - clip[0])[inside].std() < 2.5 * NOISE
    assert (clip[3] == clip[0])[:, -5:].all()  # unseen in the last frame
    (of_detector,) = clips_of(still, [np.array([2])], 2, 1)
    np.testing.assert_allclose(of_detector[0], clip, atol=1)
    assert aligned(still) is still


def test_the_noise_is_measured_without_the_motion_of_the_camera(panned):
    assert measure_scale(panned).noise_sigma > 5 * NOISE
    assert measure_scale(aligned(panned)).noise_sigma < 4 * NOISE


def with_target(panned):
    """Frames of the panned clouds with a target of one pixel, and its positions [10, 2]."""
    frames = np.stack([panned.frame(t) for t in range(10)])
    at = (np.array([64, 48]) + np.arange(10)[:, None] * np.add(PAN, (1.0, 0.0))).round().astype(int)
    frames[np.arange(10), at[:, 1], at[:, 0]] += int(10 * NOISE)
    return frames, at


def test_evidence_shows_a_target_that_the_pan_hides(panned):
    settings = EvidenceConfig()
    frames, at = with_target(panned)
    sequence, scale = as_sequence(frames, "panned"), Scale(3000.0, NOISE)
    x, y = at[4]
    for one, is_seen in ((sequence, False), (aligned(sequence), True)):
        (maps,) = evidence_of(one, scale, settings, [4])
        bright = np.asarray(maps)[12:-12, 20:-20, 0]
        row, column = np.unravel_index(bright.argmax(), bright.shape)
        assert (np.hypot(row + 12 - y, column + 20 - x) < 2) == is_seen


def test_the_mean_step_is_that_of_the_pan(panned):
    assert mean_step(panned) == pytest.approx(np.hypot(*PAN), abs=0.1) and moves(panned)
    assert mean_step(aligned(panned)) == mean_step(panned)
    noise = np.random.default_rng(2).normal(0, NOISE, (10, 96, 128))
    fixed = as_sequence((panned.frame(0) + noise).round().astype(np.uint16))
    assert mean_step(fixed) < 0.1 and not moves(fixed)
    assert mean_step(as_sequence(panned.frame(0)[None])) == 0


@pytest.mark.parametrize("pan", [(0.0, 0.0), (0.5, 0.2)])
def test_a_bright_object_is_not_taken_for_the_scene(pan):
    rng = np.random.default_rng(1)
    clouds = 250 * ndimage.gaussian_filter(rng.normal(size=(180, 220)), 4.0) + 3000
    rows, columns = np.indices((96, 128))
    frames = []
    for t in range(10):
        scene = ndimage.shift(clouds, (t * pan[1], t * pan[0]), order=5)[42:138, 46:174]
        distance = np.hypot(columns - 90 + 1.5 * t, rows - 20 - 2 * t)
        frames.append(scene + 400 * np.exp(-(distance**2) / 2) + rng.normal(0, NOISE, scene.shape))
    sequence = as_sequence(np.round(frames).astype(np.uint16))
    assert mean_step(sequence) == pytest.approx(np.hypot(*pan), abs=0.15)
    assert moves(sequence) == any(pan)


def test_untrained_detection_takes_out_a_notable_motion_of_the_camera(panned, tmp_path, capsys):
    frames, at = with_target(panned)
    np.save(tmp_path / "flight.npy", frames)
    found = {}
    for choice in (None, True, False):
        table = dimjax.detect_untrained(frames, 0.5, choice)
        found[choice] = np.hypot(*(table[["x", "y"]] - at[table.frame] - 0.5).to_numpy().T)
        detect.run_untrained(tmp_path / "flight.npy", tmp_path / "out", pictures=0, align=choice)
        written = pd.read_csv(tmp_path / "out" / "detections.csv")
        np.testing.assert_allclose(written[["x", "y"]], table[["x", "y"]], atol=1e-4)
        noted = "flight: the camera moves; its motion is taken out (--noalign leaves it)"
        assert (noted in capsys.readouterr().out) == (choice is None)
    assert np.count_nonzero(found[None] < 1.5) >= 8 and found[None].tolist() == found[True].tolist()
    assert np.count_nonzero(found[False] < 1.5) <= 2


def test_chips_of_a_folder_are_aligned(panned, tmp_path):
    (tmp_path / "sequences").mkdir()
    frames = np.stack([panned.frame(t) for t in range(10)])
    np.save(tmp_path / "sequences" / "a.npy", frames)
    folder = replace(open_folder(tmp_path, DIMJAX._replace(labels="")), align=True)
    plan = pd.DataFrame([("a/000002/40+30/32", "a", 2, 40, 30, "background")], columns=COLUMNS)
    labels = folder.labels
    (shard,) = make_shards(folder, plan, labels, 32, 2, 10**9)
    ((_, example),) = shard.examples()
    assert example["difference"].std() < 2.5 * NOISE
    expected = aligned(panned).clip(2, 2)[0, 30:62, 40:72]
    np.testing.assert_array_equal(example["frame"][..., 0], expected)


def test_a_detector_that_aligns_does_so_on_a_stream_too(panned, monkeypatch):
    both = {"target": 0.5, "interference": 0.5}
    values = {"score_model": ScoreModel()._asdict(), "causal_threshold": both}
    detector = random_detector(align=True, stride=-1, **values)
    scale = Scale(3000.0, NOISE)
    offline = detect_in_sequence(detector, panned, scale=scale)
    raw = detect_in_sequence(random_detector(stride=-1), panned, scale=scale)
    assert len(offline) > 20 and not offline[["x", "y"]].equals(raw[["x", "y"]])
    tables = []

    def recorded(*arguments, **keywords):
        tables.append(detect_in_sequence(*arguments, **keywords))
        return tables[-1]

    monkeypatch.setattr("dimjax.detection.streaming.detect_in_sequence", recorded)
    stream = Stream(detector, scale, "panned")
    for frame in map(panned.frame, range(10)):
        stream.push(frame)
    found = pd.concat([one.assign(frame=t) for t, one in enumerate(tables)], ignore_index=True)
    live = offline[offline.frame >= 4].reset_index(drop=True)
    found = found[found.frame >= 4].reset_index(drop=True)
    np.testing.assert_allclose(found[["x", "y", "score"]], live[["x", "y", "score"]], atol=1e-2)


def test_an_object_that_moves_with_the_scene_stands_still(panned):
    at = pd.DataFrame({"frame": [2], "x": [60.5], "y": [50.5]})
    changes = [
        measure_appearance(at, one, NOISE, 1).change_clutter[0] for one in (panned, aligned(panned))
    ]
    assert changes[1] < changes[0] / 5


def test_the_motion_may_be_measured_frame_by_frame(panned):
    motion = CameraMotion()
    live = [motion.push(panned.frame(t)) for t in range(10)]
    np.testing.assert_array_equal(live, camera_shifts(panned))


def test_camera_shifts_of_clouds_behind_a_fixed_pattern():
    rng = np.random.default_rng(0)
    clouds = 4000 * ndimage.gaussian_filter(rng.normal(size=(300, 340)), 4.0)
    truth = np.cumsum(np.vstack([np.zeros(2), rng.uniform(-1.5, 1.5, (5, 2))]), axis=0)
    pattern, ramp = rng.normal(0, 4, (200, 240)), np.linspace(0, 900, 240)
    frames = []
    for x, y in truth:
        scene = ndimage.shift(clouds, (y, x), order=3, mode="nearest")[50:250, 50:290]
        frames.append(scene + pattern + ramp + rng.normal(0, 5, pattern.shape) + 2000)
    sequence = as_sequence(np.rint(frames).astype(np.uint16))
    shifts = camera_shifts(sequence, progress=list)
    assert shifts.shape == (6, 2) and shifts[0].tolist() == [0, 0]
    np.testing.assert_allclose(shifts, truth, atol=0.15)


def test_camera_shifts_of_a_clear_sky_are_zero():
    noise = np.random.default_rng(0).normal(1000, 10, (3, 64, 80))
    assert (camera_shifts(as_sequence(noise.astype(np.uint16))) == 0).all()
    assert camera_shifts(as_sequence(np.zeros((1, 8, 9), np.uint8))).tolist() == [[0, 0]]
