"""Detections from the network's output grid, on chips and on full frames.

In come images as network inputs; out go the strongest boxes of each image, best first, free of
duplicates, in the pixels of the image. A full frame goes through whole or in tiles; both give
the same grid, so all that follows is the same.

    outputs = whole_frame(apply, images, stride=8)              # [B, h, w, 7]
    found = decode(outputs, stride=8, most=100)
    found = suppress(found, radius_px=4.0)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dimjax import coordinates


class Detections(NamedTuple):
    """The K strongest detections of each image, by falling score; score 0 means none."""

    boxes: jax.Array  # [B, K, 4] x, y, w, h in pixels of the image
    score: jax.Array  # [B, K] confidence times probability of the category, 0 to 1
    category: jax.Array  # [B, K] int32, 0 target, 1 interference


def decode(outputs: jax.Array, stride: int, most: int) -> Detections:
    """The strongest cells of a grid [B, h, w, 7] as boxes; each cell speaks for one category."""
    images, height, width, channels = outputs.shape
    count = height * width
    cells = outputs.reshape(images, count, channels)
    scores = jax.nn.sigmoid(cells[..., 4:5]) * jax.nn.sigmoid(cells[..., 5:])
    if isinstance(count, int):  # exported, it is a symbol: then cells of score 0 make up for few
        most = min(most, count)
    lacking = jax.core.max_dim(most - count, 0)
    best = jnp.pad(scores.max(axis=-1), ((0, 0), (0, lacking)))
    score, index = jax.lax.top_k(best, most)
    chosen = jnp.take_along_axis(cells, index[..., None], axis=1, mode="clip")
    category = jnp.take_along_axis(scores.argmax(axis=-1), index, axis=1, mode="clip")
    boxes = coordinates.decode(chosen[..., :4], index // width, index % width, stride)
    return Detections(boxes, score, category)


def suppress(found: Detections, radius_px: float) -> Detections:
    """Set the score of duplicates to 0: those within radius_px of a stronger detection.

    Duplicates arise where a target lies on the border of cells. Which category they name does
    not matter: two things so near cannot be told apart at an output stride of several pixels.
    """
    centre = found.boxes[..., :2]
    distance = jnp.linalg.norm(centre[:, :, None] - centre[:, None], axis=-1)
    stronger = jnp.tril(jnp.ones(distance.shape[1:], bool), k=-1)
    near = (distance < radius_px) & stronger  # [B, K, K]: near a stronger one

    def settle(state):
        kept, _ = state
        return (found.score > 0) & ~(near & kept[:, None]).any(axis=-1), kept

    # Each pass settles at least one more of a chain of near detections, and few are longer than
    # two: some three passes do what a loop over all detections does.
    first = found.score > 0
    kept, _ = jax.lax.while_loop(
        lambda state: (state[0] != state[1]).any(), settle, settle((first, first))
    )
    return found._replace(score=jnp.where(kept, found.score, 0.0))


def whole_frame(apply: Callable, images: jax.Array, stride: int) -> jax.Array:
    """Output grid [B, ceil(H/s), ceil(W/s), 7] of images [B, H, W, C] of any size.

    Rims that are no multiple of the stride are filled with zeros, as convolution does itself.
    """
    return apply(_padded(images, stride))


def tiled_frame(
    apply: Callable, images: jax.Array, stride: int, tile_px: int, margin_px: int
) -> jax.Array:
    """The same grid as whole_frame, computed tile by tile, for frames too large for memory.

    Args:
      apply: The network, [B, H, W, C] -> [B, H/s, W/s, 7].
      images: [B, H, W, C].
      stride: Output stride in pixels.
      tile_px: Height and width of a tile, a multiple of the stride.
      margin_px: Overlap on each side whose cells are thrown away, a multiple of the stride. The
        grid equals whole_frame's where this is at least the radius of the receptive field.
    """
    padded = _padded(images, stride)
    rows = _spans(padded.shape[1], tile_px, margin_px)
    columns = _spans(padded.shape[2], tile_px, margin_px)
    tiles = [[padded[:, r.start : r.stop, c.start : c.stop] for c, _ in columns] for r, _ in rows]
    strips = []
    for line, (row, row_core) in zip(tiles, rows, strict=True):
        cores = []
        for tile, (column, column_core) in zip(line, columns, strict=True):
            grid = apply(tile)
            down = slice(
                *((edge - row.start) // stride for edge in (row_core.start, row_core.stop))
            )
            across = slice(
                *((edge - column.start) // stride for edge in (column_core.start, column_core.stop))
            )
            cores.append(grid[:, down, across])
        strips.append(jnp.concatenate(cores, axis=2))
    return jnp.concatenate(strips, axis=1)


def _padded(images, stride: int):
    down, across = (-(-size // stride) * stride - size for size in images.shape[1:3])
    return jnp.pad(images, ((0, 0), (0, down), (0, across), (0, 0)))


def _spans(size: int, tile: int, margin: int) -> list[tuple[slice, slice]]:
    """Tiles over an axis, each with the part of it, its core, that the other tiles leave to it."""
    spans, start = [], 0
    while True:
        low = max(0, min(start - margin, size - tile))
        high = min(low + tile, size)
        stop = size if high == size else high - margin
        spans.append((slice(low, high), slice(start, stop)))
        if stop == size:
            return spans
        start = stop
