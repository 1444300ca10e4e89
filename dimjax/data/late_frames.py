"""By how many frames labels are late, by their spots and by the numbers of the files of frames.

of_several_frames(reading, rows, layout).remedy     # "Subtract 4 from them."
"""

import re

import pandas as pd

from dimjax.data.layouts import Layout
from dimjax.data.other_readings import Reading, frame_readings
from dimjax.data.reading_fits import lag

_SEVERAL = 1.3  # frames; labels that are later may be so by two or more, at which spots are lost


def of_several_frames(reading: Reading, rows: pd.DataFrame, layout: Layout) -> Reading:
    """Correct a reading of frames by the number of frames that the labels are late or early.

    Args:
      reading: Any reading; others than those of frames are returned as they are.
      rows: Evidence, see dimjax.data.label_evidence.measure_sequence.
      layout: Layout that the labels were read with.
    """
    column = next((it for it, other in frame_readings(layout).items() if other == reading), None)
    frames = lag(rows, column)[0] if column else 0.0
    if not frames >= _SEVERAL:
        return reading
    surplus = surplus_of_files(rows, layout)
    if column == "before" and surplus:
        meaning = f"frames were too large by {surplus}, numbered as the files"
        return reading._replace(meaning=meaning, remedy=f"Subtract {surplus} from them.")
    count = round(frames)
    meaning = re.sub(r"by 1$", f"by {count}", reading.meaning)
    remedy = re.sub(r"^(Subtract|Add) 1\b", rf"\1 {count}", reading.remedy)
    return reading._replace(meaning=meaning, remedy=f"{remedy} Check again: it may be more.")


def surplus_of_files(rows: pd.DataFrame, layout: Layout) -> int:
    """Return what frames of labels are too large by, if they are the numbers of files; else 0.

    It is the number of the first file, alike in all sequences, without the layout's first frame.
    The labels may be numbered so if none is of a frame before.
    """
    firsts = rows.first_number.unique()
    if len(firsts) != 1 or not firsts[0] > layout.first_frame + 1:
        return 0
    surplus = int(firsts[0]) - layout.first_frame
    return surplus if rows.frame.min() >= surplus else 0


def describe_lag(rows: pd.DataFrame, column: str) -> str:
    """Describe by how many frames labels are late ("before") or early ("after")."""
    frames, error = lag(rows, column)
    when = "late" if column == "before" else "early"
    return f"{frames:.1f} frames {when}, standard error {error:.2f}"
