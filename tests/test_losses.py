"""Hand-worked numbers for the paper's Eqs. (2)-(4)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.training import inputs, losses

LN2 = np.log(2)
assign = jax.jit(losses.assign, static_argnames=("grid", "stride"))
detection_loss = jax.jit(losses.detection_loss)
turn = jax.jit(inputs.turn)
TURNS = jnp.array([(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)], bool)


def _outputs(cells: dict[tuple[int, int], list[float]], grid=(2, 3)) -> jax.Array:
    outputs = np.zeros((1, *grid, 7), np.float32)
    for cell, values in cells.items():
        outputs[0][cell] = values
    return jnp.asarray(outputs)


def test_a_label_is_assigned_to_the_cell_that_contains_its_centre():
    # 21, 9 with stride 8: column 2, row 1, offset (21 - 20) / 8 and (9 - 12) / 8.
    boxes = jnp.array([[[21.0, 9.0, 8.0, 4.0], [0.0, 0.0, 0.0, 0.0]]])
    targets = assign(boxes, jnp.array([[1, -1]]), (2, 3), stride=8)
    assert np.argwhere(targets.confidence[0]).tolist() == [[1, 2]]
    np.testing.assert_allclose(targets.location[0, 1, 2], [0.125, -0.375, 0, -LN2], atol=1e-6)
    assert targets.category[0, 1, 2].tolist() == [0, 1]
    assert not targets.location[0, 0].any() and not targets.category[0, 0].any()


@given(column=st.integers(0, 31), row=st.integers(0, 31))
def test_a_label_at_whole_pixels_stays_in_its_chip_when_the_chip_is_turned(column, row):
    # Mirrored, a label at x = 0 of a chip of 32 px lies at x = 32: in the last cell of its row.
    boxes = jnp.tile(jnp.array([[[column, row, 8.0, 8.0]]], jnp.float32), (8, 1, 1))
    category = jnp.zeros((8, 1), int)
    before = assign(boxes, category, (4, 4), stride=8).confidence
    expected, turned = turn(TURNS, before[..., None], boxes)
    _, turned = turn(TURNS, jnp.zeros((8, 32, 32, 1)), boxes)
    cells = np.argwhere(assign(turned, category, (4, 4), stride=8).confidence)
    assert cells[:, 0].tolist() == list(range(8))  # one cell in each chip
    on_border = column % 8 == 0 or row % 8 == 0  # between cells: either may have it
    assert on_border or cells.tolist() == np.argwhere(expected[..., 0]).tolist()
    centre = 8 * cells[:, :0:-1] + 4.0
    assert np.abs(turned[:, 0, :2] - centre).max() <= 4.0


def test_the_first_of_two_labels_in_a_cell_counts():
    boxes = jnp.array([[[3.0, 3.0, 3.0, 3.0], [5.0, 5.0, 3.0, 3.0]]])
    targets = assign(boxes, jnp.array([[0, 1]]), (1, 1), stride=8)
    assert targets.category[0, 0, 0].tolist() == [1, 0]
    np.testing.assert_allclose(targets.location[0, 0, 0, :2], [-0.125, -0.125])


def test_parts_of_the_loss_worked_by_hand():
    boxes = jnp.array([[[4.0, 4.0, 8.0, 8.0]]])
    targets = assign(boxes, jnp.array([[0]]), (2, 3), stride=8)
    # Location off by 0.5 in x and 3 in w: smooth L1 is 0.5 * 0.25 and 3 - 0.5.
    outputs = _outputs({(0, 0): [0.5, 0, 3.0, 0, 0, 0, 0]})
    parts = detection_loss(outputs, targets, location_weight=2.0, classification_weight=3.0)
    np.testing.assert_allclose(parts["location"], [0.125 + 2.5], rtol=1e-6)
    # All logits are 0: ln 2 for each of the six cells, and for each of the two categories.
    np.testing.assert_allclose(parts["confidence"], [6 * LN2], rtol=1e-6)
    np.testing.assert_allclose(parts["category"], [2 * LN2], rtol=1e-6)
    np.testing.assert_allclose(parts["total"], [2 * 2.625 + 3 * 8 * LN2], rtol=1e-6)


def test_a_missed_label_costs_its_logit():
    # Confidence -5 where the label is: ln(1 + e^5); -5 elsewhere: ln(1 + e^-5).
    targets = assign(jnp.array([[[4.0, 4.0, 8.0, 8.0]]]), jnp.array([[0]]), (1, 2), stride=8)
    outputs = _outputs({(0, 0): [0, 0, 0, 0, -5, 0, 0], (0, 1): [0, 0, 0, 0, -5, 0, 0]}, (1, 2))
    parts = detection_loss(outputs, targets, 1.0, 1.0)
    expected = np.log1p(np.exp(5)) + np.log1p(np.exp(-5))
    np.testing.assert_allclose(parts["confidence"], [expected], rtol=1e-6)


def test_losses_of_examples_are_independent():
    rng = np.random.default_rng(0)
    outputs = jnp.asarray(rng.normal(size=(3, 4, 4, 7)), jnp.float32)
    boxes = jnp.asarray(rng.uniform(1, 31, (3, 2, 4)), jnp.float32)
    category = jnp.array([[0, 1], [1, -1], [-1, -1]])
    batch = detection_loss(outputs, assign(boxes, category, (4, 4), 8), 1.0, 1.0)
    for i in range(3):
        one = slice(i, i + 1)
        alone = detection_loss(outputs[one], assign(boxes[one], category[one], (4, 4), 8), 1.0, 1.0)
        for part, values in batch.items():
            np.testing.assert_allclose(values[one], alone[part], rtol=1e-6, err_msg=part)
    assert batch["location"][2] == 0 and batch["category"][2] == 0


@pytest.mark.parametrize("width", [0.0, 1e-30])
def test_gradients_are_finite_if_labels_are_absent(width):
    boxes = jnp.array([[[0.0, 0.0, width, width]]])

    def loss(outputs, boxes):
        targets = assign(boxes, jnp.array([[-1]]), (2, 3), 8)
        return detection_loss(outputs, targets, 1.0, 1.0)["total"].sum()

    for gradient in jax.grad(loss, argnums=(0, 1))(_outputs({}), boxes):
        assert np.isfinite(gradient).all()
