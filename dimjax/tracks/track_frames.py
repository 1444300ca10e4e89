"""Whole tracks laid out one after the other, with a row for each of their frames.

rows = lay_out(found.frame, track)
rows.detection                              # [P] which detection, -1 in a gap
path = kalman.smooth(rows.values(found.xy), rows.lengths, settings)
"""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """All frames of N tracks from the first to the last detection, P in all."""

    track: np.ndarray  # [P] from 0 to N - 1
    frame: np.ndarray  # [P]
    detection: np.ndarray  # [P] index of the detection, -1 in a gap
    lengths: np.ndarray  # [N] frames of each track

    @property
    def first(self) -> np.ndarray:
        """First row of each track [N]."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def last(self) -> np.ndarray:
        """Last row of each track [N]."""
        return np.cumsum(self.lengths) - 1

    def values(self, of_detections: np.ndarray) -> np.ndarray:
        """Values of each row's detection, [D, ...] to [P, ...], NaN in gaps."""
        taken = np.append(of_detections, np.full((1, *of_detections.shape[1:]), np.nan), axis=0)
        return taken[self.detection]  # a gap's -1 takes the last

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over each track, [P] to [N]."""
        return np.bincount(self.track, values, minlength=len(self.lengths))

    def most_hits(self, frames: int) -> np.ndarray:
        """The most detections of each track [N] within so many frames."""
        hits = np.append(0, np.cumsum(self.detection >= 0))
        row = np.arange(len(self.track))
        start = np.maximum(row - frames + 1, self.first[self.track])
        most = np.zeros(len(self.lengths), int)
        np.maximum.at(most, self.track, hits[row + 1] - hits[start])
        return most


def lay_out(frame: np.ndarray, track: np.ndarray) -> Rows:
    """Rows of the tracks 0 to N - 1 of detections [D]; track -1 is in none.

    Each track has a detection, and none has two in a frame.
    """
    mine = np.flatnonzero(track >= 0)
    count = track.max(initial=-1) + 1
    first = np.full(count, np.iinfo(np.int64).max)
    last = np.full(count, -1)
    np.minimum.at(first, track[mine], frame[mine])
    np.maximum.at(last, track[mine], frame[mine])
    lengths = last - first + 1
    offset = np.cumsum(lengths) - lengths
    of_row = np.repeat(np.arange(count), lengths)
    detection = np.full(lengths.sum(), -1)
    detection[offset[track[mine]] + frame[mine] - first[track[mine]]] = mine
    frames = np.arange(len(of_row)) - offset[of_row] + first[of_row]
    return Rows(of_row, frames, detection, lengths)
