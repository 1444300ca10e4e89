"""One-to-one pairs of nearby objects in a frame, by the matcher of the metrics.

partner = pairs(labels, truths, radius_px=3.0)  # index into labels -> index into truths
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dimjax.evaluation.metrics import Objects, match


def pairs(objects: Sequence[Any], others: Sequence[Any], radius_px: float) -> dict[int, int]:
    """Pair the objects of a frame one to one, the nearest pairs first.

    Of two objects at the same distance from another one, the one of its category is paired first.

    Args:
      objects: Each has x, y (pixels) and category.
      others: Objects of the same form.
      radius_px: The objects of a pair are nearer to each other than this.

    Returns:
      Index of an object -> index of its partner in `others`, for objects with a partner.
    """
    if not objects or not others:
        return {}
    here, there = (np.array([(o.x, o.y) for o in side], float) for side in (objects, others))
    distance = np.hypot(*(here[:, None] - there).transpose(2, 0, 1))
    differs = np.array([[a.category != b.category for b in others] for a in objects])
    nearest = np.lexsort((differs, distance))[:, 0]  # of each object
    rows = np.arange(len(objects))
    order = np.lexsort((differs[rows, nearest], distance[rows, nearest]))
    weight = np.empty(len(objects))
    weight[order] = -np.arange(len(objects), dtype=float)
    image = np.zeros(len(objects), int), np.zeros(len(others), int)
    outcome = match(
        Objects(image[1], there, np.ones(len(others))), Objects(image[0], here, weight), radius_px
    )
    paired = outcome.detection[outcome.hit].tolist()
    return dict(zip(paired, outcome.truth[outcome.hit].tolist(), strict=True))
