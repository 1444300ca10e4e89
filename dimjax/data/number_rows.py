"""Lines of numbers that are labels in a form that is not read, by their number in each line.

unread_rows([[0, 2, 5, 5, 8, 8, 20, 9, 23, 12], [1, 0]])    # ("lists of corners", "Write ...")
"""

from itertools import pairwise

_TABLE = "Write them as a CSV frame,x,y,w,h per sequence."
_BOX_WITH_CLASS = 5  # numbers; a box with the number of its frame has as many
_FEWEST_BOXES = 8  # of one per line; x, y, w, h of fewer may look like corners by chance
_FEWEST_OF_LIST = 6  # even numbers in every line; fewer are rectangles or points


def unread_rows(rows: list[list[float]], has_commas: bool) -> tuple[str, str] | None:
    """Return what lines of numbers seem to be, and the remedy; None for those that may be read.

    Args:
      rows: The numbers of each line; empty ones are left out.
      has_commas: Whether commas separate them, as in the format mot.
    """
    rows = [row for row in rows if row]
    if not has_commas and _are_boxes_in_pixels(rows):
        remedy = "Divide x and w by the width of the frames, y and h by their height."
        return "boxes in pixels with a class, as YOLO has them in shares of the frame", remedy
    if len(rows) < 2:
        return None
    if _are_counted_corners(rows):
        return "lists of corners, frame,n,x1,y1,x2,y2,...", _TABLE
    if _are_numbered_boxes(rows):
        return "frame x y w h without a header", _TABLE
    counts = {len(row) for row in rows}
    count = max(counts)
    if len(counts) > 1 or count < _FEWEST_OF_LIST or count % 2 and not _have_tracks(rows):
        return None
    if count == 8 and not have_flags(rows):
        return "polygons of four corners", "Write x,y,w,h of the box around each ('rectangles')."
    if has_commas and _have_classes_for_flags(rows):
        found = "frame,id,x,y,w,h,class,species,occlusion,noise, as BIRDSAI has them"
        return found, "Write them as frame,id,x,y,w,h,1,class,1 ('mot'), classes counted from 1."
    if count <= 10:
        text = "frame id x y w h, as 'mot' has them, without commas"
        return None if has_commas else (text, "Write commas between the numbers.")
    return f"lines of {count} numbers", _TABLE


def have_flags(rows: list[list[float]]) -> bool:
    """Whether rows of eight numbers have a flag after the box; else they are polygons."""
    return all(row[6] in (-1, 0, 1) for row in rows if row)


def _have_classes_for_flags(rows: list[list[float]]) -> bool:
    """Whether rows of ten end with two flags, where 'mot' has -1 or a place in space."""
    ends = {number for row in rows for number in row[8:]}
    return all(len(row) == 10 for row in rows) and ends <= {0, 1}


def _are_boxes_in_pixels(rows: list[list[float]]) -> bool:
    """Whether each row is a class and x, y, w, h in pixels; if they count, they are frames."""
    if not rows or any(len(row) != _BOX_WITH_CLASS for row in rows):
        return False
    have_classes = all(row[0] >= 0 and row[0] % 1 == 0 for row in rows)
    counting = len(rows) > 1 and all(a[0] < b[0] for a, b in pairwise(rows))
    return have_classes and not counting and any(max(row[1:]) > 1 for row in rows)


def _are_numbered_boxes(rows: list[list[float]]) -> bool:
    """Whether each row is the number of a frame, which grows, and x, y, w, h."""
    if any(len(row) != _BOX_WITH_CLASS or min(row[3:]) <= 0 for row in rows):
        return False
    return all(row[0] % 1 == 0 for row in rows) and all(a[0] < b[0] for a, b in pairwise(rows))


def _have_tracks(rows: list[list[float]]) -> bool:
    """Whether each row begins with whole numbers, those of a frame and a track, and a box."""
    return all(row[0] % 1 == row[1] % 1 == 0 < min(row[4:6]) for row in rows)


def _are_counted_corners(rows: list[list[float]]) -> bool:
    """Whether each row is a frame, a number of boxes, and two corners of each box."""
    if not all(len(row) > 1 and len(row) == 2 + 4 * row[1] for row in rows):
        return False
    boxes = [row[k : k + 4] for row in rows for k in range(2, len(row), 4)]
    ordered = all(x1 < x2 and y1 < y2 for x1, y1, x2, y2 in boxes)
    counting = all(a[0] < b[0] for a, b in pairwise(rows))
    several = any(row[1] != 1 for row in rows) or len(boxes) >= _FEWEST_BOXES
    return ordered and counting and several
