"""Fusion of several measures of one kind of error into a score, and the score's calibration.

Measures are compared by rank: the feature of a value is -log of the share of values that are as
bad or worse, so that a measure has the most influence in its worst hundredth. Without known errors
the score is the mean of the features. Errors that were planted before the training are known; they
give the measures their weights, and the score its probability:

    features = tail_features(table, {"offset_px": 1, "track_px": 1})        # [N, K]
    score = features.mean(axis=1)                                           # without planted errors
    probability = calibrated(features, planted, groups)                     # [N]
"""

import numpy as np
import pandas as pd
from scipy import optimize, stats

_PENALTY = 20.0  # on squared differences of weights
_FOLDS = 5
_MIN_WEIGHT = 1e-6  # keeps weights of 0 apart from no weights at all; changes no other order
_MAX_LOGIT = 50.0  # the exponential of a higher one may not be finite
_MIN_RECALL = 0.5  # below this share of the planted errors, counts depend on chance


def tail_features(table: pd.DataFrame, measures: dict[str, int]) -> np.ndarray:
    """Compute a feature from each measure.

    Args:
      table: Has the measures as columns; NaN for a missing value.
      measures: Name -> 1 if high values are suspect, -1 if low ones are.

    Returns:
      [N, K], with mean about 1 in each column; 1 for a missing value.
    """
    return np.stack(
        [_tail(sign * table[name].to_numpy(float)) for name, sign in measures.items()], 1
    )


def calibrated(features: np.ndarray, planted: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Compute the probability that a row is an error like the planted ones.

    A logistic regression with non-negative weights separates the planted errors from all other
    rows, among which are the real errors: learning from positive and unlabelled examples (Elkan
    and Noto 2008). Its score f is the weighted mean of the features. Planted rows are scored out
    of fold (5 folds by group), since in sample they would look easier to detect than real errors.
    They are scored in sample only if no other fold has planted errors, e.g. if there is one group.

    Let m rows be planted, and let E of the other rows be real errors whose scores are distributed
    as those of the planted ones. A row that was not planted is then expected to hold

        x = E / m * odds(planted | f)    errors, and    P(error) = 1 - exp(-x).

    E is bounded from above by the number of rows that were not planted: if N(t) of them and a share
    R(t) of the planted rows score t or more,

        E = min over t of (N(t) + 1) / R(t).

    Args:
      features: [N, K], from tail_features.
      planted: [N] bool, the known errors of this kind.
      groups: [N] the sequence of each row.

    Returns:
      [N] between 0 and 1, increasing with f.
    """
    fused = _fused(features, planted, groups)
    intercept, slope = _fit(fused[:, None], planted)
    log_odds = intercept + slope * fused
    # An isotonic fit in place of the regression would not order the rows that score less than all
    # planted errors, and these include the last errors that a review must find.
    odds = np.exp(np.minimum(log_odds, _MAX_LOGIT))
    return -np.expm1(-_max_errors(log_odds, planted) / planted.sum() * odds)


def cut_off(probability: np.ndarray, planted: np.ndarray, target_recall: float) -> float:
    """Return the probability at or above which a share target_recall of the planted errors lies."""
    return float(np.quantile(probability[planted], 1 - target_recall, method="lower"))


def _fused(features: np.ndarray, planted: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Weighted mean of the features of each row [N], of planted rows out of fold."""
    _, number = np.unique(groups, return_inverse=True)
    fused = features @ _weights(features, planted)
    for fold in range(_FOLDS):
        in_fold = number % _FOLDS == fold
        scored, fitted = in_fold & planted, ~in_fold
        if scored.any() and planted[fitted].any():
            fused[scored] = features[scored] @ _weights(features[fitted], planted[fitted])
    return fused


def _weights(features: np.ndarray, planted: np.ndarray) -> np.ndarray:
    """Weights of the features [K], with sum 1."""
    weights = _fit(features, planted)[1:]
    # If no feature separates the planted errors, all weights are 0 and all features count alike.
    return (weights + _MIN_WEIGHT) / (weights + _MIN_WEIGHT).sum()


def _max_errors(score: np.ndarray, planted: np.ndarray) -> float:
    """Upper bound on the number of real errors, E of calibrated."""
    thresholds = np.sort(score[planted])[::-1]
    recall = np.arange(1, len(thresholds) + 1) / len(thresholds)
    others = np.sort(score[~planted])
    above = len(others) - np.searchsorted(others, thresholds)
    enough = recall >= _MIN_RECALL
    return float(((above[enough] + 1) / recall[enough]).min())


def _tail(values: np.ndarray) -> np.ndarray:
    """Minus log of the share of values that are as high or higher; 1 for NaN."""
    known = ~np.isnan(values)
    feature = np.ones(len(values))
    if known.any():
        rank = stats.rankdata(-values[known])  # 1 is the worst; ties share the mean
        feature[known] = -np.log((rank - 0.5) / known.sum())
    return feature


def _fit(features: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Fit a logistic regression with non-negative weights: intercept and weights [1 + K].

    The penalty is on differences between the weights: with few errors all features count alike.
    """
    sign = np.where(positive, 1.0, -1.0)

    def loss(weights):
        margin = sign * (features @ weights[1:] + weights[0])
        slope = -sign / (1 + np.exp(np.clip(margin, -50, 50)))
        deviation = weights[1:] - weights[1:].mean()
        gradient = np.append(slope.sum(), features.T @ slope + _PENALTY * deviation)
        return np.logaddexp(0, -margin).sum() + _PENALTY / 2 * (deviation**2).sum(), gradient

    log_share = np.log(max(positive.sum(), 0.5) / len(positive))
    start = np.append(log_share, np.full(features.shape[1], 0.1))
    bounds = [(None, None)] + [(0, None)] * features.shape[1]
    return optimize.minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
