"""Other readings of the labels of a group of sequences, and how well they fit the spots found.

A wrong reading moves all labels alike: by a pixel, by half a box, by the motion of a frame, or to
quite another place. Pixels and frames may be misnumbered together.

    readings = fitting_readings(evidence, layout)       # () if that of the layout fits best
    lie_on_nothing(evidence)                            # True: no reading helps
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.formats import BOX_SHIFTS, FORMATS
from dimjax.data.label_evidence import PLACES, search_radius
from dimjax.data.layouts import Layout
from dimjax.data.other_readings import Reading, frame_readings, pixels_from, place_readings

MIN_LABELS = 8

_MIN_GAIN = 1.5  # factor of the strength at the labels of another place or frame
_MIN_WINS = 0.65  # share of the labels whose strength grows
_MIN_SIGMAS = 4.0
_MIN_SPEED_PX = 2.0  # from which the frame before or after shows the object elsewhere
_CORE_SPEED_PX = 1.0  # from which the object leaves the core of a label within a frame
_TOLERANCE = 0.35  # of the share of a shift that is found, around 1
_MOST_FRAMES = 2.0  # labels may lag by a frame in addition
MAX_ERROR = 0.2  # standard error of this share, if it is 1: 2.5 of them from one half
# The centre of a box differs from the brightest spot in it, alike for the labels of a sequence.
_CENTRE_ERROR = 0.05  # of the size of the box
_MAX_REST = 0.6  # of the distance that one shift leaves, if two together are right
_MAX_REST_PX = 2.0  # median offset that a shift leaves
_MIN_LABELS_ON_NOTHING = 20  # fewer dim targets are no stronger than other places by chance
_MAX_CHANCE = 1.1  # factor of the strength at other places below which labels lie on nothing

# Frames in which the object is found at the labels of this one -> offset of the spots.
MOTIONS = {"before": ("vx", "vy"), "after": ("ux", "uy")}


class _Shift(NamedTuple):
    """One or two readings that move labels by a few pixels."""

    readings: tuple[Reading, ...]  # none if it is no problem
    parts: tuple[np.ndarray, ...]  # each [2, N], expected offset of the spots from the labels
    most: float = 1.0  # share of the first part up to which it fits

    @property
    def total(self) -> np.ndarray:
        return sum(self.parts)


def fitting_readings(evidence: pd.DataFrame, layout: Layout) -> tuple[Reading, ...]:
    """Return the readings that fit far better than that of the layout, together; often none.

    Args:
      evidence: Table of dimjax.data.label_evidence.measure_sequence of one or more sequences.
      layout: Layout that the labels were read with.
    """
    if len(evidence) < MIN_LABELS:
        return ()
    readings, frames = _best_shift(evidence, layout), frame_readings(layout)
    pixels = {pixels_from(0, layout), pixels_from(1, layout)}
    if set(readings or ()) - pixels - set(frames.values()):
        return readings  # labels that are half a box away are weaker than clutter at other places
    places = [it for it in place_readings(layout) if _is_stronger(evidence, it.column)]
    if places:
        return (max(places, key=lambda it: evidence[it.column].mean()),)
    if readings is not None and not set(readings) <= pixels or readings == ():
        return readings
    fast = evidence[np.hypot(evidence.vx, evidence.vy) >= _MIN_SPEED_PX]
    missed = [reading for column, reading in frames.items() if _is_stronger(fast, column)]
    return (*(readings or ()), *missed)


def denies(evidence: pd.DataFrame, column: str) -> bool:
    """Whether the objects move fast enough to tell that labels are not late, or not early.

    Args:
      evidence: Table of measure_sequence.
      column: "before" for late labels, "after" for early ones.
    """
    motion = evidence[list(MOTIONS[column])]
    speed = np.hypot(*motion.to_numpy(dtype=float).T)
    # Only if the object of the other frame would be found.
    near = speed <= search_radius(evidence.w.to_numpy(), evidence.h.to_numpy())
    share, error = _share(evidence[near], _offsets(evidence[near]), motion[near].to_numpy().T)
    fast = evidence[speed >= _MIN_SPEED_PX]
    return (share < 0.5 and error <= MAX_ERROR) or _is_stronger(fast, "strength", column)


def lag(evidence: pd.DataFrame, column: str) -> tuple[float, float]:
    """Return by how many frames labels are late or early, and the standard error of the number.

    Args:
      evidence: Table of measure_sequence.
      column: "before" for late labels, "after" for early ones.
    """
    motion = evidence[list(MOTIONS[column])].to_numpy(dtype=float).T
    return _share(evidence, _offsets(evidence), motion)


def is_weaker_in(evidence: pd.DataFrame, column: str) -> bool:
    """Whether the spots at labels of moving objects are weaker in the frame before or after.

    If the labels were late or early, they would be stronger there.

    Args:
      evidence: Table of measure_sequence.
      column: "before" for late labels, "after" for early ones.
    """
    speed = np.hypot(*evidence[list(MOTIONS[column])].to_numpy(dtype=float).T)
    gain = (evidence[column] - evidence.strength)[speed >= _CORE_SPEED_PX]
    return bool(gain.median() < 0)  # not a number, and False, without such objects


def stands_out(evidence: pd.DataFrame) -> bool:
    """Whether the spots at labels are stronger than at other places by a standard error."""
    gain = (evidence.strength - evidence[list(PLACES)].mean(axis=1)).dropna()
    return len(gain) > 1 and bool(gain.mean() > gain.std() / np.sqrt(len(gain)))


def begin_in_first_frame(evidence: pd.DataFrame) -> bool:
    """Whether labels are in the first frame of most sequences whose labels begin early.

    If the numbers of frames were too large by 1, there would be none.
    """
    begins = evidence.groupby("sequence").frame.min()
    return bool((begins == 0).sum() > (begins == 1).sum())


def lie_on_nothing(evidence: pd.DataFrame) -> bool:
    """Whether the spots at labels are no stronger than at the same positions, mirrored."""
    elsewhere = evidence[list(PLACES)].mean(axis=1)
    gain = (evidence.strength - elsewhere).dropna()
    if len(gain) < _MIN_LABELS_ON_NOTHING:
        return False
    certain = gain.mean() >= _MIN_SIGMAS * gain.std() / np.sqrt(len(gain))
    return bool(not certain and evidence.strength.mean() < _MAX_CHANCE * elsewhere.mean())


def _best_shift(evidence: pd.DataFrame, layout: Layout) -> tuple[Reading, ...] | None:
    """Readings of the shift that explains the offsets best; None if no shift is certain.

    A shift that is no problem, such as half a pixel, has no readings.
    """
    shifts = list(_shifts(evidence, layout))
    best, least = _nearest(evidence, [shift for shift in shifts if _fits(evidence, shift)])
    both = [it for it in _pairs(shifts) if _fits(evidence, it) and _is_certain(evidence, it)]
    pair, rest = _nearest(evidence, both)
    unmoved = float(np.nanmedian(np.hypot(*_offsets(evidence))))
    if pair and rest <= _MAX_REST * min(least, unmoved):
        return pair.readings
    if not best or not _is_certain(evidence, best):
        return None
    return (*best.readings, *_second_readings(evidence, best, shifts))


def _second_readings(
    evidence: pd.DataFrame, first: _Shift, shifts: list[_Shift]
) -> tuple[Reading, ...]:
    """Readings of frames that fit once pixels are numbered rightly, or the other way round."""
    together = [it for it in _pairs(shifts) if set(first.readings) & set(it.readings)]
    names = {reading for it in together for reading in it.readings} - set(first.readings)
    left = evidence.assign(dx=evidence.dx - first.total[0], dy=evidence.dy - first.total[1])
    others = [it for it in shifts if set(it.readings) & names]
    fitting = [it for it in others if _fits(left, it) and _is_certain(left, it)]
    second, _ = _nearest(left, fitting)
    return second.readings if second else ()


def _shifts(evidence: pd.DataFrame, layout: Layout) -> Iterator[_Shift]:
    ones = np.ones((2, len(evidence)))
    for pixel in (0, 1):
        yield _Shift((pixels_from(pixel, layout),), ((1 - 2 * pixel) * ones,))
    for half in (-0.5, 0.5):  # positions are rounded, or numbers of pixels
        yield _Shift((), (half * ones,))
    for column, reading in frame_readings(layout).items():
        motion = evidence[list(MOTIONS[column])].to_numpy(dtype=float).T
        yield _Shift((reading,), (motion,), _MOST_FRAMES)
    form = FORMATS[layout.label_format]
    used = layout.box_point or form.box_point
    size = evidence[["w", "h"]].to_numpy(dtype=float).T
    for point, shares in () if form.is_point else BOX_SHIFTS.items():
        if point != used:
            change = np.subtract(shares, BOX_SHIFTS[used])[:, None] * size
            meaning = f"x, y were the {point} of a box"
            yield _Shift((Reading(meaning, f"Set data.layout.box_point={point}."),), (change,))


def _pairs(shifts: list[_Shift]) -> Iterator[_Shift]:
    """Yield the shifts of frames together with those of pixels."""
    pixels = [it for it in shifts if it.readings and np.ptp(it.total) == 0]
    frames = [it for it in shifts if it.most == _MOST_FRAMES]
    for frame in frames:
        for pixel in pixels:
            readings = (*pixel.readings, *frame.readings)
            yield _Shift(readings, (*frame.parts, *pixel.parts), _MOST_FRAMES)


def _is_stronger(evidence: pd.DataFrame, column: str, other: str = "strength") -> bool:
    """Whether the spots of another reading are far stronger than those at the labels."""
    rows = evidence.dropna(subset=[column, other])
    if len(rows) < MIN_LABELS:
        return False
    gain = rows[column] - rows[other]
    error = max(gain.std(), 1e-3) / np.sqrt(len(rows))
    elsewhere = [place for place in PLACES if place != column]
    usual = rows[elsewhere].stack().mean()  # not a number if all are near the labels
    return bool(
        rows[column].mean() >= _MIN_GAIN * max(rows[other].mean(), usual)
        and (gain > 0).mean() >= _MIN_WINS
        and gain.mean() >= _MIN_SIGMAS * error
    )


def _offsets(evidence: pd.DataFrame) -> np.ndarray:
    return evidence[["dx", "dy"]].to_numpy(dtype=float).T


def _fits(evidence: pd.DataFrame, shift: _Shift) -> bool:
    left = _offsets(evidence) - shift.total
    left = left[:, np.isfinite(left).all(axis=0)]
    if not left.size or np.hypot(*np.median(left, axis=1)) > _MAX_REST_PX:
        return False
    for part, most in zip(shift.parts, (shift.most, 1.0), strict=False):
        offsets = _offsets(evidence) - (shift.total - part)
        share, _ = _share(evidence, offsets, part)
        is_alone = most == 1.0 and len(shift.parts) == 1
        across, _ = _share(evidence, offsets, part[::-1] * [[-1], [1]]) if is_alone else (0.0, 0.0)
        if not 1 - _TOLERANCE <= share <= most + _TOLERANCE or abs(across) > _TOLERANCE:
            return False
    return True


def _is_certain(evidence: pd.DataFrame, shift: _Shift) -> bool:
    for part in shift.parts:
        share, error = _share(evidence, _offsets(evidence) - (shift.total - part), part)
        if error > MAX_ERROR * max(1.0, 2 * share - 1):
            return False
    return True


def _nearest(evidence: pd.DataFrame, shifts: list[_Shift]) -> tuple[_Shift | None, float]:
    """The shift that leaves the smallest median distance, and this distance in pixels."""
    offsets = _offsets(evidence)
    rests = [float(np.nanmedian(np.hypot(*(offsets - shift.total)))) for shift in shifts]
    return min(zip(shifts, rests, strict=True), key=lambda it: it[1], default=(None, np.inf))


def _share(evidence: pd.DataFrame, offsets: np.ndarray, shift: np.ndarray) -> tuple[float, float]:
    """Share of a shift in the offsets of the spots, 1 if they agree, and its standard error.

    It is the median of the shares of all labels, weighted by the squares of their shifts.
    """
    table = pd.DataFrame({"sequence": evidence.sequence.to_numpy()})
    table["along"], table["square"] = (offsets * shift).sum(axis=0), (shift**2).sum(axis=0)
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
