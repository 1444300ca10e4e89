"""Category of a track from its numbers: a logistic model, and the words for its reasons.

    log_odds = model.log_odds(values)           # of target against interference, [P]
    deviations, contributions = model.deviations(values), model.contributions(values)
    phrases(contributions, deviations > 0, log_odds > 0)  # ["it is slow, its light varies"]

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
_MIN_SUM = 1e-6  # inside tanh; for smaller ones its slope is that at the offset


class CategoryModel(NamedTuple):
    """Logistic model of a track's numbers, in plain values that JSON can hold.

    The log odds are linear in the numbers, plus the hidden units: each is a weight times the tanh
    of a linear combination of the numbers.
    """

    numbers: Mapping[str, Sequence[float]]  # name -> mean, spread, weight
    intercept: float
    share_weight: float = 0.0  # of the log odds of the target's share of the track's scores
    units: Sequence[Sequence[float]] = ()  # weight, those of the numbers inside tanh, and an offset

    def deviations(self, values: np.ndarray) -> np.ndarray:
        """Compute the deviation of each number [..., F] from its mean, in spreads."""
        mean, spread, _ = np.array([self.numbers[name] for name in NUMBERS]).T
        return standardized(values, mean, spread)

    def contributions(self, values: np.ndarray) -> np.ndarray:
        """Compute what each number [..., F] adds to the log odds of a track that is like the means.

        What a hidden unit adds is shared by the numbers as its sum is: these are the integrated
        gradients of "Axiomatic Attribution for Deep Networks" (2017, Eq. 1) from the means on.
        """
        deviations = self.deviations(values)
        outer, inner, offset = self._hidden()
        total = deviations @ inner.T
        change = np.tanh(total + offset) - np.tanh(offset)
        is_small = np.abs(total) < _MIN_SUM
        slope = np.where(is_small, 1 - np.tanh(offset) ** 2, change / np.where(is_small, 1, total))
        return deviations * (self._linear() + (slope * outer) @ inner)

    def log_odds(self, values: np.ndarray) -> np.ndarray:
        """Compute the log odds of target against interference [...] from numbers [..., F]."""
        deviations = self.deviations(values)
        outer, inner, offset = self._hidden()
        hidden = np.tanh(deviations @ inner.T + offset) @ outer
        total = deviations @ self._linear() + hidden + self.intercept
        return np.clip(total, -MAX_LOG_ODDS, MAX_LOG_ODDS)

    def _linear(self) -> np.ndarray:
        return np.array([self.numbers[name][2] for name in NUMBERS])

    def _hidden(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weight [U], weights of the numbers [U, F] and offset [U] of the units."""
        units = np.reshape(self.units, (-1, len(NUMBERS) + 2))
        return units[:, 0], units[:, 1:-1], units[:, -1]

    def scaled(self, slope: float, offset: float, share_weight: float) -> "CategoryModel":
        """Return the model whose log odds are multiplied by `slope`, plus `offset`."""
        numbers = {
            name: [mean, spread, slope * weight]
            for name, (mean, spread, weight) in self.numbers.items()
        }
        units = [[slope * weight, *inner] for weight, *inner in self.units]
        return CategoryModel(numbers, offset + slope * self.intercept, share_weight, units)


def standardized(values: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Deviations from the mean in spreads, clipped; 0 for NaN."""
    return np.nan_to_num(np.clip((values - mean) / spread, -_MAX_SIGMAS, _MAX_SIGMAS))


def phrases(contributions: np.ndarray, is_high: np.ndarray, is_target: np.ndarray) -> list[str]:
    """Put the numbers that support the category of each track most into words.

    Args:
      contributions: [N, F] of each track, means of its windows.
      is_high: [N, F] bool, whether the mean of the deviations is above 0.
      is_target: [N] bool, its category.

    Returns:
      At most three phrases for each track, joined by commas.
    """
    support = np.where(is_target[:, None], contributions, -contributions)
    words = [(words.low, words.high) for words in NUMBERS.values()]
    order = np.argsort(-support, axis=1, kind="stable")[:, :_REASONS]
    return [
        ", ".join(
            words[k][int(is_high[n, k])] for k in best.tolist() if support[n, k] > _MIN_REASON
        )
        for n, best in enumerate(order)
    ]
