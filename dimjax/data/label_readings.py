"""Readings of label files that fit the frames better than the one that was used.

A wrong reading moves all labels alike: by a pixel, by half a box, by the motion of a frame, or to
quite another place. The spots found at the labels tell which, see dimjax.data.label_evidence.

    for problem in better_readings(evidence, layout):
        print(problem)                                  # names the key to set
    unclear(evidence, layout)                           # why the first frame cannot be told
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.formats import BOX_SHIFTS, FORMATS
from dimjax.data.layouts import Layout
from dimjax.errors import InputError

MIN_LABELS = 8

_MIN_GAIN = 1.5  # factor of the strength at the labels of another place or frame
_MIN_WINS = 0.65  # share of the labels whose strength grows
_MIN_SIGMAS = 4.0
_MIN_SPEED_PX = 2.0  # from which the frame before or after shows the object elsewhere
_TOLERANCE = 0.35  # of the share of a shift that is found, around 1
_MOST_FRAMES = 2.0  # labels may lag by a frame in addition
_MAX_ERROR = 0.2  # standard error of this share, if it is 1: 2.5 of them from one half
# The centre of a box differs from the brightest spot in it, alike for the labels of a sequence.
_CENTRE_ERROR = 0.05  # of the size of the box


class _Reading(NamedTuple):
    """Another reading of the labels."""

    meaning: str  # "as if ..."
    remedy: str


class _Shift(NamedTuple):
    """A reading that moves labels by a few pixels."""

    reading: _Reading | None  # None if it is no problem
    x: np.ndarray  # [N] expected offset of the spot from the label, pixels
    y: np.ndarray


def better_readings(evidence: pd.DataFrame, layout: Layout) -> list[InputError]:
    """Return a problem for each reading that fits far better than that of the layout.

    Sequences whose names begin alike, up to the first digit, are judged together, and all sequences
    if no such group gives a result. The number of the first frame is one of the whole folder: it is
    wrong only if it fits worse in all groups that move fast enough to tell.

    Args:
      evidence: Tables of dimjax.data.label_evidence.measure_sequence.
      layout: Layout that the labels were read with.
    """
    groups, readings = _by_group(evidence, layout)
    frames = next(iter(_frames(layout).values()))
    if frames in readings.values() and any(_denies(rows, layout) for rows in groups.values()):
        readings = {name: None if one == frames else one for name, one in readings.items()}
    elif not any(readings.values()):
        groups, readings = {"": evidence}, {"": _better(evidence, layout)}
    problems = []
    for reading in dict.fromkeys(filter(None, readings.values())):
        names = [name for name, one in readings.items() if one == reading]
        everywhere = len(names) == len(groups) or reading == frames
        patterns = [f"{name}*" for name in names]
        subject = "labels" if everywhere else f"labels of {', '.join(patterns)}"
        rows = pd.concat([groups[name] for name in names])
        value = f"{describe(rows)}, {reading.meaning}"
        remedy = reading.remedy if everywhere else _for_patterns(reading.remedy, patterns, layout)
        problems.append(InputError(subject, "they must lie on the objects", value, remedy))
    return problems


def late_labels(evidence: pd.DataFrame, layout: Layout) -> str | None:
    """Return which labels are a frame late or early, unlike others; None if all are alike.

    Args:
      evidence: Tables of dimjax.data.label_evidence.measure_sequence.
      layout: Layout that the labels were read with.
    """
    groups, readings = _by_group(evidence, layout)
    frames = next(iter(_frames(layout).values()))
    names = [name for name, one in readings.items() if one == frames]
    if not names or not any(_denies(rows, layout) for rows in groups.values()):
        return None
    rows = pd.concat([groups[name] for name in names])
    patterns = ", ".join(f"{name}*" for name in names)
    when = "early" if layout.first_frame else "late"
    return f"the labels of {patterns} seem to be a frame {when}, unlike others: {describe(rows)}"


def _by_group(
    evidence: pd.DataFrame, layout: Layout
) -> tuple[dict[str, pd.DataFrame], dict[str, _Reading | None]]:
    """Split the evidence by groups of sequences; with the better reading of each, if any."""
    groups = dict(list(evidence.groupby(evidence.sequence.map(group_name))))
    return groups, {name: _better(rows, layout) for name, rows in groups.items()}


def _for_patterns(remedy: str, patterns: list[str], layout: Layout) -> str:
    """Remedy for some sequences only: first_pixel may be a mapping."""
    found = re.fullmatch(r"Set data\.layout\.first_pixel=([01])\.", remedy)
    if not found:
        return remedy
    pixels = layout.first_pixel
    pixels = dict(pixels) if isinstance(pixels, dict) else {"*": pixels}
    pixels |= dict.fromkeys(patterns, int(found[1]))
    return f'Set data.layout.first_pixel="{dict(sorted(pixels.items()))}".'


def describe(evidence: pd.DataFrame) -> str:
    """Describe the offsets of the spots from the labels in words."""
    (x, y), spread = offset(evidence)
    sequences = evidence.sequence.nunique()
    return f"a median offset of {x:.2f}, {y:.2f} px (spread {spread:.2f}) in {sequences} sequences"


def offset(evidence: pd.DataFrame) -> tuple[tuple[float, float], float]:
    """Return the median offset x, y of the spots from the labels, and its spread, pixels."""
    centre = evidence[["dx", "dy"]].median()
    deviation = (evidence[["dx", "dy"]] - centre).abs().to_numpy()
    return tuple(centre.tolist()), 1.4826 * float(np.median(deviation))


def unclear(evidence: pd.DataFrame, layout: Layout) -> str | None:
    """Return why the number of the first frame cannot be told, None if it can.

    It can if the labels of one group of sequences move fast enough to confirm or deny it. Labels
    of which another reading is better have to be corrected before.

    Args:
      evidence: Tables of dimjax.data.label_evidence.measure_sequence.
      layout: Layout that the labels were read with.
    """
    groups, readings = _by_group(evidence, layout)
    if any(readings.values()) or _better(evidence, layout):
        return None
    if any(_denies(rows, layout) for rows in groups.values()):
        return None
    speeds = np.hypot(evidence.vx, evidence.vy).dropna()
    found = f"a median speed of {speeds.median():.2f} px per frame" if len(speeds) else ""
    found = found or "single labels"
    return f"the labels move too little to tell whether frames are counted from 0 or 1: {found}"


def group_name(name: str) -> str:
    """Return the part of a sequence's name that it has in common with its group."""
    return re.split(r"\d", name, maxsplit=1)[0]


def _better(evidence: pd.DataFrame, layout: Layout) -> _Reading | None:
    if len(evidence) < MIN_LABELS:
        return None
    for column, reading in _places(layout).items():
        if _is_stronger(evidence, column):
            return reading
    frames = next(iter(_frames(layout).values()))
    fitting = [
        shift
        for shift in _shifts(evidence, layout)
        if _fits(evidence, shift, _MOST_FRAMES if shift.reading == frames else 1.0)
    ]
    best = min(fitting, key=lambda it: _residual(evidence, it), default=None)
    if best and _is_certain(evidence, best):  # if it is not, no worse one is right
        return best.reading
    speed = np.hypot(evidence.vx, evidence.vy)
    ((column, reading),) = _frames(layout).items()
    return reading if _is_stronger(evidence[speed >= _MIN_SPEED_PX], column) else None


def _places(layout: Layout) -> dict[str, _Reading]:
    other = "rowcol" if layout.centroid_order == "xy" else "xy"
    key = f"Set data.layout.centroid_order={other}."
    swap = key if layout.label_format == "centroids" else "Exchange x and y in the labels."
    return {
        "swapped": _Reading("as if x and y were exchanged", swap),
        "upwards": _Reading("as if y pointed upwards", "Subtract y from the height of the frames."),
    }


def _frames(layout: Layout) -> dict[str, _Reading]:
    other = 1 - layout.first_frame
    meaning = f"as if frames were counted from {other}"
    remedy = f"Set data.layout.first_frame={other}."
    return {"before" if other else "after": _Reading(meaning, remedy)}


def _shifts(evidence: pd.DataFrame, layout: Layout) -> Iterator[_Shift]:
    for pixel in (0, 1):
        shift = np.full(len(evidence), 1 - 2 * pixel)
        yield _Shift(_pixels_from(pixel, layout), shift, shift)
    for half in (-0.5, 0.5):  # positions are rounded, or numbers of pixels
        shift = np.full(len(evidence), half)
        yield _Shift(None, shift, shift)
    ((_, reading),) = _frames(layout).items()
    sign = -1 if layout.first_frame else 1
    yield _Shift(reading, sign * evidence.vx.to_numpy(), sign * evidence.vy.to_numpy())
    size, change = ("large", "Subtract 1 from") if layout.first_frame else ("small", "Add 1 to")
    reading = _Reading(f"as if frames were too {size} by 1", f"{change} the frames of the labels.")
    yield _Shift(reading, -sign * evidence.vx.to_numpy(), -sign * evidence.vy.to_numpy())
    form = FORMATS[layout.label_format]
    used = layout.box_point or form.box_point
    for point, (right, down) in () if form.is_point else BOX_SHIFTS.items():
        if point != used:
            right, down = right - BOX_SHIFTS[used][0], down - BOX_SHIFTS[used][1]
            reading = _Reading(
                f"as if x, y were the {point} of a box", f"Set data.layout.box_point={point}."
            )
            yield _Shift(reading, right * evidence.w.to_numpy(), down * evidence.h.to_numpy())


def _pixels_from(pixel: int, layout: Layout) -> _Reading:
    """The reading that numbers the pixels from 0 or 1, or what is left if the layout has it so."""
    if layout.first_pixel != pixel:
        remedy = f"Set data.layout.first_pixel={pixel}."
        return _Reading(f"as if pixels were numbered from {pixel}", remedy)
    size, change = ("large", "Subtract 1 from") if pixel else ("small", "Add 1 to")
    return _Reading(f"as if x and y were too {size} by 1", f"{change} x and y in the labels.")


def _is_stronger(evidence: pd.DataFrame, column: str) -> bool:
    """Whether the spots of another reading are far stronger than those at the labels."""
    rows = evidence[["strength", column]].dropna()
    if len(rows) < MIN_LABELS:
        return False
    gain = rows[column] - rows.strength
    error = max(gain.std(), 1e-3) / np.sqrt(len(rows))
    return bool(
        rows[column].mean() >= _MIN_GAIN * rows.strength.mean()
        and (gain > 0).mean() >= _MIN_WINS
        and gain.mean() >= _MIN_SIGMAS * error
    )


def _fits(evidence: pd.DataFrame, shift: _Shift, most: float = 1.0) -> bool:
    share, _ = _share(evidence, shift.x, shift.y)
    across, _ = _share(evidence, -shift.y, shift.x) if most == 1.0 else (0.0, 0.0)
    return 1 - _TOLERANCE <= share <= most + _TOLERANCE and abs(across) <= _TOLERANCE


def _is_certain(evidence: pd.DataFrame, shift: _Shift) -> bool:
    share, error = _share(evidence, shift.x, shift.y)
    return error <= _MAX_ERROR * max(1.0, 2 * share - 1)


def _denies(evidence: pd.DataFrame, layout: Layout) -> bool:
    """Whether the objects move fast enough to tell that the first frame is right."""
    sign = -1 if layout.first_frame else 1
    share, error = _share(evidence, sign * evidence.vx.to_numpy(), sign * evidence.vy.to_numpy())
    return share < 0.5 and error <= _MAX_ERROR


def _share(evidence: pd.DataFrame, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Share of a shift in the offsets of the spots, 1 if they agree, and its standard error.

    It is the weighted median over the sequences of the least-squares share of each of them.
    """
    table = pd.DataFrame({"sequence": evidence.sequence.to_numpy(), "x": x, "y": y})
    table["along"] = evidence.dx.to_numpy() * x + evidence.dy.to_numpy() * y
    table["square"] = table.x**2 + table.y**2
    table["size"] = (evidence.w + evidence.h).to_numpy() / 2
    table = table[table.square > 0]
    if len(table) < MIN_LABELS:
        return 0.0, np.inf
    shares = table.along / table.square
    weight = table.square / table.square.sum()
    share = _weighted_median(shares.to_numpy(), weight.to_numpy())
    noise = (table.along - share * table.square) / np.sqrt(table.square)
    spread = 1.4826 * noise.abs().median()
    labels = spread / np.sqrt(table.square.sum())
    centres = _CENTRE_ERROR * table["size"] * np.sqrt(table.square) / table.square.sum()
    of_sequence = centres.groupby(table.sequence).sum()
    return share, float(np.sqrt(labels**2 + (of_sequence**2).sum()))


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), 0.5)])


def _residual(evidence: pd.DataFrame, shift: _Shift) -> float:
    return float(np.nanmedian(np.hypot(evidence.dx - shift.x, evidence.dy - shift.y)))
