"""experiments/detection_changes.py: the changes that dimjax does not have, by hand."""

import math

import detection_changes as changes
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dimjax.coordinates import decode
from dimjax.detection.detector import create_model
from dimjax.training import meshes, step_programs, train_state
from dimjax.training.inputs import network_input
from dimjax.training.losses import assign, detection_loss
from dimjax.training.train_state import make_optimizer

pytestmark = pytest.mark.long

DESCRIPTION = {
    **{"backbone": "darknet19", "width": 0.125, "output_stride": 8, "context_px": None},
    **{"bf16": False, "input": "difference", "evidence": None},
}


def outputs_and_targets():
    outputs = jax.random.normal(jax.random.key(0), (2, 4, 4, 7))
    boxes = jnp.array([[[9.0, 20.0, 3.0, 3.0]], [[1.0, 1.0, 3.0, 3.0]]])
    return outputs, assign(boxes, jnp.array([[0], [-1]]), (4, 4), 8)


def test_another_confidence_loss_changes_the_total_alone():
    outputs, targets = outputs_and_targets()
    parts = detection_loss(outputs, targets, 10.0, 2.0)
    same = changes.with_confidence(optax.sigmoid_binary_cross_entropy)(outputs, targets, 10.0, 2.0)
    np.testing.assert_allclose(same["total"], parts["total"], rtol=1e-6)
    none = changes.with_confidence(lambda logits, filled: 0 * logits)(outputs, targets, 10.0, 2.0)
    np.testing.assert_allclose(none["total"], parts["total"] - 2 * parts["confidence"], rtol=1e-5)
    np.testing.assert_array_equal(none["confidence"], parts["confidence"])


def test_confidence_losses_by_hand():
    logits, filled = jnp.zeros((1, 2, 2)), jnp.array([[[1.0, 0.0], [0.0, 0.0]]])
    half = math.log(2)
    np.testing.assert_allclose(changes.focal(logits, filled), np.full((1, 2, 2), half / 4))
    expected = half * np.array([[[2.0, 2 / 3], [2 / 3, 2 / 3]]])
    np.testing.assert_allclose(changes.balanced(logits, filled), expected, rtol=1e-6)
    assert np.isfinite(changes.balanced(logits, 0 * filled)).all()
    expected = half * np.array([[[1.0, 2.5], [2.5, 2.5]]])  # confidence 0.5
    np.testing.assert_allclose(changes.hard_negatives(logits, filled), expected, rtol=1e-6)


def test_a_label_between_four_cells_is_in_all_of_them():
    boxes = jnp.array([[[16.0, 14.0, 4.0, 2.0], [0.0, 0.0, 1.0, 1.0]]])
    targets = changes.assign_softly(boxes, jnp.array([[1, -1]]), (4, 4), 8)
    expected = np.zeros((4, 4))  # centres of the cells are at 12 and 20: 14 is a quarter away
    expected[1, 1:3] = 0.5 * 0.75, 1.0
    expected[2, 1:3] = 0.5 * 0.25
    np.testing.assert_allclose(targets.confidence[0], expected)
    rows, columns = np.nonzero(expected)
    found = decode(targets.location[0, rows, columns], rows, columns, 8)
    np.testing.assert_allclose(found, np.tile([16.0, 14.0, 4.0, 2.0], (4, 1)), rtol=1e-6)
    np.testing.assert_array_equal(targets.category[0, rows, columns], [[0, 1]] * 4)
    assert not np.any(targets.location[0][expected == 0])
    alone = changes.assign_softly(boxes, jnp.array([[-1, -1]]), (4, 4), 8)
    assert not any(np.any(values) for values in alone)


def test_the_cell_of_a_label_is_its_own_beside_another():
    boxes = jnp.array([[[12.0, 12.0, 3.0, 3.0], [18.0, 12.0, 5.0, 5.0]]])
    soft = changes.assign_softly(boxes, jnp.array([[0, 1]]), (4, 4), 8)
    hard = assign(boxes, jnp.array([[0, 1]]), (4, 4), 8)
    filled = np.array(hard.confidence) > 0
    for one, other in zip(soft, hard, strict=True):
        np.testing.assert_allclose(one[filled], other[filled])


def test_other_rounding_moves_each_weight_to_a_neighbouring_number():
    arguments = (
        create_model(DESCRIPTION),
        make_optimizer("adam", 1e-3, 0.0, 1, 9),
        meshes.make_mesh(),
    )
    plain, moved = (
        jax.tree.leaves(make(*arguments, 3, 8, jax.random.key(0)).params)
        for make in (train_state.initial_state, changes.rounded_otherwise)
    )
    for one, other in zip(plain, moved, strict=True):
        low, high = np.nextafter(one, -np.inf), np.nextafter(one, np.inf)
        assert np.all((other == low) | (other == high) | (one == 0))
    assert any(
        (other > one).any() and (other < one).any() for one, other in zip(plain, moved, strict=True)
    )


@pytest.mark.parametrize("is_learnt", [False, True])
def test_a_model_from_frames_begins_as_one_of_differences(is_learnt):
    frames = np.random.default_rng(0).integers(90, 110, (2, 4, 16, 24)).astype(np.uint16)
    scale = jnp.array([[100.0, 3.0]] * 2)
    model = changes.from_frames(is_learnt=is_learnt, has_reference=False)(
        {**DESCRIPTION, "input": "sequence"}
    )
    images = network_input(frames, scale, "sequence")
    variables = model.init(jax.random.key(1), images, train=False)
    assert ("differences" in variables["params"]) == is_learnt
    plain = {name: values["detector"] for name, values in variables.items()}
    expected = create_model(DESCRIPTION).apply(
        plain, network_input(frames, scale, "difference"), train=False
    )
    outputs = model.apply(variables, images, train=False)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_the_reference_is_a_further_channel():
    model = changes.from_frames(is_learnt=False, has_reference=True)(
        {**DESCRIPTION, "input": "sequence"}
    )
    shapes = jax.eval_shape(
        lambda key: model.init(key, jnp.zeros((1, 16, 16, 4)), train=False), jax.random.key(0)
    )
    kernels = jax.tree.leaves(shapes["params"]["detector"]["backbone"])
    assert any(kernel.shape[:3] == (3, 3, 4) for kernel in kernels)


def test_symmetric_outputs_turn_with_the_image():
    model = create_model(DESCRIPTION)
    images = jax.random.normal(jax.random.key(0), (1, 16, 16, 3))
    variables = model.init(jax.random.key(1), images, train=False)
    nested = {name: {"detector": values} for name, values in variables.items()}
    apply = jax.jit(lambda images: changes.Symmetric(model).apply(nested, images, train=False))
    outputs = apply(images)
    assert np.abs(outputs - model.apply(variables, images, train=False)).max() > 1e-4
    rows, columns = np.indices((2, 2))
    boxes = decode(outputs[0, ..., :4], rows, columns, 8)
    left_right = apply(images[:, :, ::-1])
    mirrored = decode(left_right[0, ..., :4], rows, columns, 8)[:, ::-1]
    np.testing.assert_allclose(16 - mirrored[..., 0], boxes[..., 0], atol=1e-4)
    np.testing.assert_allclose(mirrored[..., 1:], boxes[..., 1:], atol=1e-4)
    np.testing.assert_allclose(left_right[:, :, ::-1, 4:], outputs[..., 4:], atol=1e-4)
    transposed = apply(images.swapaxes(1, 2)).swapaxes(1, 2)
    np.testing.assert_allclose(transposed[..., :4], outputs[..., [1, 0, 3, 2]], atol=1e-4)


def test_weights_are_averaged_beside_the_rule():
    params = {"w": jnp.array([1.0])}
    settings = ("adamw", 0.5, 0.0, 0, 10)
    plain, averaging = (make(*settings) for make in (make_optimizer, changes.averaging_optimizer))
    gradient, rate = {"w": jnp.array([2.0])}, 0.5
    expected, _ = plain.rule.update(gradient, plain.init(params), params, rate=rate)
    updates, state = averaging.rule.update(gradient, averaging.init(params), params, rate=rate)
    assert updates == expected
    np.testing.assert_allclose(state.average["w"], 1.0 + 0.005 * updates["w"], rtol=1e-6)


def test_a_fine_head_has_cells_of_two_pixels():
    model = changes.fine_model({**DESCRIPTION, "output_stride": 2})
    variables = model.init(jax.random.key(0), jnp.zeros((1, 16, 24, 3)), train=False)
    outputs = model.apply(variables, jnp.zeros((1, 16, 24, 3)), train=False)
    assert outputs.shape == (1, 8, 12, 7)
    np.testing.assert_allclose(outputs[..., 4], -6.0, atol=1e-3)


def test_parts_are_replaced_and_put_back():
    own = step_programs.assign
    with changes.CHANGES["soft assignment"]():
        assert step_programs.assign is changes.assign_softly
    assert step_programs.assign is own
