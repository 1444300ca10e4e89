"""The reading of centroids that fits the frames: which number is x, and that of the first pixel.

layout = best_reading(layout, lambda it: read_labels(path, it), evidence)
"""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pandas as pd

from dimjax.data.folders import Folder
from dimjax.data.label_evidence import COLUMNS, measure_sequence
from dimjax.data.label_readings import group_name, offset
from dimjax.data.layouts import Layout

Read = Callable[[Layout], tuple[pd.DataFrame, Folder]]

_MEASURED = 10  # sequences of a group in which the spots at labels are measured
_MOST_GROUPS = 5  # of sequences whose names begin alike, each with a first pixel of its own
_BETTER = 1.2  # factor of their strength from which x and y are exchanged


def best_reading(layout: Layout, read: Read, evidence: list[str]) -> Layout:
    """Choose the order and the first pixel of centroids that fit the spots in the frames best.

    Args:
      layout: Layout of centroids.
      read: Reads the labels by a layout.
      evidence: Reasons are appended.
    """
    chosen, exchanged = (layout._replace(centroid_order=order) for order in ("xy", "rowcol"))
    (spots, support), (other_spots, other) = (_spots(*read(it)) for it in (chosen, exchanged))
    if other > _BETTER * support:
        chosen, spots = exchanged, other_spots
        text = f"the spots at them add up to {other:.3g} sigmas, else to {support:.3g}"
        evidence.append(f"centroids read as {chosen.centroid_order}: {text}")
    return chosen._replace(first_pixel=_first_pixel(spots, evidence))


def _first_pixel(spots: pd.DataFrame, evidence: list[str]) -> int | dict[str, int]:
    """Number of the first pixel, or by patterns of groups of sequences whose names begin alike."""
    groups = dict(list(spots.groupby(spots.sequence.map(group_name))))
    groups = groups if len(groups) <= _MOST_GROUPS else {"": spots}
    pixels = {}
    for name, rows in groups.items():
        (x, y), _ = offset(rows)
        pixels[f"{name}*"] = int(np.round([x, y]).tolist() == [-1, -1])
        if pixels[f"{name}*"]:
            where = f" of {name}*" if len(groups) > 1 else ""
            text = f"the spots lie {x:.2f}, {y:.2f} px from the labels{where} else"
            evidence.append(f"first pixel 1: {text}")
    return pixels if len(set(pixels.values())) > 1 else next(iter(pixels.values()), 0)


def _spots(labels: pd.DataFrame, folder: Folder) -> tuple[pd.DataFrame, float]:
    """Measure the spots at the labels of some sequences; return them, and the sum of all.

    Labels outside their frame, as by a wrong reading, have no spot.
    """
    groups = dict(list(labels.groupby("sequence")))
    chosen = [(name, groups[name]) for name in _spread(list(groups))]
    tables = [measure_sequence(rows, folder.sequence(name)) for name, rows in chosen]
    spots = pd.concat(tables or [pd.DataFrame(columns=COLUMNS)], ignore_index=True)
    return spots, len(labels) * spots.strength.mean() if len(spots) else 0.0


def _spread(names: list[str]) -> list[str]:
    """Choose some sequences, of each group whose names begin alike."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[group_name(name)].append(name)
    groups = alike.values() if len(alike) <= _MOST_GROUPS else [names]
    return [name for group in groups for name in group[:: max(1, len(group) // _MEASURED)]]
