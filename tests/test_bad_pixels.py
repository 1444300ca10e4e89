"""Bad pixels: which ones are found, what replaces them, and that detectors see them replaced."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dimjax
from dimjax.data.bad_pixels import find_bad_pixels, replace_bad_pixels
from dimjax.data.folders import open_folder
from dimjax.data.frame_notes import describe
from dimjax.data.frame_survey import Survey
from dimjax.data.layouts import DIMJAX
from dimjax.data.scale import Measurement, Scale, measure_scale
from dimjax.data.sequences import as_sequence
from dimjax.data.substitutes import between_changing
from dimjax.detection import untrained
from dimjax.detection.inference import detect_in_sequence
from dimjax.detection.streaming import Stream

RNG = np.random.default_rng(4)
SCENE = np.linspace(500, 900, 48) + np.linspace(0, 300, 40)[:, None]  # [40, 48]
FRAMES = (SCENE + RNG.normal(0, 8, (24, 40, 48))).round().astype(np.uint16)


def changed(level, *place):
    frames = FRAMES.copy()
    frames[:, *place] = level
    return frames


@pytest.mark.parametrize(
    ("place", "level", "count"),
    [
        ((slice(None), 20), 7, 40),  # a dead column
        ((slice(None), slice(20, 23)), 0, 120),  # three side by side
        ((slice(None), slice(20, 24)), 0, 0),  # four: a bar
        ((11, slice(None)), 16000, 48),  # a row of saturated pixels
        ((11, 30), 16000, 1),  # a hot pixel
        ((slice(8, 11), slice(30, 33)), 16000, 0),  # perhaps an object that hovers
        ((slice(8, 9), slice(30, 32)), 16000, 0),
        ((slice(0, 2), slice(None)), 7, 96),  # at the border
        ((slice(36, 40), slice(None)), 7, 0),
        ((slice(0, 12), slice(None)), 0, 0),  # a black bar
        ((11, 30), int(SCENE[11, 30]) + 20, 0),  # does not stand out: 2.5 noise sigmas
    ],
)
def test_pixels_that_never_change_and_stand_out_are_bad(place, level, count):
    bad = find_bad_pixels(as_sequence(changed(level, *place)))
    assert bad.sum() == count and (not count or bad[place].all())


def test_a_bad_pixel_is_interpolated_from_its_nearest_changing_neighbours():
    still = np.zeros((3, 7), bool)
    still[1, 2:4] = True
    still[:, 5] = True  # its pixels have neighbours in their rows alone
    still[2, 6] = True
    frame = (np.arange(21).reshape(3, 7) ** 2 % 200).astype(np.uint8)
    filled = between_changing(still).fill(frame)
    # Row 1 is 49 64 81 100 121 144 169. Two pixels side by side: along the column, which is nearer.
    assert filled[1].tolist() == [49, 64, (4 + 56) / 2, (9 + 89) / 2, 121, 145, 169]
    assert filled[0].tolist() == [0, 1, 4, 9, 16, 26, 36]
    assert filled[2, 6] == 169  # from above; its gap in the row is wider
    assert filled.dtype == frame.dtype and (filled[~still] == frame[~still]).all()


@given(st.sets(st.integers(3, 44), max_size=12), st.sampled_from([0, 1]))
def test_a_plane_is_restored_exactly(lines, axis):
    plane = np.arange(48) * 3 + np.arange(48)[:, None] * 5
    still = np.isin(np.arange(48), list(lines)) & np.ones((48, 1), bool)
    broken = np.where(still, 9999, plane)
    substitutes = between_changing(still.T if axis else still)
    filled = substitutes.fill(broken.T if axis else broken)
    runs = np.split(sorted(lines), np.flatnonzero(np.diff(sorted(lines)) > 1) + 1)
    narrow = [line for run in runs if len(run) <= 3 for line in run]
    expected = np.where(still & ~np.isin(np.arange(48), narrow), 9999, plane)
    assert (filled == (expected.T if axis else expected)).all()


def test_quiet_equal_still_and_damaged_frames_have_none():
    levels = (FRAMES // 16).astype(np.uint8)  # their noise is half a level
    levels[:, 11, 30] = 255
    assert not find_bad_pixels(as_sequence(levels)).any()
    assert not find_bad_pixels(as_sequence(FRAMES[:1].repeat(4, axis=0))).any()
    assert not find_bad_pixels(as_sequence(changed(0, slice(None), 20)[:1])).any()


@pytest.mark.parametrize(("frames", "sigma"), [(2, 2.0), (4, 1.0), (8, 0.6), (24, 0.3)])
def test_good_pixels_that_are_equal_by_chance_are_kept(frames, sigma):
    """In some of these sequences, up to 20 % of the pixels have one level."""
    still = RNG.normal(110, 25, (100, 100)) + RNG.normal(0, sigma, (frames, 100, 100))
    sequence = as_sequence(np.clip(still.round(), 0, 255).astype(np.uint8))
    assert not find_bad_pixels(sequence).any()
    frozen = as_sequence(sequence.frame(0)[None].repeat(90, axis=0))
    late = np.stack([*(frozen.frame(t) for t in range(90)), sequence.frame(1)])
    assert not find_bad_pixels(as_sequence(late)).any()


def test_the_scale_is_that_of_the_pixels_that_change():
    sequence = replace_bad_pixels(as_sequence(changed(7, slice(None), slice(2, None, 5))))
    assert sequence.replaced == 40 * 10
    assert measure_scale(sequence).noise_sigma == pytest.approx(8, rel=0.05)
    assert replace_bad_pixels(sequence) is sequence


@pytest.fixture(scope="module")
def flight():
    """A target that crosses a sky, [40, 48, 64]; a column of the same frames dead."""
    rng = np.random.default_rng(5)
    x, y = np.arange(64), np.arange(48)[:, None]
    light = [60 * np.exp(-((x - 8 - t) ** 2 + (y - 24) ** 2) / 2) for t in range(40)]
    frames = (3000 + np.array(light) + rng.normal(0, 8, (40, 48, 64))).round().astype(np.uint16)
    dead = frames.copy()
    dead[..., 50] = 7
    return frames, dead


def test_an_untrained_detector_sees_no_dead_column(flight):
    whole, dead = (untrained.detect(frames) for frames in flight)
    columns = ["frame", "x", "y"]
    pd.testing.assert_frame_equal(whole[columns], dead[columns], atol=0.5)


def test_a_run_replaces_bad_pixels(tiny_run, flight):
    run, dead = dimjax.load(tiny_run), flight[1]
    scale = measure_scale(as_sequence(dead))
    expected = detect_in_sequence(run.detector, as_sequence(replaced(dead)), scale=scale)
    assert len(expected)
    pd.testing.assert_frame_equal(run.detect(dead, accepted=False), expected)


@pytest.mark.parametrize("bad_pixels", ["replace", "keep"])
def test_a_stream_replaces_bad_pixels_once_it_has_found_them(
    tiny_run, flight, monkeypatch, bad_pixels
):
    seen = []

    def detect(detector, part, numbers, scale):
        seen.append(part.frame(numbers[0]))
        return detect_in_sequence(detector, part, numbers, scale=scale)

    monkeypatch.setattr("dimjax.detection.streaming.detect_in_sequence", detect)
    dead = flight[1]
    scale = measure_scale(as_sequence(dead))
    stream = Stream(dimjax.load(tiny_run).detector, scale, "frames", bad_pixels)
    answers = [answer for image in dead for answer in stream.push(image)] + stream.finish()
    assert [answer.frame for answer in answers] == list(range(40))
    expected = replaced(dead) if bad_pixels == "replace" else dead
    assert (seen[0][:, 50] == 7).all()  # it is answered before 32 frames have come
    np.testing.assert_array_equal(seen[32:], expected[32:])


def replaced(frames):
    sequence = replace_bad_pixels(as_sequence(frames))
    return np.stack([sequence.frame(t) for t in range(len(sequence))])


def test_the_layout_says_whether_they_are_replaced(tmp_path):
    (tmp_path / "sequences").mkdir()
    np.save(tmp_path / "sequences" / "night.npy", changed(7, slice(None), 20))
    np.save(tmp_path / "sequences" / "day.npy", FRAMES)
    folder = open_folder(tmp_path, DIMJAX)
    assert folder.sequence("night").replaced == 40 and folder.sequence("day").replaced == 0
    assert (folder.sequence("night").frame(3)[:, 20] > 400).all()
    kept = open_folder(tmp_path, DIMJAX._replace(bad_pixels="keep"))
    assert (kept.sequence("night").frame(3)[:, 20] == 7).all()


@pytest.mark.parametrize(
    ("count", "note"),
    [
        (1, "1 bad pixel, which never changes, is replaced by its neighbours"),
        (3, "3 bad pixels, which never change, are replaced by their neighbours"),
    ],
)
def test_replaced_pixels_are_counted_in_a_note(count, note):
    scale = Measurement(Scale(100.0, 5.0), still_share=0.0, step=1, noiseless=False)
    assert describe(scale, Survey(20), replaced=count) == [note]
    assert not describe(scale, Survey(20))
