"""Losses per example: the paper's Eqs. (2)-(4).

In come the network's outputs and the labels of each example; out goes one value per example and
part, [B]. Nothing is averaged over examples here: that happens in one place, the training step.

    targets = assign(boxes, category, outputs.shape[1:3], stride=8)
    parts = detection_loss(outputs, targets, a=1.0, b=1.0)
    parts["total"]                                      # [B] = a * location + b * (the others)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dimjax.coordinates import encode

PARTS = ("location", "confidence", "category")


class Targets(NamedTuple):
    """What the network should say in each cell of its grid."""

    location: jax.Array  # [B, h, w, 4] offsets and log sizes in strides; 0 in empty cells
    confidence: jax.Array  # [B, h, w] 1 in cells that hold a label's centre, else 0
    category: jax.Array  # [B, h, w, 2] one-hot target, interference; 0 in empty cells


def assign(boxes: jax.Array, category: jax.Array, grid: tuple[int, int], stride: int) -> Targets:
    """Give each label to the cell that holds its centre.

    Of several labels in one cell the first counts; dimjax.chips.examples puts targets first.

    Args:
      boxes: [B, M, 4] x, y, w, h in pixels of the chip.
      category: [B, M] int, 0 target, 1 interference, -1 where there is no label.
      grid: Rows and columns of the output grid.
      stride: Output stride in pixels.
    """
    exists = category >= 0
    # The size of an absent label must not reach the logarithm, or its gradient is NaN.
    rows, columns, location = encode(jnp.where(exists[..., None], boxes, 1.0), stride)
    cell = jnp.where(exists, rows * grid[1] + columns, -1)  # [B, M]
    holds = cell[:, None] == jnp.arange(grid[0] * grid[1])[:, None]  # [B, cells, M]
    first = jnp.argmax(holds, axis=-1)
    filled = holds.any(axis=-1)
    pick = jax.vmap(lambda values, index: values[index])
    location = jnp.where(filled[..., None], pick(location, first), 0.0)
    one_hot = jax.nn.one_hot(jnp.where(filled, pick(category, first), -1), 2)
    shape = (boxes.shape[0], *grid)
    return Targets(
        location.reshape(*shape, 4),
        filled.astype(jnp.float32).reshape(shape),
        one_hot.reshape(*shape, 2),
    )


def detection_loss(outputs: jax.Array, targets: Targets, a: float, b: float) -> dict:
    """Loss of each example, a * location + b * (confidence + category), Eq. (2).

    Location is the smooth-L1 distance summed over x, y, w, h, Eq. (3), and category the binary
    cross-entropy summed over target and interference, both over the cells that hold a label.
    Confidence is the binary cross-entropy of the third summand of Eq. (4), over all cells: a
    sum, not a mean, so that the one cell of an unlabelled target is not lost among hundreds.

    Args:
      outputs: [B, h, w, 7] x, y, w, h, and the logits of confidence, target, interference.
      targets: Of the same grid.
      a: Weight of the location.
      b: Weight of the classification.

    Returns:
      Dict of [B] float32: location, confidence, category and total.
    """
    filled = targets.confidence
    distance = optax.huber_loss(outputs[..., :4], targets.location).sum(axis=-1)
    location = jnp.where(filled > 0, distance, 0.0).sum(axis=(1, 2))
    entropy = optax.sigmoid_binary_cross_entropy(outputs[..., 5:], targets.category).sum(axis=-1)
    category = jnp.where(filled > 0, entropy, 0.0).sum(axis=(1, 2))
    confidence = optax.sigmoid_binary_cross_entropy(outputs[..., 4], filled).sum(axis=(1, 2))
    total = a * location + b * (confidence + category)
    return {
        "location": location,
        "confidence": confidence,
        "category": category,
        "total": total,
    }
