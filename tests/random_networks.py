"""Random variables of networks, for tests that compare outputs."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from dimjax.detection.detector import create_model, input_channels, make_detector


def shapes_of(model, x):
    """Shapes of the output and of the variables, without computing anything."""
    return jax.eval_shape(lambda: model.init_with_output(jax.random.key(0), x, train=False))


def random_variables(model, x, seed=0):
    """Random variables, including batch-norm statistics, without compiling `init`."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        name = path[-1].key
        if name == "kernel":
            return rng.normal(0, math.sqrt(2 / math.prod(leaf.shape[:-1])), leaf.shape)
        if name in ("var", "scale"):
            return rng.uniform(0.5, 1.5, leaf.shape)
        return rng.normal(0, 0.3, leaf.shape)

    variables = jax.tree_util.tree_map_with_path(draw, shapes_of(model, x)[1])
    return jax.tree.map(lambda values: jnp.asarray(values, jnp.float32), variables)


def random_detector(backbone="darknet19", seed=0, **changes):
    """A detector with random weights; `changes` replace keys of its description."""
    description = {
        "backbone": backbone, "width": 0.25, "output_stride": 8, "context_px": 32, "bf16": False,
        "input": "difference", "evidence": None, "rescoring": None, "stride": 1, "align": False,
        "align_rotation": False,
        "threshold": {"target": 0.3, "interference": 0.5}, "match_px": 3.0, "suppress_px": 12.0,
        "max_detections": 20, "tile_px": 0, "margin_px": 32,
        **changes,
    }  # fmt: skip
    model = create_model(description)
    images = jnp.zeros((1, 32, 32, input_channels(description)))
    variables = random_variables(model, images, seed)
    # Sizes are exponents, which are small in a trained network.
    variables["params"]["outputs"]["kernel"] *= 0.1
    return make_detector(model, variables, description)


def random_array(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)
