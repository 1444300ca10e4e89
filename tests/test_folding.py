"""Batch norm folded into the convolutions gives what the network gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_models import _random_variables

from dimjax.models import BACKBONES, create_detector
from dimjax.models.folding import apply_folded
from dimjax.models.layers import ConvNorm, DepthwiseNorm
from dimjax.models.ops.export_forms import written_plainly
from dimjax.models.ops.pooling import concatenate, max_pool, window_mean

IMAGES = np.random.default_rng(1).normal(size=(2, 40, 24, 3)).astype(np.float32)


def _outputs(model, variables):
    both = jax.jit(
        lambda v, x: (model.apply(v, x, train=False), apply_folded(model, v, x)),
    )
    return both(variables, IMAGES)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_folded_is_the_same_network(backbone):
    model = create_detector(backbone, width=0.25, context_px=32)
    variables = _random_variables(model, jnp.asarray(IMAGES))
    expected, folded = _outputs(model, variables)
    tolerance = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(folded, expected, atol=tolerance)


def test_no_batch_norm_is_left():
    model = create_detector("mobilenet", width=0.25)
    variables = _random_variables(model, jnp.asarray(IMAGES))
    values = jax.device_get(variables)
    # NumPy kernels are folded at once: nothing but the outputs of convolutions is multiplied.
    jaxpr = jax.make_jaxpr(lambda x: apply_folded(model, values, x))(IMAGES)
    assert "rsqrt" not in str(jaxpr) and "pow" not in str(jaxpr)
    assert "rsqrt" in str(jax.make_jaxpr(lambda x: model.apply(values, x, train=False))(IMAGES))


@pytest.mark.parametrize("layer", [ConvNorm(2, 1), DepthwiseNorm(1)])
def test_by_hand(layer):
    kernel = {"Conv_0": {"kernel": np.float32([[[[2.0, 0.0], [0.0, 4.0]]]])}}
    if isinstance(layer, DepthwiseNorm):
        kernel = {"kernel": np.float32([[[[2.0, 4.0]]]])}
    variables = {
        "params": {
            **kernel,
            "BatchNorm_0": {"scale": np.float32([3, 1]), "bias": np.float32([1, -1])},
        },
        "batch_stats": {
            "BatchNorm_0": {"mean": np.float32([6, 0]), "var": np.float32([4, 1]) - 1e-5}
        },
    }
    # (2 * 5 - 6) / 2 * 3 + 1 = 7 and relu((4 * 0.1 - 0) / 1 - 1) = 0.
    folded = apply_folded(layer, variables, jnp.float32([[[[5.0, 0.1]]]]))
    np.testing.assert_allclose(folded, [[[[7.0, 0.0]]]], rtol=1e-6)


@pytest.mark.parametrize("size, stride", [(2, 2), (3, 2), (3, 1)])
def test_the_plain_pool_is_the_same(size, stride):
    with written_plainly():
        plain = max_pool(IMAGES, size, stride)
    np.testing.assert_array_equal(plain, max_pool(IMAGES, size, stride))


@pytest.mark.parametrize("cells", [1, 4, 9, 80])
def test_the_plain_mean_is_the_same(cells):
    with written_plainly():
        plain = window_mean(IMAGES, cells)
    np.testing.assert_allclose(plain, window_mean(IMAGES, cells), atol=1e-5)


def test_plain_parts_lie_side_by_side_too():
    with written_plainly():
        plain = concatenate([IMAGES, -IMAGES])
    np.testing.assert_array_equal(plain, np.concatenate([IMAGES, -IMAGES], axis=-1))
