"""The step: that it learns, that devices do not change it, that it can be resumed."""

import re
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType

from dimjax.chips.examples import Examples
from dimjax.models import create_detector
from dimjax.training import loss_query, steps
from dimjax.training.forecast import Forecast

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


def setup(devices: int, dtype=jnp.float32, augmented: bool = True):
    """Chips, a fresh state and the compiled steps on some of the four simulated devices."""
    model = create_detector("darknet19", width=0.25, output_stride=STRIDE, dtype=dtype)
    optimizer = steps.make_optimizer("adamw", 1e-2, 1e-2, warmup_steps=2, steps=24)
    mesh, key = mesh_of(devices), jax.random.key(0)
    state = steps.initial_state(model, optimizer, mesh, 3, STRIDE, key)
    loss = {"mode": "difference", "stride": STRIDE, "a": 1.0, "b": 1.0}
    train_steps = steps.make_train_steps(
        model, optimizer, mesh, **loss, augmented=augmented, noise=0.0, key=key
    )
    return steps.on_device(some_examples(24), mesh), state, train_steps


def train(chips, state, train_steps, epochs):
    losses = []
    for epoch in epochs:
        order = steps.epoch_order(24, 8, (0, epoch))
        state, found = steps.train_epoch(train_steps, state, chips, order)
        losses.append(found)
    return state, losses


@pytest.fixture(scope="module")
def one_device():
    chips, state, train_steps = setup(1)
    return train(chips, state, train_steps, range(8))


def test_the_loss_falls_and_every_example_has_one(one_device):
    _, losses = one_device
    assert losses[0]["total"].shape == (24,)
    assert losses[-1]["total"].mean() < 0.7 * losses[0]["total"].mean()
    total = losses[0]["location"] + losses[0]["confidence"] + losses[0]["category"]
    np.testing.assert_allclose(losses[0]["total"], total, rtol=1e-5)


def test_four_devices_give_the_losses_of_one(one_device):
    assert jax.device_count() == 4
    _, losses = train(*setup(4), range(2))
    for expected, found in zip(one_device[1], losses, strict=False):
        np.testing.assert_allclose(found["total"], expected["total"], rtol=2e-3)


def test_a_resumed_training_is_the_same_training(one_device):
    chips, state, train_steps = setup(1)
    state, _ = train(chips, state, train_steps, range(2))
    saved = jax.device_get(state)
    state, losses = train(chips, jax.device_put(saved), train_steps, range(2, 8))
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(one_device[0]), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(losses[-1]["total"], one_device[1][-1]["total"])


def test_bfloat16_trains_and_keeps_float32_parameters():
    state, losses = train(*setup(1, dtype=jnp.bfloat16), range(3))
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {jnp.dtype("float32")}
    assert losses[-1]["total"].mean() < 0.8 * losses[0]["total"].mean()


def test_scan_and_single_steps_agree(monkeypatch, one_device):
    monkeypatch.setattr(steps, "steps_per_call", lambda: 2)
    _, losses = train(*setup(1), range(1))
    np.testing.assert_allclose(losses[0]["total"], one_device[1][0]["total"], rtol=1e-3)


def test_an_epoch_takes_each_example_and_fills_the_last_step():
    order = steps.epoch_order(10, 4, (0, 0, 1))
    assert order.shape == (3, 4)
    assert sorted(order.ravel()[:10].tolist()) == list(range(10))
    assert order.ravel()[10:].tolist() == order.ravel()[:2].tolist()
    assert (order == steps.epoch_order(10, 4, (0, 0, 1))).all()
    assert (order != steps.epoch_order(10, 4, (0, 0, 2))).any()


def test_the_loss_query_needs_no_labels_to_be_present():
    model = create_detector("darknet19", width=0.25, output_stride=STRIDE)
    images = jnp.zeros((1, SIZE, SIZE, 3))
    variables = jax.jit(lambda key: model.init(key, images, train=False))(jax.random.key(0))
    query = loss_query.make_losses(model, mode="difference", stride=STRIDE, a=1.0, b=1.0)
    chips = steps.on_device(some_examples(6), mesh_of(1))
    chips = chips._replace(category=chips.category.at[3].set(-1))
    losses = query(variables, chips, np.array([3, 0]))
    assert losses["location"][0] == 0 and losses["location"][1] > 0


def test_a_loss_that_is_not_finite_stops_the_training():
    def explode(state, chips, index):
        return state, {"total": np.full(index.shape, np.nan)}

    order = steps.epoch_order(4, 2, (0,))
    with pytest.raises(FloatingPointError, match="4 examples is not finite. Lower training.lear"):
        steps.train_epoch(explode, None, None, order)


def test_weight_decay_spares_biases_and_batch_norm():
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    optimizer = steps.make_optimizer("adamw", 1.0, 0.1, warmup_steps=0, steps=10)
    zero = jax.tree.map(jnp.zeros_like, params)
    changes, _ = optimizer.update(zero, optimizer.init(params), params)
    np.testing.assert_allclose(changes["kernel"], -0.1)
    np.testing.assert_array_equal(changes["bias"], 0)


def test_adam_keeps_its_rate_after_the_warm_up():
    optimizer = steps.make_optimizer("adam", 0.5, 0.1, warmup_steps=2, steps=4)
    params = state = jnp.ones(1)
    state = optimizer.init(params)
    sizes = []
    for _ in range(6):
        change, state = optimizer.update(jnp.ones(1), state, params)
        sizes.append(float(-change[0]))
        params = optax.apply_updates(params, change)
    np.testing.assert_allclose(sizes, [0, 0.25, 0.5, 0.5, 0.5, 0.5], rtol=1e-4)


@pytest.mark.parametrize("calls", [2, 8])
def test_the_forecast_tells_compiling_from_training(capsys, calls):
    forecast = Forecast(epochs=1000, steps=2 * calls)
    for done, block in enumerate(forecast.watch([np.zeros((2, 8), int)] * calls)):
        assert block.shape == (2, 8)
        time.sleep(0.02 if done else 0.5)
    for _ in forecast.watch([np.zeros((2, 8), int)] * calls):  # it is said once
        pass
    (told,) = re.findall(
        r"compiling took (.*) s; it will take about (.*), (.*) s a step", capsys.readouterr().out
    )
    assert 0.4 < float(told[0]) < 0.7
    assert 0.009 < float(told[2]) < 0.1
    assert told[1].endswith(("minutes", "seconds"))


def test_where_an_epoch_is_one_call_the_second_gives_the_forecast(capsys):
    forecast = Forecast(epochs=1000, steps=2)
    for seconds in (0.3, 0.01, 0.01):
        for _ in forecast.watch([np.zeros((2, 8), int)]):
            time.sleep(seconds)
    bound, told = capsys.readouterr().out.splitlines()
    assert bound.startswith("compiling and the first 2 steps took 0.3 s; all: less than 5.")
    assert told.startswith("compiling took 0.") and "it will take about 1" in told
