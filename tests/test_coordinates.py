import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.coordinates import chip_to_frame, decode, encode, frame_to_chip

STRIDE, GRID = 8, (10, 12)


def pixels(low, high):
    return st.floats(low, high, allow_nan=False, width=32)


boxes_in_frames = st.tuples(pixels(0, 640), pixels(0, 512), pixels(0.5, 60), pixels(0.5, 60))


def test_a_bright_pixel_of_a_non_square_frame_is_in_its_chip_and_cell():
    # Off the centre by different amounts in x and y, so a flip, a swap or a half pixel shows.
    frame = np.zeros((512, 640), np.uint16)
    row, column = 301, 530
    frame[row, column] = 1
    box = np.array([column + 0.5, row + 0.5, 3.0, 1.0])
    origin = np.array([507, 276])
    chip = frame[origin[1] : origin[1] + 80, origin[0] : origin[0] + 80]

    x, y, w, h = frame_to_chip(box, origin)

    assert (x, y, w, h) == (23.5, 25.5, 3.0, 1.0)
    assert chip[int(y), int(x)] == 1
    rows, columns, location = encode(frame_to_chip(box, origin), STRIDE, GRID)
    assert (rows, columns) == (3, 2)
    cell = chip[rows * STRIDE : (rows + 1) * STRIDE, columns * STRIDE : (columns + 1) * STRIDE]
    assert cell.sum() == 1
    # Cell centres are at 20 and 28: 3.5 px to the right of one, 2.5 px above the other.
    np.testing.assert_allclose(location, [3.5 / 8, -2.5 / 8, np.log(3 / 8), np.log(1 / 8)])


def test_a_cell_includes_its_left_and_top_edges():
    boxes = np.array([[7.99, 8.0, 1.0, 1.0], [8.0, 15.99, 1.0, 1.0]])
    rows, columns, _ = encode(boxes, STRIDE, GRID)
    assert rows.tolist() == [1, 1]
    assert columns.tolist() == [0, 1]


@pytest.mark.parametrize("xp", [np, jnp])
def test_centre_on_the_last_border_belongs_to_the_last_cell(xp):
    # Mirroring puts a label at x = 0 of a chip of 96 px to x = 96.
    boxes = xp.array([[96.0, 40.0, 8.0, 8.0], [3.0, 80.0, 8.0, 8.0]], dtype="float32")
    rows, columns, location = encode(boxes, STRIDE, GRID)
    assert rows.tolist() == [5, 9] and columns.tolist() == [11, 0]
    assert location[0].tolist() == [0.5, -0.5, 0, 0] and location[1].tolist() == [-0.125, 0.5, 0, 0]
    assert location.dtype == "float32"


def test_zero_location_is_the_centre_of_the_cell():
    location = np.array([0.0, 0.0, 0.0, 0.0])
    assert decode(location, 2, 5, STRIDE).tolist() == [44.0, 20.0, 8.0, 8.0]


@given(box=boxes_in_frames, origin=st.tuples(st.integers(0, 560), st.integers(0, 432)))
def test_chip_to_frame_inverts_frame_to_chip(box, origin):
    box, origin = np.array(box), np.array(origin)
    in_chip = frame_to_chip(box, origin)
    assert in_chip[2:].tolist() == box[2:].tolist()
    np.testing.assert_allclose(chip_to_frame(in_chip, origin), box, atol=1e-9)


@given(box=boxes_in_frames, stride=st.sampled_from([1, 4, 8, 16, 32]))
def test_decode_inverts_encode(box, stride):
    box = np.array(box)
    rows, columns, location = encode(box, stride, (513, 641))
    assert np.all(np.abs(location[:2]) <= 0.5)
    assert rows == int(box[1] // stride) and columns == int(box[0] // stride)
    np.testing.assert_allclose(decode(location, rows, columns, stride), box, atol=1e-9)


@pytest.mark.parametrize("xp", [np, jnp])
def test_array_type_and_leading_axes_are_kept(xp):
    boxes = xp.array([[[10.0, 20.0, 3.0, 3.0], [31.5, 0.5, 1.0, 2.0]]], dtype="float32")
    origin = xp.array([[[4, 6], [0, 0]]])
    in_chip = frame_to_chip(boxes, origin)
    rows, columns, location = encode(in_chip, STRIDE, GRID)
    restored = chip_to_frame(decode(location, rows, columns, STRIDE), origin)
    assert type(restored) is type(boxes)
    assert rows.shape == columns.shape == (1, 2) and rows.dtype == "int32"
    np.testing.assert_allclose(restored, boxes, rtol=1e-6)
