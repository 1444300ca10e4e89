"""The plan of a data set: which chips to cut, for labels and for the background.

A plan is a table with one row per chip: id, sequence, frame (of the reference frame F1), x0, y0
(origin in the frame, pixels) and reason. It is made once and then only extended, so a chip keeps
its ID when labels change.

    settings = {"chip_px": 80, "frame_step": 1, "backgrounds_per_label": 1.556, "seed": 0}
    plan = plan_splits(labels, {"train": ["flight3"]}, shapes, **settings)
    plan = extend_plan(plan, misses, shapes, chip_px=80, seed=0)
    uncovered_labels(plan, labels, chip_px=80)                          # a label table
"""

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.chips.cutting import chip_id, lies_in_chip
from dimjax.data.csv_files import ROW_REMEDY, line_numbers, parse_numbers, read_columns
from dimjax.data.splits import LABELLED_SPLITS
from dimjax.errors import InputError, OnError, raise_error

COLUMNS = ("id", "sequence", "frame", "x0", "y0", "reason")
PLAN_COLUMNS = (*COLUMNS, "split")  # of a plan in a file
REASONS = ("label", "background", "miss", "false_alarm")

_MARGIN_PX = 3  # the light of a label this close outside still reaches into a chip
_TRIES_PER_CHIP = 64

Shapes = dict[str, tuple[int, int, int]]  # T, H, W of each sequence


def plan_chips(
    labels: pd.DataFrame,
    shapes: Shapes,
    chip_px: int,
    frame_step: int,
    backgrounds_per_label: float,
    seed: int,
    occupied: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Choose the chips of a new data set.

    Each label in every frame_step-th frame gets a chip that contains its centre at a random
    position. Background chips contain no label; they are distributed over all sequences in
    proportion to their numbers of frames.

    Args:
      labels: Label table, frame coordinates.
      shapes: (T, H, W) of each sequence to cut from; labels of other sequences are ignored.
      chip_px: Height and width of a chip, pixels.
      frame_step: Chips are cut at every frame_step-th frame, from frame 0.
      backgrounds_per_label: Background chips per label chip (the paper: 54,489 / 35,021).
      seed: Seed of the random positions. The label chips of a sequence depend only on the seed,
        the sequence's name and its labels.
      occupied: Table with sequence, frame, x, y of anything else that may be a target, and that
        background chips avoid.

    Returns:
      The plan, ordered by sequence and frame.

    Raises:
      InputError: A frame is smaller than a chip.
    """
    for name, shape in shapes.items():
        check_frame_size(name, shape, chip_px)
    labels = labels.sort_values(["sequence", "frame", "x", "y"])  # the order of rows has no effect
    covered = labels[labels.sequence.isin(list(shapes)) & (labels.frame % frame_step == 0)]
    by_sequence = dict(list(labels.groupby("sequence")))
    counts = _apportion(round(backgrounds_per_label * len(covered)), shapes)
    rows = []
    for name, shape in sorted(shapes.items()):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        of_sequence = by_sequence.get(name, labels.iloc[:0])
        rows += _label_chips(of_sequence[of_sequence.frame % frame_step == 0], shape, chip_px, rng)
        if occupied is not None:
            of_sequence = pd.concat([of_sequence, occupied[occupied.sequence == name]])
        rows += _background_chips(name, of_sequence, shape, chip_px, frame_step, counts[name], rng)
    return _merge([pd.DataFrame(rows, columns=COLUMNS)])


def plan_splits(
    labels: pd.DataFrame,
    splits: Mapping[str, list[str]],
    shapes: Shapes,
    chip_px: int,
    frame_step: int,
    backgrounds_per_label: float,
    seed: int,
) -> pd.DataFrame:
    """Choose the chips of a new data set, as plan_chips, from the sequences of splits.

    Args:
      labels: Label table, frame coordinates.
      splits: Names of the sequences of each split; those of other sequences are not cut.
      shapes: (T, H, W) of each sequence.
      chip_px: Height and width of a chip, pixels.
      frame_step: Chips are cut at every frame_step-th frame, from frame 0.
      backgrounds_per_label: Background chips per label chip.
      seed: Seed of the random positions.

    Returns:
      The plan with PLAN_COLUMNS.
    """
    split_of = {name: split for split, names in splits.items() for name in names}
    shapes = {name: shapes[name] for name in split_of}
    plan = plan_chips(labels, shapes, chip_px, frame_step, backgrounds_per_label, seed)
    return plan.assign(split=plan.sequence.map(split_of))


def extend_plan(
    plan: pd.DataFrame, locations: pd.DataFrame, shapes: Shapes, chip_px: int, seed: int
) -> pd.DataFrame:
    """Add chips for further locations to a plan, e.g. for mined misses and false alarms.

    Args:
      plan: Table with PLAN_COLUMNS.
      locations: Table with sequence, frame, x, y and reason; each location gets a chip that
        contains it at a random position.
      shapes: (T, H, W) of each sequence.
      chip_px: Height and width of a chip, pixels.
      seed: Seed of the random positions, together with the sequence's name and the number of its
        chips in the plan.

    Returns:
      The extended plan, ordered by sequence and frame. New chips belong to the split of their
      sequence in the plan, or to "train" if the sequence has no chip in it.
    """
    split_of = plan.drop_duplicates("sequence").set_index("sequence").split
    chip_counts = plan.groupby("sequence").size()
    parts = [plan]
    for name, added in locations.groupby("sequence"):
        count = int(chip_counts.get(name, 0))
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), count])
        added = added.sort_values(["frame", "x", "y"])
        rows = _label_chips(added, shapes[name], chip_px, rng)
        split = split_of.get(name, "train")
        rows = [(*row[:-1], reason, split) for row, reason in zip(rows, added.reason, strict=True)]
        parts.append(pd.DataFrame(rows, columns=PLAN_COLUMNS))
    return _merge(parts)


def add_backgrounds(
    plan: pd.DataFrame,
    occupied: pd.DataFrame,
    false_alarms: pd.DataFrame,
    shapes: Shapes,
    chip_px: int,
    backgrounds_per_label: float,
    seed: int,
) -> pd.DataFrame:
    """Add background chips to a plan, for sequences that have too few of them.

    Args:
      plan: Table with PLAN_COLUMNS; chips of false alarms count as background.
      occupied: Table with sequence, frame, x, y of labels and of anything else that may be a
        target; no new chip contains one.
      false_alarms: Likely false alarms, a table with the same columns, the worst ones first. Chips
        that contain one are added first.
      shapes: (T, H, W) of the sequences to add to. A sequence without chips stays without.
      chip_px: Height and width of a chip, pixels.
      backgrounds_per_label: Background chips per chip that was cut for a label.
      seed: Seed of the random positions, together with the sequence's name and the number of its
        chips in the plan.

    Returns:
      The extended plan, ordered by sequence and frame.
    """
    parts = [plan]
    for name, chips in plan[plan.sequence.isin(list(shapes))].groupby("sequence"):
        backgrounds = int(chips.reason.isin(["background", "false_alarm"]).sum())
        missing = round(backgrounds_per_label * (len(chips) - backgrounds)) - backgrounds
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), len(chips)])
        targets, alarms = (table[table.sequence == name] for table in (occupied, false_alarms))
        rows = _false_alarm_chips(alarms, targets, shapes[name], chip_px, rng)[: max(missing, 0)]
        avoided = pd.concat([targets, alarms], ignore_index=True)
        count = max(missing - len(rows), 0)
        rows += _background_chips(name, avoided, shapes[name], chip_px, 1, count, rng)
        if rows:  # an empty table would turn the integer columns into objects
            parts.append(pd.DataFrame(rows, columns=COLUMNS).assign(split=chips.split.iloc[0]))
    return _merge(parts)


def uncovered_labels(plan: pd.DataFrame, labels: pd.DataFrame, chip_px: int) -> pd.DataFrame:
    """Return the rows of a label table whose centre lies in no chip of their frame."""
    points = labels[["sequence", "frame", "x", "y"]].reset_index(drop=True).reset_index(names="row")
    pairs = points.merge(plan[["sequence", "frame", "x0", "y0"]])
    inside = lies_in_chip(pairs[["x", "y"]].to_numpy(), pairs.x0, pairs.y0, chip_px)
    return labels[~points.row.isin(pairs.row[inside]).to_numpy()]


def check_frame_size(
    name: str, shape: tuple[int, int, int], chip_px: int, on_error: OnError = raise_error
) -> None:
    """Report a sequence, of shape T, H, W, whose frames are smaller than a chip."""
    _, height, width = shape
    if min(height, width) < chip_px:
        rule = f"a chip of chips.chip_px={chip_px} must fit into the frame"
        remedy = "Choose a smaller chip_px or leave the sequence out."
        on_error(InputError(f"sequence {name}", rule, f"{width}x{height} pixels", remedy))


def read_plan(path: str | Path, shapes: Shapes, chip_px: int) -> pd.DataFrame:
    """Read a plan from a CSV with the columns PLAN_COLUMNS.

    Args:
      path: CSV file.
      shapes: (T, H, W) of each sequence.
      chip_px: Height and width of a chip, pixels.

    Raises:
      InputError: The first line that breaks a rule.
    """
    texts = read_columns(Path(path), PLAN_COLUMNS)
    for name in ("frame", "x0", "y0"):
        texts[name] = parse_numbers(name, texts[name], path, line_numbers(texts), integer=True)
    plan = pd.DataFrame(texts, columns=PLAN_COLUMNS)
    for rule, valid in _plan_rules(plan, shapes, chip_px):
        if not valid.all():
            row = int(np.argmin(valid))
            value = ",".join(map(str, plan.loc[row]))
            raise InputError(f"{path} line {row + 2}", rule, value, ROW_REMEDY)
    return plan


def _plan_rules(
    plan: pd.DataFrame, shapes: Shapes, chip_px: int
) -> Iterator[tuple[str, pd.Series]]:
    """Yield each rule of a plan with the rows that follow it, [rows] bool."""
    sizes = [shapes.get(name, (0, 0, 0)) for name in plan.sequence]
    length, height, width = np.array(sizes, dtype=int).reshape(-1, 3).T
    inside = (plan.frame >= 0) & (plan.x0 >= 0) & (plan.y0 >= 0) & (plan.frame < length)
    inside &= (plan.x0 + chip_px <= width) & (plan.y0 + chip_px <= height)
    splits = plan.groupby("sequence").split.transform("nunique")
    yield "sequence must be one of the folder's", plan.sequence.isin(list(shapes))
    yield f"a chip of {chip_px} px must lie in its sequence", inside
    yield f"reason must be one of {REASONS}", plan.reason.isin(REASONS)
    yield f"split must be one of {LABELLED_SPLITS}", plan.split.isin(LABELLED_SPLITS)
    yield "a sequence must be in one split", splits == 1
    yield "an id must occur once", ~plan.id.duplicated()


def _merge(parts: list[pd.DataFrame]) -> pd.DataFrame:
    chips = pd.concat(parts, ignore_index=True).drop_duplicates("id")
    return chips.sort_values(["sequence", "frame", "y0", "x0"], ignore_index=True)


def _apportion(total: int, shapes: Shapes) -> dict[str, int]:
    """Divide a total among sequences by their numbers of frames; the parts sum to the total."""
    names = sorted(shapes)
    ends = np.cumsum([shapes[name][0] for name in names])
    ends = np.round(total * ends / ends[-1:]).astype(int)
    return dict(zip(names, np.diff(ends, prepend=0).tolist(), strict=True))


def _label_chips(labels, shape, chip_px, rng) -> list[tuple]:
    """Rows of one chip per label; the label's centre is at a random position of the chip."""
    _, height, width = shape
    centre = labels[["x", "y"]].to_numpy()
    low = np.floor(centre).astype(int) - rng.integers(0, chip_px, centre.shape)
    origins = np.clip(low, 0, [width - chip_px, height - chip_px])
    rows = zip(labels.sequence, labels.frame, origins, strict=True)
    return [_row(name, frame, x0, y0, chip_px, "label") for name, frame, (x0, y0) in rows]


def _false_alarm_chips(false_alarms, occupied, shape, chip_px, rng) -> list[tuple]:
    """Rows of chips of false alarms that contain no occupied location."""
    centres = dict(tuple(occupied.groupby("frame")[["x", "y"]]))
    chips = {}
    for row in _label_chips(false_alarms, shape, chip_px, rng):
        chip, _, frame, x0, y0, _ = row
        in_frame = centres.get(frame)
        if in_frame is None or not lies_in_chip(in_frame.to_numpy(), x0, y0, chip_px).any():
            chips[chip] = (*row[:-1], "false_alarm")
    return list(chips.values())


def _background_chips(name, labels, shape, chip_px, frame_step, count, rng) -> list[tuple]:
    """Rows of chips without labels; fewer than count if the labels leave too little room."""
    length, height, width = shape
    centres = {frame: rows[["x", "y"]].to_numpy() for frame, rows in labels.groupby("frame")}
    chips = {}
    for _ in range(count * _TRIES_PER_CHIP):
        if len(chips) == count:
            break
        frame = int(rng.integers(-(-length // frame_step))) * frame_step
        origin = rng.integers(0, [width - chip_px + 1, height - chip_px + 1])
        offset = centres.get(frame, np.empty((0, 2))) - origin
        near = (offset > -_MARGIN_PX) & (offset < chip_px + _MARGIN_PX)
        if not near.all(axis=1).any():
            row = _row(name, frame, *origin, chip_px, "background")
            chips[row[0]] = row
    return list(chips.values())


def _row(name, frame, x0, y0, chip_px, reason) -> tuple:
    frame, x0, y0 = int(frame), int(x0), int(y0)
    return chip_id(name, frame, x0, y0, chip_px), name, frame, x0, y0, reason
