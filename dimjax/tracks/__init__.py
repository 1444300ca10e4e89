"""Tracks: detections linked over frames, and what follows from them for labels.

In comes a table of detections; out come tables of tracks, by pure functions: a Kalman filter of
constant velocity, one-to-one assignment, confirmation, smoothing and the joining of ends to
starts.

    tracks = link(detections, Linking(strong=(0.69, 0.5)))
    tracks.detections.track                     # name of each detection's track, "" in none
    tracks.points                               # position of each track in each frame, gaps too
    vote(tracks)                                # detections as their tracks say they are
    agreement(labels, tracks.points)            # how far each label is off its track
    link(detections, shifts={"flight3": camera_shifts(flight3)})    # if the camera moves
"""

from dimjax.tracks.agreement import agreement
from dimjax.tracks.arrays import Found
from dimjax.tracks.camera import camera_shifts
from dimjax.tracks.linking import Linker, Shifts, Tracks, follow_and_join, link
from dimjax.tracks.nearest import nearest
from dimjax.tracks.points import POINT_TYPES
from dimjax.tracks.settings import Linking
from dimjax.tracks.voting import vote

__all__ = [
    "POINT_TYPES",
    "Found",
    "Linker",
    "Linking",
    "Shifts",
    "Tracks",
    "agreement",
    "camera_shifts",
    "follow_and_join",
    "link",
    "nearest",
    "vote",
]
