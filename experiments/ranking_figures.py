"""Figures of a ranking, and their bootstrap over sequences.

    ranking = Ranking(score, error)
    auroc(ranking.steps()), units_reviewed(ranking.steps(), 0.9)
    [auroc(ranking.steps(copies)) for copies in draws(sequence, 200, rng)]      # a bootstrap

Units of equal score are in random order, and all figures are expected values over these orders. A
random ranking is therefore one in which all units have the same score.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Steps(NamedTuple):
    """A ranking as groups of equal score, the worst first."""

    units: np.ndarray  # [G] number of units
    errors: np.ndarray  # [G] number of errors among them


class Ranking:
    """Units ordered by a score.

    Args:
      score: [N], high is bad; NaN comes last.
      error: [N] bool.
    """

    def __init__(self, score: np.ndarray, error: np.ndarray):
        score = np.nan_to_num(np.asarray(score, float), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        self._order = np.argsort(-score, kind="stable")
        ordered = score[self._order]
        self._starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        self._error = np.asarray(error, bool)[self._order]

    def steps(self, copies: np.ndarray | None = None) -> Steps:
        """Return the groups of equal score; each unit counts once, or copies [N] times."""
        weight = np.ones(len(self._order)) if copies is None else copies[self._order]
        units = np.add.reduceat(weight, self._starts)
        return Steps(units, np.add.reduceat(weight * self._error, self._starts))


def auroc(steps: Steps) -> float:
    """Compute the area under the ROC curve; NaN if all units or none are errors."""
    others = steps.units - steps.errors
    pairs = steps.errors.sum() * others.sum()
    below = others.sum() - np.cumsum(others) + others / 2
    return float((steps.errors * below).sum() / pairs) if pairs else float("nan")


def recall_at(steps: Steps, reviewed: np.ndarray | float) -> np.ndarray | float:
    """Compute the share of the errors among the first `reviewed` units; NaN without errors."""
    count = steps.errors.sum()
    if not count:
        return np.full_like(np.asarray(reviewed, float), np.nan)
    units, errors = (np.append(0.0, np.cumsum(counts)) for counts in steps)
    return np.interp(reviewed, units, errors) / count


def precision(steps: Steps) -> float:
    """Compute the share of errors among the first K units, with K errors in all."""
    return float(recall_at(steps, steps.errors.sum()))


def units_reviewed(steps: Steps, share: float) -> float:
    """Compute the number of units to review until a share of the errors is found.

    NaN without errors.
    """
    needed = np.ceil(share * steps.errors.sum() - 1e-9)
    if not needed:
        return float("nan")
    errors = np.cumsum(steps.errors)
    last = int(np.searchsorted(errors, needed))
    before = steps.units[:last].sum()
    # In a random order of n units, the j-th of p errors is at j (n + 1) / (p + 1).
    within = needed - (errors[last] - steps.errors[last])
    return float(before + within * (steps.units[last] + 1) / (steps.errors[last] + 1))


def draws(sequence: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw the sequences with replacement, as many as there are.

    Args:
      sequence: [N] the sequence of each unit.
      count: Number of draws.
      rng: Source of the draws.

    Yields:
      [N] number of copies of each unit.
    """
    names, number = np.unique(np.asarray(sequence, str), return_inverse=True)
    for _ in range(count):
        yield rng.multinomial(len(names), np.full(len(names), 1 / len(names))).astype(float)[number]


def intervals(drawn: list) -> dict | list[float]:
    """Compute 95 % intervals over draws.

    Args:
      drawn: The figures of each draw, as nested dictionaries of one structure.

    Returns:
      The same structure with [low, high] as values.
    """
    if isinstance(drawn[0], dict):
        return {key: intervals([figures[key] for figures in drawn]) for key in drawn[0]}
    values = [value for value in drawn if not math.isnan(value)]
    return np.quantile(values, [0.025, 0.975]).tolist() if values else [math.nan, math.nan]


def interval_of_mean(values: list[float], limits: list[list[float]]) -> list[float]:
    """Combine the intervals of independent figures to that of their mean (Zou and Donner 2008).

    The distances from the figures to their limits add like standard errors.
    """
    value, (low, high) = np.array(values), np.array(limits).T
    mean, count = value.mean(), len(value)
    below, above = (np.sqrt(((value - end) ** 2).sum()) / count for end in (low, high))
    return [float(mean - below), float(mean + above)]
