"""Losses of examples in evaluation mode."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from test_steps import SIZE, STRIDE, mesh_of, some_examples

from dimjax.models import create_detector
from dimjax.training.chip_feed import on_device
from dimjax.training.loss_query import losses_table
from dimjax.training.steps import make_loss_query

EXAMPLES = some_examples(7)


@pytest.fixture(scope="module")
def model_and_variables():
    model = create_detector("darknet19", width=0.25, output_stride=STRIDE)
    images = jnp.zeros((1, SIZE, SIZE, 3))
    return model, jax.jit(lambda key: model.init(key, images, train=False))(jax.random.key(0))


@pytest.fixture(scope="module")
def query(model_and_variables):
    loss = {"location_weight": 10.0, "classification_weight": 2.0}
    return make_loss_query(model_and_variables[0], mode="difference", stride=STRIDE, **loss)


def test_the_losses_of_an_example_do_not_depend_on_its_batch(model_and_variables, query):
    chips, (_, variables) = on_device(EXAMPLES, mesh_of(1)), model_and_variables
    whole, parts = (losses_table(EXAMPLES, chips, query, variables, size) for size in (100, 3))
    pd.testing.assert_frame_equal(parts, whole, rtol=1e-4)
    assert whole.id.tolist() == EXAMPLES.id.tolist() and whole.total.nunique() == 7
    total = 10 * whole.location + 2 * (whole.confidence + whole.category)
    np.testing.assert_allclose(whole.total, total, rtol=1e-5)


def test_a_chip_without_labels_has_no_location_loss(model_and_variables, query):
    chips = on_device(EXAMPLES, mesh_of(1))
    chips = chips._replace(category=chips.category.at[3].set(-1))
    losses = query(model_and_variables[1], chips, np.array([3, 0, 1]))
    assert losses["location"][0] == 0 and losses["location"][1] > 0
