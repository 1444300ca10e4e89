"""Decoding, suppression of duplicates, and the grid in tiles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dimjax.coordinates import encode
from dimjax.detection.grid import Detections, decode, suppress, tiled_frame, whole_frame
from dimjax.detection.rescoring import signals_of, surroundings
from dimjax.models import create_detector


def _grid(boxes, logits, grid, stride):
    """Outputs that encode these boxes, with logits confidence, target, interference."""
    outputs = np.full((1, *grid, 7), -20.0, np.float32)
    rows, columns, location = encode(np.asarray(boxes, np.float32), stride, grid)
    outputs[0, rows, columns] = np.concatenate([location, logits], axis=-1)
    return jnp.asarray(outputs)


def test_decode_inverts_encode_and_sorts_by_score():
    boxes = [[13.5, 40.25, 3.0, 2.0], [61.0, 3.5, 4.0, 5.0]]
    outputs = _grid(boxes, [[0.0, 20.0, -20.0], [4.0, -20.0, 20.0]], (6, 8), 8)
    detections = decode(outputs, stride=8, max_detections=3)
    np.testing.assert_allclose(detections.boxes[0, :2], boxes[::-1], rtol=1e-5)
    np.testing.assert_allclose(detections.score[0, :2], [1 / (1 + np.exp(-4)), 0.5], rtol=1e-5)
    assert detections.category[0, :2].tolist() == [1, 0]
    assert detections.score[0, 2] < 1e-6


def test_every_other_detection_of_a_chain_is_kept():
    # 0, 3, 6 pixels: the first suppresses the second, which then does not suppress the third.
    boxes = jnp.array([[[0.0, 0, 3, 3], [3.0, 0, 3, 3], [6.0, 0, 3, 3]]])
    detections = Detections(
        boxes, jnp.array([[0.9, 0.8, 0.7]]), jnp.array([[0, 1, 0]]), jnp.zeros((1, 3, 5))
    )
    score = suppress(detections, radius_px=4.0).score[0]
    np.testing.assert_allclose(score, [0.9, 0.0, 0.7])


@pytest.mark.parametrize(("distance", "kept"), [(3.99, False), (4.0, True)])
def test_duplicates_are_suppressed_within_the_radius(distance, kept):
    boxes = jnp.array([[[10.0, 20.0, 3, 3], [10.0, 20.0 + distance, 3, 3]]])
    detections = Detections(
        boxes, jnp.array([[0.9, 0.8]]), jnp.array([[0, 0]]), jnp.zeros((1, 2, 5))
    )
    score = suppress(detections, radius_px=4.0).score[0]
    np.testing.assert_allclose(score, [0.9, 0.8 if kept else 0.0])


# Intercept; log odds of the scores of target and interference; strength; clutter and its spread.
RESCORING = {
    "target": [-4.0, 1.0, 0.0, 0.5, -1.0, 0.5],
    "interference": [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
}


def test_scores_follow_from_the_network_and_the_evidence_around():
    boxes = [[13.5, 40.25, 3.0, 2.0], [61.0, 3.5, 4.0, 5.0], [30.0, 20.0, 3.0, 3.0]]
    logits = [[0.0, 20.0, -20.0], [1.0, -20.0, 20.0], [-5.0, 20.0, -20.0]]
    evidence = np.full((1, 48, 64, 4), 4.0, np.float32)
    evidence[0, 43, 10, 1] = 8.0  # a dark path, 3 px from the first box
    evidence[0, 20, 30, 0] = 30.0  # at the third box, whose score is below 0.01
    outputs = _grid(boxes, logits, (6, 8), 8)
    detections = decode(outputs, 8, 3, jnp.asarray(evidence), RESCORING)
    # The box of 13x13 cells holds all 48 round one of them, and those of 7 columns round the other.
    calm = np.array([[40], [46]])
    clutter = (calm * 4 + 8 + 30) / (calm + 2)
    spread = np.sqrt((calm * 16 + 64 + 900) / (calm + 2) - clutter**2)
    found = detections.signals[0, :2, 2:]
    np.testing.assert_allclose(found[:, :1], [[4], [8]])
    np.testing.assert_allclose(found[:, 1:], np.concatenate([clutter, spread], 1), rtol=1e-5)
    clutter, spread = clutter[1, 0], spread[1, 0]
    odds = -4.0 + 0.5 * 8.0 - (clutter - 4.2) + 0.5 * (min(spread, 2.0) - 0.4)
    expected = 1 / (1 + np.exp([-1.0, -odds]))
    np.testing.assert_allclose(detections.score[0], [*expected, 0.0], rtol=1e-4)
    assert detections.category[0, :2].tolist() == [1, 0]
    evidence[0, 43, 10, 1], evidence[0, 44, 13, 1] = 4.0, 8.0  # 4 px from it
    others = decode(outputs, 8, 2, jnp.asarray(evidence))
    assert others.signals[0, :, 2].tolist() == [4.0, 4.0]


def test_the_category_is_the_more_probable_one():
    outputs = _grid([[20.0, 20.0, 3.0, 3.0]], [[20.0, 0.0, 1.0]], (6, 8), 8)
    evidence = np.full((1, 48, 64, 4), 4.2, np.float32)
    assert decode(outputs, 8, 1, jnp.asarray(evidence), RESCORING).category[0, 0] == 1
    evidence[0, 20, 20, 0] = 12.0  # strong evidence of a target: -4 + 0.5 * 9 > ... of interference
    weights = RESCORING | {"target": [-3.0, 1.0, 0.0, 0.5, 0.0, 0.0]}
    detections = decode(outputs, 8, 1, jnp.asarray(evidence), weights)
    assert detections.category[0, 0] == 0
    np.testing.assert_allclose(detections.score[0, 0], 1 / (1 + np.exp(-1.5)), rtol=1e-5)


def test_evidence_beyond_the_border_of_a_frame_is_that_on_it():
    evidence = np.zeros((1, 20, 30, 4), np.float32)
    evidence[0, 19, 29, 0] = 7.0
    xy = jnp.array([[[29.5, 19.5], [33.0, 22.0], [-2.0, -5.0], [25.9, 19.0]]])
    signals = signals_of(jnp.zeros((1, 4, 2)), surroundings(jnp.asarray(evidence)), xy)
    assert signals[0, :, 2].tolist() == [7.0, 7.0, 0.0, 0.0]
    np.testing.assert_allclose(signals[0, :, 3], 7 / 12, rtol=1e-6)  # 3x4 cells, cut at the border


@pytest.fixture(scope="module")
def network():
    model = create_detector("darknet19", width=0.25, output_stride=8)
    images = jnp.zeros((1, 32, 32, 3))
    variables = jax.jit(lambda key: model.init(key, images, train=False))(jax.random.key(0))
    return jax.jit(lambda images: model.apply(variables, images, train=False))


def test_tiles_give_the_grid_of_the_whole_frame(network):
    images = jax.random.normal(jax.random.key(1), (1, 150, 210, 3))
    whole = whole_frame(network, images, stride=8)
    assert whole.shape == (1, 19, 27, 7)
    tiled = tiled_frame(network, images, 8, tile_px=128, margin_px=40)
    np.testing.assert_allclose(whole, tiled, atol=1e-4)


def test_tiles_without_a_margin_differ(network):
    images = jax.random.normal(jax.random.key(1), (1, 150, 210, 3))
    tiled = tiled_frame(network, images, 8, tile_px=128, margin_px=0)
    assert np.abs(whole_frame(network, images, 8) - tiled).max() > 1e-2
