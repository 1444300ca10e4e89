"""Numbers of the image at locations: worked out by hand, and properties."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dimjax.data.sequences import as_sequence, skip_repeated
from dimjax.tracks import APPEARANCE, measure_appearance

LEVEL, NOISE = 1000, 10.0


def locations(*rows):
    return pd.DataFrame(rows, columns=["frame", "x", "y"])


def measured(frames, *rows, stride=1):
    sequence = as_sequence(np.asarray(frames, np.uint16))
    return measure_appearance(locations(*rows), sequence, NOISE, stride)


def sky(length=8, side=41):
    return np.full((length, side, side), LEVEL)


def test_a_single_pixel_by_hand():
    frames = sky()
    frames[2, 20, 22] += 100
    row = measured(frames, (2, 21.0, 20.0)).iloc[0]
    for image in ("frame", "change"):
        of = row.filter(like=f"{image}_").rename(lambda name: name.partition("_")[2])  # noqa: B023
        assert of.contrast == of.flux == 10 and of.area == of.sharpness == 1
        assert of.length == of.width == pytest.approx(np.sqrt(1 / 12)) and of.clutter == 0
    assert row.standing == 0 and row.dark == 0


def test_a_line_is_longer_than_wide_and_may_be_dark():
    frames = sky()
    frames[2, 19:22, 20] -= 100
    row = measured(frames, (2, 20.5, 20.5)).iloc[0]
    assert row.frame_length == pytest.approx(np.sqrt(2 / 3 + 1 / 12))
    assert row.frame_width == pytest.approx(np.sqrt(1 / 12))
    assert row.frame_area == 3 and row.frame_sharpness == pytest.approx(1 / 3)
    assert row.frame_contrast == 10 and row.dark == 1


def test_what_stands_does_not_change():
    frames = sky()
    frames[:, 20, 20] += 100
    row = measured(frames, (2, 20.5, 20.5)).iloc[0]
    assert row.frame_contrast == 10 and row.change_contrast == 0 and row.standing == 1


def test_clutter_is_the_spread_of_the_surroundings():
    frames = sky() + 20 * np.indices((41, 41)).sum(axis=0) % 40  # a chessboard of 0 and 20
    row = measured(frames, (2, 20.5, 20.5)).iloc[0]
    assert row.frame_clutter == pytest.approx(1.4826 * 2, rel=0.5) and row.change_clutter == 0


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_turned_frames_have_the_same_numbers(seed, turns):
    frames = np.random.default_rng(seed).integers(900, 1100, (4, 41, 41))
    frames[0, 20, 20] = 4000  # an unambiguous peak
    row = measured(frames, (0, 20.5, 20.5))
    turned = measured(np.rot90(frames, turns, axes=(1, 2)), (0, 20.5, 20.5))
    np.testing.assert_allclose(row, turned, atol=1e-9)


def test_each_frame_is_read_once_and_rows_keep_their_index():
    frames, reads = sky(20), []
    sequence = as_sequence(frames.astype(np.uint16))
    sequence = replace(sequence, read=lambda t: reads.append(t) or frames[t].astype(np.uint16))
    table = locations(*[(t, 3.0, 40.9) for t in reversed(range(20))]).set_axis(range(5, 25))
    values = measure_appearance(table, sequence, NOISE, stride=2)
    assert sorted(reads) == list(range(20)) and values.index.tolist() == list(range(5, 25))
    assert tuple(values.columns) == APPEARANCE and np.isfinite(values).all(axis=None)
    assert measure_appearance(table[:0], sequence, NOISE, stride=2).empty


def test_repeated_frames_do_not_hide_the_change():
    frames = np.random.default_rng(1).integers(900, 1100, (9, 41, 41)).astype(np.uint16)
    twice = skip_repeated(as_sequence(np.repeat(frames, 2, axis=0)))
    once = measured(frames, (2, 20.5, 20.5), (3, 9.0, 30.0))
    table = locations((4, 20.5, 20.5), (7, 9.0, 30.0))  # a first and a second copy
    pd.testing.assert_frame_equal(measure_appearance(table, twice, NOISE, stride=1), once)
