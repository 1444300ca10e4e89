"""Ratios of speeds, summarised over networks.

summary([{"ratios": {"onnx / torch": 0.97}}, {"ratios": {"onnx / torch": 1.02}}])
"""

import statistics


def summary(cells: list[dict]) -> dict[str, float]:
    """Compute the geometric mean over cells, and the lowest value, of each of their `ratios`."""
    result = {}
    for name in cells[0]["ratios"]:
        values = [cell["ratios"][name] for cell in cells]
        result[name] = statistics.geometric_mean(values)
        result[f"{name}, lowest"] = min(values)
    return result
