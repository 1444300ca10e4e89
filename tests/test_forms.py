"""The layers' forms compute what the textbook's compute, forward and back."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dimjax.models.layers import BatchNorm
from dimjax.models.ops.batch_norm import normalize
from dimjax.models.ops.convolution import convolve
from dimjax.models.ops.depthwise import depthwise

NHWC = ("NHWC", "HWIO", "NHWC")


def _random(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def _with_gradients(function, *arguments):
    """Value and gradients, all compiled as one."""

    def both(*arguments):
        out, pull = jax.vjp(function, *arguments)
        return out, *pull(jnp.cos(out))

    return jax.jit(both)(*arguments)


def _assert_alike(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=3e-5 * abs(other).max())


def _assert_convolves(x, kernel, stride):
    rest = {"dimension_numbers": NHWC, "precision": None}
    functions = (
        lambda x, kernel: jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), "SAME", dimension_numbers=NHWC
        ),
        lambda x, kernel: convolve(x, kernel, (stride, stride), "SAME", **rest),
    )
    _assert_alike(*(_with_gradients(function, x, kernel) for function in functions))


@pytest.mark.parametrize(
    ("size", "inputs", "outputs", "stride"),
    [
        *((3, 3, 8, 1), (3, 3, 16, 1), (3, 1, 8, 1), (2, 4, 10, 1), (7, 3, 24, 2), (3, 3, 32, 1)),
        *((7, 3, 16, 2), (3, 3, 16, 3), (5, 1, 16, 2), (2, 3, 16, 2)),
    ],
)
def test_first_layers_in_every_form_are_convolutions(size, inputs, outputs, stride):
    x, kernel = _random(2, 9, 12, inputs), _random(size, size, inputs, outputs, seed=1)
    _assert_convolves(x, kernel, stride)


@settings(max_examples=10, deadline=None)
@given(
    size=st.sampled_from([1, 2, 3, 5, 7]),
    stride=st.sampled_from([1, 2, 3]),
    height=st.integers(5, 9),
    width=st.integers(5, 12),
    inputs=st.sampled_from([1, 3, 4, 5, 17, 20]),
    outputs=st.sampled_from([1, 8, 10, 16, 24, 32, 40]),
)
def test_convolutions_of_any_shape_are_convolutions(size, stride, height, width, inputs, outputs):
    x, kernel = _random(2, height, width, inputs), _random(size, size, inputs, outputs, seed=1)
    _assert_convolves(x, kernel, stride)


@settings(max_examples=10, deadline=None)
@given(
    size=st.sampled_from([1, 2, 3, 5]),
    stride=st.sampled_from([1, 2, 3]),
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    chips=st.sampled_from([1, 2, 3, 8, 24]),
)
def test_depthwise_of_any_shape_is_a_grouped_convolution(size, stride, height, width, chips):
    x, kernel = _random(chips, height, width, 3), _random(size, size, 1, 3, seed=1)

    def grouped(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), "SAME", dimension_numbers=NHWC, feature_group_count=3
        )

    def ours(x, kernel):
        return depthwise(x, kernel, stride)

    _assert_alike(_with_gradients(ours, x, kernel), _with_gradients(grouped, x, kernel))


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_in_bfloat16_are_those_of_float32_but_for_rounding(stride):
    x, deep = 0.1 * _random(8, 9, 8, 5), 0.3 * _random(3, 3, 1, 5, seed=1)
    wide = 0.1 * _random(3, 3, 5, 24, seed=2)

    def layers(x, wide, deep):
        x = depthwise(x, deep, stride)
        rest = {"dimension_numbers": NHWC, "precision": None}
        return convolve(x, wide, (stride, stride), "SAME", **rest)

    exact = _with_gradients(layers, x, wide, deep)
    rounded = _with_gradients(layers, *(values.astype(jnp.bfloat16) for values in (x, wide, deep)))
    for mine, other in zip(rounded, exact, strict=True):
        error = jnp.linalg.norm(mine.astype(jnp.float32) - other) / jnp.linalg.norm(other)
        assert error < 0.05


def test_normalize_by_hand():
    x = jnp.array([1.0, 3.0]).reshape(2, 1, 1, 1)  # mean 2, variance 1
    y, mean, variance = normalize(x, jnp.array([10.0]), jnp.array([5.0]), 0.0)
    np.testing.assert_allclose(y.ravel(), [-5, 15])
    assert (mean, variance) == (2, 1)
    # Of two values the normalised ones are always -1 and 1: no gradient reaches x.
    dx, dscale, dbias = jax.grad(
        lambda *given: normalize(*given, 0.0)[0][1].sum(), argnums=(0, 1, 2)
    )(x, jnp.array([10.0]), jnp.array([5.0]))
    np.testing.assert_allclose(dx, 0, atol=1e-6)
    np.testing.assert_allclose([dscale[0], dbias[0]], [1, 1])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_batch_norm_is_that_of_flax(dtype):
    x = (3 + 2 * _random(4, 5, 6, 7)).astype(dtype)
    params = {"scale": 1 + 0.1 * _random(7, seed=1), "bias": _random(7, seed=2)}
    stats = {"mean": _random(7, seed=3), "var": 1 + jnp.abs(_random(7, seed=4))}
    reference = nn.BatchNorm(False, momentum=0.9, epsilon=1e-3, dtype=dtype)
    found = []
    for apply in (
        lambda variables, x: BatchNorm(1e-3, dtype).apply(
            variables, x, True, mutable="batch_stats"
        ),
        lambda variables, x: reference.apply(variables, x, mutable="batch_stats"),
    ):

        def both(params, x, apply=apply):
            out, pull, changes = jax.vjp(
                lambda params, x: apply({"params": params, "batch_stats": stats}, x),
                params, x, has_aux=True,
            )  # fmt: skip
            return out, changes, pull(jnp.cos(out))

        found.append(jax.jit(both)(params, x))
    tolerance = 1e-4 if dtype == jnp.float32 else 5e-2
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            np.float32(a), np.float32(b), rtol=tolerance, atol=tolerance
        ),
        *found,
    )


def test_batch_norm_takes_its_statistics_in_evaluation():
    x = _random(2, 3, 3, 1)
    stats = {"mean": jnp.array([1.0]), "var": jnp.array([3.0])}
    params = {"scale": jnp.array([4.0]), "bias": jnp.array([0.5])}
    variables = {"params": params, "batch_stats": stats}
    y = BatchNorm(1.0).apply(variables, x, False)
    np.testing.assert_allclose(y, (x - 1) * 2 + 0.5, rtol=1e-5)
