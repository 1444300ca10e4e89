"""Other readings of labels, with the key to set or the change to the files.

frame_readings(layout)["before"].remedy             # "Set data.layout.first_frame=1."
"""

from typing import NamedTuple

from dimjax.data.formats import FORMATS
from dimjax.data.layouts import Layout

_OF_IMAGES = ("coco", "lines")  # whose files name images


_OF_ENTRIES = ("rectangles", "exist-rect")  # with one for each frame


class Reading(NamedTuple):
    """Another reading of the labels."""

    meaning: str  # "as if ...", without these words
    remedy: str
    column: str = ""  # of the evidence, with the strength at the positions of this reading


def frame_readings(layout: Layout) -> dict[str, Reading]:
    """The readings by which labels are a frame late ("before") or early ("after")."""
    readings = {}
    for first, column, size, change in (
        (1, "before", "large", "Subtract 1 from"),
        (0, "after", "small", "Add 1 to"),
    ):
        of_files = FORMATS[layout.label_format].scope == "frame"
        if of_files:  # the first frame does not matter if a file has the name of its image
            text = f"the numbers of the label files were too {size} by 1"
            remedy = f"{change} the numbers in the names of the label files."
        elif layout.label_format in _OF_IMAGES:
            text = f"the numbers of the images in the labels were too {size} by 1"
            remedy = f"{change} these numbers."
        elif layout.first_frame == first:
            text, remedy = f"frames were too {size} by 1", f"{change} the frames of the labels."
            if _has_entries(layout):
                change = "Remove the first entry of" if first else "Add an entry at the start of"
                remedy = f"{change} the label files."
        else:
            text = f"frames were counted from {first}"
            remedy = f"Set data.layout.first_frame={first}."
        readings[column] = Reading(text, remedy)
    return readings


def _has_entries(layout: Layout) -> bool:
    """Whether a label file has an entry for each frame, as a line, and no numbers of frames."""
    is_text = layout.label_format == "centroids" and not layout.labels.endswith((".csv", ".tsv"))
    return is_text or layout.label_format in _OF_ENTRIES


def place_readings(layout: Layout) -> list[Reading]:
    """The readings by which labels lie at quite another place."""
    other = "rowcol" if layout.centroid_order == "xy" else "xy"
    key = f"Set data.layout.centroid_order={other}."
    swap = key if layout.label_format == "centroids" else "Exchange x and y in the labels."
    column = "exchanged" if FORMATS[layout.label_format].is_normalised else "swapped"
    upwards = "Subtract y from the height of the frames."
    left = "Subtract x from the width of the frames."
    sizes = [
        Reading("x and y were half of theirs", "Multiply x, y, w and h by 2.", "doubled"),
        Reading("x and y were twice theirs", "Divide x, y, w and h by 2.", "halved"),
    ]
    if FORMATS[layout.label_format].is_normalised:
        padded = "Compute them as shares of the frames without the padding."
        sizes = [Reading("they were shares of frames padded to squares", padded, "unpadded")]
    return [
        *sizes,
        Reading("x and y were exchanged", swap, column),
        Reading("y pointed upwards", upwards, "upwards"),
        Reading("x pointed to the left", left, "mirrored"),
        Reading("x pointed to the left and y upwards", f"{left} {upwards}", "turned"),
    ]


def pixels_from(pixel: int, layout: Layout) -> Reading:
    """The reading that numbers the pixels from 0 or 1, or the rest if the layout has it so."""
    if layout.first_pixel != pixel:
        remedy = f"Set data.layout.first_pixel={pixel}."
        return Reading(f"pixels were numbered from {pixel}", remedy)
    size, change = ("large", "Subtract 1 from") if pixel else ("small", "Add 1 to")
    return Reading(f"x and y were too {size} by 1", f"{change} x and y in the labels.")
