"""Conversion between frame, chip and grid coordinates. No other module converts between them.

x runs to the right and y down, in pixels. The top-left *corner* of an image is (0, 0), so
the centre of the pixel in row r, column c is (c + 0.5, r + 0.5). A box is centre and size,
[..., 4] = x, y, w, h. A chip's origin is the (x, y) of its top-left corner in the frame. Cell
(row, column) of an output grid of stride s covers s*column <= x < s*(column + 1) and
s*row <= y < s*(row + 1).

All functions take NumPy or JAX arrays and return the same kind.

    chip_boxes = frame_to_chip(boxes, origin)
    rows, columns, location = encode(chip_boxes, stride=8, grid=(10, 10))
    chip_boxes == decode(location, rows, columns, stride=8)
"""


def frame_to_chip(boxes, origin):
    """Convert boxes [..., 4], or points [..., 2], of a frame to a chip with origin [..., 2]."""
    return _shift(boxes, origin, -1)


def chip_to_frame(boxes, origin):
    """Convert boxes [..., 4], or points [..., 2], of a chip with origin [..., 2] to its frame."""
    return _shift(boxes, origin, 1)


def encode(boxes, stride: int, grid: tuple[int, int]):
    """Compute cell and location targets of boxes, the t and g of the paper's Eq. (3).

    Args:
      boxes: [..., 4] x, y, w, h in pixels, w and h positive.
      stride: Output stride of the network in pixels.
      grid: Rows and columns of the output grid. A centre on its right or lower border, as after
        mirroring one at x = 0, belongs to the last column or row.

    Returns:
      rows [...] and columns [...] int32 of the cells that contain the centres, and location
      [..., 4]: offset of the centre from the cell's centre in strides (-0.5 to 0.5), and the
      natural logarithm of the size in strides.
    """
    xp = boxes.__array_namespace__()
    last = xp.asarray((grid[1] - 1, grid[0] - 1), dtype=boxes.dtype)
    cells = xp.minimum(xp.floor(boxes[..., :2] / stride), last)
    offset = boxes[..., :2] / stride - cells - 0.5
    location = xp.concat([offset, xp.log(boxes[..., 2:] / stride)], axis=-1)
    cells = cells.astype("int32")
    return cells[..., 1], cells[..., 0], location


def decode(location, rows, columns, stride: int):
    """Compute boxes [..., 4] in pixels from location [..., 4] in the cells rows, columns [...]."""
    xp = location.__array_namespace__()
    cells = xp.stack([columns, rows], axis=-1)
    centre = (location[..., :2] + cells + 0.5) * stride
    return xp.concat([centre, xp.exp(location[..., 2:]) * stride], axis=-1)


def _shift(boxes, origin, sign: int):
    xp = boxes.__array_namespace__()
    return xp.concat([boxes[..., :2] + sign * origin, boxes[..., 2:]], axis=-1)
