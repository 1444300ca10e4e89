"""Training: one step, compiled once, over all devices; the loss of every example comes out.

In come examples, on the device or streamed to it, and the order to take them in; out come the
next state and the losses per example. All that is random is folded from (seed, round, epoch) on
the host and (seed, round, step) on the device, so that a resumed run is the same run.

    train_steps = make_train_steps(model, optimizer, mesh, mode="difference", ...)
    state = initial_state(model, optimizer, mesh, channels=3, key=key)
    for epoch in range(epochs):
        order = epoch_order(len(examples), batch_size, (seed, round, epoch))
        state, losses = train_epoch(train_steps, state, chips, order)      # losses: dict of [N]
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding

from dimjax.chips.examples import Examples, StoredFrames
from dimjax.training.inputs import add_noise, network_input, random_turns, turn
from dimjax.training.losses import assign, detection_loss
from dimjax.training.meshes import BY_EXAMPLE, REPLICATED, on_mesh
from dimjax.training.responses import before_turning
from dimjax.training.streaming import Streamed, streamed


class TrainState(NamedTuple):
    """All that a step changes."""

    step: jax.Array  # [] int32, steps taken
    params: Any
    batch_stats: Any  # running means and variances of batch norm
    opt_state: Any


class Chips(NamedTuple):
    """The part of the examples that the device needs."""

    frames: jax.Array  # [N, 4, h, w] uint8 or uint16
    scale: jax.Array  # [N, 2]
    boxes: jax.Array  # [N, M, 4]
    category: jax.Array  # [N, M]


def on_device(examples: Examples, mesh: Mesh) -> Chips:
    """Put examples on every device of the mesh, where they stay for all epochs."""
    return on_mesh(Chips(*(getattr(examples, name) for name in Chips._fields)), mesh)


def chips_of(examples: Examples, mesh: Mesh) -> Chips | Streamed:
    """Examples as a training takes them: on the devices, or streamed if their frames are stored."""
    if isinstance(examples.frames, StoredFrames):
        return Streamed(examples, lambda part: on_device(part, mesh))
    return on_device(examples, mesh)


def feed(chips: Chips | Streamed, blocks: list[np.ndarray]) -> Iterator[tuple[Chips, np.ndarray]]:
    """For each block [S, B] of examples the chips on the devices and the index into them."""
    if isinstance(chips, Streamed):
        return streamed(chips, blocks)
    return ((chips, block) for block in blocks)


def make_optimizer(
    name: str, learning_rate: float, weight_decay: float, warmup_steps: int, steps: int
) -> optax.GradientTransformation:
    """The optimiser; its rate rises from 0 during the warm-up.

    Args:
      name: "adamw": the rate then falls to 0 by a cosine. "adam": it stays, without weight decay;
        with a rate of 1e-6 the paper's setting, as far as the paper tells it.
      learning_rate: After the warm-up.
      weight_decay: Of kernels only: on biases and batch norm it does harm.
      warmup_steps: Steps of the warm-up.
      steps: Steps in all.
    """
    if name == "adam":
        return optax.adam(optax.linear_schedule(0.0, learning_rate, max(warmup_steps, 1)))
    rate = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, warmup_steps, max(steps, warmup_steps + 1)
    )
    kernels = lambda params: jax.tree.map(lambda values: values.ndim > 1, params)  # noqa: E731
    return optax.adamw(rate, weight_decay=weight_decay, mask=kernels)


def initial_state(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    channels: int,
    stride: int,
    key: jax.Array,
) -> TrainState:
    """Fresh parameters on every device."""
    images = jnp.zeros((1, 4 * stride, 4 * stride, channels))
    variables = jax.jit(lambda key: model.init(key, images, train=False))(key)
    params = variables["params"]
    step = jnp.zeros((), jnp.int32)
    state = TrainState(step, params, variables["batch_stats"], optimizer.init(params))
    return on_mesh(state, mesh)


def started_from(state: TrainState, variables: dict, mesh: Mesh) -> TrainState:
    """A fresh state with the weights and statistics {"params", "batch_stats"} of another."""
    state = state._replace(params=variables["params"], batch_stats=variables["batch_stats"])
    return on_mesh(state, mesh)


def make_train_steps(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    mode: str,
    stride: int,
    a: float,
    b: float,
    augmented: bool,
    noise: float,
    key: jax.Array,
) -> Callable:
    """Compile S steps into one call.

    Args:
      model: Detector, [B, h, w, C] -> [B, h/s, w/s, 7].
      optimizer: Of the parameters.
      mesh: The devices; B is a multiple of their number.
      mode: Input mode, a key of dimjax.training.inputs.CHANNELS.
      stride: Output stride of the model in pixels.
      a: Weight of the location loss.
      b: Weight of the classification loss.
      augmented: Whether chips are turned and flipped at random.
      noise: Noise of up to so many sigmas is added, see inputs.add_noise; 0 adds none.
      key: Of all that is random; the step is folded in.

    Returns:
      (state, chips, index [S, B]) -> (state, dict of losses [S, B], and of what the network said:
      answers [S, B, M, 5] and strays [S, B, 3], see dimjax.training.responses).
      `state` is donated; do not use it after the call.
    """

    def look(chips: Chips, index: jax.Array, step: jax.Array):
        batch = Chips(*(values[index] for values in chips))
        batch = jax.lax.with_sharding_constraint(batch, NamedSharding(mesh, BY_EXAMPLE))
        turning, adding = jax.random.split(jax.random.fold_in(key, step))
        frames, scale = batch.frames, batch.scale
        if noise:
            frames, scale = add_noise(adding, frames, scale, noise)
        return turning, network_input(frames, scale, mode), batch.boxes, batch.category

    def augment(turning: jax.Array, images, boxes: jax.Array, category: jax.Array):
        turns = jnp.zeros((len(images), 3), bool)
        if augmented:
            turns = random_turns(turning, len(images))
            images, boxes = turn(turns, images, boxes)
        return images, turns, boxes, category

    def update(state: TrainState, images, turns, boxes: jax.Array, category: jax.Array):
        def mean_loss(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            outputs, updates = model.apply(variables, images, train=True, mutable=["batch_stats"])
            targets = assign(boxes, category, outputs.shape[1:3], stride)
            losses = detection_loss(outputs, targets, a, b)
            return losses["total"].mean(), (losses, outputs, updates["batch_stats"])

        gradients, (losses, outputs, batch_stats) = jax.grad(mean_loss, has_aux=True)(state.params)
        changes, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, changes)
        seen = before_turning(turns, outputs, boxes, category, images.shape[1], stride)
        return TrainState(state.step + 1, params, batch_stats, opt_state), {**losses, **seen}

    in_one_call = _many_steps if steps_per_call() > 1 else _one_step
    steps = in_one_call(look, augment, update)
    return _whole_in_each_process(steps, mesh) if mesh.is_multi_process else steps


def _many_steps(look: Callable, augment: Callable, update: Callable) -> Callable:
    def step(state: TrainState, chips: Chips, index: jax.Array):
        return update(state, *augment(*look(chips, index, state.step)))

    def steps(state: TrainState, chips: Chips, index: jax.Array):
        return jax.lax.scan(lambda state, index: step(state, chips, index), state, index)

    return jax.jit(steps, donate_argnums=0)


def _one_step(look: Callable, augment: Callable, update: Callable) -> Callable:
    # Three calls, since in one XLA's CPU code fuses the normalisation into the augmentation, and
    # computes it anew in each of its branches: 46 ms for 32 chips of 64 px that take 0.9 ms apart.
    first, second, third = jax.jit(look), jax.jit(augment), jax.jit(update, donate_argnums=0)

    def step(state: TrainState, chips: Chips, index: np.ndarray):
        state, losses = third(state, *second(*first(chips, index[0], state.step)))
        return state, jax.tree.map(lambda values: values[None], losses)

    return step


def _whole_in_each_process(steps: Callable, mesh: Mesh) -> Callable:
    # A call of its own: asked for in the step, it might change how the step is shared out.
    gather = jax.jit(lambda losses: losses, out_shardings=NamedSharding(mesh, REPLICATED))

    def gathered(state: TrainState, chips: Chips, index: np.ndarray):
        state, losses = steps(state, chips, index)
        return state, gather(losses)

    return gathered


def steps_per_call() -> int:
    """Steps that are compiled into one call.

    Many on an accelerator, where a call costs as much as a small step. One on a CPU, where XLA
    runs a convolution inside a loop on a single thread (5 to 17 times slower on two cores).
    """
    return 1 if jax.default_backend() == "cpu" else 64


def epoch_order(examples: int, batch_size: int, seed: tuple[int, ...]) -> np.ndarray:
    """Which examples each step of an epoch takes, [steps, batch_size].

    Every example at least once; the last step is filled up with the first examples, so that all
    steps have one shape.
    """
    permutation = np.random.default_rng(seed).permutation(examples)
    return np.resize(permutation, (-(-examples // batch_size), batch_size))


def train_epoch(
    train_steps: Callable,
    state: TrainState,
    chips: Chips,
    order: np.ndarray,
    progress: Callable[[Iterable], Iterable] = iter,
) -> tuple[TrainState, dict[str, np.ndarray]]:
    """Train on every example once.

    Args:
      train_steps: From make_train_steps.
      state: Given away; go on with the one that is returned.
      chips: From chips_of.
      order: From epoch_order.
      progress: Wraps the blocks of steps [S, B], e.g. a progress bar.

    Returns:
      The next state, and a dict of losses [N] of each example as it was trained on, with the
      answers [N, M, 5] and strays [N, 3] of dimjax.training.responses.

    Raises:
      FloatingPointError: A loss is not finite.
    """
    found = []
    blocks = [order[i : i + steps_per_call()] for i in range(0, len(order), steps_per_call())]
    for _, (held, index) in zip(progress(blocks), feed(chips, blocks), strict=False):
        state, losses = train_steps(state, held, index)
        # Waiting costs less than a call's start; without it progress would mean nothing.
        found.append(jax.block_until_ready(losses))
    found = jax.tree.map(lambda *parts: np.concatenate(parts), *jax.device_get(found))
    found = {name: values.reshape(-1, *values.shape[2:]) for name, values in found.items()}
    if not np.isfinite(found["total"]).all():
        raise FloatingPointError(
            f"the loss of {np.count_nonzero(~np.isfinite(found['total']))} examples is not finite. "
            "Lower training.learning_rate."
        )
    return state, _by_example(order, found)


def _by_example(order: np.ndarray, losses: dict) -> dict[str, np.ndarray]:
    """Losses in the order of the examples; the first counts where one was seen twice."""
    _, first = np.unique(order.ravel(), return_index=True)
    return {part: values[first] for part, values in losses.items()}
