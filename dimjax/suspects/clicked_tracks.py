"""Tracks that a reviewer clicked in some frames: interpolated, and compared with the frames.

item = track_item(clicks, labels, folder.sequence, stride=2, match_px=3.0)
ledger.add_item(db, item, stage="click")            # decided as any other item
"""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import Sequence
from dimjax.errors import InputError
from dimjax.ledger.values import Change, Item, ItemFrame
from dimjax.suspects.frame_evidence import measure_frames
from dimjax.tracks import has_neighbour

_MIN_SNR = 4.0  # of a peak that is taken for the target
_DEFAULT_PX = 3.0  # size of a label if there are no others
_RIM_PX = 0.01  # smallest distance of a label from the right and lower border
_MAX_LISTED = 8  # frames in a reason


def track_item(
    clicks: pd.DataFrame,
    labels: pd.DataFrame,
    sequence_of: Callable[[str], Sequence],
    stride: int,
    match_px: float,
) -> Item:
    """Make a review item of a clicked track, with a suggested label in each of its frames.

    Between the clicks, x and y are interpolated with monotone cubics. If the frame has a signal of
    at least 4 sigmas within match_px of that position, its label is placed at the peak of the
    signal. Frames that have a label there already are left out.

    Args:
      clicks: Table with sequence, frame, x, y; of one sequence, and at most one in each frame.
      labels: Current labels of the run.
      sequence_of: Name -> sequence.
      stride: Frames from F1 to F2.
      match_px: Matching radius.

    Raises:
      InputError: All frames have a label there already.
    """
    path = _interpolated(clicks.sort_values("frame", ignore_index=True))
    path = path[~has_neighbour(path, labels, match_px)].reset_index(drop=True)
    name = clicks.sequence.iloc[0]
    if path.empty:
        rule, remedy = "a new track must lie apart from the labels", "Click another target."
        raise InputError(f"sequence {name}", rule, "a label near it in each frame", remedy)
    path = _at_peaks(path, sequence_of(name), stride, match_px)
    label = (*_size(labels, name), CATEGORIES[0], _new_track(labels, name))
    frames = tuple(
        ItemFrame(frame, x, y, None, Change(None, name, frame, x, y, *label))
        for frame, x, y in zip(path.frame.tolist(), path.x.tolist(), path.y.tolist(), strict=True)
    )
    return Item("unlabelled_target", name, 1.0, _reason(len(clicks), path), frames)


def _interpolated(clicks: pd.DataFrame) -> pd.DataFrame:
    """The clicks and the frames between them."""
    frame = np.arange(clicks.frame.iloc[0], clicks.frame.iloc[-1] + 1)
    table = pd.DataFrame({"sequence": clicks.sequence.iloc[0], "frame": frame})
    if len(clicks) == 1:
        return table.assign(x=clicks.x.iloc[0], y=clicks.y.iloc[0])
    x, y = PchipInterpolator(clicks.frame, clicks[["x", "y"]])(frame).T
    return table.assign(x=x, y=y)


def _at_peaks(path: pd.DataFrame, sequence: Sequence, stride: int, match_px: float) -> pd.DataFrame:
    """The path, moved to the peak of the signal where there is one; with the column has_signal."""

    def measure(table: pd.DataFrame) -> pd.DataFrame:
        return measure_frames(table, lambda _: sequence, stride)

    limit = np.array(sequence.shape[:0:-1]) - _RIM_PX
    offset = measure(path)
    near = offset.image_px < match_px
    xy = path[["x", "y"]] + offset[["image_dx", "image_dy"]].where(near, 0.0).to_numpy()
    peaks = path.assign(x=xy.x.clip(0.0, limit[0]), y=xy.y.clip(0.0, limit[1]))
    signal = measure(peaks).image_difference
    # F2..F4 leave ghosts of the target in F1 minus their mean, with the other sign.
    has_signal = near & (signal * np.sign(signal[near].median()) >= _MIN_SNR)
    return peaks.where(has_signal, path).assign(has_signal=has_signal).round({"x": 2, "y": 2})


def _size(labels: pd.DataFrame, name: str) -> tuple[float, float]:
    """Width and height of the sequence's labels, else of all, else of a dim target; medians."""
    for table in (labels[labels.sequence == name], labels):
        if len(table):
            return round(float(table.w.median()), 2), round(float(table.h.median()), 2)
    return _DEFAULT_PX, _DEFAULT_PX


def _new_track(labels: pd.DataFrame, name: str) -> str:
    existing = set(labels.track[labels.sequence == name])
    return next(track for k in itertools.count() if (track := f"clicked-{k}") not in existing)


def _reason(clicks: int, path: pd.DataFrame) -> str:
    text = f"clicked in {clicks} frame{'s' if clicks > 1 else ''}"
    text += f"; a signal of {_MIN_SNR:g} sigmas in {path.has_signal.sum()} of {len(path)} frames"
    missing = path.frame[~path.has_signal].tolist()
    if not missing:
        return text
    more = f" and {len(missing) - _MAX_LISTED} more" if len(missing) > _MAX_LISTED else ""
    return f"{text}; none in {', '.join(map(str, missing[:_MAX_LISTED]))}{more}: look there"
