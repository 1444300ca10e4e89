"""Category model with hidden units: by hand, what they learn, and that the fit is at a minimum."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dimjax.tracks import CategoryModel, fit_category_model
from dimjax.tracks.category_model import phrases
from dimjax.tracks.category_weights import Restraint, Weights, fit_weights, losses
from dimjax.tracks.named_numbers import NUMBERS


def test_a_hidden_unit_by_hand():
    speed, dark = (list(NUMBERS).index(name) for name in ("speed", "dark"))
    inner = [0.0] * len(NUMBERS)
    inner[speed], inner[dark] = 1.0, -2.0
    judge = CategoryModel(dict.fromkeys(NUMBERS, [0.0, 1.0, 0.0]), 0.5, 0.0, [[3.0, *inner, 0.25]])
    values = np.zeros((3, len(NUMBERS)))
    values[:2, speed], values[:2, dark] = 1.0, [0.5, -0.5]  # inside tanh: 0.25, 2.25, 0.25
    np.testing.assert_allclose(judge.log_odds(values), 0.5 + 3 * np.tanh([0.25, 2.25, 0.25]))
    contributions = judge.contributions(values)
    slope, change = 3 * (1 - np.tanh(0.25) ** 2), 3 * (np.tanh(2.25) - np.tanh(0.25))
    expected = [[slope, -slope], [change / 2, change / 2], [0, 0]]  # 1 and 1 of the sum 2
    np.testing.assert_allclose(contributions[:, [speed, dark]], expected)
    assert np.count_nonzero(contributions) == 4
    words = phrases(contributions, judge.deviations(values) > 0, np.full(3, True))
    bright = "it is brighter than its surroundings"
    assert [set(each.split(", ")) for each in words] == [
        {"it is fast"},
        {"it is fast", bright},
        {""},
    ]
    scaled = judge.scaled(2.0, 1.0, 0.3).log_odds(values)
    np.testing.assert_allclose(scaled, 2 * judge.log_odds(values) + 1)
    assert judge == CategoryModel(**json.loads(json.dumps(judge._asdict())))


@given(st.integers(0, 2**32 - 1))
def test_contributions_sum_up_to_the_log_odds(seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 0.1, len(NUMBERS))
    numbers = {name: [0.0, 1.0, weight] for name, weight in zip(NUMBERS, weights, strict=True)}
    judge = CategoryModel(numbers, 0.5, 0.0, rng.normal(0, 0.2, (3, len(NUMBERS) + 2)).tolist())
    values = rng.normal(0, 1, (4, len(NUMBERS)))
    at_means = judge.log_odds(np.zeros(len(NUMBERS)))
    added = judge.contributions(values).sum(axis=-1)
    np.testing.assert_allclose(at_means + added, judge.log_odds(values))


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
    x, weight = rng.normal(0, 1, (80, 2)), rng.uniform(1, 2, 80)
    is_target = x[:, 0] * x[:, 1] > 0
    restraint = Restraint(units, 0.01)
    fitted = fit_weights(x, is_target, weight, restraint)

    def objective(weights):
        loss = weight @ losses(weights.log_odds(x), is_target) / weight.sum()
        squares = (weights.linear[:-1] ** 2).sum() + (weights.inner[:-1] ** 2).sum()
        return loss + restraint.penalty / 2 * (squares + (weights.outer**2).sum())

    assert units == 0 or np.abs(fitted.outer).max() > 1
    lowest = objective(fitted)
    for k, part in enumerate(fitted):
        for index in np.ndindex(part.shape):
            for step in (-0.01, 0.01):
                other = [each.copy() for each in fitted]
                other[k][index] += step
                assert objective(Weights(*other)) > lowest - 1e-6
