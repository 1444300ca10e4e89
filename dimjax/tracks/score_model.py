"""Log-likelihood ratio of a detection, true against false, from its score.

    model = fit_score_model(detections.score, is_true)
    model.log_likelihood_ratio(0.02)            # -4.8: one true to 126 false ones
    model.score_at(-2.5)                        # score with this log-likelihood ratio

The ratio of the density of true detections at a score s to that of false ones is a logistic
function (Platt 1999):

    llr(s) = intercept + slope * ln(s / (1 - s))

A score of 1 / (1 + F), with F false alarms expected in a frame at that strength, has the ratio
-ln F with the intercept 0 and the slope 1: UNTRAINED, for detectors without a training.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from dimjax.tracks.logistic import fit_logistic

_SPREAD = (2.0, 0.5)  # sigmas of intercept and slope around the default before any label is seen
_MIN_SLOPE = 0.1  # the ratio rises with the score
_MISSED_COSTS = (0.7, 2.0)  # smallest and largest cost: detections of a dim target fail together
_EPSILON = 1e-6  # scores are kept this far from 0 and 1


class ScoreModel(NamedTuple):
    """Logistic model of scores; the default lies between those fitted to several networks."""

    intercept: float = 1.0
    slope: float = 1.5
    missed_detection_cost: float = 0.7  # -ln(1 - Pd) of a frame without a detection

    def log_likelihood_ratio(self, score: np.ndarray | float) -> np.ndarray | float:
        """Compute the log-likelihood ratio of detections of some scores, 0 to 1."""
        return self.intercept + self.slope * logit(np.clip(score, _EPSILON, 1 - _EPSILON))

    def score_at(self, log_likelihood_ratio: float) -> float:
        """Invert `log_likelihood_ratio`; at least 1e-6 and at most 1 - 1e-6."""
        score = expit((log_likelihood_ratio - self.intercept) / self.slope)
        return float(np.clip(score, _EPSILON, 1 - _EPSILON))


UNTRAINED = ScoreModel(0.0, 1.0)


def fit_score_model(
    score: np.ndarray, is_true: np.ndarray, detected_share: float | None = None
) -> ScoreModel:
    """Fit the model to detections that are known to be true or false.

    The fit maximizes the posterior under a normal prior around the default, so that a few labels
    move it a little, and none leave it as it is.

    Args:
      score: [D] 0 to 1.
      is_true: [D] bool.
      detected_share: Share of the labels that have a detection, for the cost of a missed one;
        None leaves the default.
    """
    x = logit(np.clip(np.asarray(score, float), _EPSILON, 1 - _EPSILON))
    features = np.stack([np.ones_like(x), x], axis=-1)
    intercept, slope = fit_logistic(
        features, is_true, ScoreModel()[:2], _SPREAD, (None, _MIN_SLOPE)
    )
    if detected_share is None:
        return ScoreModel(intercept, slope)
    cost = -np.log(np.maximum(1 - detected_share, _EPSILON))
    return ScoreModel(intercept, slope, float(np.clip(cost, *_MISSED_COSTS)))
