"""Linking without repeated frames, in which everything seems to stand still.

tracks = link(to_places(detections, sequence), settings)
accepted = to_frames(detector.accept(tracks), sequence)
"""

import numpy as np
import pandas as pd

from dimjax.data.sequences import Sequence, place_of
from dimjax.errors import InputError


def new_frames(sequence: Sequence) -> np.ndarray:
    """Return the numbers of the frames that do not repeat the one before, [N]."""
    repeated = sequence.survey().repeated if sequence.survey else ()
    return np.setdiff1d(np.arange(len(sequence)), repeated)


def to_places(table: pd.DataFrame, sequence: Sequence) -> pd.DataFrame:
    """Return the rows of new frames, with the place of each among these as its frame.

    Raises:
      InputError: A row is of a frame that the sequence lacks.
    """
    wrong = ~table.frame.isin(range(len(sequence)))
    if wrong.any():
        rule = f"frame must be a whole number from 0 to {len(sequence) - 1}"
        remedy = "Give the detections in these frames."
        raise InputError("detections", rule, table.frame[wrong].iloc[0], remedy)
    new = new_frames(sequence)
    rows = table[table.frame.isin(new)].reset_index(drop=True)
    return rows.assign(frame=np.searchsorted(new, rows.frame))


def to_frames(table: pd.DataFrame, sequence: Sequence) -> pd.DataFrame:
    """Undo `to_places`; a repeated frame gets the rows of the one that it repeats."""
    new = new_frames(sequence)
    if len(new) == len(sequence):
        return table
    places = [place_of(t, new) for t in range(len(sequence))]
    frames = pd.DataFrame({"place": places, "number": np.arange(len(sequence))})
    rows = table.merge(frames, left_on="frame", right_on="place")
    rows = rows.assign(frame=rows.number).drop(columns=["place", "number"])
    return rows.sort_values("frame", kind="stable", ignore_index=True)
