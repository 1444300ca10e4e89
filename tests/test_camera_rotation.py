"""Rotation and scale of the scene: measured from frames, and taken out of clips."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import random_detector
from scipy import ndimage

import dimjax
from dimjax.chips.planning import COLUMNS
from dimjax.chips.shards import make_shards
from dimjax.commands import detect
from dimjax.commands.bundled import make_builder
from dimjax.data.camera import aligned, camera_shifts, camera_similarities
from dimjax.data.folders import open_folder
from dimjax.data.layouts import DIMJAX
from dimjax.data.scale import Scale, measure_scale
from dimjax.data.scene_motion import followed_by, relative_to, to_frame, to_scene
from dimjax.data.sequences import as_sequence
from dimjax.detection.clips import clips_of
from dimjax.detection.inference import detect_in_sequence
from dimjax.detection.streaming import Stream
from dimjax.errors import InputError
from dimjax.motion import EvidenceConfig, evidence_of
from dimjax.runs.config_rules import check
from dimjax.sky.implants import ImplantConfig, draw_implants
from dimjax.stages import rounds
from dimjax.tracks import ScoreModel, link, measure_appearance

NOISE = 4.0
SIZE = np.array([128, 96])
INSIDE = (slice(None), slice(16, -16), slice(24, -24))
CORNERS = np.array([[0, 0], [128, 0], [0, 96], [128, 96]], float)


def step(degrees, scale=1.0, x=0.0, y=0.0):
    """The motion of a roll and a zoom about the centre of the frame, and a pan."""
    factor = scale * np.exp(1j * np.radians(degrees))
    shift = complex(*SIZE) / 2 * (1 - factor) + complex(x, y)
    return np.array([shift.real, shift.imag, factor.real, factor.imag])


def seen(motion, seed=1, strength=2500, noise=NOISE):
    """Clouds behind which nothing moves, seen by a camera that moves, [T, 96, 128] uint16."""
    rng = np.random.default_rng(seed)
    clouds = strength * ndimage.gaussian_filter(rng.normal(size=(220, 260)), 4.0) + 3000
    rows, columns = np.indices((96, 128)) + 0.5
    frames = []
    for moved in motion:
        x, y = np.moveaxis(to_scene(np.stack([columns, rows], axis=-1), moved) + [66, 62], -1, 0)
        scene = ndimage.map_coordinates(clouds, [y - 0.5, x - 0.5], order=3)
        frames.append(scene + rng.normal(0, noise, scene.shape))
    return np.round(frames).astype(np.uint16)


@pytest.fixture(scope="module")
def motion():
    """1.5 degrees and half a per cent a frame, over ten frames."""
    rows = [np.array([0.0, 0.0, 1.0, 0.0])]
    for _ in range(9):
        rows.append(followed_by(rows[-1], step(1.5, 1.005, 0.8, -0.5)))
    return np.array(rows)


@pytest.fixture(scope="module")
def rolled(motion):
    return as_sequence(seen(motion), "rolled")


@settings(max_examples=15, deadline=None)
@given(
    degrees=st.floats(-2, 2), scale=st.floats(0.995, 1.01), x=st.floats(-3, 3), y=st.floats(-3, 3)
)
def test_a_step_is_measured_to_a_tenth_of_a_pixel(degrees, scale, x, y):
    true = step(degrees, scale, x, y)
    measured = camera_similarities(as_sequence(seen([step(0), true])))[1]
    missed = np.linalg.norm(to_frame(CORNERS, measured) - to_frame(CORNERS, true), axis=-1)
    assert missed.max() < 0.15


def test_steps_add_up(rolled, motion):
    measured = camera_similarities(rolled)
    missed = np.linalg.norm(to_frame(SIZE / 2, measured) - to_frame(SIZE / 2, motion), axis=-1)
    assert missed.max() < 0.25
    np.testing.assert_allclose(measured[-1, 2:], motion[-1, 2:], atol=0.005)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (64, 64), (40, 400)])
def test_noise_and_fixed_patterns_do_not_move(height, width):
    rng = np.random.default_rng(height)
    pattern = rng.normal(0, 4, (height, width))
    for still in (0, pattern):
        frames = np.round(1000 + still + rng.normal(0, 8, (4, height, width)))
        measured = camera_similarities(as_sequence(frames.astype(np.uint16)))
        assert measured.tolist() == [[0, 0, 1, 0]] * 4


def test_offsets_of_columns_and_rows_do_not_hold_the_scene(motion):
    rng = np.random.default_rng(4)
    offsets = rng.normal(0, 6 * NOISE, (1, 128)) + rng.normal(0, 6 * NOISE, (96, 1))
    frames = np.round(seen(motion[:4], strength=600) + offsets).astype(np.uint16)
    steps = (
        relative_to(one[1:], one[:-1])
        for one in (camera_similarities(as_sequence(frames)), motion[:4])
    )
    found, true = (to_frame(CORNERS[:, None], step) for step in steps)
    assert np.linalg.norm(found - true, axis=-1).max() < 0.55


def test_frames_without_a_common_scene_are_not_rotated():
    frames = np.concatenate([seen([step(0)], seed) for seed in (1, 2)])
    assert camera_similarities(as_sequence(frames))[1, 2:].tolist() == [1, 0]
    frames[1] = ndimage.rotate(frames[0], 8, reshape=False, mode="nearest")  # too far
    assert camera_similarities(as_sequence(frames))[1, 2:].tolist() == [1, 0]


def test_a_bright_object_does_not_turn_the_scene():
    frames = seen([step(0)] * 6, strength=600).astype(float)
    rows, columns = np.indices((96, 128))
    for t, frame in enumerate(frames):
        frame += 3000 * np.exp(-(np.hypot(columns - 100 + 2 * t, rows - 20 - 3 * t) ** 2) / 8)
    measured = camera_similarities(as_sequence(frames.round().astype(np.uint16)))
    assert np.abs(to_frame(CORNERS[:, None], measured) - CORNERS[:, None]).max() < 0.5


def test_clips_and_noise_are_free_of_the_rotation(rolled):
    still, shifted = aligned(rolled, rotation=True), aligned(rolled)
    clip, half = (one.clip(2, stride=2).astype(float) for one in (still, shifted))
    np.testing.assert_array_equal(clip[0], rolled.frame(2))
    assert (clip[1:] - clip[0])[INSIDE].std() < 2.5 * NOISE
    assert (half[1:] - half[0])[INSIDE].std() > 8 * NOISE
    (of_detector,) = clips_of(still, [np.array([2])], 2, 1)
    np.testing.assert_allclose(of_detector[0], clip, atol=1)
    assert measure_scale(still).noise_sigma < 4 * NOISE < measure_scale(shifted).noise_sigma
    at = pd.DataFrame({"frame": [2], "x": [80.5], "y": [30.5]})
    clutter = [measure_appearance(at, it, NOISE, 2).change_clutter[0] for it in (shifted, still)]
    assert clutter[1] < clutter[0] / 3


@pytest.fixture(scope="module")
def with_target(rolled, motion):
    """The frames with a target of one pixel that moves in the scene, and its positions."""
    frames = np.stack([rolled.frame(t) for t in range(10)])
    at = to_frame([80.0, 30.0] + np.arange(10)[:, None] * [-1.0, 0.5], motion)
    column, row = np.floor(at).astype(int).T
    frames[np.arange(10), row, column] += int(10 * NOISE)
    return frames, at


def test_evidence_shows_a_target_that_the_rotation_hides(with_target):
    frames, at = with_target
    sequence, scale = as_sequence(frames, "rolled"), Scale(3000.0, NOISE)
    for one, is_seen in ((aligned(sequence), False), (aligned(sequence, rotation=True), True)):
        (maps,) = evidence_of(one, scale, EvidenceConfig(), [4])
        bright = np.asarray(maps)[INSIDE[1:]][..., 0]
        row, column = np.unravel_index(bright.argmax(), bright.shape)
        assert (np.hypot(column + 24.5 - at[4, 0], row + 16.5 - at[4, 1]) < 2) == is_seen


def test_untrained_detection_takes_out_rotation_if_asked(with_target, tmp_path):
    frames, at = with_target
    np.save(tmp_path / "flight.npy", frames)
    found = {}
    for rotation in (False, True):
        table = dimjax.detect_untrained(frames, rotation=rotation)
        found[rotation] = np.hypot(*(table[["x", "y"]] - at[table.frame]).to_numpy().T) < 1.5
    detect.run_untrained(tmp_path / "flight.npy", tmp_path / "out", pictures=0, rotation=True)
    written = pd.read_csv(tmp_path / "out" / "detections.csv")
    np.testing.assert_allclose(written[["x", "y"]], table[["x", "y"]], atol=1e-4)
    assert found[True].sum() >= 8 and found[False].sum() <= 3
    text = r"rotation \(--rotation\): it is part of the alignment; found align=False"
    with pytest.raises(InputError, match=text):
        dimjax.detect_untrained(frames, align=False, rotation=True)


def test_a_stream_is_aligned_as_a_sequence(rolled, monkeypatch):
    both = {"target": 0.5, "interference": 0.5}
    values = {"score_model": ScoreModel()._asdict(), "causal_threshold": both}
    detector = random_detector(align=True, align_rotation=True, stride=-1, **values)
    scale, tables = Scale(3000.0, NOISE), []
    offline = detect_in_sequence(detector, rolled, scale=scale)
    shifted = detect_in_sequence(random_detector(align=True, stride=-1), rolled, scale=scale)
    assert len(offline) > 20 and not offline[["x", "y"]].equals(shifted[["x", "y"]])

    def recorded(*arguments, **keywords):
        tables.append(detect_in_sequence(*arguments, **keywords))
        return tables[-1]

    monkeypatch.setattr("dimjax.detection.streaming.detect_in_sequence", recorded)
    stream = Stream(detector, scale, "rolled")
    for t in range(10):
        stream.push(rolled.frame(t))
    found = pd.concat([one.assign(frame=t) for t, one in enumerate(tables)], ignore_index=True)
    live, found = (one[one.frame >= 4].reset_index(drop=True) for one in (offline, found))
    np.testing.assert_allclose(found[["x", "y", "score"]], live[["x", "y", "score"]], atol=1e-2)


def test_chips_of_a_folder_are_free_of_the_rotation(rolled, tmp_path):
    (tmp_path / "sequences").mkdir()
    np.save(tmp_path / "sequences" / "a.npy", np.stack([rolled.frame(t) for t in range(10)]))
    folder = open_folder(tmp_path, DIMJAX._replace(labels=""))
    folder = replace(folder, align=True, align_rotation=True)
    plan = pd.DataFrame([("a/000002/60+20/32", "a", 2, 60, 20, "background")], columns=COLUMNS)
    (shard,) = make_shards(folder, plan, folder.labels, 32, 2, 10**9)
    ((_, example),) = shard.examples()
    assert example["difference"].std() < 2.5 * NOISE


def test_tracks_are_linked_in_the_scene_and_lie_in_the_frame():
    turn = np.array([followed_by(step(12.0 * t), step(0, 1.02**t)) for t in range(8)])
    path = [70.0, 40.0] + np.arange(8)[:, None] * [2.0, 0.0]
    at = to_frame(path, turn)
    table = pd.DataFrame({"frame": range(8), "x": at[:, 0], "y": at[:, 1], "score": 0.9})
    table = table.assign(sequence="a", w=3.0, h=3.0, category="target")
    tracks = link(table, motions={"a": turn})
    assert set(tracks.detections.track) == {"a/0"}
    np.testing.assert_allclose(tracks.points[["x", "y"]], at, atol=0.1)
    velocity = 2 * 1.02**7 * np.array([np.cos(np.radians(84)), np.sin(np.radians(84))])
    np.testing.assert_allclose(tracks.points[["vx", "vy"]].iloc[-1], velocity, atol=0.1)
    ratio = tracks.points.sigma_px.iloc[-1] / tracks.points.sigma_px.iloc[0]
    assert ratio == pytest.approx(1.02**7, rel=1e-3)  # the ends of a track are equally uncertain
    assert set(link(table, motions={"a": turn[:, :2]}).detections.track) != {"a/0"}


def test_implants_move_with_a_scene_that_rotates(rolled):
    still = ImplantConfig(targets_per_frame=8.0, interference_per_frame=0.0, speed_px=(0.0, 0.0))
    measured = camera_similarities(rolled)
    for rotation in (True, False):
        rows = draw_implants(rolled, still, rotation)
        scene = to_scene(rows[["x", "y"]].to_numpy(), measured[rows.frame])
        spreads = pd.DataFrame(scene).groupby(rows.track.to_numpy()).agg(np.ptp)
        assert (spreads.to_numpy().max() < 0.01) == rotation


@pytest.mark.long
def test_a_run_takes_rotation_out_of_chips_frames_and_tracks(rolled, tmp_path):
    config = tiny_config()
    config.data.align = config.data.align_rotation = config.detection.camera_motion = True
    config.model.input, config.training.epochs = "difference+evidence", 1
    rounds.run(config, str(tmp_path), make_builder)
    run = dimjax.load(tmp_path)
    assert run.detector.description["align_rotation"]
    assert run.context.camera_motions(["test-0000"])["test-0000"].shape == (8, 4)
    found = run.detect(rolled, accepted=False)
    again = detect_in_sequence(run.detector, aligned(rolled, rotation=True))
    pd.testing.assert_frame_equal(found, again)
    assert set(run.tracks(rolled, found).detections.frame) <= set(range(10))


def test_rotation_without_alignment_is_refused():
    config = tiny_config()
    config.data.align_rotation = True
    with pytest.raises(InputError, match="data.align_rotation: must be False without data.align"):
        check(config)
    config.data.align = True
    check(config)
    assert camera_shifts(as_sequence(seen([step(0)] * 2))).shape == (2, 2)
