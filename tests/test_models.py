"""The networks: sizes as published, receptive fields, dtypes and training."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import random_array, random_variables, shapes_of

from dimjax.errors import InputError
from dimjax.models import BACKBONES, OUTPUTS, Detector, EfficientNetB0, create_detector
from dimjax.models.layers import scaled_channels

PUBLISHED_PARAMETERS = {
    "darknet19": 20_842_376,
    "resnet18": 11_689_512,
    "googlenet": 6_624_904,
    "squeezenet": 1_248_424,
    "mobilenet": 4_231_976,
    "efficientnet_b0": 5_288_548,
}
FEATURES = {  # channels at output strides 4, 8, 16, 32
    "darknet19": (128, 256, 512, 1024),
    "resnet18": (64, 128, 256, 512),
    "googlenet": (192, 480, 832, 1024),
    "squeezenet": (256, 512, 512, 512),
    "mobilenet": (128, 256, 512, 1024),
    "efficientnet_b0": (24, 40, 112, 1280),
}
PRIOR = math.log(0.01 / 0.99)

all_backbones = pytest.mark.parametrize("backbone", BACKBONES)


def _count(variables):
    return sum(math.prod(a.shape) for a in jax.tree.leaves(variables["params"]))


def _apply(model, variables, x):
    return jax.jit(lambda v, x: model.apply(v, x, train=False))(variables, x)


@all_backbones
def test_the_number_of_parameters_is_the_published_one(backbone):
    logits, variables = shapes_of(BACKBONES[backbone](classes=1000), jnp.zeros((2, 64, 64, 3)))
    assert _count(variables) == PUBLISHED_PARAMETERS[backbone]
    assert logits.shape == (2, 1000)


@all_backbones
def test_stages_beyond_the_output_stride_are_left_out(backbone):
    for stride, features in zip((4, 8, 16, 32), FEATURES[backbone], strict=True):
        model = BACKBONES[backbone](output_stride=stride)
        shape = shapes_of(model, jnp.zeros((1, 64, 96, 3)))[0].shape
        assert shape == (1, 64 // stride, 96 // stride, features)


@all_backbones
def test_all_detectors_return_the_same_grid_in_float32(backbone):
    for stride in (8, 16):
        model = create_detector(backbone, 0.25, stride, context_px=48, dtype=jnp.bfloat16)
        output, variables = shapes_of(model, jnp.zeros((2, 48, 80, 1)))
        assert (output.shape, output.dtype) == ((2, 48 // stride, 80 // stride, 7), jnp.float32)
        assert {a.dtype for a in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


@all_backbones
def test_width_changes_the_number_of_parameters(backbone):
    x = jnp.zeros((1, 32, 32, 3))
    models = (create_detector(backbone, width, 4) for width in (0.5, 1.0))
    narrow, full = (_count(shapes_of(model, x)[1]) for model in models)
    assert narrow < full / 2


@all_backbones
def test_a_shift_by_one_cell_shifts_the_grid(backbone):
    # At output stride 4 the receptive field extends at most 8 cells (ResNet-18), and a context of
    # 4 px makes squeeze-and-excitation local.
    model = create_detector(backbone, 0.25, 4, context_px=4)
    image = random_array(1, 80, 88, 3)
    shifted = jnp.stack([image[0, :-4, 4:], image[0, 4:, 4:], image[0, 4:, :-4]])
    variables = random_variables(model, image)
    right, both, down = _apply(model, variables, shifted)[:, 8:-8, 8:-8]
    # Cropping a cell at the top moves the grid up by a row, at the left to the left by a column.
    np.testing.assert_allclose(right[1:], both[:-1], atol=2e-4)
    np.testing.assert_allclose(down[:, 1:], both[:, :-1], atol=2e-4)
    assert np.abs(right - both).max() > 0.01


@pytest.mark.parametrize(("backbone", "offset"), [("darknet19", 0.0), ("mobilenet", 1.5)])
def test_the_receptive_field_is_centred_on_its_cell(backbone, offset):
    model = create_detector(backbone, 0.25, 4)
    images = random_array(8, 48, 56, 3)
    variables = random_variables(model, images)

    def cell(x):  # row 5, column 7: its centre is at y = 22, x = 30
        return (model.apply(variables, x, train=False)[:, 5, 7] @ jnp.arange(1.0, 8.0)).sum()

    influence = np.abs(jax.jit(jax.grad(cell))(images)).sum((0, 3)) > 0
    for axis, middle in ((1, 22 + offset), (0, 30 + offset)):
        pixels = np.flatnonzero(influence.any(axis))
        assert (pixels[0] + pixels[-1] + 1) / 2 == middle


@pytest.mark.parametrize("backbone", ["darknet19", "squeezenet", "mobilenet"])
def test_bfloat16_is_close_to_float32(backbone):
    images = random_array(1, 32, 40, 3)
    settings = {"width": 0.25, "output_stride": 4, "context_px": 16}
    variables = random_variables(create_detector(backbone, **settings), images)
    exact = _apply(create_detector(backbone, **settings), variables, images)
    model = create_detector(backbone, **settings, dtype=jnp.bfloat16)
    rough = _apply(model, variables, images)
    assert rough.dtype == jnp.float32
    error = jnp.sqrt(jnp.mean((rough - exact) ** 2)) / exact.std()
    assert 0 < error < 0.03


class _Image(nn.Module):
    """A backbone whose features are the image itself."""

    def __call__(self, x, train):
        return x


class _Sampled(nn.Module):
    """A backbone of output stride 4 whose features are every fourth pixel."""

    def __call__(self, x, train):
        return x[:, ::4, ::4]


def test_extremes_of_the_skipped_channels_reach_the_outputs():
    images = random_array(2, 8, 12, 3)
    model = Detector(_Sampled(), 8, 4, skipped_channels=2)
    variables = random_variables(model, images)
    params = variables["params"]
    assert params["head"]["Conv_0"]["kernel"].shape[2] == 3 + 4
    kernel = jnp.zeros((1, 1, 8 + 4, len(OUTPUTS)))
    for output in range(4):  # only the extremes, one to an output
        kernel = kernel.at[0, 0, 8 + output, output].set(1.0)
    params["outputs"] = {"kernel": kernel, "bias": jnp.zeros(len(OUTPUTS))}
    outputs = _apply(model, variables, images)
    cells = np.asarray(images).reshape(2, 2, 4, 3, 4, 3)[..., 1:]
    np.testing.assert_array_equal(outputs[..., :2], cells.max(axis=(2, 4)))
    np.testing.assert_array_equal(outputs[..., 2:4], -cells.min(axis=(2, 4)))


def test_a_new_detector_predicts_low_confidence():
    images = 10 * random_array(2, 8, 8, 3)
    outputs, variables = Detector(_Image(), 8, 1).init_with_output(
        jax.random.key(0), images, train=True
    )
    expected = [PRIOR if name == "confidence" else 0 for name in OUTPUTS]
    np.testing.assert_allclose(variables["params"]["outputs"]["bias"], expected, rtol=1e-6)
    assert np.abs(outputs - np.array(expected)).max() < 0.2


def test_training_updates_the_statistics():
    images = 3 + random_array(2, 16, 16, 3)
    model = create_detector("resnet18", 0.25, 4)
    variables = random_variables(model, images)

    def loss(params):
        changed = {**variables, "params": params}
        outputs, changes = model.apply(changed, images, train=True, mutable=["batch_stats"])
        return (outputs**2).mean(), changes["batch_stats"]

    gradients, statistics = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
    assert all(np.isfinite(a).all() and np.any(a) for a in jax.tree.leaves(gradients))
    old = variables["batch_stats"]["head"]["BatchNorm_0"]["mean"]
    assert np.abs(statistics["head"]["BatchNorm_0"]["mean"] - old).max() > 1e-3


def test_scaled_channels_are_multiples_of_8():
    assert [scaled_channels(96, width) for width in (1.0, 0.5, 0.25, 0.01)] == [96, 48, 24, 8]
    assert [scaled_channels(40, width) for width in (1.0, 0.5, 0.25)] == [40, 24, 8]


def _distance_of_chip_and_frame(context_px):
    """Difference of the features in the middle of a chip and of its frame, in their sigmas."""
    frame = np.array(random_array(1, 160, 192, 3))
    frame[:, 32:128, 40:136] *= 4
    frame = jnp.asarray(frame)
    chip = frame[:, 40:120, 48:128]
    model = EfficientNetB0(0.25, 4, context_px=context_px)
    variables = random_variables(model, chip)
    in_chip = _apply(model, variables, chip)[:, 9:11, 9:11]
    in_frame = _apply(model, variables, frame)[:, 19:21, 21:23]
    return jnp.sqrt(jnp.mean((in_chip - in_frame) ** 2)) / in_frame.std()


def test_context_gives_a_frame_the_features_of_its_chips():
    # Not equal: near its edge a chip has padding instead of the pixels of the frame.
    windowed, published = _distance_of_chip_and_frame(80), _distance_of_chip_and_frame(None)
    assert windowed < 0.05
    assert published > 8 * windowed


def _refused(match, **arguments):
    with pytest.raises(InputError, match=match):
        create_detector(**{"backbone": "resnet18", **arguments})


def test_invalid_settings_are_refused():
    names = "darknet19, resnet18, googlenet, squeezenet, mobilenet, efficientnet_b0"
    _refused(f"model.backbone: must be one of {names}; found 'vgg16'. Name", backbone="vgg16")
    allowed = "model.output_stride: must be one of 4, 8, 16, 32 pixels; found 12. Take one"
    _refused(allowed, output_stride=12)
    _refused("model.width: must be above 0; found -1.0. Give 1.0", width=-1.0)
    _refused("context_px: must be above 0; found 0. Give the size of the chips", context_px=0)


def test_an_image_must_consist_of_whole_cells():
    model = create_detector("resnet18", 0.25)
    rule = "network input: height and width must be multiples of the output stride 8; found"
    with pytest.raises(InputError, match=f"{rule} 64 x 60. Change chips.chip_px"):
        shapes_of(model, jnp.zeros((1, 64, 60, 3)))
