"""Losses per example: the paper's Eqs. (2)-(4).

The losses are unreduced: one value per example and part, [B]. Only the training step takes their
mean.

    targets = assign(boxes, category, outputs.shape[1:3], stride=8)
    parts = detection_loss(outputs, targets, location_weight=10.0, classification_weight=1.0)
    parts["total"]                                      # [B]
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dimjax.coordinates import encode

PARTS = ("location", "confidence", "category")


class Targets(NamedTuple):
    """The desired outputs of each cell of the network's grid."""

    location: jax.Array  # [B, h, w, 4] offsets and log sizes in strides; 0 in empty cells
    confidence: jax.Array  # [B, h, w] 1 in cells that contain a label's centre, else 0
    category: jax.Array  # [B, h, w, 2] one-hot target, interference; 0 in empty cells


def assign(boxes: jax.Array, category: jax.Array, grid: tuple[int, int], stride: int) -> Targets:
    """Assign each label to the cell that contains its centre.

    If a cell contains several labels, the first one counts; dimjax.chips.examples puts targets
    first.

    Args:
      boxes: [B, M, 4] x, y, w, h in pixels of the chip.
      category: [B, M] int, 0 target, 1 interference, -1 where there is no label.
      grid: Rows and columns of the output grid.
      stride: Output stride in pixels.
    """
    exists = category >= 0
    # The size of an absent label must not reach the logarithm, or its gradient is NaN.
    rows, columns, location = encode(jnp.where(exists[..., None], boxes, 1.0), stride, grid)
    cell = jnp.where(exists, rows * grid[1] + columns, -1)  # [B, M]
    contains = cell[:, None] == jnp.arange(grid[0] * grid[1])[:, None]  # [B, cells, M]
    first = jnp.argmax(contains, axis=-1)
    filled = contains.any(axis=-1)
    pick = jax.vmap(lambda values, index: values[index])
    location = jnp.where(filled[..., None], pick(location, first), 0.0)
    one_hot = jax.nn.one_hot(jnp.where(filled, pick(category, first), -1), 2)
    shape = (boxes.shape[0], *grid)
    return Targets(
        location.reshape(*shape, 4),
        filled.astype(jnp.float32).reshape(shape),
        one_hot.reshape(*shape, 2),
    )


def detection_loss(
    outputs: jax.Array, targets: Targets, location_weight: float, classification_weight: float
) -> dict[str, jax.Array]:
    """Compute the loss of each example, a * location + b * (confidence + category), Eq. (2).

    The location loss is the smooth-L1 distance summed over x, y, w, h, Eq. (3). The category loss
    is the binary cross-entropy summed over target and interference. Both are summed over the cells
    that contain a label. The confidence loss is the binary cross-entropy of the third summand of
    Eq. (4), summed over all cells: in a mean, the one cell of an unlabelled target would be lost
    among hundreds.

    Args:
      outputs: [B, h, w, 7] x, y, w, h, and the logits of confidence, target, interference.
      targets: Targets of the same grid.
      location_weight: a in Eq. (2).
      classification_weight: b in Eq. (2).

    Returns:
      Dict of [B] float32: location, confidence, category and total.
    """
    filled = targets.confidence
    distance = optax.huber_loss(outputs[..., :4], targets.location).sum(axis=-1)
    location = jnp.where(filled > 0, distance, 0.0).sum(axis=(1, 2))
    entropy = optax.sigmoid_binary_cross_entropy(outputs[..., 5:], targets.category).sum(axis=-1)
    category = jnp.where(filled > 0, entropy, 0.0).sum(axis=(1, 2))
    confidence = optax.sigmoid_binary_cross_entropy(outputs[..., 4], filled).sum(axis=(1, 2))
    total = location_weight * location + classification_weight * (confidence + category)
    return {
        "location": location,
        "confidence": confidence,
        "category": category,
        "total": total,
    }
