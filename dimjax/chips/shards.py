"""Shards: the examples of some rows of a plan, cut from raw sequences in the order of the rows.

In comes a folder, a plan and a label table; out come shards, each of which knows what it needs and
nothing else, so that it may be sent to another process or machine that reaches the same files.

    for shard in split_up(folder, plan, labels, chip_px=80, stride=1, most_bytes=2**28):
        for id, example in shard.examples():
            ...
"""

import dataclasses
import functools
import itertools
import operator
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.chips import cutting
from dimjax.coordinates import frame_to_chip
from dimjax.data.folders import Folder
from dimjax.data.sequences import Sequence, measure_scale
from dimjax.progress import bar

_BYTES_PER_PIXEL = 2 + 3 * 4  # frame and difference


class Shard(NamedTuple):
    """Some rows of a plan and all that is needed to cut their examples."""

    folder: Folder  # of the rows' sequences alone
    rows: pd.DataFrame  # of a plan, ordered by sequence and frame
    labels: pd.DataFrame  # of the rows' sequences alone, frame coordinates
    chip_px: int  # height and width of a chip, pixels
    stride: int  # frames from F1 to F2, F2 to F3, F3 to F4

    def examples(self) -> Iterator[tuple[str, dict]]:
        """Id and example of each row; an example is what the features of dim_targets name."""
        labels = dict(tuple(self.labels.groupby("sequence")))
        for name, own in bar(self.rows.groupby("sequence"), "cut chips", "sequence"):
            sequence = _each_frame_read_once(self.folder.sequence(name), self.stride)
            of_sequence = {
                "sequence": name,
                "bits": 8 * sequence.dtype.itemsize,
                **measure_scale(sequence)._asdict(),
            }
            labelled = _by_frame(labels.get(name, self.labels[:0]))
            frames = itertools.groupby(own.itertuples(index=False), operator.attrgetter("frame"))
            for t, of_frame in frames:
                clip = sequence.clip(t, self.stride)
                for row in of_frame:
                    yield row.id, {**of_sequence, **_example(row, clip, labelled(t), self.chip_px)}


def split_up(
    folder: Folder,
    plan: pd.DataFrame,
    labels: pd.DataFrame,
    chip_px: int,
    stride: int,
    most_bytes: int,
) -> list[Shard]:
    """The shards of a plan.

    Args:
      folder: Of the raw sequences.
      plan: Rows of chips.COLUMNS, ordered by sequence and frame.
      labels: Label table, frame coordinates.
      chip_px: Height and width of a chip, pixels.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
      most_bytes: Of a shard's examples before compression.
    """
    most = max(1, most_bytes // (chip_px**2 * _BYTES_PER_PIXEL))
    of_sequence = dict(tuple(labels.groupby("sequence")))
    shards = []
    for first in range(0, len(plan), most):
        rows = plan.iloc[first : first + most]
        names = rows.sequence.unique()
        # The folder's own tables, which it keeps once read, would be sent with every shard.
        own = Folder(folder.path, folder.layout, {name: folder.files[name] for name in names})
        tables = [of_sequence[name] for name in names if name in of_sequence]
        shards.append(Shard(own, rows, pd.concat([labels[:0], *tables]), chip_px, stride))
    return shards


def _each_frame_read_once(sequence: Sequence, stride: int) -> Sequence:
    """The same sequence, which keeps the frames that its next clips share with this one."""
    kept = functools.lru_cache(maxsize=6 * stride + 1)(sequence.read)
    return dataclasses.replace(sequence, read=kept)


def _by_frame(table: pd.DataFrame) -> Callable[[int], tuple[np.ndarray, ...]]:
    """Boxes [M, 4], categories [M] and tracks [M] of a sequence's frame."""
    # Plain arrays: looking into a table costs more than all else that a chip needs.
    table = table.sort_values("frame", kind="stable")
    columns = (["x", "y", "w", "h"], "category", "track")
    frame, boxes, category, track = (table[name].to_numpy() for name in ("frame", *columns))
    return lambda t: tuple(
        values[slice(*np.searchsorted(frame, [t, t + 1]))] for values in (boxes, category, track)
    )


def _example(row, clip: np.ndarray, labelled: tuple[np.ndarray, ...], chip_px: int) -> dict:
    frame, difference = cutting.differential(cutting.cut(clip, row.x0, row.y0, chip_px))
    inside = cutting.holds(labelled[0], row.x0, row.y0, chip_px)
    boxes, category, track = (values[inside] for values in labelled)
    origin = np.array([row.x0, row.y0], np.int32)
    return {
        "id": row.id,
        "frame_number": row.frame,
        "origin": origin,
        "reason": row.reason,
        "frame": frame,
        "difference": difference,
        "labels": {
            "box": frame_to_chip(boxes, origin).astype(np.float32),
            "category": category.tolist(),
            "track": track.tolist(),
        },
    }
