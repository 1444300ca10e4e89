"""The network's outputs at each label, and its strongest peak away from all labels.

Both are recorded for every chip in every epoch: over the epochs they tell a wrong label from a dim
one, and they show targets that have no label.

    at_labels = outputs_at_labels(outputs, boxes, stride=8)                          # [B, M, 5]
    peak = unmatched_peak(outputs, boxes, category, stride=8, match_px=3.0)          # [B, 3]
"""

import jax
import jax.numpy as jnp

from dimjax.coordinates import decode, encode
from dimjax.training.inputs import turn_back


def outputs_to_record(
    turns: jax.Array,
    outputs: jax.Array,
    boxes: jax.Array,
    category: jax.Array,
    chip_px: int,
    stride: int,
    match_px: float,
) -> dict[str, jax.Array]:
    """Compute label outputs and unmatched peaks in the coordinates of the chips before turning.

    Args:
      turns: [B, 3] bool, see dimjax.training.inputs.turn.
      outputs: [B, h, w, 7] network outputs on the turned chips.
      boxes: [B, M, 4] labels in the turned chips, pixels.
      category: [B, M] int, -1 where there is no label.
      chip_px: Height and width of a chip, pixels.
      stride: Output stride in pixels.
      match_px: Matching radius, pixels.

    Returns:
      Dict of label_outputs [B, M, 5] and unmatched_peak [B, 3]; see outputs_at_labels and
      unmatched_peak.
    """
    at_labels = outputs_at_labels(outputs, boxes, stride)
    peak = unmatched_peak(outputs, boxes, category, stride, match_px)
    offsets = turn_back(turns, at_labels[..., 3:])
    position = turn_back(turns, peak[..., 1:] - chip_px / 2) + chip_px / 2
    return {
        "label_outputs": jnp.concatenate([at_labels[..., :3], offsets], axis=-1),
        "unmatched_peak": jnp.concatenate([peak[..., :1], position], axis=-1),
    }


def outputs_at_labels(outputs: jax.Array, boxes: jax.Array, stride: int) -> jax.Array:
    """Return the outputs of the cell that holds each label's centre.

    Args:
      outputs: [B, h, w, 7], see dimjax.models.detector.
      boxes: [B, M, 4] labels, x, y, w, h in pixels. Rows of absent labels may hold anything; so do
        the rows of the result.
      stride: Output stride in pixels.

    Returns:
      [B, M, 5]: the logits of confidence, target and interference; and the offset of the box that
      the cell predicts from the label, in x and y, pixels. The columns are
      dimjax.training.training_log.LABEL_OUTPUTS.
    """
    height, width = outputs.shape[1:3]
    rows, columns, _ = encode(jnp.maximum(boxes, 1e-3), stride, (height, width))
    flat = outputs.reshape(len(outputs), height * width, -1)
    cells = (rows * width + columns)[..., None]
    at_labels = jnp.take_along_axis(flat, cells, axis=1)  # [B, M, 7]
    predicted = decode(at_labels[..., :4], rows, columns, stride)
    return jnp.concatenate([at_labels[..., 4:], predicted[..., :2] - boxes[..., :2]], axis=-1)


def unmatched_peak(
    outputs: jax.Array, boxes: jax.Array, category: jax.Array, stride: int, match_px: float
) -> jax.Array:
    """Return the cell of highest confidence whose box does not match any label.

    Args:
      outputs: [B, h, w, 7].
      boxes: [B, M, 4] labels, pixels.
      category: [B, M] int, -1 where there is no label.
      stride: Output stride in pixels.
      match_px: A box closer to a label than this matches it, as in the evaluation.

    Returns:
      [B, 3]: the cell's confidence, 0 to 1, and the x and y of its box in the chip, pixels. The
      columns are dimjax.training.training_log.UNMATCHED_PEAK.
    """
    centre = decode(outputs[..., :4], *jnp.indices(outputs.shape[1:3]), stride)[..., :2]
    centre = centre.reshape(len(outputs), -1, 1, 2)
    distance = jnp.linalg.norm(centre - boxes[:, None, :, :2], axis=-1)  # [B, cells, M]
    matched = ((distance < match_px) & (category[:, None] >= 0)).any(axis=-1)
    confidence = jax.nn.sigmoid(outputs[..., 4]).reshape(matched.shape)
    confidence = jnp.where(matched, 0.0, confidence)
    best = confidence.argmax(axis=-1)[:, None]
    score = jnp.take_along_axis(confidence, best, axis=1)
    position = jnp.take_along_axis(centre[:, :, 0], best[..., None], axis=1)[:, 0]
    return jnp.concatenate([score, position], axis=-1)
