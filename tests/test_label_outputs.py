"""Recorded outputs at labels and away from them, on hand-made grids."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dimjax.training import label_outputs
from dimjax.training.inputs import turn

STRIDE, MATCH_PX = 8, 3.0
outputs_at_labels = jax.jit(label_outputs.outputs_at_labels, static_argnums=2)
unmatched_peak = jax.jit(label_outputs.unmatched_peak, static_argnums=3)


def _outputs():
    """A 4x2 grid of stride 8: one confident cell in row 1, column 0, a weaker one in row 3."""
    outputs = jnp.zeros((1, 4, 2, 7)).at[..., 4].set(-9.0)
    outputs = outputs.at[0, 1, 0].set(jnp.array([0.25, -0.125, 0.0, 0.0, 5.0, 2.0, -2.0]))
    return outputs.at[0, 3, 1, 4].set(1.0)


def test_outputs_are_those_of_the_cell_of_the_label():
    # The cell's centre is (4, 12); it predicts (4 + 0.25 * 8, 12 - 0.125 * 8) = (6, 11).
    boxes = jnp.array([[[5.0, 13.5, 3.0, 3.0], [12.0, 28.0, 2.0, 2.0]]])
    at_labels = outputs_at_labels(_outputs(), boxes, STRIDE)
    np.testing.assert_allclose(at_labels[0, 0], [5.0, 2.0, -2.0, 1.0, -2.5])
    np.testing.assert_allclose(at_labels[0, 1], [1.0, 0.0, 0.0, 0.0, 0.0])


def test_a_label_on_the_last_border_has_the_outputs_of_the_last_cell():
    # The cell's centre is (12, 28) and it predicts that point; the label is 4 px off on each axis.
    at_labels = outputs_at_labels(_outputs(), jnp.array([[[16.0, 32.0, 3.0, 3.0]]]), STRIDE)
    np.testing.assert_allclose(at_labels[0, 0], [1.0, 0.0, 0.0, -4.0, -4.0])


def test_the_unmatched_peak_is_away_from_every_label():
    boxes = jnp.array([[[6.5, 11.0, 3.0, 3.0]]])
    sigmoid = 1 / (1 + np.exp([-5.0, -1.0]))
    beside = unmatched_peak(_outputs(), boxes, jnp.array([[0]]), STRIDE, MATCH_PX)
    np.testing.assert_allclose(beside, [[sigmoid[1], 12.0, 28.0]], rtol=1e-6)
    absent = unmatched_peak(_outputs(), boxes, jnp.array([[-1]]), STRIDE, MATCH_PX)
    np.testing.assert_allclose(absent, [[sigmoid[0], 6.0, 11.0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("match_px", "distance", "matched"),
    [(3.0, 2.9, True), (3.0, 3.1, False), (6.0, 5.9, True), (6.0, 6.1, False)],
)
def test_a_peak_is_matched_within_the_matching_radius(match_px, distance, matched):
    boxes = jnp.array([[[6.0 + distance, 11.0, 3.0, 3.0]]])  # the peak is at (6, 11)
    peak = unmatched_peak(_outputs(), boxes, jnp.array([[0]]), STRIDE, match_px)
    assert peak[0, 1:].tolist() == ([12.0, 28.0] if matched else [6.0, 11.0])


@jax.jit
def _turn_outputs(turns, outputs):
    """Outputs of a network that is equivariant under the symmetries of the square."""
    outputs, _ = turn(turns, outputs, jnp.zeros((len(turns), 1, 4)))
    left_right, up_down, transpose = jnp.moveaxis(turns, -1, 0)[..., None, None, None]
    x, y, w, h, *logits = jnp.split(outputs, 7, axis=-1)
    x, y = jnp.where(left_right, -x, x), jnp.where(up_down, -y, y)
    x, y, w, h = (
        jnp.where(transpose, other, own) for own, other in ((x, y), (y, x), (w, h), (h, w))
    )
    return jnp.concatenate([x, y, w, h, *logits], axis=-1)


def test_recorded_outputs_of_turned_chips_are_those_of_unturned_ones():
    turns = jnp.array([(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)], bool)
    keys = jax.random.split(jax.random.key(0), 2)
    outputs = jnp.tile(jax.random.normal(keys[0], (1, 3, 3, 7)), (8, 1, 1, 1))
    boxes = jnp.tile(jax.random.uniform(keys[1], (1, 2, 4), minval=1.0, maxval=23.0), (8, 1, 1))
    category = jnp.tile(jnp.array([[0, 1]]), (8, 1))
    _, turned_boxes = turn(turns, jnp.zeros((8, 24, 24, 1)), boxes)
    settings = {"chip_px": 24, "stride": STRIDE, "match_px": MATCH_PX}
    record = jax.jit(partial(label_outputs.outputs_to_record, **settings))
    expected = record(jnp.zeros_like(turns), outputs, boxes, category)
    recorded = record(turns, _turn_outputs(turns, outputs), turned_boxes, category)
    assert {name: values.shape for name, values in recorded.items()} == {
        "label_outputs": (8, 2, 5),
        "unmatched_peak": (8, 3),
    }
    for name, values in recorded.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-4, err_msg=name)
