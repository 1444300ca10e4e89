"""A network with fused batch norms has the outputs of the network itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import random_array, random_variables

from dimjax.models import BACKBONES, create_detector
from dimjax.models.batch_norm_fusion import apply_fused
from dimjax.models.layers import ConvNorm, DepthwiseNorm

IMAGES = random_array(2, 40, 24, 3, seed=1)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_fused_networks_are_equal(backbone):
    model = create_detector(backbone, width=0.25, context_px=32)
    variables = random_variables(model, IMAGES)
    both = jax.jit(lambda v, x: (model.apply(v, x, train=False), apply_fused(model, v, x)))
    expected, fused = both(variables, IMAGES)
    np.testing.assert_allclose(fused, expected, atol=1e-5 * np.abs(expected).max())


def test_no_batch_norm_is_left():
    model = create_detector("mobilenet", width=0.25)
    variables = jax.device_get(random_variables(model, IMAGES))
    # NumPy kernels are fused while tracing, and only outputs of convolutions are multiplied.
    fused = str(jax.make_jaxpr(lambda x: apply_fused(model, variables, x))(IMAGES))
    assert "rsqrt" not in fused and "pow" not in fused
    assert "rsqrt" in str(jax.make_jaxpr(lambda x: model.apply(variables, x, train=False))(IMAGES))


@pytest.mark.parametrize("layer", [ConvNorm(2, 1), DepthwiseNorm(1)])
def test_layers_by_hand(layer):
    kernel = {"Conv_0": {"kernel": np.float32([[[[2.0, 0.0], [0.0, 4.0]]]])}}
    if isinstance(layer, DepthwiseNorm):
        kernel = {"kernel": np.float32([[[[2.0, 4.0]]]])}
    norm = {"scale": np.float32([3, 1]), "bias": np.float32([1, -1])}
    statistics = {"mean": np.float32([6, 0]), "var": np.float32([4, 1]) - 1e-5}
    variables = {
        "params": {**kernel, "BatchNorm_0": norm},
        "batch_stats": {"BatchNorm_0": statistics},
    }
    # (2 * 5 - 6) / 2 * 3 + 1 = 7 and relu((4 * 0.1 - 0) / 1 - 1) = 0.
    fused = apply_fused(layer, variables, jnp.float32([[[[5.0, 0.1]]]]))
    np.testing.assert_allclose(fused, [[[[7.0, 0.0]]]], rtol=1e-6)
