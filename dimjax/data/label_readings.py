"""Readings of label files that fit the frames better than the one that was used.

A wrong reading moves all labels alike, see dimjax.data.reading_fits. The spots found at the labels
tell which, see dimjax.data.label_evidence.

    for problem in better_readings(evidence, layout):
        print(problem)                                  # names the key to set
    unclear(evidence, layout)                           # why the first frame cannot be told
"""

import re
from collections import defaultdict

import numpy as np
import pandas as pd

from dimjax.data.label_conventions import value_of
from dimjax.data.label_evidence import PLACES
from dimjax.data.label_parts import partly_right, partly_wrong
from dimjax.data.late_frames import describe_lag, of_several_frames, surplus_of_files
from dimjax.data.layouts import Layout
from dimjax.data.other_readings import Reading, frame_readings
from dimjax.data.reading_fits import (
    MIN_LABELS,
    begin_in_first_frame,
    denies,
    fitting_readings,
    is_weaker_in,
    lie_on_nothing,
    stands_out,
)
from dimjax.errors import InputError

_RULE = "they must lie on the objects"
_RELATED = "the sequences with a name like this"
_ODD_OFFSET_PX = 0.7  # median offset of one sequence beyond that of the others
# The brightest spot of a large object may lie far from the centre of its box, or beyond the core.
_SMALL_BOX_PX, _MEDIUM_BOX_PX = 10.0, 20.0  # diagonal
_WEAKEST = 0.2  # quantile of the mean strengths of the other sequences ...
_WEAK = 0.5  # ... and share of it below which the labels of a sequence may lie on nothing
_CHANCE = 1.3  # factor of the strength at other places below which labels may lie on nothing

_Groups = dict[str, pd.DataFrame]  # evidence of the sequences whose names begin alike
_Readings = dict[str, tuple[Reading, ...]]  # those that fit a group better


def better_readings(evidence: pd.DataFrame, layout: Layout) -> list[InputError]:
    """Return a problem for each reading that fits far better than that of the layout.

    Sequences whose names begin alike, up to the first digit, are judged together, and all sequences
    if no such group gives a result. The number of the first frame is one of the whole folder: it is
    wrong only if it fits worse in all groups that move fast enough to tell, and too large only if
    the first frame has no label. Labels that lie on nothing in any reading are a problem too, or
    that are right in a part of the frames of most sequences, and sequences unlike the rest of their
    group.

    Args:
      evidence: Tables of dimjax.data.label_evidence.measure_sequence.
      layout: Layout that the labels were read with.
    """
    groups, readings = _by_group(evidence, layout)
    parts = partly_right(groups, readings, layout)
    readings |= dict.fromkeys(parts, ())
    refuted = [frames for _, frames in _refuted(groups, readings, layout)]
    readings = {
        name: tuple(it for it in found if it not in refuted) for name, found in readings.items()
    }
    if not refuted and not parts and not any(readings.values()):
        of_all = fitting_readings(evidence, layout)
        groups, readings = ({"": evidence}, {"": of_all}) if of_all else (groups, readings)
    problems = []
    for names, found in _by_names(readings, layout).items():
        patterns = [] if len(names) == len(groups) else [f"{name}*" for name in names]
        rows = pd.concat([groups[name] for name in names if found[0] in readings[name]])
        found = [of_several_frames(it, rows, layout) for it in found]
        remedy = " ".join(_for_patterns(it.remedy, patterns, layout) for it in found)
        value = _value(rows, found, layout)
        problems.append(InputError(_subject(patterns), _RULE, value, remedy))
    for name, flaw in parts.items():
        patterns = [] if len(groups) == 1 else [f"{name}*"]
        problems.append(InputError(_subject(patterns), _RULE, *flaw))
    rest = {name: groups[name] for name in groups if not readings[name] and name not in parts}
    return problems + _on_nothing(rest, len(groups), layout) + _odd_sequences(rest, layout)


def late_labels(evidence: pd.DataFrame, layout: Layout) -> list[str]:
    """Return which labels are late or early, or on nothing in a part, unlike others or their key.

    Args:
      evidence: Tables of dimjax.data.label_evidence.measure_sequence.
      layout: Layout that the labels were read with.
    """
    groups, readings = _by_group(evidence, layout)
    parts = partly_right(groups, readings, layout)
    notes = partly_wrong({k: v for k, v in groups.items() if not readings[k] and k not in parts})
    readings |= dict.fromkeys(parts, ())
    for column, frames in _refuted(groups, readings, layout):
        names = [name for name, found in readings.items() if frames in found]
        patterns = ", ".join(f"{name}*" for name in names)
        rows = pd.concat([groups[name] for name in names])
        is_alone = len(names) == len(groups)
        why = "though the first frame has labels" if is_alone else "unlike others"
        notes.append(
            f"the labels of {patterns} seem to be {describe_lag(rows, column)}, {why}: "
            f"{describe(rows)}"
        )
    return notes


def _refuted(groups: _Groups, readings: _Readings, layout: Layout) -> list[tuple[str, Reading]]:
    """Readings of frames, with their columns, that fit some groups and are wrong nevertheless.

    Others deny them, or the first frame has labels, so that no number is too large.
    """
    begin = {"before": begin_in_first_frame(pd.concat(groups.values())), "after": False}
    return [
        (column, frames)
        for column, frames in frame_readings(layout).items()
        if any(frames in found for found in readings.values())
        and (
            begin[column]
            or any(denies(groups[name], column) for name in groups if frames not in readings[name])
        )
    ]


def _by_group(evidence: pd.DataFrame, layout: Layout) -> tuple[_Groups, _Readings]:
    """Split the evidence by groups of sequences; with the better readings of each, if any."""
    groups = dict(list(evidence.groupby(evidence.sequence.map(group_name))))
    layouts = {name: _of_sequences(layout, rows.sequence) for name, rows in groups.items()}
    return groups, {name: fitting_readings(groups[name], layouts[name]) for name in groups}


def _of_sequences(layout: Layout, sequences: pd.Series) -> Layout:
    """Layout with the number of the first pixel of some sequences, if they have one in common."""
    pixels = layout.first_pixel
    if not isinstance(pixels, dict):
        return layout
    numbers = {value_of(pixels, "first_pixel", name, "labels") for name in sequences.unique()}
    return layout._replace(first_pixel=numbers.pop()) if len(numbers) == 1 else layout


def _by_names(readings: _Readings, layout: Layout) -> dict[tuple[str, ...], list[Reading]]:
    """Group the readings by the names of the groups that they are right for.

    The number of the first frame is one of the whole folder.
    """
    frames = frame_readings(layout).values()
    scopes = defaultdict(list)
    for reading in dict.fromkeys(it for found in readings.values() for it in found):
        names = [name for name in readings if reading in readings[name] or reading in frames]
        scopes[tuple(names)].append(reading)
    return scopes


def _subject(patterns: list[str]) -> str:
    return f"labels of {', '.join(patterns)}" if patterns else "labels"


def _value(rows: pd.DataFrame, found: list[Reading], layout: Layout) -> str:
    """Describe the offsets, the readings that explain them, and the spots elsewhere."""
    value = f"{describe(rows)}, as if {' and '.join(it.meaning for it in found)}"
    for column, reading in frame_readings(layout).items():
        if found == [of_several_frames(reading, rows, layout)]:
            return f"{value} (labels {describe_lag(rows, column)})"
    places = [it.column for it in found if it.column]
    if not places:
        return value
    there, here = rows[places[0]].mean(), rows.strength.mean()
    return f"{value} (spots of {there:.1f} sigmas there, of {here:.1f} at the labels)"


def _on_nothing(groups: _Groups, count: int, layout: Layout) -> list[InputError]:
    """A problem that names the groups whose labels lie on nothing; none if there are none."""
    names = [name for name, rows in groups.items() if lie_on_nothing(rows)]
    if not names:
        return []
    rows = pd.concat([groups[name] for name in names])
    patterns = [] if len(names) == count else [f"{name}*" for name in names]
    here, elsewhere = rows.strength.mean(), rows[list(PLACES)].mean(axis=None)
    value = f"spots of {here:.1f} sigmas at them, and of {elsewhere:.1f} at other places"
    remedy = "Correct their positions, frames or sequences."
    if surplus := surplus_of_files(rows, layout):
        remedy += f" If they number the files, subtract {surplus} from their frames."
    return [InputError(_subject(patterns), _RULE, value, remedy)]


def _odd_sequences(groups: _Groups, layout: Layout) -> list[InputError]:
    """Problems of the sequences whose labels are wrong unlike those of the rest of their group."""
    problems = []
    for rows in groups.values():
        if lie_on_nothing(rows):
            continue
        for name, own in rows.groupby("sequence"):
            rest = rows[rows.sequence != name]
            found = _oddity(own, rest, layout) if len(rest) >= MIN_LABELS else None
            if found:
                problems.append(InputError(f"labels of {name}", _RULE, *found))
    return problems


def _oddity(own: pd.DataFrame, rest: pd.DataFrame, layout: Layout) -> tuple[str, str] | None:
    """What is wrong with the labels of a sequence, and the remedy; None if nothing is."""
    name = own.sequence.iloc[0]
    found = fitting_readings(own, _of_sequences(layout, own.sequence))
    # The key first_frame is that of the whole folder.
    remedies = {}
    for column, reading in frame_readings(layout).items():
        of_one = frame_readings(layout._replace(first_frame=int(column == "before")))[column]
        remedies[reading] = of_one.remedy
        # Among many sequences of dim objects, the offsets of one agree by chance.
        if not denies(rest, column) or is_weaker_in(own, column):
            found = tuple(it for it in found if it != reading)
    if found:
        texts = [remedies.get(it) or _for_patterns(it.remedy, [name], layout) for it in found]
        return f"{_value(own, list(found), layout)}, unlike {_RELATED}", " ".join(texts)
    diagonal = np.hypot(own.w, own.h).median()
    here, elsewhere = own.strength.mean(), own[list(PLACES)].mean(axis=None)
    there = rest.strength.mean()
    # The dim objects of some sequences may not be seen in single frames.
    weakest = rest.groupby("sequence").strength.mean().quantile(_WEAKEST, "higher")
    is_weak = here < min(_WEAK * weakest, _CHANCE * elsewhere) and not stands_out(own)
    if is_weak and diagonal <= _MEDIUM_BOX_PX and len(own) >= MIN_LABELS:
        value = f"spots of {here:.1f} sigmas at them, and of {there:.1f} in {_RELATED}"
        return value, "Correct their positions, frames or sequences."
    (x, y), spread = offset(own)
    distance = np.hypot(x, y) - np.hypot(*offset(rest)[0])
    if diagonal <= _SMALL_BOX_PX and len(own) >= MIN_LABELS and spread < _ODD_OFFSET_PX < distance:
        return f"{describe(own)}, unlike {_RELATED}", "Correct their positions."
    return None


def _for_patterns(remedy: str, patterns: list[str], layout: Layout) -> str:
    """Remedy for some sequences only: first_pixel may be a mapping."""
    found = re.fullmatch(r"Set data\.layout\.first_pixel=([01])\.", remedy)
    if not found or not patterns:
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
    of which another reading is better, or that lie on nothing, have to be corrected before.

    Args:
      evidence: Tables of dimjax.data.label_evidence.measure_sequence.
      layout: Layout that the labels were read with.
    """
    groups, readings = _by_group(evidence, layout)
    if any(readings.values()) or fitting_readings(evidence, layout):
        return None
    column = "after" if layout.first_frame else "before"
    if any(denies(rows, column) or lie_on_nothing(rows) for rows in groups.values()):
        return None
    speeds = np.hypot(evidence.vx, evidence.vy).dropna()
    found = f"a median speed of {speeds.median():.2f} px per frame" if len(speeds) else ""
    found = found or "single labels"
    return f"the labels move too little to tell whether frames are counted from 0 or 1: {found}"


def group_name(name: str) -> str:
    """Return the part of a sequence's name that it has in common with its group."""
    return re.split(r"\d", name, maxsplit=1)[0]
