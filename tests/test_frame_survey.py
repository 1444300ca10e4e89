import numpy as np
import pytest

from dimjax.data.frame_survey import Survey, survey_frames

RNG = np.random.default_rng(3)
SCENE = np.linspace(500, 900, 48) + np.zeros((40, 48))


def frames_of(count, sigma=5.0):
    return (SCENE + RNG.normal(0, sigma, (count, 40, 48))).round().astype(np.uint16)


PLAIN = frames_of(24)


def test_an_ordinary_sequence_has_no_such_frames():
    assert survey_frames(PLAIN) == Survey(24)
    assert survey_frames(PLAIN).usable.tolist() == list(range(24))


@pytest.mark.parametrize("times", [2, 3, 6])
def test_equal_frames_are_repeated(times):
    survey = survey_frames(np.repeat(PLAIN, times, axis=0))
    assert survey.usable.tolist() == list(range(0, 24 * times, times)) and not survey.flat


def test_nearly_equal_frames_are_repeated_if_the_others_differ_clearly():
    repeated = np.repeat(PLAIN, 3, axis=0)
    repeated[1::3, ::5, ::5] += 1  # 4 % of the pixels
    assert survey_frames(repeated).usable.tolist() == list(range(0, 72, 3))
    # A quiet sequence without noise, and a long quiet stretch, are not.
    quiet = np.repeat(PLAIN[:1], 24, axis=0)
    quiet += (np.arange(24)[:, None, None] % 2 * (RNG.random((40, 48)) < 0.04)).astype(np.uint16)
    assert survey_frames(quiet) == Survey(24)
    assert survey_frames(np.concatenate([PLAIN, quiet])) == Survey(48)


@pytest.mark.parametrize("value", [0, 65535, 700, "noise"])
@pytest.mark.parametrize("numbers", [(10,), (10, 11, 12)])
def test_a_closed_shutter_is_flat(value, numbers):
    frames = PLAIN.copy()
    frames[list(numbers)] = value if value != "noise" else RNG.integers(695, 705, (40, 48))
    survey = survey_frames(frames)
    assert survey.flat == numbers and not set(numbers) & set(survey.usable.tolist())


def test_another_scene_is_not_flat():
    faint = (SCENE / 10 + RNG.normal(0, 1, (24, 40, 48))).round().astype(np.uint16)
    assert survey_frames(np.concatenate([PLAIN, faint])).rescaled == 24
    assert not survey_frames(np.concatenate([PLAIN, faint])).flat
    assert not survey_frames(np.concatenate([faint, PLAIN])).flat


def test_a_frozen_sequence_has_one_new_frame():
    assert survey_frames(PLAIN[:1].repeat(5, axis=0)).usable.tolist() == [0]
    assert survey_frames(np.zeros((5, 8, 8), np.uint8)).usable.tolist() == [0]


def test_a_lasting_change_of_the_grey_levels_is_found():
    assert survey_frames(np.concatenate([PLAIN[:8], PLAIN[8:] >> 4])).rescaled == 8
    assert survey_frames(np.concatenate([PLAIN[:5] >> 2, PLAIN[5:]])).rescaled == 5
    drift = (PLAIN + 20 * np.arange(24)[:, None, None]).astype(np.uint16)
    assert survey_frames(drift).rescaled is None
    shutter = PLAIN.copy()
    shutter[10:14] = 40
    assert survey_frames(shutter).rescaled is None
