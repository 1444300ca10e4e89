"""What a network answers at each label, and the strongest thing that it sees where none is.

In come the network's outputs on a batch of chips and their labels, as in the losses; out go
values per label and per chip. Written down in every epoch they tell a wrong label from a dim one.

    answers = at_labels(outputs, boxes, stride=8)       # [B, M, 5]
    strays = strongest_stray(outputs, boxes, category, stride=8)     # [B, 3]
"""

import jax
import jax.numpy as jnp

from dimjax.coordinates import decode, encode
from dimjax.training.inputs import turn_back

ANSWERS = ("confidence", "target", "interference", "dx", "dy")
STRAYS = ("stray_score", "stray_x", "stray_y")

# A detection nearer to a label than this is the label's own: the radius of the matcher.
_APART_PX = 3.0


def before_turning(
    turns: jax.Array,
    outputs: jax.Array,
    boxes: jax.Array,
    category: jax.Array,
    size: int,
    stride: int,
) -> dict[str, jax.Array]:
    """Answers and strays in the chips as they were before they were turned and flipped.

    Args:
      turns: [B, 3] bool, see dimjax.training.inputs.turn.
      outputs: [B, h, w, 7] on the turned chips.
      boxes: [B, M, 4] labels in them, pixels.
      category: [B, M] int, -1 where there is no label.
      size: Height and width of a chip, pixels.
      stride: Output stride in pixels.

    Returns:
      answers [B, M, 5] and strays [B, 3], see at_labels and strongest_stray.
    """
    answers = at_labels(outputs, boxes, stride)
    strays = strongest_stray(outputs, boxes, category, stride)
    offsets = turn_back(turns, answers[..., 3:])
    places = turn_back(turns, strays[..., 1:] - size / 2) + size / 2
    return {
        "answers": jnp.concatenate([answers[..., :3], offsets], axis=-1),
        "strays": jnp.concatenate([strays[..., :1], places], axis=-1),
    }


def at_labels(outputs: jax.Array, boxes: jax.Array, stride: int) -> jax.Array:
    """The outputs of the cell that holds each label's centre.

    Args:
      outputs: [B, h, w, 7], see dimjax.models.detector.
      boxes: [B, M, 4] labels, x, y, w, h in pixels; what absent ones get means nothing.
      stride: Output stride in pixels.

    Returns:
      [B, M, 5]: the logits of confidence, target and interference, and how far in x and y the
      box that the cell predicts lies from the label, pixels.
    """
    height, width = outputs.shape[1:3]
    rows, columns, _ = encode(jnp.maximum(boxes, 1e-3), stride)
    cells = jnp.clip(rows, 0, height - 1) * width + jnp.clip(columns, 0, width - 1)
    flat = outputs.reshape(len(outputs), height * width, -1)
    own = jnp.take_along_axis(flat, cells[..., None], axis=1)  # [B, M, 7]
    predicted = decode(own[..., :4], rows, columns, stride)
    return jnp.concatenate([own[..., 4:], predicted[..., :2] - boxes[..., :2]], axis=-1)


def strongest_stray(
    outputs: jax.Array, boxes: jax.Array, category: jax.Array, stride: int
) -> jax.Array:
    """The cell of the highest confidence whose box lies apart from every label.

    Args:
      outputs: [B, h, w, 7].
      boxes: [B, M, 4] labels, pixels.
      category: [B, M] int, -1 where there is no label.
      stride: Output stride in pixels.

    Returns:
      [B, 3]: its confidence, 0 to 1, and its x and y in the chip, pixels.
    """
    centre = decode(outputs[..., :4], *jnp.indices(outputs.shape[1:3]), stride)[..., :2]
    centre = centre.reshape(len(outputs), -1, 1, 2)
    distance = jnp.linalg.norm(centre - boxes[:, None, :, :2], axis=-1)  # [B, cells, M]
    own = ((distance < _APART_PX) & (category[:, None] >= 0)).any(axis=-1)
    confidence = jax.nn.sigmoid(outputs[..., 4]).reshape(own.shape)
    confidence = jnp.where(own, 0.0, confidence)
    best = confidence.argmax(axis=-1)[:, None]
    score = jnp.take_along_axis(confidence, best, axis=1)
    place = jnp.take_along_axis(centre[:, :, 0], best[..., None], axis=1)[:, 0]
    return jnp.concatenate([score, place], axis=-1)
