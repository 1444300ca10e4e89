"""Lines of YOLO with key points behind the box: class, box, then x y or x y visibility of each.

is_pose([0.5, 0.5, 0.1, 0.1, 0.52, 0.49])           # True: a box and a point in it, no triangle
"""

from collections.abc import Sequence

_OF_BOX = 4
_OUTSIDE = 0.01  # share of the frame by which a point may lie outside its box
_VISIBILITIES = (0, 1, 2)


def is_pose(numbers: Sequence[float]) -> bool:
    """Whether the numbers behind a class are a box and key points, and no polygon.

    The points lie in the box or near it; those at 0, 0 are not visible. The box is smaller than
    that around the polygon that the numbers else are.
    """
    if len(numbers) <= _OF_BOX:
        return False
    x, y, w, h = numbers[:_OF_BOX]
    for size in (3, 2):
        points = _points(numbers[_OF_BOX:], size)
        visible = [point for point in points if any(point[:2])]
        near = all(
            abs(px - x) <= w / 2 + _OUTSIDE and abs(py - y) <= h / 2 + _OUTSIDE
            for px, py, *_ in visible
        )
        if visible and near and (len(numbers) % 2 or w * h < _area(numbers)):
            return True
    return False


def _points(numbers: Sequence[float], size: int) -> list[Sequence[float]]:
    """The points of two or three numbers each; none if they do not fit."""
    points = [numbers[k : k + size] for k in range(0, len(numbers), size)]
    whole = len(points[-1]) == size
    fits = whole and (size == 2 or all(point[2] in _VISIBILITIES for point in points))
    return points if fits and all(0 <= it <= 1 for p in points for it in p[:2]) else []


def _area(points: Sequence[float]) -> float:
    """Area of the box around x1, y1, x2, y2, ..."""
    columns, rows = points[::2], points[1::2]
    return (max(columns) - min(columns)) * (max(rows) - min(rows))
