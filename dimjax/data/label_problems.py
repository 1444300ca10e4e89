"""Problems of a whole label table that break no rule of any single row.

for problem in find_problems(labels, "labels.csv"):
    print(problem)
"""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from dimjax.errors import InputError, Note, OnError
from dimjax.progress import counted

_MIN_LABELS = 8  # fewer may lie anywhere
_NEAR_PX = 0.01
_PAIR_PX = 1.0  # below which two labels are of one object
_MANY_PAIRS = 0.05  # of all labels; objects that meet make few
_LONG = 8  # frames of a sequence of which one label is too few
_LARGE = 1 / 3  # of the size of a frame
_WHOLE = 0.9  # of its width and height


def find_problems(labels: pd.DataFrame, subject: object) -> Iterator[InputError]:
    """Yield a problem for each kind that a label table shows.

    These are: no label, coordinates from 0 to 1, one position for all labels, a track with two
    labels in a frame, and many objects with two labels in a frame, as of two annotators.

    Args:
      labels: Label table, frame coordinates.
      subject: Its file or folder, for the errors.
    """
    if labels.empty:
        rule, remedy = "there must be labels", "Label some frames, or correct the path."
        yield InputError(subject, rule, "none", remedy)
        return
    if len(labels) >= _MIN_LABELS:
        yield from _of_positions(labels, subject)
    named = labels[labels.track != ""]
    twice = named[named.duplicated(["sequence", "frame", "track"])]
    if len(twice):
        row = twice.iloc[0]
        rule = "a track must have one label in a frame"
        value = f"{len(twice)} more, first of track {row.track} in {row.sequence} frame {row.frame}"
        yield InputError(subject, rule, value, "Give each object a track of its own.")
    elif len(pairs := _near_pairs(labels)) >= max(_MIN_LABELS, _MANY_PAIRS * len(labels)):
        row = labels.iloc[pairs[0, 0]]
        rule = "an object must have one label in a frame"
        value = f"{len(pairs)} pairs of labels less than {_PAIR_PX:g} px apart, first in "
        value += f"{row.sequence} frame {row.frame} at {row.x:.4g}, {row.y:.4g}"
        yield InputError(subject, rule, value, "Keep one label of each, as of one annotator.")


def _near_pairs(labels: pd.DataFrame) -> np.ndarray:
    """Find pairs [N, 2] of rows that are near each other in a frame."""
    frame = labels.groupby(["sequence", "frame"]).ngroup() * 10 * _PAIR_PX
    places = np.column_stack([labels.x, labels.y, frame])
    return cKDTree(places).query_pairs(_PAIR_PX, output_type="ndarray")


def _of_positions(labels: pd.DataFrame, subject: object) -> Iterator[InputError]:
    position = labels[["x", "y"]]
    if (position <= 1).all(axis=None):
        rule = "x and y must be pixels"
        value = f"{len(labels)} labels with both from 0 to 1"
        remedy = "Multiply them, and w and h, by the width and height of the frames."
        yield InputError(subject, rule, value, remedy)
    elif (position.max() - position.min() < _NEAR_PX).all() and labels.sequence.nunique() > 1:
        value = f"all {len(labels)} at {position.x.iloc[0]:g}, {position.y.iloc[0]:g}"
        rule, remedy = "labels must lie in different places", "Correct x and y."
        yield InputError(subject, rule, value, remedy)


def large_boxes(
    labels: pd.DataFrame, shapes: Mapping[str, tuple[int, int, int]], subject: object
) -> Iterator[InputError]:
    """Yield a problem if most boxes are larger than a third of the frame, by the root of the area.

    Two corners that are read as centre and size make such boxes. Several boxes of the whole frame
    are a problem too, as a border drawn in masks makes them.

    Args:
      labels: Label table, frame coordinates.
      shapes: T, H, W of sequences; others are left out.
      subject: The labels' file or folder, for the error.
    """
    labels = labels[labels.sequence.isin(list(shapes))]
    sizes = np.array([shapes[name][:0:-1] for name in labels.sequence], float).reshape(-1, 2)
    shares = labels[["w", "h"]].to_numpy(float) / sizes
    whole = (shares >= _WHOLE).all(axis=1)
    large = np.sqrt(shares.prod(axis=1)) > _LARGE
    if len(labels) >= _MIN_LABELS and large.mean() > 0.5:
        first = labels[large].iloc[0]
        value = f"larger ones in {int(large.sum())} of {len(labels)} labels, such as "
        value += f"{first.w:.4g}x{first.h:.4g} px in {first.sequence} frame {first.frame}"
        remedy = "Give centre and size or, in other formats, corner and size, not two corners."
        rule = "most boxes must be smaller than a third of the frame"
        yield InputError(subject, rule, value, remedy)
    elif whole.sum() >= _MIN_LABELS:
        first = labels[whole].iloc[0]
        value = f"{int(whole.sum())} of {len(labels)} labels that are as large, first in "
        value += f"{first.sequence} frame {first.frame}, as of a border drawn in masks"
        rule = "boxes must be smaller than the frame"
        yield InputError(subject, rule, value, "Remove the border or these boxes.")


def shares_problem(count: int, file: object) -> InputError:
    """Return the problem of labels that are shares of the frames rather than pixels."""
    value = f"{counted(count, 'label')} with all four from 0 to 1, as shares of the frame have"
    remedy = "Multiply x and w by the width and y and h by the height of the frames."
    return InputError(file, "x, y, w and h must be pixels", value, remedy)


def report_ends(ends: Mapping[Path, tuple[int, int]], on_error: OnError) -> None:
    """Warn of label files with an entry for each frame, but for fewer frames than there are.

    Those of the first of many frames alone, as trackers are tested with, are an error.
    """
    firsts = [it for it, (count, length) in ends.items() if count == 1 and length >= _LONG]
    if firsts:
        rule = "labels must be of all frames"
        remedy = "Move these sequences to a split new, or away."
        value = f"those of the first frame alone in {counted(len(firsts), 'label file')}"
        on_error(InputError(firsts[0], rule, value, remedy))
    ends = {file: numbers for file, numbers in ends.items() if file not in firsts}
    if ends:
        behind = counted(sum(length - count for count, length in ends.values()), "frame")
        file, (count, length) = next(iter(ends.items()))
        message = f"{behind} behind the last entry of {counted(len(ends), 'label file')}, such as "
        message += f"{file} with {count} for {length} frames: taken for frames without an object."
        warnings.warn(message, category=Note, stacklevel=2)
