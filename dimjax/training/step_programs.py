"""The compiled training step; trainings with equal settings share it.

The number of examples, the learning rate and the random key, in which such trainings differ, are
arguments of the compiled call.

steps = compiled_steps(model, rule, mesh, steps_per_call=64, gathering=(mode, noise), ...)
state, recorded = steps(state, chips, index, rates, key)        # index [S, B], rates [S]
"""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding

from dimjax.training.chip_feed import Chips
from dimjax.training.inputs import add_noise, network_input, random_turns, turn
from dimjax.training.label_outputs import outputs_to_record
from dimjax.training.losses import assign, detection_loss
from dimjax.training.meshes import BY_EXAMPLE, REPLICATED
from dimjax.training.train_state import TrainState

PROGRAMS = 8  # networks and settings whose compiled programs are kept


@functools.lru_cache(PROGRAMS)
def compiled_steps(
    model: nn.Module,
    rule: optax.GradientTransformation,
    mesh: Mesh,
    steps_per_call: int,
    *,
    gathering: tuple,
    augmented: bool,
    updating: tuple,
) -> Callable:
    """Compile S steps into one call, or return the call that was compiled before.

    Args:
      model: Detector, [B, h, w, C] -> [B, h/s, w/s, 7].
      rule: Rule of dimjax.training.train_state.Optimizer.
      mesh: Devices; B is a multiple of their number.
      steps_per_call: S at most; 1 compiles a single step.
      gathering: Input mode and largest added noise, see make_train_steps.
      augmented: Whether chips are mirrored and transposed at random.
      updating: Output stride, the weights a and b in Eq. (2), and the matching radius, likewise.

    Returns:
      (state, chips, index [S, B], rates [S], key) -> (state, recorded), see make_train_steps.
    """
    compile_steps = _many_steps if steps_per_call > 1 else _one_step
    steps = compile_steps(
        _gathering(mesh, *gathering), _augmentation(augmented), _updating(model, rule, *updating)
    )
    return _replicated_outputs(steps, mesh) if mesh.is_multi_process else steps


def _gathering(mesh: Mesh, mode: str, noise: float) -> Callable:
    def gather_batch(chips: Chips, index: jax.Array, step: jax.Array, key: jax.Array):
        batch = jax.lax.with_sharding_constraint(chips.take(index), NamedSharding(mesh, BY_EXAMPLE))
        turn_key, noise_key = jax.random.split(jax.random.fold_in(key, step))
        frames, scale = batch.frames, batch.scale
        if noise:
            frames, scale = add_noise(noise_key, frames, scale, noise)
        images = network_input(frames, scale, mode, batch.evidence)
        return turn_key, images, batch.boxes, batch.category

    return gather_batch


def _augmentation(augmented: bool) -> Callable:
    def augment(turn_key: jax.Array, images: jax.Array, boxes: jax.Array, category: jax.Array):
        turns = jnp.zeros((len(images), 3), bool)
        if augmented:
            turns = random_turns(turn_key, len(images))
            images, boxes = turn(turns, images, boxes)
        return images, turns, boxes, category

    return augment


def _updating(
    model: nn.Module,
    rule: optax.GradientTransformation,
    stride: int,
    location_weight: float,
    classification_weight: float,
    match_px: float,
) -> Callable:
    rule = optax.with_extra_args_support(rule)

    def update(state: TrainState, rate: jax.Array, images, turns, boxes, category: jax.Array):
        def mean_loss(params):
            variables = {"params": params, "batch_stats": state.batch_stats}
            outputs, updates = model.apply(variables, images, train=True, mutable=["batch_stats"])
            targets = assign(boxes, category, outputs.shape[1:3], stride)
            losses = detection_loss(outputs, targets, location_weight, classification_weight)
            return losses["total"].mean(), (losses, outputs, updates["batch_stats"])

        gradients, (losses, outputs, batch_stats) = jax.grad(mean_loss, has_aux=True)(state.params)
        changes, opt_state = rule.update(gradients, state.opt_state, state.params, rate=rate)
        params = optax.apply_updates(state.params, changes)
        chip_px = images.shape[1]
        recorded = outputs_to_record(turns, outputs, boxes, category, chip_px, stride, match_px)
        return TrainState(state.step + 1, params, batch_stats, opt_state), {**losses, **recorded}

    return update


def _many_steps(gather_batch: Callable, augment: Callable, update: Callable) -> Callable:
    def steps(state: TrainState, chips: Chips, index: jax.Array, rates: jax.Array, key: jax.Array):
        def step(state: TrainState, of_step: tuple[jax.Array, jax.Array]):
            index, rate = of_step
            batch = augment(*gather_batch(chips, index, state.step, key))
            return update(state, rate, *batch)

        return jax.lax.scan(step, state, (index, rates))

    return jax.jit(steps, donate_argnums=0)


def _one_step(gather_batch: Callable, augment: Callable, update: Callable) -> Callable:
    # Three calls: within one call, XLA's CPU compiler fuses the normalisation into the augmentation
    # and recomputes it in each branch (46 ms instead of 0.9 ms for 32 chips of 64 px).
    gather_batch, augment = jax.jit(gather_batch), jax.jit(augment)

    @functools.partial(jax.jit, donate_argnums=0)
    def first_update(state: TrainState, rates: jax.Array, *batch):
        return update(state, rates[0], *batch)

    def step(state: TrainState, chips: Chips, index: np.ndarray, rates: jax.Array, key: jax.Array):
        batch = augment(*gather_batch(chips, index[0], state.step, key))
        state, recorded = first_update(state, rates, *batch)
        return state, jax.tree.map(lambda values: values[None], recorded)

    return step


def _replicated_outputs(steps: Callable, mesh: Mesh) -> Callable:
    # A separate call: inside the step it might change how XLA partitions the step.
    replicate = jax.jit(lambda recorded: recorded, out_shardings=NamedSharding(mesh, REPLICATED))

    def replicated(*arguments):
        state, recorded = steps(*arguments)
        return state, replicate(recorded)

    return replicated
