"""The training step and the loss query, compiled once for all devices.

Both return the loss of every example. The loss query works in evaluation mode.

All randomness is derived from (seed, round, epoch) on the host and (seed, round, step) on the
device, so a resumed training continues exactly as an uninterrupted one would.

    train_steps = make_train_steps(model, optimizer, mesh, mode="difference", ...)
    for epoch in range(epochs):
        order = epoch_order(len(examples), batch_size, (seed, round, epoch))
        state, recorded = train_epoch(train_steps, state, chips, order)    # recorded: dict of [N]
"""

import functools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from dimjax.training.chip_feed import Chips, Streamed, feed
from dimjax.training.inputs import network_input
from dimjax.training.losses import assign, detection_loss
from dimjax.training.step_programs import PROGRAMS, compiled_steps
from dimjax.training.train_state import Optimizer, TrainState


class TrainSteps(NamedTuple):
    """The compiled steps of a training: (state, chips, index [S, B]) -> (state, recorded)."""

    program: Callable  # from dimjax.training.step_programs.compiled_steps
    rates: Callable  # (step, S) -> learning rates [S]
    key: jax.Array

    def __call__(self, state: TrainState, chips: Chips, index: jax.Array):
        """Take S steps; see make_train_steps."""
        return self.program(*self.arguments(state, chips, index))

    def arguments(self, state: TrainState, chips: Chips, index: jax.Array) -> tuple:
        """Return the arguments of the program."""
        return state, chips, index, self.rates(state.step, len(index)), self.key


def make_train_steps(
    model: nn.Module,
    optimizer: Optimizer,
    mesh: Mesh,
    *,
    mode: str,
    stride: int,
    location_weight: float,
    classification_weight: float,
    augmented: bool,
    noise: float,
    match_px: float,
    key: jax.Array,
) -> TrainSteps:
    """Compile S steps into one call.

    Args:
      model: Detector, [B, h, w, C] -> [B, h/s, w/s, 7].
      optimizer: Optimiser of the parameters.
      mesh: Devices; B is a multiple of their number.
      mode: Input mode, one of dimjax.training.inputs.MODES.
      stride: Output stride of the model in pixels.
      location_weight: a in Eq. (2).
      classification_weight: b in Eq. (2).
      augmented: Whether chips are mirrored and transposed at random.
      noise: Largest noise that is added, noise sigmas, see inputs.add_noise; 0 adds none.
      match_px: Matching radius, pixels: the recorded unmatched peak is away from all labels.
      key: Random key; the number of the step is folded in.

    Returns:
      (state, chips, index [S, B]) -> (state, recorded). recorded is a dict of the losses [S, B],
      and of label_outputs [S, B, M, 5] and unmatched_peak [S, B, 3], see
      dimjax.training.label_outputs. `state` is donated; do not use it after the call.
    """
    program = compiled_steps(
        model,
        optimizer.rule,
        mesh,
        steps_per_call(),
        gathering=(mode, noise),
        augmented=augmented,
        updating=(stride, location_weight, classification_weight, match_px),
    )

    @functools.partial(jax.jit, static_argnums=1)
    def rates(step: jax.Array, count: int) -> jax.Array:
        return jax.vmap(optimizer.rate)(step + jnp.arange(count))

    return TrainSteps(program, rates, key)


@functools.lru_cache(PROGRAMS)
def make_loss_query(
    model: nn.Module,
    *,
    mode: str,
    stride: int,
    location_weight: float,
    classification_weight: float,
) -> Callable:
    """Compile the loss query.

    Args:
      model: Detector, [B, h, w, C] -> [B, h/s, w/s, 7].
      mode: Input mode, one of dimjax.training.inputs.MODES.
      stride: Output stride of the model in pixels.
      location_weight: a in Eq. (2).
      classification_weight: b in Eq. (2).

    Returns:
      (variables, chips, index [B]) -> dict of losses [B], with running statistics of batch norm and
      without augmentation.
    """

    def losses(variables, chips: Chips, index: jax.Array):
        batch = chips.take(index)
        images = network_input(batch.frames, batch.scale, mode, batch.evidence)
        outputs = model.apply(variables, images, train=False)
        targets = assign(batch.boxes, batch.category, outputs.shape[1:3], stride)
        return detection_loss(outputs, targets, location_weight, classification_weight)

    return jax.jit(losses)


def steps_per_call() -> int:
    """Return the number of steps that are compiled into one call.

    Many on an accelerator, where starting a call costs as much as a small step. One on a CPU, where
    XLA runs a convolution inside a loop on a single thread (5 to 17 times slower on two cores).
    """
    return 1 if jax.default_backend() == "cpu" else 64


def epoch_order(examples: int, batch_size: int, seed: tuple[int, ...]) -> np.ndarray:
    """Draw the examples of each step of an epoch, [steps, batch_size].

    Every example occurs at least once. The last step is filled up with the first examples, so that
    all steps have one shape.
    """
    permutation = np.random.default_rng(seed).permutation(examples)
    return np.resize(permutation, (-(-examples // batch_size), batch_size))


def train_epoch(
    train_steps: Callable,
    state: TrainState,
    chips: Chips | Streamed,
    order: np.ndarray,
    progress: Callable[[Iterable], Iterable] = iter,
) -> tuple[TrainState, dict[str, np.ndarray]]:
    """Train on every example once.

    Args:
      train_steps: Compiled steps from make_train_steps.
      state: Train state. It is donated; do not use it after the call.
      chips: Chips from dimjax.training.chip_feed.chips_of.
      order: Order from epoch_order.
      progress: Wraps the blocks of steps [S, B], e.g. a progress bar.

    Returns:
      The next state, and a dict of the losses [N] of each example as it was trained on, with
      label_outputs [N, M, 5] and unmatched_peak [N, 3] from dimjax.training.label_outputs.

    Raises:
      FloatingPointError: A loss is not finite.
    """
    state, records = take_steps(train_steps, state, chips, order, progress)
    return state, epoch_outputs(order, records)


def take_steps(
    train_steps: Callable,
    state: TrainState,
    chips: Chips | Streamed,
    order: np.ndarray,
    progress: Callable[[Iterable], Iterable] = iter,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> tuple[TrainState, dict[str, np.ndarray]]:
    """Take the steps of an epoch, or a part of them.

    Args:
      train_steps: Compiled steps from make_train_steps.
      state: Train state. It is donated; do not use it after the call.
      chips: Chips from dimjax.training.chip_feed.chips_of.
      order: [S, B] examples of each step.
      progress: Wraps the blocks of steps [S, B], e.g. a progress bar.
      is_interrupted: Called after each block of steps; True ends the loop.

    Returns:
      The next state, and the records [steps, B, ...] of the steps that were taken.
    """
    parts = []
    blocks = [order[i : i + steps_per_call()] for i in range(0, len(order), steps_per_call())]
    for _, (fed, index) in zip(progress(blocks), feed(chips, blocks), strict=False):
        state, recorded = train_steps(state, fed, index)
        # Waiting costs less than starting a call, and without it progress would run ahead.
        parts.append(jax.block_until_ready(recorded))
        if is_interrupted():
            break
    records = jax.tree.map(lambda *parts: np.concatenate(parts), *jax.device_get(parts))
    return state, records


def epoch_outputs(order: np.ndarray, records: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sort the records of all steps of an epoch by example.

    Args:
      order: [S, B] examples of each step.
      records: [S, B, ...] records of the steps.

    Raises:
      FloatingPointError: A loss is not finite.
    """
    records = {name: values.reshape(-1, *values.shape[2:]) for name, values in records.items()}
    invalid = np.count_nonzero(~np.isfinite(records["total"]))
    if invalid:
        raise FloatingPointError(
            f"the losses of {invalid} examples are not finite. Start again, in another --workdir, "
            "with a lower training.learning_rate."
        )
    return _by_example(order, records)


def _by_example(order: np.ndarray, recorded: dict) -> dict[str, np.ndarray]:
    """Sort values by example; of an example that occurs twice, keep the first."""
    _, first = np.unique(order.ravel(), return_index=True)
    return {name: values[first] for name, values in recorded.items()}
