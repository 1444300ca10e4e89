"""Shards: consecutive rows of a plan, whose examples are cut from raw sequences in this order.

A shard contains everything that its examples need, and nothing else, so it can be sent to another
process or machine that can read the same files.

    for shard in make_shards(folder, plan, labels, chip_px=80, stride=1, max_bytes=2**28):
        for id, example in shard.examples():
            ...
"""

import dataclasses
import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.chips import cutting
from dimjax.coordinates import frame_to_chip
from dimjax.data.folders import Folder
from dimjax.data.scale import Scale, measure_scale
from dimjax.data.sequences import Sequence
from dimjax.progress import bar

_BYTES_PER_PIXEL = 2 + 3 * 4  # frame and difference
_EVIDENCE_BYTES = 2  # of a channel of a pixel

# (sequence, scale, reference frames in ascending order) -> evidence maps [H, W, C], noise sigmas
EvidenceOf = Callable[[Sequence, Scale, Iterable[int]], Iterator[np.ndarray]]


class Shard(NamedTuple):
    """Some rows of a plan, with the data that their examples are cut from."""

    folder: Folder  # only the sequences of the rows
    rows: pd.DataFrame  # rows of a plan, ordered by sequence and frame
    labels: pd.DataFrame  # only of the sequences of the rows, frame coordinates
    chip_px: int  # height and width of a chip, pixels
    stride: int  # frames from F1 to F2, F2 to F3, F3 to F4
    evidence_of: EvidenceOf | None = None  # computes the motion evidence, if the data set has it

    def examples(self) -> Iterator[tuple[str, dict]]:
        """Yield ID and example of each row, with the features of the data set dim_targets."""
        labels = dict(tuple(self.labels.groupby("sequence")))
        for name, rows in bar(self.rows.groupby("sequence"), "cut chips", "sequence"):
            sequence = with_frame_cache(self.folder.sequence(name), self.stride)
            scale = measure_scale(sequence)
            bits = 8 * sequence.dtype.itemsize
            constant = {"sequence": name, "bits": bits, **scale._asdict()}
            labels_at = _index_by_frame(labels.get(name, self.labels[:0]))
            maps = self._maps(name, scale, rows.frame.unique())
            by_frame = itertools.groupby(rows.itertuples(index=False), operator.attrgetter("frame"))
            for (t, of_frame), evidence in zip(by_frame, maps, strict=True):
                clip = sequence.clip(t, self.stride)
                for row in of_frame:
                    example = _example(row, clip, labels_at(t), self.chip_px)
                    if evidence is not None:
                        rows_of_chip = slice(row.y0, row.y0 + self.chip_px)
                        example["evidence"] = evidence[rows_of_chip, row.x0 : row.x0 + self.chip_px]
                    yield row.id, {**constant, **example}

    def _maps(self, name: str, scale: Scale, frames: np.ndarray) -> Iterator[np.ndarray | None]:
        """Yield the evidence map of each of these frames, float16, or None."""
        if self.evidence_of is None:
            return itertools.repeat(None, len(frames))
        maps = self.evidence_of(self.folder.sequence(name), scale, references=frames.tolist())
        return (np.asarray(one, np.float16) for one in maps)


def make_shards(
    folder: Folder,
    plan: pd.DataFrame,
    labels: pd.DataFrame,
    chip_px: int,
    stride: int,
    max_bytes: int,
    evidence_of: EvidenceOf | None = None,
    evidence_channels: int = 0,
) -> list[Shard]:
    """Divide a plan into shards.

    Args:
      folder: Folder of the raw sequences.
      plan: Table with dimjax.chips.planning.COLUMNS, ordered by sequence and frame.
      labels: Label table, frame coordinates.
      chip_px: Height and width of a chip, pixels.
      stride: Frames from F1 to F2, F2 to F3, F3 to F4.
      max_bytes: Largest size of a shard's examples before compression.
      evidence_of: Computes the motion evidence, e.g. dimjax.motion.evidence_of with its settings;
        None for examples without it.
      evidence_channels: Channels of its maps.
    """
    bytes_per_pixel = _BYTES_PER_PIXEL + _EVIDENCE_BYTES * evidence_channels
    chips_per_shard = max(1, max_bytes // (chip_px**2 * bytes_per_pixel))
    by_sequence = dict(tuple(labels.groupby("sequence")))
    shards = []
    for first in range(0, len(plan), chips_per_shard):
        rows = plan.iloc[first : first + chips_per_shard]
        names = rows.sequence.unique()
        # A new folder: the given one may have cached tables, which each shard would carry along.
        part = dataclasses.replace(folder, files={name: folder.files[name] for name in names})
        tables = [by_sequence[name] for name in names if name in by_sequence]
        shards.append(
            Shard(part, rows, pd.concat([labels[:0], *tables]), chip_px, stride, evidence_of)
        )
    return shards


def with_frame_cache(sequence: Sequence, stride: int) -> Sequence:
    """Cache the frames that consecutive clips of a sequence share, so they read each once."""
    cached = functools.lru_cache(maxsize=6 * abs(stride) + 1)(sequence.read)
    return dataclasses.replace(sequence, read=cached)


def _index_by_frame(table: pd.DataFrame) -> Callable[[int], tuple[np.ndarray, ...]]:
    """Frame -> boxes [M, 4], categories [M] and tracks [M] of a sequence's label table."""
    # Arrays: an access to the table would cost more than everything else that a chip needs.
    table = table.sort_values("frame", kind="stable")
    columns = (["x", "y", "w", "h"], "category", "track")
    frame, boxes, category, track = (table[name].to_numpy() for name in ("frame", *columns))
    return lambda t: tuple(
        values[slice(*np.searchsorted(frame, [t, t + 1]))] for values in (boxes, category, track)
    )


def _example(row, clip: np.ndarray, labels: tuple[np.ndarray, ...], chip_px: int) -> dict:
    frame, difference = cutting.differential(cutting.cut(clip, row.x0, row.y0, chip_px))
    inside = cutting.lies_in_chip(labels[0], row.x0, row.y0, chip_px)
    boxes, category, track = (values[inside] for values in labels)
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
