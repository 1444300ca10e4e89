"""Chips: where small windows are cut from clips, and the differential images of Eq. (1).

In come the labels and the shapes of the sequences; out goes a plan, a table with one row a chip:
id, sequence, frame (of the reference frame F1), x0, y0 (origin in the frame, pixels), reason.
A plan is made once and then only grows, so that a chip keeps its id however labels change.

    chips = plan(labels, shapes, chip_px=80, frame_step=1, backgrounds_per_label=1.556, seed=0)
    chips = grow(chips.assign(split="train"), misses, shapes, chip_px=80, seed=0)
    window = cut(sequence.clip(frame, stride=1), x0, y0, chip_px=80)      # [4, h, w]
    reference, difference = differential(window)                        # [h, w, 1], [h, w, 3]
"""

import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from dimjax.chips.cutting import chip_id, holds
from dimjax.data.csv_files import ROW_REMEDY, lines_of, numbers, read_columns
from dimjax.data.splits import CUT
from dimjax.errors import InputError, Report, stop

COLUMNS = ("id", "sequence", "frame", "x0", "y0", "reason")
PLAN_COLUMNS = (*COLUMNS, "split")  # of a plan in a file
REASONS = ("label", "background", "miss", "false_alarm")

# A label this near to a chip's rim, outside, still reaches into the chip with its light.
_RIM_PX = 3
_TRIES = 64


def plan(
    labels: pd.DataFrame,
    shapes: dict[str, tuple[int, int, int]],
    chip_px: int,
    frame_step: int,
    backgrounds_per_label: float,
    seed: int,
) -> pd.DataFrame:
    """Choose the chips of a data set.

    Every label in every frame_step-th frame gets a chip that holds its centre at a random place.
    Background chips, free of labels, are spread over all sequences by their number of frames.

    Args:
      labels: Label table, frame coordinates.
      shapes: (T, H, W) of each sequence to cut from; labels of others are not looked at.
      chip_px: Height and width of a chip in pixels.
      frame_step: Cut at each frame_step-th frame, beginning with frame 0.
      backgrounds_per_label: Background chips to one label chip (the paper: 54,489 / 35,021).
      seed: Of the random places; those of a sequence's label chips depend on it, the name and
        the sequence's own labels alone.

    Returns:
      The plan, ordered by sequence and frame.

    Raises:
      InputError: A frame is smaller than a chip.
    """
    for name, shape in shapes.items():
        check_size(name, shape, chip_px)
    # The order of a table's rows is no part of what it says, and must not move the chips.
    labels = labels.sort_values(["sequence", "frame", "x", "y"])
    chosen = labels[labels.sequence.isin(list(shapes)) & (labels.frame % frame_step == 0)]
    by_sequence = dict(list(labels.groupby("sequence")))
    counts = _shares(round(backgrounds_per_label * len(chosen)), shapes)
    parts = []
    for name, shape in sorted(shapes.items()):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        own = by_sequence.get(name, labels.iloc[:0])
        parts += _label_chips(own[own.frame % frame_step == 0], shape, chip_px, rng)
        parts += _background_chips(name, own, shape, chip_px, frame_step, counts[name], rng)
    return _joined([pd.DataFrame(parts, columns=COLUMNS)])


def grow(
    plan: pd.DataFrame,
    places: pd.DataFrame,
    shapes: dict[str, tuple[int, int, int]],
    chip_px: int,
    seed: int,
) -> pd.DataFrame:
    """A plan with chips for more places, e.g. mined misses and false alarms; it never shrinks.

    Args:
      plan: Table with PLAN_COLUMNS.
      places: Table with sequence, frame, x, y and reason; each is anywhere in its new chip.
      shapes: (T, H, W) of each sequence.
      chip_px: Height and width of a chip in pixels.
      seed: Of the random places, with the sequence's name and the number of its chips.

    Returns:
      The plan with its new chips, which belong to the split of their sequence in the plan, or to
      "train" where it is new; ordered by sequence and frame.
    """
    split_of = plan.drop_duplicates("sequence").set_index("sequence").split
    there = plan.groupby("sequence").size()
    parts = [plan]
    for name, own in places.groupby("sequence"):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), int(there.get(name, 0))])
        own = own.sort_values(["frame", "x", "y"])
        rows = [
            (*row[:-1], reason, split_of.get(name, "train"))
            for row, reason in zip(
                _label_chips(own, shapes[name], chip_px, rng), own.reason, strict=True
            )
        ]
        parts.append(pd.DataFrame(rows, columns=PLAN_COLUMNS))
    return _joined(parts)


def fill(
    plan: pd.DataFrame,
    occupied: pd.DataFrame,
    likely: pd.DataFrame,
    shapes: dict[str, tuple[int, int, int]],
    chip_px: int,
    backgrounds_per_label: float,
    seed: int,
) -> pd.DataFrame:
    """A plan with background chips where some sequences have fewer than their mix.

    Args:
      plan: Table with PLAN_COLUMNS; chips of false alarms count as background.
      occupied: Table with sequence, frame, x, y: labels, and whatever else may be a target.
      likely: The same of likely false alarms, the worst first; chips of these come first.
      shapes: (T, H, W) of the sequences to fill; those without a chip stay without one.
      chip_px: Height and width of a chip in pixels.
      backgrounds_per_label: Background chips to one that was cut for a label.
      seed: Of the random places, with the sequence's name and the number of its chips.

    Returns:
      The plan with its new chips, ordered by sequence and frame.
    """
    parts = [plan]
    for name, own in plan[plan.sequence.isin(list(shapes))].groupby("sequence"):
        empty = int(own.reason.isin(["background", "false_alarm"]).sum())
        count = round(backgrounds_per_label * (len(own) - empty)) - empty
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), len(own)])
        there, false = (table[table.sequence == name] for table in (occupied, likely))
        rows = _likely_chips(false, there, shapes[name], chip_px, rng)[: max(count, 0)]
        there = pd.concat([there, false], ignore_index=True)
        rows += _background_chips(
            name, there, shapes[name], chip_px, 1, max(count - len(rows), 0), rng
        )
        if rows:  # an empty table would have no numbers as its types
            parts.append(pd.DataFrame(rows, columns=COLUMNS).assign(split=own.split.iloc[0]))
    return _joined(parts)


def lacking(plan: pd.DataFrame, labels: pd.DataFrame, chip_px: int) -> pd.DataFrame:
    """The labels, of a label table, whose centre lies in no chip of their frame."""
    places = labels[["sequence", "frame", "x", "y"]].reset_index(drop=True).reset_index(names="row")
    pairs = places.merge(plan[["sequence", "frame", "x0", "y0"]])
    corners = (pairs[name].to_numpy() for name in ("x0", "y0"))
    inside = holds(pairs[["x", "y"]].to_numpy(), *corners, chip_px)
    return labels[~places.row.isin(pairs.row[inside]).to_numpy()]


def check_size(name: str, shape: tuple[int, int, int], chip_px: int, report: Report = stop) -> None:
    """Report a sequence whose frames, T, H, W, are smaller than a chip."""
    _, height, width = shape
    if min(height, width) < chip_px:
        rule = f"a chip of chips.chip_px={chip_px} must fit into the frame"
        remedy = "Choose a smaller chip_px or leave the sequence out."
        report(InputError(f"sequence {name}", rule, f"{width}x{height} pixels", remedy))


def read_plan(
    path: str | Path, shapes: dict[str, tuple[int, int, int]], chip_px: int
) -> pd.DataFrame:
    """Read a plan from a CSV with the columns PLAN_COLUMNS.

    Args:
      path: CSV file.
      shapes: (T, H, W) of each sequence.
      chip_px: Height and width of a chip in pixels.

    Raises:
      InputError: Names the first line that breaks a rule.
    """
    texts = read_columns(Path(path), PLAN_COLUMNS)
    for name in ("frame", "x0", "y0"):
        texts[name] = numbers(name, texts[name], path, lines_of(texts), whole=True)
    plan = pd.DataFrame(texts, columns=PLAN_COLUMNS)
    for rule, kept in _plan_rules(plan, shapes, chip_px):
        if not kept.all():
            row = int(np.argmin(kept))
            found = ",".join(map(str, plan.loc[row]))
            raise InputError(f"{path} line {row + 2}", rule, found, ROW_REMEDY)
    return plan


def _plan_rules(plan, shapes, chip_px):
    """Rules of a plan, and where they hold [rows] bool."""
    no_frames = (0, 0, 0)
    sizes = [shapes.get(name, no_frames) for name in plan.sequence]
    length, height, width = np.array(sizes, dtype=int).reshape(-1, 3).T
    inside = (plan.frame >= 0) & (plan.x0 >= 0) & (plan.y0 >= 0) & (plan.frame < length)
    inside &= (plan.x0 + chip_px <= width) & (plan.y0 + chip_px <= height)
    splits = plan.groupby("sequence").split.transform("nunique")
    yield "sequence must be one of the folder's", plan.sequence.isin(list(shapes))
    yield f"a chip of {chip_px} px must lie in its sequence", inside
    yield f"reason must be one of {REASONS}", plan.reason.isin(REASONS)
    yield f"split must be one of {CUT}", plan.split.isin(CUT)
    yield "a sequence must be in one split", splits == 1
    yield "an id must be there once", ~plan.id.duplicated()


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    chips = pd.concat(parts, ignore_index=True).drop_duplicates("id")
    return chips.sort_values(["sequence", "frame", "y0", "x0"], ignore_index=True)


def _shares(total: int, shapes: dict[str, tuple[int, int, int]]) -> dict[str, int]:
    """A total dealt out to sequences by their number of frames; nothing is lost by rounding."""
    names = sorted(shapes)
    ends = np.cumsum([shapes[name][0] for name in names])
    dealt = np.round(total * ends / ends[-1:]).astype(int)
    return dict(zip(names, np.diff(dealt, prepend=0).tolist(), strict=True))


def _label_chips(labels, shape, chip_px, rng) -> list[tuple]:
    """A chip for each label, its centre anywhere in the chip that the frame's rim permits."""
    _, height, width = shape
    centre = labels[["x", "y"]].to_numpy()
    low = np.floor(centre).astype(int) - rng.integers(0, chip_px, centre.shape)
    origins = np.clip(low, 0, [width - chip_px, height - chip_px])
    rows = zip(labels.sequence, labels.frame, origins, strict=True)
    return [_row(name, frame, x0, y0, chip_px, "label") for name, frame, (x0, y0) in rows]


def _likely_chips(likely, occupied, shape, chip_px, rng) -> list[tuple]:
    """Chips of likely false alarms, where nothing else is."""
    centres = dict(tuple(occupied.groupby("frame")[["x", "y"]]))
    chips = {}
    for row in _label_chips(likely, shape, chip_px, rng):
        _, _, frame, x0, y0, _ = row
        there = centres.get(frame)
        if there is None or not holds(there.to_numpy(), x0, y0, chip_px).any():
            chips[row[0]] = (*row[:-1], "false_alarm")
    return list(chips.values())


def _background_chips(name, labels, shape, chip_px, frame_step, count, rng) -> list[tuple]:
    """Chips free of labels; fewer than count where labels leave no room."""
    length, height, width = shape
    centres = {frame: rows[["x", "y"]].to_numpy() for frame, rows in labels.groupby("frame")}
    none = np.empty((0, 2))
    chips = {}
    for _ in range(count * _TRIES):
        if len(chips) == count:
            break
        frame = int(rng.integers(-(-length // frame_step))) * frame_step
        origin = rng.integers(0, [width - chip_px + 1, height - chip_px + 1])
        inside = centres.get(frame, none) - origin
        near = (inside > -_RIM_PX) & (inside < chip_px + _RIM_PX)
        if not near.all(axis=1).any():
            row = _row(name, frame, *origin, chip_px, "background")
            chips[row[0]] = row
    return list(chips.values())


def _row(name, frame, x0, y0, chip_px, reason) -> tuple:
    frame, x0, y0 = int(frame), int(x0), int(y0)
    return chip_id(name, frame, x0, y0, chip_px), name, frame, x0, y0, reason
