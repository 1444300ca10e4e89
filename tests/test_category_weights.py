"""Weights of the category model: what hidden units learn, and that the fit is at a minimum."""

import numpy as np
import pytest

from dimjax.tracks import fit_category_model
from dimjax.tracks.category_weights import Restraint, Weights, fit_weights, losses
from dimjax.tracks.named_numbers import NUMBERS


def test_hidden_units_learn_what_no_linear_model_can():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (600, 5))
    is_target = x[:, 0] * x[:, 1] > 0
    weight = np.full(600, 1 / 600)
    linear, hidden = (
        losses(fit_weights(x, is_target, weight, restraint).log_odds(x), is_target).mean()
        for restraint in (Restraint(0, 1e-3), Restraint(8, 1e-3))
    )
    assert linear > 0.6 and hidden < 0.25


@pytest.mark.parametrize(("depends_on_two", "units"), [(True, 8), (False, 0)])
def test_hidden_units_are_taken_if_they_are_surely_better(depends_on_two, units):
    rng = np.random.default_rng(2)
    values = np.zeros((400, len(NUMBERS)))
    values[:, :2] = rng.normal(0, 1, (400, 2))
    is_target = rng.random(400) < 0.5
    if depends_on_two:
        is_target = values[:, 0] * values[:, 1] > 0
    model = fit_category_model(values, is_target, np.arange(400), np.arange(400) // 8)
    assert len(model.units) == units


@pytest.mark.parametrize("units", [0, 3])
def test_the_fit_is_at_a_minimum(units):
    rng = np.random.default_rng(1)
    x, is_target, weight = rng.normal(0, 1, (40, 3)), rng.random(40) < 0.4, rng.uniform(1, 2, 40)
    restraint = Restraint(units, 0.1)
    fitted = fit_weights(x, is_target, weight, restraint)

    def objective(weights):
        loss = weight @ losses(weights.log_odds(x), is_target) / weight.sum()
        squares = (weights.linear[:-1] ** 2).sum() + (weights.inner[:-1] ** 2).sum()
        return loss + restraint.penalty / 2 * (squares + (weights.outer**2).sum())

    lowest = objective(fitted)
    for k, part in enumerate(fitted):
        for index in np.ndindex(part.shape):
            for step in (-0.01, 0.01):
                other = [each.copy() for each in fitted]
                other[k][index] += step
                assert objective(Weights(*other)) > lowest - 1e-6
