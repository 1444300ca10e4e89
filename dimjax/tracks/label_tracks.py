"""Tracks of labels, and the numbers of these tracks that the category model is fitted to.

tracks = link_labels(labels)
examples = labelled_windows(labels, motions=None, causal=False)  # labels with APPEARANCE
model = fit_category_model(*examples)
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.labels import CATEGORIES
from dimjax.data.scene_motion import to_scene
from dimjax.tracks.appearance import APPEARANCE
from dimjax.tracks.categories import each_in_a_track, windows
from dimjax.tracks.linking import Motions, Tracks, link
from dimjax.tracks.settings import LinkingConfig
from dimjax.tracks.track_frames import TrackFrames

_COLUMNS = ["sequence", "frame", "x", "y", "w", "h", "category"]
_SCORE = 0.99  # of labels, as if they were detections
# Labels lie closer to a smooth path than detections do; noise of this sigma makes them alike.
_NOISE_PX = 0.3
_DENSE_WINDOWS, _EVERY = 8, 4  # after the first 8 windows of a track, every fourth one is used


class LabelledWindows(NamedTuple):
    """Windows of labelled tracks, the arguments of fit_category_model."""

    values: np.ndarray  # [N, F] numbers
    is_target: np.ndarray  # [N] bool
    track: np.ndarray  # [N] number of the track
    sequence: np.ndarray  # [N] number of the sequence


def link_labels(labels: pd.DataFrame, motions: Motions | None = None) -> Tracks:
    """Link the labels of each sequence to tracks, as if they were certain detections.

    Their own track names are not used, since not all annotators give any.
    """
    return link(labels[_COLUMNS].assign(score=_SCORE), motions=motions)


def labelled_windows(
    labels: pd.DataFrame, motions: Motions | None, causal: bool = False
) -> LabelledWindows:
    """Compute the numbers of the tracks that labels form, as of those that detections form.

    Args:
      labels: Label table with the columns APPEARANCE.
      motions: Motion of the camera in each sequence, see dimjax.tracks.link; None if it is fixed.
      causal: Use the labels up to each frame only.
    """
    rng = np.random.default_rng(0)
    noise = rng.normal(0, _NOISE_PX, (2, len(labels)))
    labels = labels.assign(x=labels.x + noise[0], y=labels.y + noise[1])
    linked = link(labels[[*_COLUMNS, *APPEARANCE]].assign(score=_SCORE), motions=motions).detections
    parts, tracks = [], 0
    for number, (name, table) in enumerate(linked.groupby("sequence")):
        table = table.sort_values("frame", kind="stable")
        xy = table[["x", "y"]].to_numpy()
        if motions is not None:
            xy = to_scene(xy, motions[name][table.frame])
        codes = pd.factorize(table.track.where(table.track != ""))[0]  # -1 without a track
        rows = TrackFrames.from_detections(table.frame.to_numpy(), each_in_a_track(codes))
        part = _windows(table, xy, rows, causal)
        parts.append(part._replace(track=part.track + tracks, sequence=part.sequence + number))
        tracks += len(rows.lengths)
    return LabelledWindows(*map(np.concatenate, zip(*parts, strict=True)))


def _windows(
    table: pd.DataFrame, xy: np.ndarray, rows: TrackFrames, causal: bool
) -> LabelledWindows:
    """The windows of the tracks of one sequence."""
    age = rows.hits_within(len(rows.frame)) - 1  # detections of the track before this one
    used = (rows.detection >= 0) & ((age < _DENSE_WINDOWS) | (age % _EVERY == 0))
    values = windows(table, xy, rows, LinkingConfig(), causal)[used]
    is_target = (table.category == CATEGORIES[0]).to_numpy()[rows.detection[used]]
    return LabelledWindows(values, is_target, rows.track[used], np.zeros(len(values), int))
