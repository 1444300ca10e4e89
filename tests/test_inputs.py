"""The three input modes, normalisation and augmentation."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dimjax.inputs import augment, network_input


def _clip():
    frames = np.zeros((1, 4, 2, 3), np.uint16)
    frames[0, :, 1, 2] = [1000, 900, 1100, 1000]
    return jnp.asarray(frames), jnp.array([[900.0, 50.0]])


def test_differences_are_f1_minus_the_others_in_noise_sigmas():
    images = network_input(*_clip(), mode="difference")
    assert images.shape == (1, 2, 3, 3)
    np.testing.assert_allclose(images[0, 1, 2], np.arcsinh([2.0, -2.0, 0.0]), rtol=1e-6)


def test_sequence_and_single_are_frames_in_noise_sigmas_from_the_level():
    np.testing.assert_allclose(network_input(*_clip(), mode="sequence")[0, 1, 2], [2, 0, 4, 2])
    np.testing.assert_allclose(network_input(*_clip(), mode="single")[0, 1, 2], [2])


def test_a_place_gives_the_same_numbers_in_a_chip_and_in_the_frame():
    frames = jax.random.randint(jax.random.key(0), (1, 4, 40, 56), 0, 16383).astype(jnp.uint16)
    scale = jnp.array([[8000.0, 7.0]])
    for mode in ("difference", "sequence", "single"):
        frame = network_input(frames, scale, mode)[:, 8:24, 16:32]
        np.testing.assert_array_equal(frame, network_input(frames[..., 8:24, 16:32], scale, mode))


@given(seed=st.integers(0, 2**16), column=st.integers(0, 7), row=st.integers(0, 7))
def test_augmentation_turns_boxes_with_their_pixels(seed, column, row):
    images = jnp.zeros((1, 8, 8, 3)).at[0, row, column].set(1.0)
    boxes = jnp.array([[[column + 0.5, row + 0.5, 3.0, 1.0]]])
    images, boxes = augment(jax.random.key(seed), images, boxes)
    (lit_row, lit_column), *_ = np.argwhere(images[0, ..., 0])
    np.testing.assert_allclose(boxes[0, 0, :2], [lit_column + 0.5, lit_row + 0.5])
    assert sorted(boxes[0, 0, 2:].tolist()) == [1.0, 3.0]


def test_all_eight_symmetries_come_up():
    images = jnp.tile(jnp.arange(9.0).reshape(1, 3, 3, 1), (200, 1, 1, 1))
    turned, _ = augment(jax.random.key(0), images, jnp.zeros((200, 1, 4)))
    assert len({tuple(np.ravel(image).tolist()) for image in np.asarray(turned)}) == 8
