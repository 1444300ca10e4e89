"""One-to-one assignment of minimum cost, for few possible pairs among many rows and columns.

chosen = assign(rows, columns, cost)        # indices k of the chosen pairs; all cost[k] < 0
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def assign(rows: np.ndarray, columns: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Choose pairs of minimum total cost so that no row or column is used twice.

    Each group of pairs that compete, directly or through others, is solved on its own: the time
    grows with the size of the largest group instead of the number of pairs.

    Args:
      rows: [K] row of each possible pair, from 0.
      columns: [K] its column, from 0.
      cost: [K] its cost, below 0; leaving a pair out costs 0.

    Returns:
      Indices of the chosen pairs, ascending.
    """
    if not len(rows):
        return np.zeros(0, int)
    group = _groups(rows, columns)
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    uncontested = np.flatnonzero(sizes[group] == 1)
    parts = np.split(order, np.cumsum(sizes)[:-1])
    chosen = [
        part[_solve(rows[part], columns[part], cost[part])] for part in parts if len(part) > 1
    ]
    return np.sort(np.concatenate([uncontested, *chosen]))


def _groups(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Number of the group of each pair [K], from 0 without a gap."""
    shift = rows.max() + 1
    size = shift + columns.max() + 1
    graph = coo_array((np.ones(len(rows), bool), (rows, columns + shift)), (size, size))
    _, node_group = connected_components(graph, directed=False)
    return np.unique(node_group[rows], return_inverse=True)[1]


def _solve(rows: np.ndarray, columns: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Indices of the chosen pairs of one group."""
    row_names, r = np.unique(rows, return_inverse=True)
    column_names, c = np.unique(columns, return_inverse=True)
    table = np.zeros((len(row_names), len(column_names)))
    pair = np.full(table.shape, -1)
    table[r, c], pair[r, c] = cost, np.arange(len(cost))
    chosen = pair[linear_sum_assignment(table)]
    return chosen[chosen >= 0]
