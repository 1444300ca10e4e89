"""Fit of the category model to labelled tracks.

    model = fit_category_model(values, is_target, track, sequence)      # None without both
    combination = fit_combination(window_log_odds, share_log_odds, is_target, track)
    model.scaled(*combination)                  # also counts the network's categories

Hidden units and the penalty of the weights are chosen by folds of sequences. The log odds are
calibrated on the tracks that each fold left out: on those that the weights were fitted to, they
would be too certain. If a category has fewer sequences than there are folds, a fold may hold most
of its tracks and leave too few to learn from: the calibration then has a prior.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from dimjax.tracks.category_model import MAX_LOG_ODDS, CategoryModel, standardized
from dimjax.tracks.category_weights import Restraint, fit_weights, losses
from dimjax.tracks.named_numbers import NUMBERS

# From the weakest on.
_RESTRAINTS = (Restraint(8, 1e-3), *(Restraint(0, penalty) for penalty in (1e-3, 1e-2, 1e-1)))
_FOLDS = 10
_MIN_SEQUENCES, _MIN_TRACKS = 2, 4  # of each category
_SLOPES = (0.05, 1.5)  # range of the slope of calibrated log odds


class _Prior(NamedTuple):
    """Normal distribution of weights before any track is seen."""

    mean: np.ndarray
    sigma: np.ndarray


_CALIBRATION_PRIOR = _Prior(np.array([0.0, 1.0]), np.array([0.2, 0.5]))  # offset, slope
_NO_PRIOR = _CALIBRATION_PRIOR._replace(sigma=np.full(2, np.inf))
# Offset, slope and weight of the network's share.
_COMBINATION_PRIOR = _Prior(np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.5, 0.3]))


class Combination(NamedTuple):
    """Weights that combine a category model with the network's categories."""

    slope: float  # of the model's log odds
    offset: float
    share_weight: float  # of the log odds of the target's share of a track's scores


def fit_category_model(
    values: np.ndarray, is_target: np.ndarray, track: np.ndarray, sequence: np.ndarray
) -> CategoryModel | None:
    """Fit the model to windows of labelled tracks.

    A track of n windows weighs as much as sqrt(n) tracks of one: they are not independent.

    Args:
      values: [N, F] numbers of each window, in the order of NUMBERS; NaN if not known.
      is_target: [N] bool.
      track: [N] number of the track of each window, from 0.
      sequence: [N] number of its sequence.

    Returns:
      The model; None if one of the categories has fewer than four tracks or only one sequence.
    """
    for rows in (is_target, ~is_target):
        sequences, tracks = np.unique(sequence[rows]), np.unique(track[rows])
        if len(sequences) < _MIN_SEQUENCES or len(tracks) < _MIN_TRACKS:
            return None
    weight = _weights(track)
    mean, spread = _moments(values, weight)
    x = standardized(values, mean, spread)
    left_out = [
        _track_mean(_left_out(x, is_target, weight, sequence, restraint), track)
        for restraint in _RESTRAINTS
    ]
    best = most_restrained([losses(z, is_target) for z in left_out], weight, sequence)
    are_few = min(len(np.unique(sequence[rows])) for rows in (is_target, ~is_target)) < _FOLDS
    prior = _CALIBRATION_PRIOR if are_few else _NO_PRIOR
    offset, slope = _calibration(left_out[best], is_target, weight * (track.max() + 1), prior)
    (*weights, intercept), inner, outer = fit_weights(x, is_target, weight, _RESTRAINTS[best])
    columns = zip(mean.tolist(), spread.tolist(), map(float, weights), strict=True)
    numbers = dict(zip(NUMBERS, map(list, columns), strict=True))
    units = [[out, *inputs] for out, inputs in zip(outer.tolist(), inner.T.tolist(), strict=True)]
    model = CategoryModel(numbers, float(intercept), 0.0, units)
    return model.scaled(slope, offset, 0.0)


def fit_combination(
    window_log_odds: np.ndarray,
    share_log_odds: np.ndarray,
    is_target: np.ndarray,
    track: np.ndarray,
) -> Combination:
    """Fit the weights of a category model and of the network's categories.

    The fit maximizes the posterior under a normal prior, so that a few tracks change little. All
    detections of a track weigh as much as one.

    Args:
      window_log_odds: [N] by the model, of detections that the network was not trained on.
      share_log_odds: [N] log odds of the target's share of the scores of their tracks.
      is_target: [N] bool.
      track: [N] number of the track of each, from 0.
    """
    x = np.stack([np.ones(len(track)), window_log_odds, share_log_odds], axis=1)
    weight = 1 / np.bincount(track)[track]
    bounds = [(None, None), _SLOPES, (0.0, None)]
    offset, slope, share = _most_probable(x, is_target, weight, _COMBINATION_PRIOR, bounds)
    return Combination(slope, offset, share)


def _weights(track: np.ndarray) -> np.ndarray:
    """Weight of each window [N], of sum 1."""
    weight = 1 / np.sqrt(np.bincount(track)[track])
    return weight / weight.sum()


def _moments(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread [F] of the numbers that are known; the spread is 1 if none varies."""
    known = np.isfinite(values)
    total = np.maximum(weight @ known, 1e-9)
    mean = weight @ np.where(known, values, 0) / total
    spread = np.sqrt(weight @ np.where(known, (values - mean) ** 2, 0) / total)
    return mean, np.where(spread > 1e-6, spread, 1.0)


def _left_out(x, is_target, weight, sequence, restraint: Restraint) -> np.ndarray:
    """Log odds of each window [N] by weights that were fitted without its sequence."""
    names, number = np.unique(sequence, return_inverse=True)
    folds = np.random.default_rng(0).permutation(len(names)) % min(_FOLDS, len(names))
    fold, log_odds = folds[number], np.zeros(len(x))
    for k in range(fold.max() + 1):
        seen = fold != k
        weights = fit_weights(x[seen], is_target[seen], weight[seen], restraint)
        log_odds[~seen] = weights.log_odds(x[~seen])
    return np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS)


def _track_mean(log_odds: np.ndarray, track: np.ndarray) -> np.ndarray:
    return (np.bincount(track, log_odds) / np.maximum(np.bincount(track), 1))[track]


def most_restrained(of_windows: list[np.ndarray], weight, sequence: np.ndarray) -> int:
    """Index of the last restraint whose loss is within one standard error of the lowest.

    Tens of sequences hardly tell which restraint is best; the strongest depends least on them. The
    standard error is that of a mean over sequences.

    Args:
      of_windows: For each restraint, from the weakest on, the losses of the windows [N].
      weight: [N] of sum 1.
      sequence: [N] number of the sequence.
    """
    means = [float(weight @ loss) for loss in of_windows]
    best = int(np.argmin(means))
    number = np.unique(sequence, return_inverse=True)[1]
    deviations = np.bincount(number, weight * (of_windows[best] - means[best]))
    error = np.sqrt(deviations @ deviations)
    return max(k for k, mean in enumerate(means) if mean <= means[best] + error)


def _calibration(log_odds, is_target: np.ndarray, weight: np.ndarray, prior: _Prior) -> list[float]:
    """Fit offset and slope that calibrate the log odds of windows that were left out."""
    x = np.stack([np.ones(len(log_odds)), log_odds], axis=1)
    bounds = [(None, None), _SLOPES]
    return _most_probable(x, is_target, weight, prior, bounds)


def _most_probable(x, is_target: np.ndarray, weight: np.ndarray, prior: _Prior, bounds):
    """Fit the weights [F] of columns x [N, F] whose posterior is highest; rows weigh `weight`."""

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        z, deviation = x @ values, (values - prior.mean) / prior.sigma
        gradient = (weight * (expit(z) - is_target)) @ x + deviation / prior.sigma
        return weight @ losses(z, is_target) + deviation @ deviation / 2, gradient

    return minimize(objective, prior.mean, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
