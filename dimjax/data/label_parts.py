"""Labels that are right in a part of their frames only: frames are lost, repeated or misnumbered.

The spots at the labels of a sequence, see dimjax.data.label_evidence, are compared along time.

    partly_right(groups, readings, layout)          # {"s": ("12 of 40 labels ...", remedy)}
    partly_wrong(groups)                            # notes about single sequences of other groups
"""

import numpy as np
import pandas as pd

from dimjax.data.label_evidence import PLACES
from dimjax.data.layouts import Layout
from dimjax.data.other_readings import Reading, frame_readings
from dimjax.data.reading_fits import MAX_ERROR, MOTIONS, lag, lie_on_nothing

_NUMBER = "Number the labels as the frames of the files, some of which may be lost or repeated."
_CORRECT = (
    "Correct the numbers of the frames, which may be at another rate, or the positions, unless the "
    "objects fade there or a codec removed them."
)
_MIN_CHANGE = 0.65  # frames, of the lag between the first and the last third of a sequence
_MOST_RIGHT = 0.35  # frames, of the lag of right labels
_SIGMAS = 4.0  # and standard errors of this change
_PARTS = 4  # of a sequence that are compared
_MIN_LABELS = 5  # of each part
_NOTHING = 1.3  # factor of the strength elsewhere below which a part lies on nothing ...
_OBJECT = 4.0  # ... and above which a label lies on a bright object, ...
_BRIGHT_SIGMAS = 6.0  # if it is that strong too
_MIN_HITS = 0.05  # share of such labels; dim objects have none

_Groups = dict[str, pd.DataFrame]  # evidence of the sequences whose names begin alike
_Readings = dict[str, tuple[Reading, ...]]  # those that fit a group better


def partly_right(
    groups: _Groups, readings: _Readings, layout: Layout
) -> dict[str, tuple[str, str]]:
    """Return the groups whose labels are right in a part of the frames only.

    Either the labels of the last third are late or early by another number of frames than those of
    the first third, or in at least half of the sequences some labels lie on bright objects, but a
    run of them on nothing. If all frames are misnumbered, that has to be corrected before.

    Args:
      groups: Tables of dimjax.data.label_evidence.measure_sequence.
      readings: The other readings that fit each group better.
      layout: Layout that the labels were read with.

    Returns:
      Group -> evidence and remedy.
    """
    frames, found = set(frame_readings(layout).values()), {}
    for name in _undecided(groups, readings, layout):
        change = _changing_lag(groups[name])
        found |= {name: change} if change else {}
    if any(set(readings[name]) & frames for name in groups if name not in found):
        return found
    for name in _undecided(groups, readings, layout):
        partly, count = _on_nothing(groups[name])
        # One sequence may hold a bright object and then a dim one.
        is_certain = len(partly) > 1 or any(partly.values())
        if name not in found and is_certain and 2 * len(partly) >= count:
            sequences = f"{len(partly)} of {count} sequences"
            found[name] = f"{next(iter(partly))}, alike in {sequences}", _CORRECT
    return found


def partly_wrong(groups: _Groups) -> list[str]:
    """Return notes about sequences whose labels lie on nothing in a part, unlike their group."""
    texts = [text for rows in groups.values() for text in _on_nothing(rows)[0]]
    return [f"{text}: wrong frames or positions there, or fading objects" for text in texts]


def _undecided(groups: _Groups, readings: _Readings, layout: Layout) -> list[str]:
    """Groups of which at most another number of the first frame fits better."""
    frames = set(frame_readings(layout).values())
    names = [name for name in groups if set(readings[name]) <= frames]
    return [name for name in names if not lie_on_nothing(groups[name])]


def _changing_lag(evidence: pd.DataFrame) -> tuple[str, str] | None:
    """By how many frames labels are late or early at first and at last, and the remedy.

    None if they are alike. Unless one of them is 0, positions may be wrong as well.
    """
    place = evidence.groupby("sequence").frame.rank(pct=True)
    found = {}
    for column, when in zip(MOTIONS, ("late", "early"), strict=True):
        (first, error), (last, other) = (
            lag(rows, column) for rows in (evidence[place <= 1 / 3], evidence[place > 2 / 3])
        )
        is_certain = abs(last - first) >= max(_MIN_CHANGE, _SIGMAS * np.hypot(error, other))
        if is_certain and max(error, other) <= MAX_ERROR:
            lags = [round(share, 1) + 0.0 for share in (first, last)]  # 0.0 rather than -0.0
            text = f"labels {lags[0]:.1f} frames {when} in the first third of the frames, and "
            text += f"{lags[1]:.1f} in the last one, standard errors {error:.2f} and {other:.2f}"
            remedy = _NUMBER if min(abs(first), abs(last)) <= _MOST_RIGHT else _CORRECT
            found[max(first, last)] = text, remedy
    return found[max(found)] if found else None


def _on_nothing(evidence: pd.DataFrame) -> tuple[dict[str, bool], int]:
    """Describe the sequences of whose labels some lie on bright objects, but a run on nothing.

    Objects that are as dim in all frames do not count, nor sequences of several objects at a time,
    of which some are bright and others dim.

    Returns:
      Description -> whether another run lies on bright objects throughout, or most labels on
      nothing; and the number of the sequences with enough labels to tell.
    """
    found, count = {}, 0
    for name, rows in evidence.sort_values("frame").groupby("sequence"):
        places = rows[list(PLACES)].stack()
        has_one = rows.objects.median() == 1
        if len(rows) < _PARTS * _MIN_LABELS or places.empty or not has_one:
            continue
        count, elsewhere = count + 1, float(places.median())
        parts = [rows.iloc[it] for it in np.array_split(np.arange(len(rows)), _PARTS)]
        weakest, *_, strongest = sorted(parts, key=lambda part: part.strength.median())
        bright = max(_OBJECT * elsewhere, _BRIGHT_SIGMAS)
        here, hits = weakest.strength.median(), int((rows.strength >= bright).sum())
        if here < _NOTHING * elsewhere and hits >= _MIN_HITS * len(rows):
            first, last = weakest.frame.iloc[[0, -1]]
            text = f"{hits} of {len(rows)} labels of {name} on bright objects, but spots of "
            text += f"{here:.1f} sigmas at those of frames {first} to {last}, and of "
            text += f"{elsewhere:.1f} at other places"
            mostly = rows.strength.median() < _NOTHING * elsewhere
            found[text] = bool(mostly or strongest.strength.median() >= bright)
    return found, count
