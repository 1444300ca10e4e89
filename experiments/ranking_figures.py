"""Figures of a ranking, and how far they vary with the sequences that they were measured on.

    ranking = Ranking(score, error)
    auroc(ranking.steps()), looked_at(ranking.steps(), 0.9)
    [auroc(ranking.steps(copies)) for copies in draws(sequence, 200, rng)]      # a bootstrap

Units of one score stand in random order, and all figures are expected values over these orders.
So a random order of all is a score that is the same for all.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Steps(NamedTuple):
    """A ranking as steps of one score each, the worst first."""

    units: np.ndarray  # [G] number of units
    errors: np.ndarray  # [G] how many of them are errors


class Ranking:
    """Units in the order of a score.

    Args:
      score: [N], high is bad; what is NaN is looked at last.
      error: [N] bool.
    """

    def __init__(self, score: np.ndarray, error: np.ndarray):
        score = np.nan_to_num(np.asarray(score, float), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        self._order = np.argsort(-score, kind="stable")
        ordered = score[self._order]
        self._starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        self._error = np.asarray(error, bool)[self._order]

    def steps(self, copies: np.ndarray | None = None) -> Steps:
        """The steps, each unit counted as often as copies [N] says, or else once."""
        own = np.ones(len(self._order)) if copies is None else copies[self._order]
        units = np.add.reduceat(own, self._starts)
        return Steps(units, np.add.reduceat(own * self._error, self._starts))


def auroc(steps: Steps) -> float:
    """Area under the receiver operating characteristic; NaN without errors or without others."""
    others = steps.units - steps.errors
    pairs = steps.errors.sum() * others.sum()
    below = others.sum() - np.cumsum(others) + others / 2
    return float((steps.errors * below).sum() / pairs) if pairs else float("nan")


def found(steps: Steps, looked: np.ndarray | float) -> np.ndarray | float:
    """Share of the errors that are among the first so many units; NaN without errors."""
    count = steps.errors.sum()
    if not count:
        return np.full_like(np.asarray(looked, float), np.nan)
    units, errors = (np.append(0.0, np.cumsum(own)) for own in steps)
    return np.interp(looked, units, errors) / count


def precision(steps: Steps) -> float:
    """Share of errors among the first K units, K the number of errors."""
    return float(found(steps, steps.errors.sum()))


def looked_at(steps: Steps, share: float) -> float:
    """Units looked at until a share of the errors is found; NaN without errors."""
    needed = np.ceil(share * steps.errors.sum() - 1e-9)
    if not needed:
        return float("nan")
    errors = np.cumsum(steps.errors)
    last = int(np.searchsorted(errors, needed))
    before = steps.units[:last].sum()
    # The j-th of p errors stands at j (n + 1) / (p + 1) in a random order of n units.
    within = needed - (errors[last] - steps.errors[last])
    return float(before + within * (steps.units[last] + 1) / (steps.errors[last] + 1))


def draws(sequence: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each unit is there when as many sequences as there are are drawn with replacement.

    Args:
      sequence: [N] the sequence of each unit.
      count: Number of draws.
      rng: Source of the draws.

    Yields:
      [N] copies of each unit.
    """
    names, number = np.unique(np.asarray(sequence, str), return_inverse=True)
    for _ in range(count):
        yield rng.multinomial(len(names), np.full(len(names), 1 / len(names))).astype(float)[number]


def intervals(drawn: list) -> dict | list[float]:
    """Figures of the draws, dictionaries of one shape -> the same of [low, high] of 95 %."""
    if isinstance(drawn[0], dict):
        return {key: intervals([own[key] for own in drawn]) for key in drawn[0]}
    known = [value for value in drawn if not math.isnan(value)]
    return np.quantile(known, [0.025, 0.975]).tolist() if known else [math.nan, math.nan]


def interval_of_mean(values: list[float], limits: list[list[float]]) -> list[float]:
    """Interval of a mean of independent figures from their own intervals (Zou and Donner 2008).

    The distances from each figure to its limits add as standard errors do.
    """
    value, (low, high) = np.array(values), np.array(limits).T
    mean, count = value.mean(), len(value)
    below, above = (np.sqrt(((value - end) ** 2).sum()) / count for end in (low, high))
    return [float(mean - below), float(mean + above)]
