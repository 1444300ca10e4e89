"""Frames and labels by the numbers in the names of their files.

Labels may number the files, 1500 to 1523, in place of 0 to 23; and label files may have names other
than the frames but their numbers, label_1.txt for frame_0001.png.

rows = numbered_as_files(table, shapes, folder.files, first_frame=0)
problem(table[rows], "labels.csv")
files_of_frames({"1": Path("label_1.txt")}, ["frame_0001"])     # {0: Path("label_1.txt")}
"""

from collections.abc import Collection, Mapping
from pathlib import Path

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
            numbers = numbers_of([file.stem for file in frame_files(files[name])])
            found[rows] = set((frames + first_frame).tolist()) <= set(numbers)
    return found


def numbers_of(names: Collection[str]) -> list[int]:
    """Return the numbers of names of frames that have one, in their order."""
    return [int(number) for _, number, _ in split_names([*names]) if number]


def files_of_frames(files: Mapping[str, Path], frames: list[str]) -> dict[int, Path]:
    """Return the label file of each frame that has one, by its name or else by its number.

    Numbers count if not all names are those of frames, but all numbers.

    Args:
      files: Text of {frame} in the path of each label file -> this file.
      frames: Text of {frame} of each frame.
    """
    if not files.keys() <= {*frames}:
        numbers, of_files = numbers_of(frames), numbers_of(files)
        complete = len(set(numbers)) == len(frames) and len(set(of_files)) == len(files)
        if complete and set(of_files) <= set(numbers):
            by_number = dict(zip(of_files, files.values(), strict=True))
            return {t: by_number[it] for t, it in enumerate(numbers) if it in by_number}
    return {t: files[text] for t, text in enumerate(frames) if text in files}


def problem(labels: pd.DataFrame, first_frame: int, subject: object) -> InputError:
    """Return the error of labels that are numbered as files."""
    name = labels.sequence.iloc[0]
    frames = labels.frame[labels.sequence == name] + first_frame
    value = f"{counted(len(labels), 'label')} numbered as the files, such as {frames.min()} to "
    value += f"{frames.max()} in sequence {name}"
    rule = "frames of labels must count the frames of their sequence from the key first_frame"
    remedy = "Subtract the number of the first file, and add first_frame."
    return InputError(subject, rule, value, remedy)
