"""Detections from the network's output grid, on chips and on full frames.

The strongest cells of each image become boxes in the pixels of the image, best first and free of
duplicates. A full frame passes through the network whole or in tiles; both give the same grid.

    outputs = whole_frame(apply, images, stride=8)              # [B, h, w, 7]
    detections = decode(outputs, stride=8, max_detections=100)
    detections = suppress(detections, radius_px=4.0)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dimjax import coordinates
from dimjax.detection.rescoring import probabilities, signals_of, surroundings


class Detections(NamedTuple):
    """The K strongest detections of each image, in descending order of score.

    A score of 0 marks an empty row.
    """

    boxes: jax.Array  # [B, K, 4] x, y, w, h in pixels of the image
    score: jax.Array  # [B, K] confidence times probability of the category, or rescored, 0 to 1
    category: jax.Array  # [B, K] int32, 0 target, 1 interference
    signals: jax.Array  # [B, K, 5] that its score follows from, see rescoring.SIGNALS


def decode(
    outputs: jax.Array,
    stride: int,
    max_detections: int,
    evidence: jax.Array | None = None,
    rescoring: Mapping[str, Sequence[float]] | None = None,
) -> Detections:
    """Decode the strongest cells of a grid into boxes; each cell gives one category.

    Args:
      outputs: [B, h, w, 7] network outputs.
      stride: Output stride in pixels.
      max_detections: Number of detections of an image; if the grid has fewer cells, that number.
      evidence: [B, H, W, C] motion evidence of the images, None if there is none.
      rescoring: Category -> weights of dimjax.detection.rescoring; None keeps the network's
        scores.
    """
    images, height, width, channels = outputs.shape
    count = height * width
    cells = outputs.reshape(images, count, channels)
    index = jnp.arange(count)
    boxes = coordinates.decode(cells[..., :4], *_rows_columns(index, width, images), stride)
    scores = jax.nn.sigmoid(cells[..., 4:5]) * jax.nn.sigmoid(cells[..., 5:])
    around = None if evidence is None else surroundings(evidence)
    signals = signals_of(scores, around, boxes[..., :2])
    if rescoring is not None:
        weights = [rescoring[name] for name in ("target", "interference")]
        scores = probabilities(signals, weights)
    score, category = scores.max(axis=-1), scores.argmax(axis=-1)
    return _strongest(Detections(boxes, score, category, signals), max_detections)


def _rows_columns(index: jax.Array, width: int, images: int) -> tuple[jax.Array, jax.Array]:
    """Rows and columns [B, N] of all cells."""
    shape = (images, *index.shape)
    return tuple(jnp.broadcast_to(v, shape) for v in (index // width, index % width))


def _strongest(cells: Detections, max_detections: int) -> Detections:
    """Select the cells with the highest scores, in descending order."""
    count = cells.score.shape[1]
    if isinstance(count, int):  # in an export it is symbolic: small grids are padded with score 0
        max_detections = min(max_detections, count)
    padding = jax.core.max_dim(max_detections - count, 0)
    padded = jnp.pad(cells.score, ((0, 0), (0, padding)))
    score, index = jax.lax.top_k(padded, max_detections)

    def chosen(values: jax.Array) -> jax.Array:
        rows = index if values.ndim == 2 else index[..., None]
        return jnp.take_along_axis(values, rows, axis=1, mode="clip")

    boxes, category, signals = map(chosen, (cells.boxes, cells.category, cells.signals))
    return Detections(boxes, score, category, signals)


def suppress(detections: Detections, radius_px: float) -> Detections:
    """Suppress duplicates: set the score of detections close to a stronger one to 0.

    Duplicates arise if a target lies on the border between cells. Their categories are ignored:
    two objects that close cannot be resolved at an output stride of several pixels. A suppressed
    detection does not suppress others.

    Args:
      detections: Detections from decode.
      radius_px: Detections closer than this to a stronger one are suppressed, pixels.
    """
    centre = detections.boxes[..., :2]
    distance = jnp.linalg.norm(centre[:, :, None] - centre[:, None], axis=-1)
    stronger = jnp.tril(jnp.ones(distance.shape[1:], bool), k=-1)
    close = (distance < radius_px) & stronger  # [B, K, K]: close to a stronger one
    exists = detections.score > 0

    def settle(state):
        kept, _ = state
        return exists & ~(close & kept[:, None]).any(axis=-1), kept

    # Each pass settles at least one more detection in a chain of close ones. Few chains are longer
    # than two, so about three passes replace a loop over all detections.
    kept, _ = jax.lax.while_loop(
        lambda state: (state[0] != state[1]).any(), settle, settle((exists, exists))
    )
    return detections._replace(score=jnp.where(kept, detections.score, 0.0))


def whole_frame(apply: Callable, images: jax.Array, stride: int) -> jax.Array:
    """Apply the network to images [B, H, W, C] of any size.

    Height and width are padded with zeros to multiples of the stride, as convolutions pad.

    Returns:
      Output grid [B, ceil(H/s), ceil(W/s), 7].
    """
    return apply(_pad(images, stride))


def tiled_frame(
    apply: Callable, images: jax.Array, stride: int, tile_px: int, margin_px: int
) -> jax.Array:
    """Compute the grid of whole_frame tile by tile, for frames that exceed the memory.

    Args:
      apply: Network, [B, H, W, C] -> [B, H/s, W/s, 7].
      images: [B, H, W, C].
      stride: Output stride in pixels.
      tile_px: Height and width of a tile, a multiple of the stride.
      margin_px: Overlap on each side, whose cells are discarded, a multiple of the stride. The
        grid equals that of whole_frame if this is at least the radius of the receptive field.
    """
    padded = _pad(images, stride)
    rows = _tiles(padded.shape[1], tile_px, margin_px)
    columns = _tiles(padded.shape[2], tile_px, margin_px)
    strips = []
    for row, row_core in rows:
        cores = []
        for column, column_core in columns:
            grid = apply(padded[:, row, column])
            cores.append(
                grid[:, _cells(row, row_core, stride), _cells(column, column_core, stride)]
            )
        strips.append(jnp.concatenate(cores, axis=2))
    return jnp.concatenate(strips, axis=1)


def _pad(images: jax.Array, stride: int) -> jax.Array:
    down, across = (-(-size // stride) * stride - size for size in images.shape[1:3])
    return jnp.pad(images, ((0, 0), (0, down), (0, across), (0, 0)))


def _tiles(size: int, tile: int, margin: int) -> list[tuple[slice, slice]]:
    """Split an axis into tiles, each with its core; the cores partition the axis. Pixels."""
    tiles, start = [], 0
    while True:
        low = max(0, min(start - margin, size - tile))
        high = min(low + tile, size)
        stop = size if high == size else high - margin
        tiles.append((slice(low, high), slice(start, stop)))
        if stop == size:
            return tiles
        start = stop


def _cells(tile: slice, core: slice, stride: int) -> slice:
    """The cells of a tile's grid that lie in its core."""
    return slice((core.start - tile.start) // stride, (core.stop - tile.start) // stride)
