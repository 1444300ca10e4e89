"""The input modes, normalisation and augmentation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.training.inputs import (
    MODES,
    add_noise,
    channel_count,
    network_input,
    random_turns,
    skipped_channels,
    turn,
    turn_back,
)


def _clip():
    frames = np.zeros((1, 4, 2, 3), np.uint16)
    frames[0, :, 1, 2] = [1000, 900, 1100, 1000]
    return jnp.asarray(frames), jnp.array([[900.0, 50.0]])


def test_differences_are_f1_minus_the_other_frames_in_noise_sigmas():
    images = network_input(*_clip(), mode="difference")
    assert images.shape == (1, 2, 3, 3)
    np.testing.assert_allclose(images[0, 1, 2], np.arcsinh([2.0, -2.0, 0.0]), rtol=1e-6)


def test_sequence_and_single_are_frames_in_noise_sigmas_from_the_level():
    np.testing.assert_allclose(network_input(*_clip(), mode="sequence")[0, 1, 2], [2, 0, 4, 2])
    np.testing.assert_allclose(network_input(*_clip(), mode="single")[0, 1, 2], [2])


def _evidence():
    """Zeros but for one pixel with sums of 6 and 4.5, a residual of -2 and a contrast of 3."""
    evidence = np.zeros((1, 2, 3, 4), np.float16)
    evidence[0, 1, 2] = 6, 4.5, -2, 3
    return jnp.asarray(evidence)


@pytest.mark.parametrize("mode", ["difference", "sequence", "single"])
def test_evidence_follows_the_channels_of_the_frames(mode):
    of_frames = network_input(*_clip(), mode)
    image = network_input(*_clip(), mode + "+evidence", _evidence())
    assert image.shape == (1, 2, 3, channel_count(mode, 0) + 4) and image.dtype == jnp.float32
    assert channel_count(mode + "+evidence", 4) == image.shape[-1]
    np.testing.assert_array_equal(image[..., :-4], of_frames)
    expected = [2, 1, np.arcsinh(-2), np.arcsinh(3)]
    np.testing.assert_allclose(image[0, 1, 2, -4:], expected, rtol=1e-6)
    np.testing.assert_allclose(image[0, 0, 0, -4:], [-2, -2, 0, 0])
    # The other modes do not use it.
    np.testing.assert_array_equal(network_input(*_clip(), mode, _evidence()), of_frames)


def test_the_bounded_channels_go_past_the_backbone():
    for mode, count in (("difference", 7), ("sequence", 4), ("single", 4)):
        assert skipped_channels(mode, 4) == 0 and channel_count(mode, 4) == channel_count(mode, 0)
        assert skipped_channels(f"{mode}+evidence", 4) == count
        assert skipped_channels(f"{mode}+evidence", 6) == count + 2


def test_a_chip_and_the_frame_have_the_same_input_at_the_same_position():
    frames = jax.random.randint(jax.random.key(0), (1, 4, 40, 56), 0, 16383).astype(jnp.uint16)
    scale = jnp.array([[8000.0, 7.0]])
    evidence = jax.random.normal(jax.random.key(1), (1, 40, 56, 4))
    for mode in MODES:
        frame = network_input(frames, scale, mode, evidence)[:, 8:24, 16:32]
        chip = frames[..., 8:24, 16:32], scale, mode, evidence[:, 8:24, 16:32]
        np.testing.assert_array_equal(frame, network_input(*chip))


MODE = "difference+evidence"
TURNS = jnp.array([(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)], bool)


@given(column=st.integers(0, 7), row=st.integers(0, 7))
def test_boxes_turn_with_their_pixels_and_back(column, row):
    images = jnp.zeros((8, 8, 8, 3)).at[:, row, column].set(1.0)
    boxes = jnp.tile(jnp.array([[[column + 0.5, row + 0.5, 3.0, 1.0]]]), (8, 1, 1))
    images, turned = turn(TURNS, images, boxes)
    _, lit_row, lit_column = np.argwhere(images[..., 0]).T
    np.testing.assert_allclose(turned[:, 0, 0], lit_column + 0.5)
    np.testing.assert_allclose(turned[:, 0, 1], lit_row + 0.5)
    np.testing.assert_allclose(turned[:, 0, 2], np.where(TURNS[:, 2], 1.0, 3.0))
    np.testing.assert_allclose(turn_back(TURNS, turned[..., :2] - 4), boxes[..., :2] - 4)


def test_evidence_turns_with_the_frames():
    rng = np.random.default_rng(2)
    evidence = jnp.asarray(rng.normal(3, 2, (8, 6, 6, 4)), jnp.float16)
    frames = jnp.asarray(rng.integers(0, 4000, (8, 4, 6, 6), np.uint16))
    images = network_input(frames, jnp.tile(jnp.array([[900.0, 50.0]]), (8, 1)), MODE, evidence)
    turned, _ = turn(TURNS, images, jnp.zeros((8, 1, 4)))
    cases = (np.asarray(values) for values in (images, turned, TURNS))
    for image, result, (left_right, up_down, transpose) in zip(*cases, strict=True):
        image = image[:, ::-1] if left_right else image
        image = image[::-1] if up_down else image
        image = image.swapaxes(0, 1) if transpose else image
        np.testing.assert_array_equal(result, image)


def test_all_eight_symmetries_occur():
    images = jnp.tile(jnp.arange(9.0).reshape(1, 3, 3, 1), (200, 1, 1, 1))
    turned, _ = turn(random_turns(jax.random.key(0), 200), images, jnp.zeros((200, 1, 4)))
    assert len({tuple(np.ravel(image).tolist()) for image in np.asarray(turned)}) == 8


def test_the_scale_contains_the_added_noise():
    frames = jnp.full((400, 4, 16, 16), 1000, jnp.uint16)
    scale = jnp.tile(jnp.array([[1000.0, 2.0]]), (400, 1))
    noisy, measured = add_noise(jax.random.key(0), frames, scale, max_sigmas=10.0)
    # The frames have no noise of their own; the scale counts it as 2.
    added = np.std(noisy, axis=(1, 2, 3))
    np.testing.assert_allclose(np.hypot(added, 2.0), measured[:, 1], rtol=0.12)
    np.testing.assert_array_equal(measured[:, 0], 1000.0)
    assert 0.4 < np.mean(added < 2 * 10 / 8) < 0.6 and added.max() < 20.5
    same, unchanged = add_noise(jax.random.key(0), frames, scale, max_sigmas=0.0)
    np.testing.assert_array_equal(same, frames)
    np.testing.assert_array_equal(unchanged, scale)
