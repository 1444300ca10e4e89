"""What the network says at labels, and away from them, on a hand-made grid."""

import jax.numpy as jnp
import numpy as np

from dimjax.training.responses import at_labels, strongest_stray


def _outputs():
    """A 4x2 grid of stride 8: one confident cell in row 1, column 0, a weaker one in row 3."""
    outputs = jnp.zeros((1, 4, 2, 7)).at[..., 4].set(-9.0)
    outputs = outputs.at[0, 1, 0].set(jnp.array([0.25, -0.125, 0.0, 0.0, 5.0, 2.0, -2.0]))
    return outputs.at[0, 3, 1, 4].set(1.0)


def test_answers_are_of_the_labels_own_cell():
    # The cell's centre is (4, 12); it predicts (4 + 0.25 * 8, 12 - 0.125 * 8) = (6, 11).
    boxes = jnp.array([[[5.0, 13.5, 3.0, 3.0], [12.0, 28.0, 2.0, 2.0]]])
    answers = at_labels(_outputs(), boxes, stride=8)
    np.testing.assert_allclose(answers[0, 0], [5.0, 2.0, -2.0, 1.0, -2.5])
    np.testing.assert_allclose(answers[0, 1], [1.0, 0.0, 0.0, 0.0, 0.0])


def test_a_stray_is_apart_from_every_label():
    boxes = jnp.array([[[6.5, 11.0, 3.0, 3.0]]])
    sigmoid = 1 / (1 + np.exp([-5.0, -1.0]))
    beside = strongest_stray(_outputs(), boxes, jnp.array([[0]]), stride=8)
    np.testing.assert_allclose(beside, [[sigmoid[1], 12.0, 28.0]], rtol=1e-6)
    absent = strongest_stray(_outputs(), boxes, jnp.array([[-1]]), stride=8)
    np.testing.assert_allclose(absent, [[sigmoid[0], 6.0, 11.0]], rtol=1e-6)
