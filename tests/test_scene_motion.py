"""Motions of the scene as numbers: moved points, composed motions, resampled frames."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.data.alignment import align, align_levels, align_to_pixels
from dimjax.data.scene_motion import (
    followed_by,
    relative_to,
    scale_of,
    to_frame,
    to_scene,
    turned,
)

QUARTER = np.array([3.0, 1.0, 0.0, 2.0])  # a quarter turn from x to y, twice as large


def motions(length):
    """Motions of one kind: shifts, or similarities that shrink nothing to a point."""
    number, factor = st.floats(-50, 50), st.floats(0.2, 2)
    similarity = st.tuples(number, number, factor, st.floats(-2, 2)).map(np.array)
    shift = st.tuples(number, number).map(np.array)
    return st.one_of(st.tuples(*[kind] * length) for kind in (shift, similarity))


def test_motions_worked_by_hand():
    points = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    np.testing.assert_array_equal(to_frame(points, QUARTER), [[3, 3], [1, 1], [3, 1]])
    np.testing.assert_array_equal(turned(points[0], QUARTER), [0, 2])
    np.testing.assert_array_equal(turned(points[0], QUARTER[:2]), points[0])
    assert scale_of(QUARTER) == 2 and scale_of(QUARTER[:2]) == 1
    np.testing.assert_array_equal(followed_by(QUARTER, QUARTER), [1, 7, -4, 0])
    np.testing.assert_array_equal(relative_to(QUARTER, QUARTER), [0, 0, 1, 0])


@given(motions(2), st.tuples(st.floats(-99, 99), st.floats(-99, 99)).map(np.array))
def test_motions_are_undone_and_composed(pair, point):
    first, second = pair
    np.testing.assert_allclose(to_scene(to_frame(point, first), first), point, atol=1e-9)
    there = to_frame(to_frame(point, first), relative_to(second, first))
    np.testing.assert_allclose(there, to_frame(point, second), atol=1e-8)
    after = to_frame(to_frame(point, first), second)
    np.testing.assert_allclose(to_frame(point, followed_by(first, second)), after, atol=1e-8)


@pytest.mark.parametrize("resample", [align_levels, align_to_pixels])
def test_a_quarter_turn_about_a_pixel_moves_pixels_as_they_are(resample):
    frame, other = np.arange(12, dtype=np.uint8).reshape(3, 4), np.full((3, 4), 99, np.uint8)
    # About (1.5, 1.5): the point (x, y) is at (3 - y, x), that of a pixel in the column 2 - row.
    turned_back = [[2, 6, 10, 99], [1, 5, 9, 99], [0, 4, 8, 99]]
    motion = np.array([3.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(resample(frame, motion, other), turned_back)


def test_nearest_pixels_keep_their_values():
    frame, other = np.array([[1, 50, 200]], np.uint8), np.array([[7, 8, 9]], np.uint8)
    for motion in ([0.6, 0.0], [0.6, 0.0, 1.0, 0.0]):
        assert align_to_pixels(frame, np.array(motion), other).tolist() == [[50, 200, 9]]
    # Twice as large, and moved: the pixel centres 0.5 and 1.5 are seen at 1.5 and 3.5.
    assert align_to_pixels(frame, np.array([0.5, -0.5, 2, 0]), other).tolist() == [[50, 8, 9]]


@given(st.integers(-24, 24), st.integers(-24, 24))
def test_a_similarity_that_is_a_shift_resamples_as_one(x, y):
    frame, reference = np.random.default_rng(0).integers(0, 255, (2, 12, 17)).astype(np.uint8)
    shift = np.array([x, y]) / 8
    expected = align(frame, shift, reference)
    similar = align(frame, np.array([*shift, 1.0, 0.0]), reference)
    np.testing.assert_allclose(similar, expected, atol=1e-3)


def test_a_similarity_in_jax_is_that_in_numpy():
    frame, reference = np.random.default_rng(0).integers(0, 255, (2, 12, 17)).astype(np.uint8)
    motion = np.array([1.3, -2.6, 0.97, 0.11], np.float32)
    expected = align(frame, motion, reference)
    np.testing.assert_allclose(jax.jit(align)(frame, motion, reference), expected, atol=1e-2)
    assert (expected == reference).any() and (expected != reference).sum() > 100
