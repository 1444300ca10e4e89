"""Category of a track from its numbers: a logistic model, and the words for its reasons.

    log_odds = model.log_odds(values)           # of target against interference, [P]
    model.phrases(model.contributions(values), log_odds > 0)    # ["it is slow, its light varies"]

The numbers are standardized; one that is NaN, because it is not known, changes nothing.
dimjax.tracks.category_fit fits the model to labelled tracks.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dimjax.tracks.named_numbers import NUMBERS

MAX_LOG_ODDS = 8.0  # of one window
_MAX_SIGMAS = 5.0  # numbers are clipped to this many spreads from their mean
_REASONS = 3
_MIN_REASON = 0.1  # log odds


class CategoryModel(NamedTuple):
    """Logistic model of a track's numbers, in plain values that JSON can hold."""

    numbers: Mapping[str, Sequence[float]]  # name -> mean, spread, weight
    intercept: float
    share_weight: float = 0.0  # of the log odds of the target's share of the track's scores

    def contributions(self, values: np.ndarray) -> np.ndarray:
        """Compute what each number [..., F] adds to the log odds of a target [..., F]."""
        mean, spread, weight = np.array([self.numbers[name] for name in NUMBERS]).T
        return standardized(values, mean, spread) * weight

    def log_odds(self, values: np.ndarray) -> np.ndarray:
        """Compute the log odds of target against interference [...] from numbers [..., F]."""
        total = self.contributions(values).sum(axis=-1) + self.intercept
        return np.clip(total, -MAX_LOG_ODDS, MAX_LOG_ODDS)

    def scaled(self, slope: float, offset: float, share_weight: float) -> "CategoryModel":
        """Return the model whose log odds are multiplied by `slope`, plus `offset`."""
        numbers = {
            name: [mean, spread, slope * weight]
            for name, (mean, spread, weight) in self.numbers.items()
        }
        return CategoryModel(numbers, offset + slope * self.intercept, share_weight)

    def phrases(self, contributions: np.ndarray, is_target: np.ndarray) -> list[str]:
        """Put the numbers that support the category of each track most into words.

        Args:
          contributions: [N, F] of each track, means of its windows.
          is_target: [N] bool, its category.

        Returns:
          At most three phrases for each track, joined by commas.
        """
        weight = np.array([self.numbers[name][2] for name in NUMBERS])
        support = np.where(is_target[:, None], contributions, -contributions)
        is_high = (contributions > 0) == (weight > 0)
        words = [(words.low, words.high) for words in NUMBERS.values()]
        order = np.argsort(-support, axis=1, kind="stable")[:, :_REASONS]
        return [
            ", ".join(
                words[k][int(is_high[n, k])] for k in best.tolist() if support[n, k] > _MIN_REASON
            )
            for n, best in enumerate(order)
        ]


def standardized(values: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Deviations from the mean in spreads, clipped; 0 for NaN."""
    return np.nan_to_num(np.clip((values - mean) / spread, -_MAX_SIGMAS, _MAX_SIGMAS))
