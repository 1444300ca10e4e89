"""A detector on a live stream: frames come one at a time, each is answered as soon as it can be.

    stream = Stream(detector)
    for image in camera:                                # [H, W] uint8 or uint16
        for answer in stream.push(image):
            answer.frame, answer.detections, answer.tracks
    stream.finish()                                     # the frames that no later ones will follow

A frame is answered once the frames of its clip and of its evidence window are there: `delay` frames
later, 0 with data.reference="last" and evidence.reference="last". Detections are accepted by the
past of their tracks, as by `detect(frames, causal=True)`; the results are the same if the grey
scale is. The scale is measured, and bad pixels are found, on the first frames and again as the
stream goes on.
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dimjax.data.bad_pixels import find_substitutes
from dimjax.data.camera import CameraMotion
from dimjax.data.scale import Scale, measure
from dimjax.data.sequences import Sequence, as_sequence, clip_frames, shortest_length
from dimjax.data.substitutes import Substitutes
from dimjax.detection.detector import Detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.errors import InputError
from dimjax.motion.windows import min_length, window_of
from dimjax.settings_rules import NUMBER
from dimjax.tracks import Tracks

_ENDLESS = 10**9  # frames of a stream whose end is unknown
_MAX_LEVEL, _MIN_SIGMA = 1e6, 1e-6  # grey levels of a scale that is given
_SCALE_FRAMES = 32  # newest frames that the scale is measured on
_REMEASURED = 64  # frames from one measurement of the scale to the next
_NO_SCALE = Scale(0.0, 1.0)  # of frames that are not searched
_FEWEST_CHANGES = 4  # of the newest frames, without which they do not give the first scale
HISTORY_FRAMES = 96  # frames whose detections are linked; older parts of a track are forgotten


class Answer(NamedTuple):
    """Results in a frame of a stream."""

    frame: int  # from 0
    detections: pd.DataFrame  # accepted ones, as from dimjax.detection.detector.Detector.accept
    tracks: pd.DataFrame  # positions of confirmed tracks in this frame: track, x, y, ...


class Stream:
    """A detector that takes one frame at a time.

    Args:
      detector: Detector, e.g. from restore_detector.
      scale: Level and noise of the frames; None measures them on the newest ones.
      name: Name of the stream, with which the names of its tracks begin.
      bad_pixels: "replace" those that are found when the scale is measured, or "keep" them.

    Raises:
      InputError: The scale is none, or not finite.
    """

    def __init__(
        self,
        detector: Detector,
        scale: Scale | None = None,
        name: str = "stream",
        bad_pixels: str = "replace",
    ):
        self._detector, self._name = detector, name
        self._replaces = bad_pixels == "replace"
        self._substitutes: Substitutes | None = None
        self._stride, self._evidence = detector.description["stride"], detector.evidence
        self._scale, self._is_fixed = _checked(scale), scale is not None
        self._frames: dict[int, np.ndarray] = {}  # those that are still needed, in order
        description = detector.description
        self._camera = CameraMotion(description["align_rotation"]) if description["align"] else None
        self._motion: dict[int, np.ndarray] = {}  # of the scene up to these frames, if measured
        self._count = self._answered = 0
        self._is_finished = False
        self._detections: list[pd.DataFrame] = []
        self._names = _TrackNames(name)
        window = 0 if self._evidence is None else min_length(self._evidence)
        self._back = max(4 * abs(self._stride), window)  # frames before one that it may need

    @property
    def delay(self) -> int:
        """Frames after a frame that its answer needs, once the stream is under way."""
        return self._last_needed(self._back) - self._back

    def __getstate__(self):
        raise TypeError("a stream cannot be pickled or copied: open one of a run in each process.")

    def push(self, frame: np.ndarray) -> list[Answer]:
        """Take the next frame [H, W]; return the answers that it makes possible, in order.

        Raises:
          InputError: The frame differs in size or type from those before it, or the stream is
            finished.
        """
        if self._is_finished:
            rule = "its last frames were answered by `finish`, which ends it"
            raise InputError(self._name, rule, "a further frame", "Begin a new stream.")
        frame = as_sequence(np.asanyarray(frame)[None], self._name).frame(0)  # a mask is kept
        self._check(frame)
        self._frames[self._count] = frame
        if self._camera is not None:
            filled = frame if self._substitutes is None else self._substitutes.fill(frame)
            self._motion[self._count] = self._camera.push(filled)
        self._count += 1
        missing = self._scale is None or self._replaces and self._substitutes is None
        if self._count >= _SCALE_FRAMES and (missing or self._count % _REMEASURED == 0):
            if self._scale is None and not self._changes():
                return self._answer_unseen()
            self._measure(self._newest(_SCALE_FRAMES))
        if self._scale is None:
            return []
        answers = []
        while self._last_needed(self._answered) < self._count:
            answers.append(self._answer(self._last_needed(self._answered) + 1))
        self._forget()
        return answers

    def finish(self) -> list[Answer]:
        """Answer the last frames, with clips and windows that lie before them.

        Raises:
          InputError: The stream was too short.
        """
        needed = self._shortest()
        if 0 < self._count < needed:
            rule, remedy = f"a stream must have {needed} frames or more", "Push more frames."
            raise InputError(self._name, rule, self._count, remedy)
        if self._scale is None and self._count:
            self._measure(self._newest(min(self._count, _SCALE_FRAMES)))
        self._is_finished = True
        return [self._answer(self._count) for _ in range(self._answered, self._count)]

    def _shortest(self) -> int:
        """Frames of the shortest stream that has a clip and a window for each of its frames."""
        if self._detector.description["input"] == "single":
            return 1
        clip = shortest_length(self._stride)
        return clip if self._evidence is None else max(clip, min_length(self._evidence))

    def _check(self, frame: np.ndarray) -> None:
        first = next(iter(self._frames.values()), frame)
        if frame.shape != first.shape or frame.dtype != first.dtype:
            rule = f"all frames must be {first.dtype} of shape {first.shape}"
            value = f"{frame.dtype} of shape {frame.shape}"
            raise InputError(
                f"{self._name} frame {self._count}", rule, value, "Begin a new stream."
            )

    def _changes(self) -> bool:
        """Whether enough of the newest frames differ: those of a closed shutter do not."""
        newest = [self._frames[t] for t in range(self._count - _SCALE_FRAMES, self._count)]
        changes = sum(not np.array_equal(one, other) for one, other in pairwise(newest))
        return changes >= _FEWEST_CHANGES

    def _answer_unseen(self) -> list[Answer]:
        """Answer the frames before the newest ones without a search: so far all are alike."""
        oldest = self._count - _SCALE_FRAMES
        answers = [
            self._answer(self._count, is_searched=False) for _ in range(self._answered, oldest)
        ]
        self._forget()
        return answers

    def _measure(self, newest: Sequence) -> None:
        """Measure the scale, if none was given, and find the bad pixels."""
        try:
            measured = None if self._is_fixed else measure(newest)
        except InputError:  # equal frames, of a closed shutter or a frozen source
            if self._scale is None:
                raise
            return
        if measured is not None:
            self._scale = measured.scale
        if self._replaces:
            self._substitutes = find_substitutes(newest, measured)

    def _newest(self, count: int) -> Sequence:
        return self._part(self._count - count, self._count)

    def _last_needed(self, t: int) -> int:
        """Return the last frame that the answer of frame t needs."""
        needed = [*clip_frames(t, _ENDLESS, self._stride), 4 * abs(self._stride)]
        if self._evidence is not None:
            needed += window_of(t, _ENDLESS, self._evidence).frames
        return max(needed)

    def _answer(self, length: int, is_searched: bool = True) -> Answer:
        """Search the next frame in the first `length` frames; link and accept its detections."""
        t = self._answered
        first = max(0, t - self._back)
        part, scale = self._part(first, length), self._scale or _NO_SCALE
        searched = [t - first] if is_searched else []
        table = detect_in_sequence(self._detector, part, searched, scale=scale)
        self._detections.append(table.assign(frame=t))
        self._detections = self._detections[-HISTORY_FRAMES:]
        self._answered += 1
        linked = pd.concat(self._detections, ignore_index=True)
        tracks = self._names.renamed(self._detector.link(linked, causal=True), t >= HISTORY_FRAMES)
        accepted = self._detector.accept(tracks)
        points = tracks.points[tracks.points.confirmed & (tracks.points.frame == t)]
        detections = accepted[accepted.frame == t].reset_index(drop=True)
        return Answer(t, detections, points.drop(columns="confirmed").reset_index(drop=True))

    def _part(self, first: int, end: int) -> Sequence:
        """Return some frames as a sequence, with the motion of the camera if it is measured."""
        height, width = self._frames[first].shape
        part = Sequence(
            self._name,
            Path(),
            (end - first, height, width),
            self._frames[first].dtype,
            lambda k: self._frames[k + first].copy(),
            substitutes=None if self._substitutes is None else lambda: self._substitutes,
        )
        if self._camera is None:
            return part
        motion = np.array([self._motion[k] for k in range(first, end)])
        return replace(part, motion=lambda: motion)

    def _forget(self) -> None:
        oldest = min(self._answered - self._back, self._count - _SCALE_FRAMES)
        for t in [t for t in self._frames if t < oldest]:
            del self._frames[t]
            self._motion.pop(t, None)


def _checked(scale: Scale | None) -> Scale | None:
    if scale is None:
        return None
    valid = isinstance(scale, Scale) and all(map(NUMBER.holds, scale))
    if not (valid and abs(scale.level) <= _MAX_LEVEL and scale.noise_sigma >= _MIN_SIGMA):
        rule = "it must be a dimjax.data.scale.Scale, finite and in grey levels, its noise above 0"
        raise InputError("scale of the stream", rule, scale, "Measure it with measure_scale.")
    return scale


class _TrackNames:
    """Names of tracks that stay the same after the first detections of a track are forgotten."""

    def __init__(self, stream: str):
        self._stream = stream
        self._name_of: dict[tuple, str] = {}  # frame, x, y of a detection -> name of its track
        self._next = 0

    def renamed(self, tracks: Tracks, is_cut: bool) -> Tracks:
        """Give each track the name that its detections had before.

        Args:
          tracks: Tracks in the newest frames.
          is_cut: Whether earlier frames are forgotten; before, the names are right as they are.
        """
        rows = tracks.detections[tracks.detections.track != ""]
        keys = list(zip(rows.frame, rows.x, rows.y, strict=True))
        names: dict[str, str] = {}
        for key, track in zip(keys, rows.track, strict=True) if is_cut else ():
            earlier = self._name_of.get(key)
            if track not in names and earlier is not None and earlier not in names.values():
                names[track] = earlier
        for track in rows.track.unique():
            self._next = self._next if is_cut else max(self._next, _number(track) + 1)
            if track not in names:
                names[track] = f"{self._stream}/{self._next}" if is_cut else track
                self._next += is_cut
        self._name_of = dict(zip(keys, map(names.get, rows.track), strict=True))
        detections = tracks.detections.assign(track=tracks.detections.track.replace(names))
        points = tracks.points.assign(track=tracks.points.track.replace(names))
        return tracks._replace(detections=detections, points=points)


def _number(track: str) -> int:
    return int(track.rpartition("/")[2])
