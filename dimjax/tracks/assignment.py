"""One-to-one assignment of least cost, for few pairs among many rows and columns.

chosen = assign(rows, columns, cost)        # pairs k with cost[k] < 0; which of them to take
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def assign(rows: np.ndarray, columns: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Choose pairs so that no row or column is taken twice and the total cost is least.

    Pairs that compete with each other, directly or through others, are solved together and apart
    from the rest: time grows with the size of the largest such group, not with all pairs.

    Args:
      rows: [K] row of each possible pair, from 0.
      columns: [K] its column, from 0.
      cost: [K] its cost, below 0: to leave a pair out costs 0.

    Returns:
      Indices of the chosen pairs, ascending.
    """
    if not len(rows):
        return np.zeros(0, int)
    group = _groups(rows, columns)
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    alone = np.flatnonzero(sizes[group] == 1)
    parts = np.split(order, np.cumsum(sizes)[:-1])
    chosen = [
        part[_solve(rows[part], columns[part], cost[part])] for part in parts if len(part) > 1
    ]
    return np.sort(np.concatenate([alone, *chosen]))


def _groups(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Number of the group of each pair [K], from 0 without a gap."""
    shift = rows.max() + 1
    size = shift + columns.max() + 1
    graph = coo_array((np.ones(len(rows), bool), (rows, columns + shift)), (size, size))
    _, node_group = connected_components(graph, directed=False)
    return np.unique(node_group[rows], return_inverse=True)[1]


def _solve(rows: np.ndarray, columns: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Indices of the chosen among pairs that compete with each other."""
    row_names, r = np.unique(rows, return_inverse=True)
    column_names, c = np.unique(columns, return_inverse=True)
    table = np.zeros((len(row_names), len(column_names)))
    pair = np.full(table.shape, -1)
    table[r, c], pair[r, c] = cost, np.arange(len(cost))
    chosen = pair[linear_sum_assignment(table)]
    return chosen[chosen >= 0]
