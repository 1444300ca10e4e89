"""Figures of several seeds and data sets of experiments/refinement.py as one record.

results = joined(known, {"sky, chips of 32 px": {"1": figures}})
summary = {name: summarise(list(seeds.values())) for name, seeds in results.items()}
"""

import math
from collections.abc import Mapping

from ranking_figures import interval_of_mean
from result_files import interval

Figures = dict[str, dict]  # of one seed, as experiments/refinement.py measures them
Results = dict[str, dict[str, Figures]]  # data set -> seed -> figures


def joined(known: Results, found: Results) -> Results:
    """All results; what is found anew takes the place of what is known of the same seed."""
    names = [*known, *(name for name in found if name not in known)]
    return {name: {**known.get(name, {}), **found.get(name, {})} for name in names}


def summarise(seeds: list[Figures]) -> dict:
    """Means over the seeds of all figures.

    Returns:
      The figures' own shape; intervals: [low, high] of 95 % of the means, by the bootstrap over
      sequences, and of f1 by what the seeds differ (Student's t).
    """
    means = _means([{k: v for k, v in own.items() if k != "intervals"} for own in seeds])
    limits = {
        name: _limits([own[name] for own in seeds], [own["intervals"][name] for own in seeds])
        for name in seeds[0]["intervals"]
    }
    limits["f1"] = {
        key: [spread["low"], spread["high"]]
        for key in seeds[0]["f1"]
        for spread in [interval(_numbers([own["f1"][key] for own in seeds]))]
    }
    return {**means, "intervals": limits}


def _means(parts: list):
    first = parts[0]
    if isinstance(first, Mapping):
        keys = dict.fromkeys(key for part in parts for key in part)
        return {key: _means([part[key] for part in parts if key in part]) for key in keys}
    if isinstance(first, list):
        return [_means(list(own)) for own in zip(*parts, strict=True)]
    return interval(_numbers(parts))["mean"]


def _limits(values: list, limits: list):
    if isinstance(limits[0], Mapping):
        keys = dict.fromkeys(key for own in limits for key in own)
        return {
            key: _limits(
                [own[key] for own in values if key in own],
                [own[key] for own in limits if key in own],
            )
            for key in keys
        }
    known = [k for k, value in enumerate(values) if None not in (value, *limits[k])]
    if not known:
        return [math.nan, math.nan]
    return interval_of_mean([values[k] for k in known], [limits[k] for k in known])


def _numbers(values: list) -> list[float]:
    """JSON has no NaN: there it is None."""
    return [math.nan if value is None else value for value in values]
