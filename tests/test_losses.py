"""Hand-worked numbers for the paper's Eqs. (2)-(4)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dimjax.training.losses import assign, detection_loss

LN2 = np.log(2)


def _outputs(cells: dict[tuple[int, int], list[float]], grid=(2, 3)) -> jax.Array:
    outputs = np.zeros((1, *grid, 7), np.float32)
    for place, values in cells.items():
        outputs[0][place] = values
    return jnp.asarray(outputs)


def test_a_label_goes_to_the_cell_that_holds_its_centre():
    # 21, 9 with stride 8: column 2, row 1, offset (21 - 20) / 8 and (9 - 12) / 8.
    boxes = jnp.array([[[21.0, 9.0, 8.0, 4.0], [0.0, 0.0, 0.0, 0.0]]])
    targets = assign(boxes, jnp.array([[1, -1]]), (2, 3), stride=8)
    assert np.argwhere(targets.confidence[0]).tolist() == [[1, 2]]
    np.testing.assert_allclose(targets.location[0, 1, 2], [0.125, -0.375, 0, -LN2], atol=1e-6)
    assert targets.category[0, 1, 2].tolist() == [0, 1]
    assert not targets.location[0, 0].any() and not targets.category[0, 0].any()


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
    losses = detection_loss(outputs, targets, a=2.0, b=3.0)
    np.testing.assert_allclose(losses["location"], [0.125 + 2.5], rtol=1e-6)
    # All logits are 0: ln 2 for each of the six cells, and for each of the two categories.
    np.testing.assert_allclose(losses["confidence"], [6 * LN2], rtol=1e-6)
    np.testing.assert_allclose(losses["category"], [2 * LN2], rtol=1e-6)
    np.testing.assert_allclose(losses["total"], [2 * 2.625 + 3 * 8 * LN2], rtol=1e-6)


def test_a_missed_label_costs_its_logit():
    # Confidence -5 where the label is: ln(1 + e^5); -5 elsewhere: ln(1 + e^-5).
    targets = assign(jnp.array([[[4.0, 4.0, 8.0, 8.0]]]), jnp.array([[0]]), (1, 2), stride=8)
    outputs = _outputs({(0, 0): [0, 0, 0, 0, -5, 0, 0], (0, 1): [0, 0, 0, 0, -5, 0, 0]}, (1, 2))
    losses = detection_loss(outputs, targets, a=1.0, b=1.0)
    expected = np.log1p(np.exp(5)) + np.log1p(np.exp(-5))
    np.testing.assert_allclose(losses["confidence"], [expected], rtol=1e-6)


def test_losses_of_examples_do_not_touch_each_other():
    rng = np.random.default_rng(0)
    outputs = jnp.asarray(rng.normal(size=(3, 4, 4, 7)), jnp.float32)
    boxes = jnp.asarray(rng.uniform(1, 31, (3, 2, 4)), jnp.float32)
    category = jnp.array([[0, 1], [1, -1], [-1, -1]])
    together = detection_loss(outputs, assign(boxes, category, (4, 4), 8), 1.0, 1.0)
    for i in range(3):
        one = slice(i, i + 1)
        alone = detection_loss(outputs[one], assign(boxes[one], category[one], (4, 4), 8), 1.0, 1.0)
        for part, values in together.items():
            np.testing.assert_allclose(values[one], alone[part], rtol=1e-6, err_msg=part)
    assert together["location"][2] == 0 and together["category"][2] == 0


@pytest.mark.parametrize("width", [0.0, 1e-30])
def test_gradients_are_finite_where_labels_are_absent(width):
    boxes = jnp.array([[[0.0, 0.0, width, width]]])

    def loss(outputs, boxes):
        targets = assign(boxes, jnp.array([[-1]]), (2, 3), 8)
        return detection_loss(outputs, targets, 1.0, 1.0)["total"].sum()

    for gradient in jax.grad(loss, argnums=(0, 1))(_outputs({}), boxes):
        assert np.isfinite(gradient).all()
