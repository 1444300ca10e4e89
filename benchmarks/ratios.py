"""Ratios of speeds over many networks, as the benchmarks sum them up.

summary([{"ratios": {"onnx / torch": 0.97}}, {"ratios": {"onnx / torch": 1.02}}])
"""

import statistics


def summary(cells: list[dict]) -> dict[str, float]:
    """Geometric means over the cells, and the least, of each of their `ratios`."""
    found = {}
    for name in cells[0]["ratios"]:
        values = [cell["ratios"][name] for cell in cells]
        found[name] = statistics.geometric_mean(values)
        found[f"{name}, least"] = min(values)
    return found
