"""Logistic regression with a normal prior around given values.

    values = fit_logistic(features, is_true, default=(0, 1), spread=(2, 0.5), lowest=(None, 0.1))
    odds = np.exp(features @ values)

The prior lets a few labels move the values a little, and leaves them as they are without any.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit


def fit_logistic(
    features: np.ndarray,
    is_true: np.ndarray,
    default: Sequence[float],
    spread: Sequence[float],
    lowest: Sequence[float | None],
) -> list[float]:
    """Maximize the posterior of the log odds features @ values.

    Args:
      features: [N, F].
      is_true: [N] bool.
      default: [F] mean of the prior.
      spread: [F] sigmas of the prior.
      lowest: [F] lower bounds of the values, None for no bound.
    """
    mean, sigma = np.array(default, float), np.array(spread, float)
    is_true = np.asarray(is_true, bool)

    def minus_log_posterior(values: np.ndarray) -> tuple[float, np.ndarray]:
        z, offset = features @ values, (values - mean) / sigma
        loss = np.logaddexp(0, z).sum() - z[is_true].sum() + offset @ offset / 2
        return loss, (expit(z) - is_true) @ features + offset / sigma

    bounds = [(low, None) for low in lowest]
    return minimize(
        minus_log_posterior, mean, jac=True, method="L-BFGS-B", bounds=bounds
    ).x.tolist()
