"""Every form of an operation agrees with a textbook implementation, forward and backward."""

import runpy

import flax.linen as nn
import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import random_array

from dimjax.errors import InputError
from dimjax.models.layers import BatchNorm
from dimjax.models.ops import convolution
from dimjax.models.ops.batch_norm import normalize
from dimjax.models.ops.concatenation import concatenate
from dimjax.models.ops.convolution import convolve
from dimjax.models.ops.depthwise import depthwise
from dimjax.models.ops.export_forms import for_export
from dimjax.models.ops.pooling import max_pool, window_mean

NHWC = ("NHWC", "HWIO", "NHWC")
PRECISE = jax.lax.Precision.HIGHEST


def _with_gradients(function):
    """A function's value and its gradients."""

    def value_and_gradients(*arguments):
        out, pull = jax.vjp(function, *arguments)
        return out, *pull(jnp.cos(out))

    return value_and_gradients


def _assert_equal(function, reference, *arguments):
    """Compare values and gradients, all compiled as one program."""
    functions = [_with_gradients(each) for each in (function, reference)]
    both = jax.jit(lambda *arguments: [each(*arguments) for each in functions])
    for value, expected in zip(*both(*arguments), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=3e-5 * abs(expected).max())


def _textbook(stride, groups=1):
    return lambda x, kernel: jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=NHWC, feature_group_count=groups
    )


def _convolve(stride, precision=None):
    return lambda x, kernel: convolve(x, kernel, (stride, stride), "SAME", precision)


@pytest.mark.parametrize(
    ("size", "inputs", "outputs", "stride"),
    [
        *((3, 3, 8, 1), (3, 3, 16, 1), (3, 1, 8, 1), (2, 4, 10, 1), (7, 3, 24, 2), (3, 3, 32, 1)),
        *((7, 3, 16, 2), (3, 3, 16, 3), (5, 1, 16, 2), (2, 3, 16, 2)),
    ],
)
def test_first_layers_in_column_groups_are_convolutions(size, inputs, outputs, stride):
    x, kernel = random_array(2, 9, 12, inputs), random_array(size, size, inputs, outputs, seed=1)
    _assert_equal(_convolve(stride), _textbook(stride), x, kernel)


@settings(max_examples=8)
@given(
    size=st.sampled_from([1, 2, 3, 5, 7]),
    stride=st.sampled_from([1, 2, 3]),
    height=st.integers(5, 9),
    width=st.integers(5, 12),
    inputs=st.sampled_from([1, 3, 4, 5, 17, 20]),
    outputs=st.sampled_from([1, 8, 10, 16, 24, 32, 40]),
)
def test_convolutions_of_any_shape(size, stride, height, width, inputs, outputs):
    x, kernel = random_array(2, height, width, inputs), random_array(size, size, inputs, outputs)
    _assert_equal(_convolve(stride), _textbook(stride), x, kernel)


@pytest.mark.parametrize(
    ("size", "stride", "inputs"), [(3, 1, 17), (3, 2, 17), (7, 2, 5), (2, 1, 20), (5, 3, 20)]
)
def test_dilated_convolutions_of_many_channels_are_convolutions(size, stride, inputs, monkeypatch):
    monkeypatch.setattr(convolution, "DILATE_ROWS", True)
    x, kernel = random_array(2, 8, 9, inputs), random_array(size, size, inputs, 24, seed=1)
    _assert_equal(_convolve(stride), _textbook(stride), x, kernel)


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "dtype", "count"),
    [
        (24, 24, 1, jnp.float32, 3),  # forward, gradients of x and kernel
        (24, 24, 2, jnp.float32, 2),  # forward, gradient of the kernel
        (8, 24, 1, jnp.float32, 1),  # gradient of the kernel
        (24, 8, 1, jnp.float32, 0),
        (24, 24, 1, jnp.bfloat16, 0),
    ],
)
def test_products_of_many_channels_are_dilated_if_the_switch_is_on(
    inputs, outputs, stride, dtype, count, monkeypatch
):
    x, kernel = jnp.ones((2, 8, 8, inputs), dtype), jnp.ones((3, 3, inputs, outputs), dtype)
    for is_on, expected in ((True, count), (False, 0)):
        monkeypatch.setattr(convolution, "DILATE_ROWS", is_on)
        program = jax.jit(_with_gradients(_convolve(stride))).lower(x, kernel).as_text()
        assert program.count("lhs_dilate = [2, 1]") == expected


@pytest.mark.parametrize(
    ("backend", "stride", "is_product"),
    [("cpu", 1, True), ("cpu", 2, True), ("gpu", 1, True), ("gpu", 2, False)],
)
def test_strided_pixels_are_multiplied_on_a_cpu_only(backend, stride, is_product, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    x, kernel = random_array(2, 9, 8, 4), random_array(1, 1, 4, 6)
    program = jax.jit(_convolve(stride)).lower(x, kernel).as_text()
    assert ("dot_general" in program) is is_product
    assert ("stablehlo.convolution" in program) is not is_product
    np.testing.assert_allclose(
        _convolve(stride)(x, kernel), _textbook(stride)(x, kernel), atol=1e-5
    )


@pytest.mark.parametrize(
    ("version", "is_on"),
    [
        ("0.10.2", True),
        ("0.10.0.1", True),
        ("0.12.0.1", True),
        ("0.11.2", False),
        ("0.1.0", False),
        ("1.0.10", False),
    ],
)
def test_the_switch_is_on_for_measured_versions_only(version, is_on, monkeypatch):
    monkeypatch.setattr(jaxlib, "__version__", version)
    assert runpy.run_path(convolution.__file__)["DILATE_ROWS"] is is_on


@pytest.mark.parametrize(
    ("inputs", "outputs", "size"), [(3, 16, 3), (3, 48, 3), (24, 24, 3), (8, 24, 1)]
)
def test_precision_reaches_every_product(inputs, outputs, size, monkeypatch):
    monkeypatch.setattr(convolution, "DILATE_ROWS", True)
    x, kernel = jnp.ones((2, 8, 8, inputs)), jnp.ones((size, size, inputs, outputs))
    program = str(jax.make_jaxpr(_with_gradients(_convolve(1, PRECISE)))(x, kernel))
    products = program.count("conv_general_dilated[") + program.count("dot_general[")
    assert products >= 3 and program.count("precision=(Precision.HIGHEST") == products


@pytest.mark.parametrize(
    "options",
    [
        {"rhs_dilation": (2, 2)},
        {"lhs_dilation": (2, 1)},
        {"feature_group_count": 3},
        {"batch_group_count": 2},
        {"preferred_element_type": jnp.bfloat16},
        {"padding": "VALID"},
        {"padding": [(0, 0), (0, 0)]},
        {"dimension_numbers": ("NCHW", "OIHW", "NCHW")},
    ],
)
@pytest.mark.parametrize("size", [1, 3])
def test_other_convolutions_are_refused(options, size):
    x, kernel = jnp.ones((2, 6, 6, 6)), jnp.ones((size, size, 6, 6))
    (name,) = options
    with pytest.raises(InputError, match=f"convolve: only undilated, .*; found {name}=.*. Use jax"):
        convolve(x, kernel, (1, 1), **{"padding": "SAME", **options})


def test_layers_with_other_convolutions_are_refused():
    layer = nn.Conv(8, (3, 3), kernel_dilation=2, conv_general_dilated_cls=lambda: convolve)
    with pytest.raises(InputError, match=r"found rhs_dilation=\(2, 2\)"):
        jax.eval_shape(layer.init, jax.random.key(0), jnp.ones((1, 6, 6, 3)))


@settings(max_examples=10)
@given(
    size=st.sampled_from([1, 2, 3, 5]),
    stride=st.sampled_from([1, 2, 3]),
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    chips=st.sampled_from([1, 2, 3, 8, 24]),
)
def test_depthwise_of_any_shape_is_a_grouped_convolution(size, stride, height, width, chips):
    x, kernel = random_array(chips, height, width, 3), random_array(size, size, 1, 3, seed=1)
    _assert_equal(lambda x, kernel: depthwise(x, kernel, stride), _textbook(stride, 3), x, kernel)


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_in_bfloat16_equal_those_in_float32_up_to_rounding(stride):
    x, deep = 0.1 * random_array(8, 9, 8, 5), 0.3 * random_array(3, 3, 1, 5, seed=1)
    wide = 0.1 * random_array(3, 3, 5, 24, seed=2)
    layers = _with_gradients(
        lambda x, wide, deep: _convolve(stride)(depthwise(x, deep, stride), wide)
    )
    exact = jax.jit(layers)(x, wide, deep)
    rounded = jax.jit(layers)(*(values.astype(jnp.bfloat16) for values in (x, wide, deep)))
    for value, expected in zip(rounded, exact, strict=True):
        error = jnp.linalg.norm(value.astype(jnp.float32) - expected) / jnp.linalg.norm(expected)
        assert error < 0.05


def test_normalize_by_hand():
    x = jnp.array([1.0, 3.0]).reshape(2, 1, 1, 1)  # mean 2, variance 1
    scale, bias = jnp.array([10.0]), jnp.array([5.0])
    y, mean, variance = normalize(x, scale, bias, 0.0)
    np.testing.assert_allclose(y.ravel(), [-5, 15])
    assert (mean, variance) == (2, 1)
    # Two values are always normalised to -1 and 1: no gradient reaches x.
    gradients = jax.grad(lambda *given: normalize(*given, 0.0)[0][1].sum(), argnums=(0, 1, 2))
    dx, dscale, dbias = gradients(x, scale, bias)
    np.testing.assert_allclose(dx, 0, atol=1e-6)
    np.testing.assert_allclose([dscale[0], dbias[0]], [1, 1])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_batch_norm_equals_that_of_flax(dtype):
    x = (3 + 2 * random_array(4, 5, 6, 7)).astype(dtype)
    params = {"scale": 1 + 0.1 * random_array(7, seed=1), "bias": random_array(7, seed=2)}
    stats = {"mean": random_array(7, seed=3), "var": 1 + jnp.abs(random_array(7, seed=4))}
    reference = nn.BatchNorm(False, momentum=0.9, epsilon=1e-3, dtype=dtype)

    def results(layer, *arguments):
        def apply(params, x):
            variables = {"params": params, "batch_stats": stats}
            return layer.apply(variables, x, *arguments, mutable="batch_stats")

        out, pull, changes = jax.vjp(apply, params, x, has_aux=True)
        return out, changes, pull(jnp.cos(out))

    both = jax.jit(lambda: (results(BatchNorm(1e-3, dtype), True), results(reference)))()
    tolerance = 1e-4 if dtype == jnp.float32 else 5e-2
    jax.tree.map(
        lambda value, expected: np.testing.assert_allclose(
            np.float32(value), np.float32(expected), rtol=tolerance, atol=tolerance
        ),
        *both,
    )


def test_batch_norm_uses_its_statistics_in_evaluation():
    x = random_array(2, 3, 3, 1)
    stats = {"mean": jnp.array([1.0]), "var": jnp.array([3.0])}
    params = {"scale": jnp.array([4.0]), "bias": jnp.array([0.5])}
    y = BatchNorm(1.0).apply({"params": params, "batch_stats": stats}, x, False)
    np.testing.assert_allclose(y, (x - 1) * 2 + 0.5, rtol=1e-5)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_max_pool_equals_that_of_flax_with_its_gradient(size, stride):
    x = random_array(2, 9, 6, 3)

    def reference(x):
        return nn.max_pool(x, (size, size), (stride, stride), "SAME")

    _assert_equal(lambda x: max_pool(x, size, stride), reference, x)
    with for_export():
        np.testing.assert_array_equal(max_pool(x, size, stride), reference(x))


def test_window_mean_counts_only_cells_inside():
    x = jnp.arange(12.0).reshape(1, 3, 4, 1)  # rows 0 1 2 3, 4 5 6 7, 8 9 10 11
    means = window_mean(x, 3)[0, :, :, 0]
    assert means[0, 0] == pytest.approx((0 + 1 + 4 + 5) / 4)
    assert means[0, 1] == pytest.approx((0 + 1 + 2 + 4 + 5 + 6) / 6)
    assert means[1, 2] == pytest.approx((1 + 2 + 3 + 5 + 6 + 7 + 9 + 10 + 11) / 9)
    np.testing.assert_allclose(window_mean(x, 4), window_mean(x, 3))
    np.testing.assert_allclose(window_mean(x, 99), np.full((1, 3, 4, 1), 5.5), rtol=1e-6)
    for cells in (0, 1, 2):
        np.testing.assert_allclose(window_mean(x, cells), x)


@pytest.mark.parametrize("cells", [1, 4, 9, 80])
def test_the_export_form_of_the_window_mean_is_equal(cells):
    x = random_array(2, 40, 24, 3)
    with for_export():
        exported = window_mean(x, cells)
    np.testing.assert_allclose(exported, window_mean(x, cells), atol=1e-5)


def test_concatenation_is_along_the_channels_in_both_forms():
    x = random_array(2, 4, 6, 3)
    expected = np.concatenate([x, -x], axis=-1)
    np.testing.assert_array_equal(concatenate([x, -x]), expected)
    with for_export():
        np.testing.assert_array_equal(concatenate([x, -x]), expected)


def test_the_export_form_of_a_depthwise_convolution_is_equal():
    x, kernel, bias = random_array(2, 7, 6, 5), random_array(3, 3, 1, 5, seed=1), jnp.arange(5.0)
    for arguments in ((x, kernel, 2), (x, kernel, 1, bias)):
        with for_export():
            exported = depthwise(*arguments)
        np.testing.assert_allclose(exported, depthwise(*arguments), atol=1e-5)


def test_the_form_is_restored_after_export():
    x = random_array(1, 4, 4, 1)
    fast = str(jax.make_jaxpr(lambda x: max_pool(x, 2, 2))(x))
    with pytest.raises(RuntimeError), for_export():
        assert str(jax.make_jaxpr(lambda x: max_pool(x, 2, 2))(x)) != fast
        raise RuntimeError
    assert str(jax.make_jaxpr(lambda x: max_pool(x, 2, 2))(x)) == fast
