"""Weights of the category model: of a linear one, and of one with hidden units.

    weights = fit_weights(x, is_target, weight, Restraint(units=8, penalty=1e-3))
    weights.log_odds(x)                         # [N]

A bird differs from an aircraft in other numbers than a flickering pixel does. A linear model must
judge both by the same weights; hidden units see what a number means beside the others.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

_SPREADS = {"inner": 0.15, "outer": 0.3}  # of the first weights of hidden units
_STEPS = 80  # with hidden units: a longer search takes time and gains nothing


class Restraint(NamedTuple):
    """How little the weights may adapt to the examples."""

    units: int  # hidden units; 0 for a linear model
    penalty: float  # times half of the squared weights


class Weights(NamedTuple):
    """Weights of F numbers and U hidden units."""

    linear: np.ndarray  # [F + 1], the last one of a constant 1
    inner: np.ndarray  # [F + 1, U], likewise
    outer: np.ndarray  # [U]

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """Compute the log odds [N] of a target from standardized numbers [N, F]."""
        x = _with_constant(x)
        return x @ self.linear + np.tanh(x @ self.inner) @ self.outer


def fit_weights(
    x: np.ndarray, is_target: np.ndarray, weight: np.ndarray, restraint: Restraint
) -> Weights:
    """Fit a logistic model with a penalty to weighted examples; the same ones give the same model.

    Args:
      x: [N, F] standardized numbers.
      is_target: [N] bool.
      weight: [N] of the examples.
      restraint: Number of hidden units and penalty.
    """
    x, weight = _with_constant(x), weight / weight.sum()
    count, units = x.shape[1], restraint.units
    rng = np.random.default_rng(0)
    first = Weights(
        np.zeros(count),
        rng.normal(0, _SPREADS["inner"], (count, units)),
        rng.normal(0, _SPREADS["outer"], units),
    )
    penalized = Weights(*(np.full(part.shape, restraint.penalty) for part in first))
    penalized.linear[-1] = 0
    penalized.inner[-1] = 0
    penalties = _joined(penalized)

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        linear, inner, outer = _parts(values, count, units)
        hidden = np.tanh(x @ inner)
        z = x @ linear + hidden @ outer
        slope = weight * (expit(z) - is_target)
        to_hidden = slope[:, None] * outer * (1 - hidden**2)
        gradient = _joined(Weights(slope @ x, x.T @ to_hidden, slope @ hidden))
        loss = weight @ losses(z, is_target) + penalties @ values**2 / 2
        return loss, gradient + penalties * values

    options = {"maxiter": _STEPS} if units else {}
    found = minimize(objective, _joined(first), jac=True, method="L-BFGS-B", options=options)
    return _parts(found.x, count, units)


def losses(log_odds: np.ndarray, is_target: np.ndarray) -> np.ndarray:
    """Logistic loss of each example."""
    return np.logaddexp(0, np.where(is_target, -log_odds, log_odds))


def _with_constant(x: np.ndarray) -> np.ndarray:
    return np.append(x, np.ones((len(x), 1)), axis=1)


def _joined(weights: Weights) -> np.ndarray:
    return np.concatenate([part.ravel() for part in weights])


def _parts(values: np.ndarray, count: int, units: int) -> Weights:
    linear, inner, outer = np.split(values, [count, count * (units + 1)])
    return Weights(linear, inner.reshape(count, units), outer)
