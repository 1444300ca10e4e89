"""Losses of examples in evaluation mode."""

from collections.abc import Callable

import flax.linen as nn
import jax
import numpy as np
import pandas as pd

from dimjax.chips import examples
from dimjax.training import steps
from dimjax.training.inputs import network_input
from dimjax.training.losses import assign, detection_loss
from dimjax.training.steps import Chips


def losses_table(data: examples.Examples, chips, query, variables, batch_size: int) -> pd.DataFrame:
    """Loss of each example in evaluation mode.

    Args:
      data: Examples.
      chips: The same from training.chips_of.
      query: From training.make_losses.
      variables: {"params", "batch_stats"}.
      batch_size: Examples to a call.

    Returns:
      Table with id, sequence, frame and the losses location, confidence, category, total.
    """
    size = min(batch_size, len(data))
    starts = np.arange(0, len(data), size)[:, None, None]
    blocks = list(np.minimum(starts + np.arange(size), len(data) - 1))
    parts = [query(variables, held, index[0]) for held, index in steps.feed(chips, blocks)]
    parts = jax.device_get(parts)
    columns = {name: np.concatenate([p[name] for p in parts])[: len(data)] for name in parts[0]}
    return pd.DataFrame({**identity(data), **columns})


def identity(data: examples.Examples) -> dict[str, np.ndarray]:
    """The columns that say which example a row is of."""
    return {"id": data.id, "sequence": data.sequence, "frame": data.frame}


def make_losses(model: nn.Module, *, mode: str, stride: int, a: float, b: float) -> Callable:
    """Compile the loss query: (variables, chips, index [B]) -> dict of losses [B].

    In evaluation mode: running statistics of batch norm, no augmentation.
    """

    def losses(variables, chips: Chips, index: jax.Array):
        batch = Chips(*(values[index] for values in chips))
        images = network_input(batch.frames, batch.scale, mode)
        outputs = model.apply(variables, images, train=False)
        targets = assign(batch.boxes, batch.category, outputs.shape[1:3], stride)
        return detection_loss(outputs, targets, a, b)

    return jax.jit(losses)
