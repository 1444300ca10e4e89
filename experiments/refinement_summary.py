"""Summary of experiments/refinement.py over seeds and data sets.

results = merged(previous, {"sky, chips of 32 px": {"1": figures}})
summary = {name: summarise(list(seeds.values())) for name, seeds in results.items()}
"""

import math
from collections.abc import Mapping

from ranking_figures import interval_of_mean
from result_files import interval

Figures = dict[str, dict]  # of one seed, as experiments/refinement.py measures them
Results = dict[str, dict[str, Figures]]  # data set -> seed -> figures


def merged(previous: Results, new: Results) -> Results:
    """Merge two sets of results; new ones replace previous ones of the same seed."""
    names = [*previous, *(name for name in new if name not in previous)]
    return {name: {**previous.get(name, {}), **new.get(name, {})} for name in names}


def summarise(seeds: list[Figures]) -> dict:
    """Compute the means of all figures over the seeds.

    Returns:
      The structure of the figures. `intervals` holds [low, high] of 95 % of the means, by the
      bootstrap over sequences, and for f1 by the variation of the seeds (Student's t).
    """
    means = _means([{k: v for k, v in seed.items() if k != "intervals"} for seed in seeds])
    limits = {
        name: _limits([seed[name] for seed in seeds], [seed["intervals"][name] for seed in seeds])
        for name in seeds[0]["intervals"]
    }
    f1_values = means.get("f1", {}).keys()
    limits["f1"] = {
        key: _variation([seed["f1"][key] for seed in seeds if "f1" in seed]) for key in f1_values
    }
    return {**means, "intervals": limits}


def _means(parts: list):
    first = parts[0]
    if isinstance(first, Mapping):
        keys = dict.fromkeys(key for part in parts for key in part)
        return {key: _means([part[key] for part in parts if key in part]) for key in keys}
    if isinstance(first, list):
        return [_means(list(values)) for values in zip(*parts, strict=True)]
    return interval(_without_none(parts))["mean"]


def _limits(values: list, limits: list):
    if isinstance(limits[0], Mapping):
        keys = dict.fromkeys(key for part in limits for key in part)
        return {
            key: _limits(
                [part[key] for part in values if key in part],
                [part[key] for part in limits if key in part],
            )
            for key in keys
        }
    complete = [k for k, value in enumerate(values) if None not in (value, *limits[k])]
    if not complete:
        return [math.nan, math.nan]
    return interval_of_mean([values[k] for k in complete], [limits[k] for k in complete])


def _variation(values: list) -> list[float]:
    mean = interval(_without_none(values))
    return [mean["low"], mean["high"]]


def _without_none(values: list) -> list[float]:
    """Turn None, which JSON has in place of NaN, back into NaN."""
    return [math.nan if value is None else value for value in values]
