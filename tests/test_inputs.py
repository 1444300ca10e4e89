"""The three input modes, normalisation and augmentation."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dimjax.training.inputs import add_noise, network_input, random_turns, turn, turn_back


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


def test_a_chip_and_the_frame_have_the_same_input_at_the_same_position():
    frames = jax.random.randint(jax.random.key(0), (1, 4, 40, 56), 0, 16383).astype(jnp.uint16)
    scale = jnp.array([[8000.0, 7.0]])
    for mode in ("difference", "sequence", "single"):
        frame = network_input(frames, scale, mode)[:, 8:24, 16:32]
        np.testing.assert_array_equal(frame, network_input(frames[..., 8:24, 16:32], scale, mode))


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
