"""Pairs of nearby things in one frame, by the one matcher: labels and truths, boxes and boxes.

partner = pairs(labels, truths, radius_px=3.0)  # index into labels -> index into truths
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dimjax.evaluation.metrics import Points, match


def pairs(points: Sequence[Any], others: Sequence[Any], radius_px: float) -> dict[int, int]:
    """Pair things of one frame one to one, those that are nearest to each other first.

    Of things equally near to another, the one of its category goes first.

    Args:
      points: Each has x, y (pixels) and category.
      others: The same.
      radius_px: Both of a pair are nearer than this.

    Returns:
      Index of a point -> index of its other one, for those that have one.
    """
    if not points or not others:
        return {}
    here, there = (np.array([(p.x, p.y) for p in things], float) for things in (points, others))
    distance = np.hypot(*(here[:, None] - there).transpose(2, 0, 1))
    differs = np.array([[p.category != o.category for o in others] for p in points])
    nearest = np.lexsort((differs, distance))[:, 0]  # of each point
    rows = np.arange(len(points))
    order = np.lexsort((differs[rows, nearest], distance[rows, nearest]))
    weight = np.empty(len(points))
    weight[order] = -np.arange(len(points), dtype=float)
    image = np.zeros(len(points), int), np.zeros(len(others), int)
    outcome = match(
        Points(image[1], there, np.ones(len(others))), Points(image[0], here, weight), radius_px
    )
    found = outcome.detection[outcome.hit].tolist()
    return dict(zip(found, outcome.truth[outcome.hit].tolist(), strict=True))
