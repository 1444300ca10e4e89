"""Frames of whole tracks, concatenated: one row for each frame of each track.

rows = TrackFrames.from_detections(detections.frame, track)
rows.detection                              # [P] index of the detection, -1 in a gap
smoothed = kalman.smooth(rows.values(detections.xy), rows.lengths, settings)
"""

from typing import NamedTuple

import numpy as np


class TrackFrames(NamedTuple):
    """All frames of N tracks from the first to the last detection, P in all."""

    track: np.ndarray  # [P] from 0 to N - 1
    frame: np.ndarray  # [P]
    detection: np.ndarray  # [P] index of the detection, -1 in a gap
    lengths: np.ndarray  # [N] frames of each track

    @classmethod
    def from_detections(cls, frame: np.ndarray, track: np.ndarray) -> "TrackFrames":
        """Lay out the tracks 0 to N - 1 of detections.

        Each track has a detection, and at most one in a frame.

        Args:
          frame: [D] frame of each detection.
          track: [D] track number of each detection, -1 without a track.
        """
        linked = np.flatnonzero(track >= 0)
        count = track.max(initial=-1) + 1
        first = np.full(count, np.iinfo(np.int64).max)
        last = np.full(count, -1)
        np.minimum.at(first, track[linked], frame[linked])
        np.maximum.at(last, track[linked], frame[linked])
        lengths = last - first + 1
        offset = np.cumsum(lengths) - lengths
        of_row = np.repeat(np.arange(count), lengths)
        detection = np.full(lengths.sum(), -1)
        detection[offset[track[linked]] + frame[linked] - first[track[linked]]] = linked
        frames = np.arange(len(of_row)) - offset[of_row] + first[of_row]
        return cls(of_row, frames, detection, lengths)

    @property
    def first(self) -> np.ndarray:
        """First row of each track [N]."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def last(self) -> np.ndarray:
        """Last row of each track [N]."""
        return np.cumsum(self.lengths) - 1

    def values(self, of_detections: np.ndarray) -> np.ndarray:
        """Gather the values of each row's detection, [D, ...] to [P, ...], NaN in gaps."""
        missing = np.full((1, *of_detections.shape[1:]), np.nan)
        return np.append(of_detections, missing, axis=0)[self.detection]  # -1 takes the last

    def newest(self) -> np.ndarray:
        """Row of the newest detection of the track up to each frame [P]."""
        row = np.arange(len(self.track))
        return np.maximum.accumulate(np.where(self.detection >= 0, row, 0))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum the values of each track, [P] to [N]."""
        return np.bincount(self.track, values, minlength=len(self.lengths))

    def sums_so_far(self, values: np.ndarray, decay: float = 1.0) -> np.ndarray:
        """Sum the values of each track up to each frame [P], weighted by decay**age."""
        sums = np.array(values, float)
        for k in range(1, int(max(self.lengths, default=0))):
            rows = self.first[self.lengths > k] + k
            sums[rows] += decay * sums[rows - 1]
        return sums

    def sums_around(self, values: np.ndarray, decay: float) -> np.ndarray:
        """Sum the values of each track around each frame [P], weighted by decay**distance."""
        back = TrackFrames(self.track[::-1], self.frame, self.detection, self.lengths[::-1])
        after = back.sums_so_far(values[::-1], decay)[::-1]
        return self.sums_so_far(values, decay) + after - values

    def window_sums(self, values: np.ndarray, before: int, after: int) -> np.ndarray:
        """Sum the values of each track over a window of frames around each frame [P, ...].

        Args:
          values: [P, ...].
          before: Frames of the window before each frame.
          after: Frames of the window after each frame.
        """
        sums = np.append(np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0), axis=0)
        row = np.arange(len(self.track))
        start = np.maximum(row - before, self.first[self.track])
        stop = np.minimum(row + after, self.last[self.track]) + 1
        return sums[stop] - sums[start]

    def hits_within(self, frames: int) -> np.ndarray:
        """Number of a track's detections in each frame and the `frames` - 1 before it [P]."""
        hits = np.append(0, np.cumsum(self.detection >= 0))
        row = np.arange(len(self.track))
        start = np.maximum(row - frames + 1, self.first[self.track])
        return hits[row + 1] - hits[start]

    def max_hits(self, frames: int) -> np.ndarray:
        """Largest number of detections of each track [N] within `frames` consecutive frames."""
        largest = np.zeros(len(self.lengths), int)
        np.maximum.at(largest, self.track, self.hits_within(frames))
        return largest
