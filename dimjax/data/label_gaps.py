"""Frames that a label file does not mention: they are taken for frames without an object.

In a file of a whole folder or sequence nothing tells them from frames that nobody has labelled,
which would become wrong background.

    report_gaps(labels, folder.shapes, folder.names)   # no label in 1 of 20 sequences, such as s3
"""

import math
import warnings
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from dimjax.data.formats.marks import ABSENT, HIDDEN
from dimjax.errors import Note
from dimjax.progress import counted

_LONG = 8  # frames on end without a label that are worth a note
_MIN_FRAMES = 6  # with labels, of a sequence, which show whether they are evenly spaced


def report_gaps(
    labels: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
    required: Collection[str],
    left_out: Collection[str] = (),
) -> None:
    """Warn of frames without a label, if they are many on end, evenly spaced or whole sequences.

    Args:
      labels: Label table.
      shapes: T, H, W of the sequences that were read.
      required: Sequences that are to have labels.
      left_out: Reasons for which rows of the files are no labels. If rows tell the frames without
        an object, nothing is reported.
    """
    if {ABSENT.left_out, HIDDEN.left_out} & set(left_out):
        return
    if text := _described(
        labels, {name: shape[0] for name, shape in shapes.items() if name in required}
    ):
        taken_for_empty(text)


def taken_for_empty(text: str) -> None:
    """Warn of frames, which the text describes, that are taken for frames without an object."""
    message = f"{text}: taken for frames without an object."
    warnings.warn(message, category=Note, stacklevel=3)


def _described(labels: pd.DataFrame, lengths: Mapping[str, float]) -> str:
    of = {name: rows.frame.unique() for name, rows in labels.groupby("sequence")}
    lengths = {name: length for name, length in lengths.items() if length < math.inf}
    if not any(name in of for name in lengths):
        return ""
    if (step := _spacing([of[name] for name in lengths if name in of])) > 1:
        return f"labels {step} frames apart, and none between them"
    without = [name for name, length in lengths.items() if name not in of and length >= _LONG]
    runs = {name: _longest_run(of[name], length) for name, length in lengths.items() if name in of}
    partly = {name: run for name, run in runs.items() if run[1] - run[0] >= _LONG}
    texts = []
    if without:
        texts.append(
            f"no label in {len(without)} of {len(lengths)} sequences, such as {without[0]}"
        )
    if partly:
        name = max(partly, key=lambda it: partly[it][1] - partly[it][0])
        start, stop = partly[name]
        count = (
            counted(len(partly), "other")
            if without
            else f"{len(partly)} of {len(lengths)} sequences"
        )
        text = f"no label in {_LONG} frames on end or more of {count}, such as {name} from "
        texts.append(f"{text}frame {start} to {stop - 1}")
    return ", ".join(texts)


def _spacing(frames: list[np.ndarray]) -> int:
    """Largest number of which all distances between labelled frames are multiples."""
    if any(len(it) < _MIN_FRAMES for it in frames):
        return 1
    return int(np.gcd.reduce(np.concatenate([np.diff(np.sort(it)) for it in frames])))


def _longest_run(frames: np.ndarray, length: int) -> tuple[int, int]:
    """First frame of the longest run without a label, and the frame behind it."""
    edges = np.concatenate([[-1], np.sort(frames), [length]])
    widest = int(np.diff(edges).argmax())
    return int(edges[widest]) + 1, int(edges[widest + 1])
