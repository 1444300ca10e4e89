"""Changes of the network and its training that dimjax does not have, for experiments/detection.py.

Changes of a training put other parts in the place of dimjax's own while it runs:

    with CHANGES["focal confidence"]():
        rounds.run(config, folder, make_builder, last="train")

Other ways to use the weights of a finished training:

    model, variables = USES["symmetries"](detector, checkpoints)
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import orbax.checkpoint as ocp

from dimjax.detection.detector import Detector, create_model
from dimjax.models.layers import ConvNorm, conv, leaky_relu
from dimjax.models.ops.pooling import max_pool
from dimjax.training import losses, train_state
from dimjax.training.checkpoints import saved_checkpoints
from dimjax.training.step_programs import compiled_steps

_EQ_1 = ((1.0, 1.0, 1.0), (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))  # of F1..F4
_FINE_STRIDE, _COARSE_STRIDE, _FINE_CHANNELS = 2, 8, 32
_DECAY = 0.995  # of the average of the weights, per step


def focal(logits: jax.Array, filled: jax.Array) -> jax.Array:
    """Confidence loss of each cell: focal, gamma 2 (arXiv:1708.02002, Eq. 4)."""
    return optax.sigmoid_focal_loss(logits, filled, gamma=2.0)


def balanced(logits: jax.Array, filled: jax.Array) -> jax.Array:
    """Confidence loss of each cell: cells with a label and empty ones weigh the same in a batch."""
    share = jnp.clip(filled.mean(), 1 / filled.size, 1 - 1 / filled.size)
    weight = jnp.where(filled > 0, 0.5 / share, 0.5 / (1 - share))
    return weight * optax.sigmoid_binary_cross_entropy(logits, filled)


def hard_negatives(logits: jax.Array, filled: jax.Array) -> jax.Array:
    """Confidence loss of each cell: an empty one weighs up to fourfold, by its confidence."""
    confidence = jax.lax.stop_gradient(jax.nn.sigmoid(logits))
    weight = 1 + 3 * confidence * (1 - filled)
    return weight * optax.sigmoid_binary_cross_entropy(logits, filled)


def with_confidence(of_cells: Callable) -> Callable:
    """Return losses.detection_loss with another confidence loss in its total.

    Args:
      of_cells: (logits, confidence of the targets) -> losses, all [B, h, w].
    """

    def detection_loss(outputs, targets, location_weight, classification_weight):
        parts = losses.detection_loss(outputs, targets, location_weight, classification_weight)
        confidence = of_cells(outputs[..., 4], targets.confidence).sum(axis=(1, 2))
        change = classification_weight * (confidence - parts["confidence"])
        return parts | {"total": parts["total"] + change}

    return detection_loss


def assign_softly(boxes, category, grid: tuple[int, int], stride: int) -> losses.Targets:
    """Assign each label to its cell and, less confidently, to the nearest cells around it.

    The confidence of a neighbour is its bilinear weight: 1/4 if the label lies in the corner
    between four cells, 0 if its centre is a cell or more away. Arguments as of losses.assign.
    """
    own = losses.assign(boxes, category, grid, stride)
    rows, columns = jnp.indices(grid)
    cells = jnp.stack([columns, rows], axis=-1).reshape(-1, 1, 2)
    offset = boxes[:, None, :, :2] / stride - cells - 0.5  # [B, cells, M, 2]
    weight = jnp.clip(1 - jnp.abs(offset), 0).prod(axis=-1) * (category[:, None] >= 0)
    nearest = weight.argmax(axis=-1)
    shape = (len(boxes), *grid)
    confidence = weight.max(axis=-1).reshape(shape)
    pick = jax.vmap(lambda values, index: values[index])
    sizes = jnp.where(category[..., None] >= 0, boxes[..., 2:], 1.0)
    offset = jnp.take_along_axis(offset, nearest[..., None, None], axis=2)[:, :, 0]
    location = jnp.concatenate([offset, jnp.log(pick(sizes, nearest) / stride)], axis=-1)
    one_hot = jax.nn.one_hot(pick(category, nearest), 2).reshape(*shape, 2)
    is_own, is_near = own.confidence > 0, confidence > 0
    near = jnp.where(is_near[..., None], location.reshape(*shape, 4), 0.0)
    return losses.Targets(
        jnp.where(is_own[..., None], own.location, near),
        jnp.where(is_own, 1.0, confidence),
        jnp.where(is_own[..., None], own.category, one_hot * is_near[..., None]),
    )


class FromFrames(nn.Module):
    """A detector of differential images that gets F1..F4 and computes the differences itself."""

    detector: nn.Module
    is_learnt: bool  # else the differences stay those of Eq. (1)
    has_reference: bool  # whether F1 stands beside the differences

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, 4 and evidence] -> [B, H/s, W/s, 7]."""
        frames, evidence = x[..., :4], x[..., 4:]
        weights = jnp.array(_EQ_1)
        if self.is_learnt:
            weights = self.param("differences", lambda key: weights)
        differences = jnp.arcsinh(frames @ weights)
        reference = [frames[..., :1]] if self.has_reference else []
        return self.detector(jnp.concatenate([*reference, differences, evidence], axis=-1), train)


class FineHead(nn.Module):
    """A backbone whose features are repeated to outputs of stride 2, beside the input's extremes.

    A cell of 2 px holds one target: nothing has to be told apart within a cell.
    """

    backbone: nn.Module
    head_channels: int
    skipped_channels: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H/2, W/2, 7]; H and W are multiples of 8."""
        skipped = x[..., x.shape[-1] - self.skipped_channels :]
        extremes = max_pool(
            jnp.concatenate([skipped, -skipped], axis=-1), _FINE_STRIDE, _FINE_STRIDE
        )
        head = ConvNorm(self.head_channels, 3, 1, leaky_relu, name="head")
        features = head(self.backbone(x, train), train)
        for axis in (1, 2):
            features = jnp.repeat(features, _COARSE_STRIDE // _FINE_STRIDE, axis=axis)
        fine = ConvNorm(_FINE_CHANNELS, 3, 1, leaky_relu, name="fine")
        features = fine(jnp.concatenate([features, extremes], axis=-1), train)
        outputs = conv(7, 1, kernel_init=nn.initializers.normal(0.01), name="outputs")
        prior = jnp.zeros(7).at[4].set(-6.0)  # nearly all cells are empty
        return outputs(jnp.concatenate([features, extremes], axis=-1)) + prior


class Symmetric(nn.Module):
    """The mean of a detector's outputs on the eight symmetries of its input."""

    detector: nn.Module

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """[B, H, W, C] -> [B, H/s, W/s, 7]."""
        both = [(x, ()), (x.swapaxes(1, 2), "transposed")]
        outputs = []
        for image, transposed in both:
            for axes in ((), (1,), (2,), (1, 2)):
                turned = self.detector(jnp.flip(image, axes), train)
                turned = _mirrored_back(turned, axes)
                outputs.append(_transposed_back(turned) if transposed else turned)
        return jnp.stack(outputs).mean(axis=0)


def _mirrored_back(outputs: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    signs = jnp.ones(7).at[jnp.array([2 - axis for axis in axes], int)].set(-1.0)
    return jnp.flip(outputs, axes) * signs


def _transposed_back(outputs: jax.Array) -> jax.Array:
    return outputs.swapaxes(1, 2)[..., jnp.array([1, 0, 3, 2, 4, 5, 6])]


def from_frames(**settings: bool) -> Callable[[dict], nn.Module]:
    """Return what creates the model FromFrames of a description whose input is "sequence..."."""

    def create(description: dict) -> nn.Module:
        of_differences = description["input"].replace("sequence", "difference")
        return FromFrames(create_model({**description, "input": of_differences}), **settings)

    return create


def fine_model(description: dict) -> nn.Module:
    """Create the model FineHead of a description whose output stride is 2."""
    coarse = create_model({**description, "output_stride": _COARSE_STRIDE})
    return FineHead(coarse.backbone, coarse.head_channels, coarse.skipped_channels)


def rounded_otherwise(*args, **kwargs) -> train_state.TrainState:
    """train_state.initial_state, with each weight at the next number of float32 above or below.

    What follows differs as on a machine that rounds its sums in another order.
    """
    state = _INITIAL_STATE(*args, **kwargs)
    leaves, structure = jax.tree.flatten(state.params)
    keys = jax.random.split(jax.random.key(0), len(leaves))
    pairs = zip(leaves, keys, strict=True)
    towards = [
        (leaf, jnp.where(jax.random.bernoulli(key, shape=leaf.shape), jnp.inf, -jnp.inf))
        for leaf, key in pairs
    ]
    moved = [jnp.nextafter(leaf, limit) for leaf, limit in towards]
    return state._replace(params=jax.tree.unflatten(structure, moved))


_INITIAL_STATE = train_state.initial_state  # which rounded_otherwise takes the place of


class Averaging(NamedTuple):
    """State of an optimiser that averages the weights."""

    inner: Any
    average: Any


def averaging_optimizer(*args, **kwargs) -> train_state.Optimizer:
    """train_state.make_optimizer, with an exponential average of the weights in its state."""
    optimizer = _MAKE_OPTIMIZER(*args, **kwargs)
    rule = optax.with_extra_args_support(optimizer.rule)

    def init(params):
        return Averaging(rule.init(params), jax.tree.map(jnp.array, params))

    def update(updates, state, params=None, **extra):
        updates, inner = rule.update(updates, state.inner, params, **extra)
        average = optax.incremental_update(
            optax.apply_updates(params, updates), state.average, 1 - _DECAY
        )
        return updates, Averaging(inner, average)

    return optimizer._replace(rule=optax.GradientTransformationExtraArgs(init, update))


_MAKE_OPTIMIZER = train_state.make_optimizer  # which averaging_optimizer takes the place of


def averaged(detector: Detector, checkpoints: Path) -> tuple[nn.Module, dict]:
    """Return the model and its averaged weights after a training with averaging_optimizer."""
    with saved_checkpoints(checkpoints) as saved:
        restored = saved.restore(
            saved.latest_step(), args=ocp.args.Composite(state=ocp.args.PyTreeRestore())
        )
    average = restored["state"]["opt_state"]["average"]
    return detector.model, {**detector.variables, "params": average}


def symmetric(detector: Detector, checkpoints: Path) -> tuple[nn.Module, dict]:
    """Return the model of a detector that averages over symmetries, and its weights."""
    nested = {name: {"detector": values} for name, values in detector.variables.items()}
    return Symmetric(detector.model), nested


@contextlib.contextmanager
def replaced(parts: dict[str, Any]) -> Iterator[None]:
    """Put others in the place of parts of dimjax, named by their paths."""
    compiled_steps.cache_clear()  # the parts are not among its arguments
    with contextlib.ExitStack() as stack:
        for path, part in parts.items():
            stack.enter_context(mock.patch(path, part))
        yield
    compiled_steps.cache_clear()


def _loss(of_cells: Callable) -> Callable:
    path = "dimjax.training.step_programs.detection_loss"
    return lambda: replaced({path: with_confidence(of_cells)})


def _model(create: Callable, **others: Any) -> Callable:
    paths = ("dimjax.stages.train.create_model", "dimjax.detection.detector.create_model")
    return lambda: replaced({**dict.fromkeys(paths, create), **others})


CHANGES = {  # of a training
    "averaging": lambda: replaced(
        {"dimjax.training.train_state.make_optimizer": averaging_optimizer}
    ),
    "other rounding": lambda: replaced(
        {"dimjax.training.train_state.initial_state": rounded_otherwise}
    ),
    "focal confidence": _loss(focal),
    "balanced confidence": _loss(balanced),
    "hard negatives weighted": _loss(hard_negatives),
    "soft assignment": lambda: replaced({"dimjax.training.step_programs.assign": assign_softly}),
    "learnable differences": _model(from_frames(is_learnt=True, has_reference=False)),
    "reference beside differences": _model(from_frames(is_learnt=False, has_reference=True)),
    "stride 2": _model(fine_model, **{"dimjax.models.detector.OUTPUT_STRIDES": (2, 4, 8, 16, 32)}),
}
USES = {"averaged weights": averaged, "symmetries": symmetric}  # of the weights of a training
