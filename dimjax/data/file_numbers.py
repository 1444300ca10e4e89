"""Labels whose frames are the numbers of files, 1500 to 1523, in place of 0 to 23.

rows = numbered_as_files(table, shapes, folder.files, first_frame=0)
problem(table[rows], "labels.csv")
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dimjax.data.image_folders import split_names
from dimjax.data.listing import Source, frame_files
from dimjax.errors import InputError
from dimjax.progress import counted


def numbered_as_files(
    table: pd.DataFrame, shapes: Mapping[str, tuple], files: Mapping[str, Source], first_frame: int
) -> np.ndarray:
    """Return which rows are of sequences with labels beyond the end that all number files.

    Args:
      table: Label table; frames count from 0.
      shapes: T, H, W of each sequence.
      files: Sequence -> its files.
      first_frame: Number of the first frame in the file of the labels.
    """
    found = np.zeros(len(table), bool)
    for name, rows in table.groupby("sequence").indices.items():
        frames = table.frame.to_numpy()[rows]
        if name in files and name in shapes and frames.max() >= shapes[name][0]:
            names = split_names([file.stem for file in frame_files(files[name])])
            numbers = {int(number) for _, number, _ in names if number}
            found[rows] = set((frames + first_frame).tolist()) <= numbers
    return found


def problem(labels: pd.DataFrame, first_frame: int, subject: object) -> InputError:
    """Return the error of labels that are numbered as files."""
    name = labels.sequence.iloc[0]
    frames = labels.frame[labels.sequence == name] + first_frame
    value = f"{counted(len(labels), 'label')} numbered as the files, such as {frames.min()} to "
    value += f"{frames.max()} in sequence {name}"
    rule = "frames of labels must count the frames of their sequence from the key first_frame"
    remedy = "Subtract the number of the first file, and add first_frame."
    return InputError(subject, rule, value, remedy)
