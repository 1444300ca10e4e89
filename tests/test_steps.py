"""The step: it learns, devices do not change it, it can be resumed, and every step differs."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType

from dimjax.chips.examples import Examples
from dimjax.models import create_detector
from dimjax.training import steps, train_state
from dimjax.training.chip_feed import on_device
from dimjax.training.meshes import on_mesh

STRIDE, SIZE = 8, 16


def some_examples(count: int, seed: int = 0) -> Examples:
    """Noise with a bright moving point on each chip, which is the target."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(1000, 5, (count, 4, SIZE, SIZE))
    x, y = rng.integers(2, SIZE - 2, (2, count))
    for k in range(4):
        frames[np.arange(count), k, y, (x + 2 * k) % SIZE] += 100
    boxes = np.stack([x + 0.5, y + 0.5, np.full(count, 3), np.full(count, 3)], -1)
    names = np.array([f"chip{i}" for i in range(count)])
    return Examples(
        id=names,
        sequence=names,
        frame=np.zeros(count, np.int32),
        origin=np.zeros((count, 2), np.int32),
        reason=names,
        frames=frames.astype(np.uint16),
        scale=np.tile(np.float32([1000, 5]), (count, 1)),
        boxes=boxes[:, None].astype(np.float32),
        category=np.zeros((count, 1), np.int8),
    )


def mesh_of(devices: int) -> jax.sharding.Mesh:
    chosen = jax.devices()[:devices]
    return jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,), devices=chosen)


make_train_steps = partial(
    steps.make_train_steps,
    mode="difference",
    stride=STRIDE,
    location_weight=1.0,
    classification_weight=1.0,
    match_px=3.0,
    key=jax.random.key(0),
)


def prepare(devices: int, dtype=jnp.float32):
    """Chips, a fresh state and the compiled steps on some of the four simulated devices."""
    model = create_detector("darknet19", width=0.25, output_stride=STRIDE, dtype=dtype)
    optimizer, mesh = train_state.make_optimizer("adamw", 1e-2, 1e-2, 2, 24), mesh_of(devices)
    state = train_state.initial_state(model, optimizer, mesh, 3, STRIDE, jax.random.key(0))
    train_steps = make_train_steps(model, optimizer, mesh, augmented=True, noise=0.0)
    return on_device(some_examples(24), mesh), state, train_steps


def train(chips, state, train_steps, epochs):
    losses = []
    for epoch in epochs:
        order = steps.epoch_order(24, 8, (0, epoch))
        state, recorded = steps.train_epoch(train_steps, state, chips, order)
        losses.append(recorded)
    return state, losses


@pytest.fixture(scope="module")
def one_device():
    """Chips, compiled steps, the state after two epochs, the state and losses of eight epochs."""
    chips, state, train_steps = prepare(1)
    state, first = train(chips, state, train_steps, range(2))
    saved = jax.device_get(state)
    state, others = train(chips, state, train_steps, range(2, 8))
    return chips, train_steps, saved, state, first + others


def test_the_loss_falls_and_every_example_has_one(one_device):
    *_, losses = one_device
    assert losses[0]["total"].shape == (24,)
    assert losses[-1]["total"].mean() < 0.7 * losses[0]["total"].mean()
    total = losses[0]["location"] + losses[0]["confidence"] + losses[0]["category"]
    np.testing.assert_allclose(losses[0]["total"], total, rtol=1e-5)


def test_four_devices_give_the_losses_of_one(one_device):
    assert jax.device_count() == 4
    _, losses = train(*prepare(4), range(2))
    for expected, recorded in zip(one_device[-1], losses, strict=False):
        np.testing.assert_allclose(recorded["total"], expected["total"], rtol=2e-3)


def test_a_resumed_training_is_the_same_training(one_device):
    chips, train_steps, saved, expected, expected_losses = one_device
    state = on_mesh(saved, mesh_of(1))
    state, losses = train(chips, state, train_steps, range(2, 8))
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(losses[-1]["total"], expected_losses[-1]["total"])


def test_bfloat16_trains_and_keeps_float32_parameters():
    state, losses = train(*prepare(1, dtype=jnp.bfloat16), range(3))
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {jnp.dtype("float32")}
    assert losses[-1]["total"].mean() < 0.8 * losses[0]["total"].mean()


class Patches(nn.Module):
    """A small network: one linear map of each patch of the stride's size."""

    @nn.compact
    def __call__(self, images, train):
        images = nn.BatchNorm(use_running_average=not train)(images)
        return nn.Conv(7, (STRIDE, STRIDE), STRIDE)(images)


class Pooled(nn.Module):
    """A network that turns with its chips: each cell's confidence is its mean difference."""

    @nn.compact
    def __call__(self, images, train):
        cells = nn.avg_pool(jnp.abs(images), (STRIDE, STRIDE), (STRIDE, STRIDE))
        cells = nn.BatchNorm(use_running_average=not train)(cells)
        logits = nn.Dense(3, kernel_init=nn.initializers.ones)(cells)
        return jnp.concatenate([jnp.zeros((*logits.shape[:-1], 4)), logits], axis=-1)


def prepare_small(model, learning_rate, **settings):
    rate = optax.constant_schedule(learning_rate)
    optimizer, mesh = train_state.Optimizer(optax.sgd(learning_rate), rate), mesh_of(1)
    state = train_state.initial_state(model, optimizer, mesh, 3, STRIDE, jax.random.key(0))
    train_steps = make_train_steps(model, optimizer, mesh, **settings)
    return on_device(some_examples(24), mesh), state, train_steps


def test_scanned_and_single_steps_agree(monkeypatch):
    settings = {"learning_rate": 0.1, "augmented": True, "noise": 1.0}
    _, single = train(*prepare_small(Patches(), **settings), range(2))
    monkeypatch.setattr(steps, "steps_per_call", lambda: 2)
    _, scanned = train(*prepare_small(Patches(), **settings), range(2))
    for name, values in scanned[1].items():
        np.testing.assert_allclose(values, single[1][name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("augmented", "noise"), [(False, 0.0), (True, 0.0), (False, 1.0)])
def test_each_step_draws_its_own_turns_and_noise(augmented, noise):
    settings = {"augmented": augmented, "noise": noise}
    chips, state, train_steps = prepare_small(Patches(), learning_rate=0.0, **settings)
    index, totals = np.arange(8)[None], []
    for _ in range(2):
        state, recorded = train_steps(state, chips, index)
        totals.append(np.asarray(recorded["total"]))
    assert np.array_equal(*totals) == (not augmented and not noise)


def test_outputs_are_recorded_in_the_coordinates_of_the_unturned_chips():
    recorded = []
    for augmented in (False, True):
        settings = {"augmented": augmented, "noise": 0.0}
        chips, state, train_steps = prepare_small(Pooled(), learning_rate=0.0, **settings)
        recorded.append(train_steps(state, chips, np.arange(24)[None])[1])
    assert np.ptp(recorded[0]["label_outputs"][..., 3:], axis=(0, 1, 2)).min() > 4
    for name, values in recorded[1].items():
        np.testing.assert_allclose(values, recorded[0][name], rtol=1e-4, atol=1e-4, err_msg=name)


def test_the_recorded_peak_is_farther_than_match_px_from_the_labels():
    settings = {"augmented": False, "noise": 0.0, "match_px": 8.0}
    chips, state, train_steps = prepare_small(Pooled(), learning_rate=0.0, **settings)
    peak = train_steps(state, chips, np.arange(24)[None])[1]["unmatched_peak"][0]
    distance = np.linalg.norm(peak[:, 1:] - chips.boxes[:, 0, :2], axis=-1)
    # A chip all of whose four cells match its label has no peak: its score is 0.
    assert ((peak[:, 0] > 0) == (distance >= 8.0)).all() and 0 < np.sum(peak[:, 0] > 0) < 24


def test_an_epoch_takes_each_example_and_fills_the_last_step():
    order = steps.epoch_order(10, 4, (0, 0, 1))
    assert order.shape == (3, 4)
    assert sorted(order.ravel()[:10].tolist()) == list(range(10))
    assert order.ravel()[10:].tolist() == order.ravel()[:2].tolist()
    assert (order == steps.epoch_order(10, 4, (0, 0, 1))).all()
    assert (order != steps.epoch_order(10, 4, (0, 0, 2))).any()


def test_a_loss_that_is_not_finite_stops_the_training():
    def explode(state, chips, index):
        return state, {"total": np.full(index.shape, np.nan)}

    order = steps.epoch_order(4, 2, (0,))
    with pytest.raises(FloatingPointError, match="4 examples are not finite. Start again, in anot"):
        steps.train_epoch(explode, None, None, order)


def test_weight_decay_spares_biases_and_batch_norm():
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    optimizer = train_state.make_optimizer("adamw", 1.0, 0.1, warmup_steps=0, steps=10)
    zero = jax.tree.map(jnp.zeros_like, params)
    changes, _ = optimizer.rule.update(zero, optimizer.init(params), params, rate=1.0)
    np.testing.assert_allclose(changes["kernel"], -0.1)
    np.testing.assert_array_equal(changes["bias"], 0)


def test_adam_keeps_its_rate_after_the_warm_up():
    optimizer = train_state.make_optimizer("adam", 0.5, 0.1, warmup_steps=2, steps=4)
    params = state = jnp.ones(1)
    state = optimizer.init(params)
    sizes = []
    for _ in range(6):
        rate = optimizer.rate(state[-1].count)
        change, state = optimizer.rule.update(jnp.ones(1), state, params, rate=rate)
        sizes.append(float(-change[0]))
        params = optax.apply_updates(params, change)
    np.testing.assert_allclose(sizes, [0, 0.25, 0.5, 0.5, 0.5, 0.5], rtol=1e-4)
