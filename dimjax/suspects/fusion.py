"""From several measures of one kind of error to one score, and from it to a probability.

Measures are compared by rank: the feature of a value is -log of the share of all values that are
as bad or worse, so that a measure speaks loudest of its worst hundredth. Without known errors
the mean of the features is the score. Errors that were planted before the training, and so are
known, give weights to the measures and a meaning to the score:

    features = tail_features(table, {"offset_px": 1, "track_px": 1})        # [N, K]
    fused = features.mean(axis=1)                                           # no fitting
    probability = calibrated(features, planted, groups)                     # [N]
"""

import numpy as np
import pandas as pd
from scipy import optimize, stats

_PENALTY = 20.0  # on squared differences of weights
_FOLDS = 5
_ANY = 1e-6  # a weight that changes no order but that of what has no weight at all
_MOST = 50.0  # logit: the exponential of a higher one may not be finite
_SURE = 0.5  # a share of the planted errors that is no longer chance


def tail_features(table: pd.DataFrame, measures: dict[str, int]) -> np.ndarray:
    """A feature for each measure.

    Args:
      table: Has the measures as columns; NaN where one is not known.
      measures: Name -> 1 where high values are bad, -1 where low ones are.

    Returns:
      [N, K], mean about 1 in each column; 1 where the measure is not known.
    """
    return np.stack(
        [_tail(sign * table[name].to_numpy(float)) for name, sign in measures.items()], 1
    )


def calibrated(features: np.ndarray, planted: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Probability that each row is an error of the kind that the planted ones are.

    A logistic regression tells the planted errors from all other rows, real errors among them:
    learning from positive and unlabelled examples (Elkan and Noto 2008). Weights are not negative.
    All rows are ranked by the same weights, but the planted by weights that did not see their
    group, lest they seem easier to tell than errors that nobody knows; unless all planted errors
    lie in the groups that are judged with theirs, as in a single one. If E of the N rows that were
    not planted are errors, and errors score as the m planted ones do, then E / m times the odds
    that a row of some score is planted are expected among such rows for each that is not planted:
    x errors, which is the probability 1 - exp(-x) of one. E is the least (N(t) + 1) / R(t) of all
    scores t, N(t) rows and a share R(t) of the planted scoring t or more: no more errors fit.

    Args:
      features: [N, K], from tail_features.
      planted: [N] bool, the known errors of this kind.
      groups: [N] the sequence of each row.

    Returns:
      [N] between 0 and 1, rising with the fused score.
    """
    fused = _fused(features, planted, groups)
    intercept, slope = _fit(fused[:, None], planted)
    score = intercept + slope * fused
    # The odds are those of the regression: an isotonic fit knows no order among what scores less
    # than all planted errors, and there lie the last that a review must find.
    expected = _count_errors(score, planted) / planted.sum() * np.exp(np.minimum(score, _MOST))
    return -np.expm1(-expected)


def cut_off(probability: np.ndarray, planted: np.ndarray, found: float) -> float:
    """The probability from which on a share `found` of the planted errors lies."""
    return float(np.quantile(probability[planted], 1 - found, method="lower"))


def _fused(features: np.ndarray, planted: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Weighted mean of the features of each row [N]; the weights are those of calibrated."""
    _, number = np.unique(groups, return_inverse=True)
    fused = features @ _weights(features, planted)
    for fold in range(_FOLDS):
        held = number % _FOLDS == fold
        own, seen = held & planted, ~held
        if own.any() and planted[seen].any():
            fused[own] = features[own] @ _weights(features[seen], planted[seen])
    return fused


def _weights(features: np.ndarray, planted: np.ndarray) -> np.ndarray:
    """Weights of the features [K], 1 in all."""
    weights = _fit(features, planted)[1:]
    # Where nothing tells the planted errors all weights are 0: then all features count alike.
    return (weights + _ANY) / (weights + _ANY).sum()


def _count_errors(score: np.ndarray, planted: np.ndarray) -> float:
    """At most so many rows that were not planted are errors."""
    thresholds = np.sort(score[planted])[::-1]
    recall = np.arange(1, len(thresholds) + 1) / len(thresholds)
    others = np.sort(score[~planted])
    above = len(others) - np.searchsorted(others, thresholds)
    sure = recall >= _SURE
    return float(((above[sure] + 1) / recall[sure]).min())


def _tail(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    feature = np.ones(len(values))
    if known.any():
        rank = stats.rankdata(-values[known])  # 1 is the worst; ties share the mean
        feature[known] = -np.log((rank - 0.5) / known.sum())
    return feature


def _fit(features: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Intercept and weights [1 + K] of a logistic regression with weights of 0 or more."""
    # The penalty is on what differs between the measures: with few errors all count alike.
    sign = np.where(positive, 1.0, -1.0)

    def loss(weights):
        margin = sign * (features @ weights[1:] + weights[0])
        slope = -sign / (1 + np.exp(np.clip(margin, -50, 50)))
        unlike = weights[1:] - weights[1:].mean()
        gradient = np.append(slope.sum(), features.T @ slope + _PENALTY * unlike)
        return np.logaddexp(0, -margin).sum() + _PENALTY / 2 * (unlike**2).sum(), gradient

    rare = np.log(max(positive.sum(), 0.5) / len(positive))
    start = np.append(rare, np.full(features.shape[1], 0.1))
    bounds = [(None, None)] + [(0, None)] * features.shape[1]
    return optimize.minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
