"""The train state, which holds all arrays that a training step updates, and its optimiser.

optimizer = make_optimizer("adamw", 1e-3, 1e-2, warmup_steps=100, steps=10_000)
state = initial_state(model, optimizer, mesh, channels=3, stride=8, key=key)
state = warm_start(state, variables, mesh)              # with the weights of another training
"""

import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from dimjax.training.meshes import on_mesh


class TrainState(NamedTuple):
    """All arrays that a step updates."""

    step: jax.Array  # [] int32, steps taken
    params: Any
    batch_stats: Any  # running means and variances of batch norm
    opt_state: Any


class Optimizer(NamedTuple):
    """An optimiser: a rule that takes the learning rate of each step, and these rates.

    The rule is the same object in all trainings of one kind, whatever their lengths, so that they
    share the compiled step.
    """

    rule: optax.GradientTransformation  # its `update` may take the keyword argument `rate`
    rate: optax.Schedule

    def init(self, params: Any) -> Any:
        """Return the initial state of the rule."""
        return self.rule.init(params)


def make_optimizer(
    name: str, learning_rate: float, weight_decay: float, warmup_steps: int, steps: int
) -> Optimizer:
    """Make the optimiser; its learning rate is that of make_schedule.

    Args:
      name: "adamw" or "adam"; the latter has no weight decay and is, with a rate of 1e-6, the
        paper's setting, as far as the paper states it.
      learning_rate: Learning rate after the warm-up.
      weight_decay: Weight decay of kernels; biases and batch norm get none, since it harms them.
      warmup_steps: Steps of the warm-up.
      steps: Total number of steps.
    """
    rate = make_schedule(name, learning_rate, warmup_steps, steps)
    return Optimizer(_rule(None if name == "adam" else weight_decay), rate)


@functools.cache
def _rule(weight_decay: float | None) -> optax.GradientTransformationExtraArgs:
    """optax.adamw, or optax.adam if the weight decay is None, with the learning rate of a call."""
    kernels = lambda params: jax.tree.map(lambda values: values.ndim > 1, params)  # noqa: E731
    decay = [] if weight_decay is None else [optax.add_decayed_weights(weight_decay, kernels)]
    return optax.chain(optax.scale_by_adam(), *decay, _times_rate())


def _times_rate() -> optax.GradientTransformationExtraArgs:
    def init(params: Any) -> optax.ScaleByScheduleState:
        return optax.ScaleByScheduleState(jnp.zeros((), jnp.int32))

    def update(updates: Any, state: optax.ScaleByScheduleState, params: Any = None, *, rate):
        updates = jax.tree.map(lambda values: -rate * values, updates)
        return updates, optax.ScaleByScheduleState(optax.safe_increment(state.count))

    return optax.GradientTransformationExtraArgs(init, update)


@functools.lru_cache(8)
def make_schedule(name: str, learning_rate: float, warmup_steps: int, steps: int) -> optax.Schedule:
    """Make the learning rate of each step, which rises linearly from 0 during the warm-up.

    Equal arguments return the same function, so that jax.jit compiles it only once.

    Args:
      name: "adamw": cosine decay to 0 after the warm-up. "adam": constant after the warm-up.
      learning_rate: Learning rate after the warm-up.
      warmup_steps: Steps of the warm-up.
      steps: Total number of steps.
    """
    if name == "adam":
        return optax.linear_schedule(0.0, learning_rate, max(warmup_steps, 1))
    return optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, warmup_steps, max(steps, warmup_steps + 1)
    )


def initial_state(
    model: nn.Module,
    optimizer: Optimizer,
    mesh: Mesh,
    channels: int,
    stride: int,
    key: jax.Array,
) -> TrainState:
    """Initialise the train state on every device of a mesh.

    Args:
      model: Detector.
      optimizer: Optimiser of its parameters.
      mesh: Devices.
      channels: Channels of the network's input.
      stride: Output stride of the model in pixels.
      key: Random key of the parameters.
    """
    variables = _initial_variables(model, (1, 4 * stride, 4 * stride, channels), key)
    params = variables["params"]
    step = jnp.zeros((), jnp.int32)
    state = TrainState(step, params, variables["batch_stats"], optimizer.init(params))
    return on_mesh(state, mesh)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _initial_variables(model: nn.Module, shape: tuple[int, ...], key: jax.Array) -> dict:
    return model.init(key, jnp.zeros(shape), train=False)


def warm_start(state: TrainState, variables: dict, mesh: Mesh) -> TrainState:
    """Return an initial state with the variables {"params", "batch_stats"} of another training."""
    state = state._replace(params=variables["params"], batch_stats=variables["batch_stats"])
    return on_mesh(state, mesh)
