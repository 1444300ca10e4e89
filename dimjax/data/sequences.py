"""Sequences: frames of one camera, and the clips cut from them.

A sequence is read from a folder of numbered PNG, TIFF, BMP or JPEG images, a folder with one
frames.npy, a .npy or TIFF stack, or an MP4 or AVI video. Frames have their native bit depth, 8 bit
as uint8 and 9 to 16 bit as uint16, and are read on demand.

    flight = open_sequence("data/sequences/flight3")
    flight.name, flight.shape                           # "flight3", (T, H, W)
    flight.frame(0)                                     # [H, W] uint8 or uint16
    flight.clip(10, stride=1)                           # [4, H, W], the frames F1..F4
    skip_repeated(flight).clip(10, stride=1)            # only frames that show something new
    dimjax.data.camera.aligned(flight).clip(10, stride=1)       # without the camera's motion
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from dimjax.atomic_files import check_regular
from dimjax.data.alignment import align_levels
from dimjax.data.frame_files import NATIVE, Frames, Reading, open_tiff_stack
from dimjax.data.frame_survey import Survey, survey_frames
from dimjax.data.image_folders import (
    list_still_images,
    open_folder_of_frames,
    open_images,
)
from dimjax.data.raw_files import RAW, open_raw
from dimjax.data.scene_motion import relative_to
from dimjax.data.stack_axes import check_axes
from dimjax.data.stack_files import (
    open_fits,
    open_hdf5,
    open_mat,
    open_npy,
    open_npz,
)
from dimjax.data.stated_sizes import check_frame_size
from dimjax.data.substitutes import Substitutes
from dimjax.data.unread_frames import UNREAD
from dimjax.data.video_files import VIDEOS, open_video
from dimjax.errors import InputError

OPENERS = {
    ".npy": open_npy,
    ".tif": open_tiff_stack,
    ".tiff": open_tiff_stack,
    **dict.fromkeys(VIDEOS, open_video),
    ".npz": open_npz,
    ".mat": open_mat,
    **dict.fromkeys(RAW, open_raw),
    **dict.fromkeys((".h5", ".hdf5"), open_hdf5),
    **dict.fromkeys((".fits", ".fit", ".fts", ".fz"), open_fits),
}

_ARRAY_REMEDY = (
    "Give np.moveaxis(frames, 2, 0), with time first; if it is first already, save the array as "
    ".npy and open it with stack_axes='thw'."
)

_WITHOUT_AXES = (open_video, open_tiff_stack)  # their frames are always in the order of time


@dataclass(frozen=True)
class Sequence:
    """Ordered frames of one camera.

    Attributes:
      name: Unique name.
      path: File or folder that the frames are read from.
      shape: T, H, W.
      dtype: uint8 or uint16.
      read: Frame number -> new array [H, W], unchecked; call `frame` instead.
      names: File names of the frames; empty if a file holds several.
      survey: Returns the frames that clips skip; none, unless made by `skip_repeated`.
      motion: Returns the motion of the scene up to each frame, [T, 2] or [T, 4], which is taken out
        of clips, see dimjax.data.scene_motion; none, unless made by dimjax.data.camera.aligned.
      substitutes: Returns the bad pixels and what replaces them in each frame; none, unless made by
        dimjax.data.bad_pixels.replace_bad_pixels.
    """

    name: str
    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype
    read: Callable[[int], np.ndarray] = field(repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    survey: Callable[[], Survey] | None = field(default=None, repr=False)
    motion: Callable[[], np.ndarray] | None = field(default=None, repr=False)
    substitutes: Callable[[], Substitutes] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return self.shape[0]

    def frame(self, t: int) -> np.ndarray:
        """Read frame t, counted from 0, as a new array [H, W].

        Raises:
          IndexError: There is no frame t.
          InputError: The file is damaged.
        """
        _check_index(t, len(self), self.name)
        frame = self.read(operator.index(t))
        return frame if self.substitutes is None else self.substitutes().fill(frame)

    @property
    def usable(self) -> np.ndarray:
        """Numbers of the frames that clips and evidence windows are made of, in order [N]."""
        return np.arange(len(self)) if self.survey is None else self.survey().usable

    @property
    def flat(self) -> tuple[int, ...]:
        """Numbers of the frames without a scene, which have no detections."""
        return () if self.survey is None else self.survey().flat

    @property
    def replaced(self) -> int:
        """Number of the bad pixels that are replaced."""
        return 0 if self.substitutes is None else len(self.substitutes().pixels)

    def clip_frames(self, t: int, stride: int) -> tuple[int, int, int, int]:
        """Choose the frames F1..F4 of reference frame t among the usable ones, see `clip_frames`.

        A frame that is not usable has the clip of the last usable one before it.
        """
        _check_index(t, len(self), self.name)
        usable = self.usable
        skipped = len(self) - len(usable)
        subject = f"sequence {self.name}"
        if skipped:
            subject += f" (without {skipped} repeated and flat frames)"
        chosen = clip_frames(place_of(t, usable), len(usable), stride, subject)
        return tuple(usable[list(chosen)].tolist())

    def clip(self, t: int, stride: int) -> np.ndarray:
        """Read the frames F1..F4 of the clip whose reference frame is t, [4, H, W]."""
        chosen = self.clip_frames(t, stride)
        # In ascending order: videos are fast in that direction only.
        frames = {k: self.frame(k) for k in sorted(chosen)}
        if self.motion is not None:
            moved = relative_to(self.motion(), self.motion()[chosen[0]])
            reference = frames[chosen[0]]
            frames = {k: align_levels(frame, moved[k], reference) for k, frame in frames.items()}
        return np.stack([frames[k] for k in chosen])


def place_of(t: int, usable: np.ndarray) -> int:
    """Return the place of the last frame up to t among the usable ones, or that of the first."""
    return max(int(np.searchsorted(usable, t, "right")) - 1, 0)


def open_sequence(
    path: str | Path | tuple[Path, ...], name: str | None = None, reading: Reading = NATIVE
) -> Sequence:
    """Open a sequence without reading pixels.

    Args:
      path: File or folder of the frames, or the images of the frames in order.
      name: Name of the sequence; by default that of the file or folder.
      reading: Choices between ways to read it.

    Raises:
      InputError: The path does not exist, or its frames are damaged, coloured, not numbered without
        gaps, or not all of one size and depth.
    """
    files, path = (path, path[0].parent) if isinstance(path, tuple) else (None, Path(path))
    name = name or (path.resolve().name if path.is_dir() else path.stem)
    if not name.isprintable():  # e.g. a line break, or bytes that are no UTF-8
        rule = "the name of a sequence must be printable UTF-8 text"
        raise InputError(path, rule, repr(name), "Rename it.")
    frames = open_images(files, reading.channel) if files else _open_frames(path, reading)
    check_frame_size(path, frames.shape[1:], reading.max_frame_pixels)
    return Sequence(name, path, *frames)


def as_sequence(frames: np.ndarray, name: str = "frames") -> Sequence:
    """Wrap frames in memory as a sequence.

    Args:
      frames: [T, H, W] uint8 or uint16.
      name: Name of the sequence.

    Raises:
      InputError: The array has another shape or data type, is empty, or another axis seems to be
        time; or it is a path.
    """
    rule = "frames in memory must be an array [T, H, W] of uint8 or uint16 that is not empty"
    if isinstance(frames, str | Path):
        remedy = "Open it with dimjax.data.sequences.open_sequence."
        raise InputError(name, rule, f"the path {str(frames)!r}", remedy)
    if isinstance(frames, np.ma.MaskedArray):
        remedy = "Fill the masked pixels first."
        raise InputError(name, "frames must not be masked", "a masked array", remedy)
    try:
        frames = np.asarray(frames)
    except ValueError as error:  # of frames with different shapes
        raise InputError(name, rule, error, "Give frames of one size.") from error
    frames = frames.astype(frames.dtype.newbyteorder("="), copy=False)
    if frames.ndim != 3 or not frames.size or frames.dtype not in (np.uint8, np.uint16):
        raise InputError(
            name,
            rule,
            f"{frames.dtype} of shape {frames.shape}",
            "Convert it; floats would have to be scaled to grey levels first.",
        )
    check_axes(frames, name, _ARRAY_REMEDY)
    return Sequence(name, Path(), frames.shape, frames.dtype, lambda t: frames[t].copy())


def skip_repeated(sequence: Sequence) -> Sequence:
    """Return a sequence whose clips and evidence windows skip repeated and flat frames.

    All frames are read once when the first clip is needed; see dimjax.data.frame_survey.
    """
    if sequence.survey is not None:
        return sequence

    @cache
    def survey() -> Survey:
        return survey_frames(sequence.frame(t) for t in range(len(sequence)))

    return replace(sequence, survey=survey)


def clip_frames(
    t: int, length: int, stride: int, subject: object = "sequence"
) -> tuple[int, int, int, int]:
    """Choose the frame numbers of the clip F1..F4 of a reference frame.

    F1 is t; F2..F4 are the first three of t+s, t+2s, t+3s, t-s, t-2s, t-3s that lie in the
    sequence. Thus every frame can be a reference frame; for the last ones F2..F4 lie before it,
    or, if the stride is negative, for the first ones after it. All four are the frame of a still
    image, which only networks with the input "single" can use.

    Args:
      t: Reference frame.
      length: Frames of the sequence: 1, or 4 or more at stride 1 or -1, 4 * |s| + 1 or more
        otherwise.
      stride: Frames between neighbours, s; negative if F2..F4 come before F1.
      subject: Subject of an error.

    Raises:
      InputError: The stride is 0, or the sequence is too short for it.
      IndexError: There is no frame t.
    """
    if not stride:
        raise InputError(subject, "stride must not be 0", stride, "Correct the stride.")
    if length == 1 and t == 0:
        return (0, 0, 0, 0)
    needed = shortest_length(stride)
    if length < needed:
        rule = f"clips of stride {abs(stride)} need {needed} frames or more"
        raise InputError(subject, rule, length, "Choose a smaller stride or a longer sequence.")
    _check_index(t, length, subject)
    t = operator.index(t)
    others = [t + sign * k * stride for sign in (1, -1) for k in (1, 2, 3)]
    second, third, fourth = [k for k in others if 0 <= k < length][:3]
    return t, second, third, fourth


def shortest_length(stride: int) -> int:
    """Return the frames of the shortest sequence with clips of this stride."""
    return 4 if abs(stride) == 1 else 4 * abs(stride) + 1


def _open_frames(path: Path, reading: Reading) -> Frames:
    if path.is_dir():
        return open_folder_of_frames(path, reading)
    if not path.exists():
        raise InputError(path, "a sequence must exist", "nothing", "Correct the path.")
    if list_still_images(path):
        return open_images([path], reading.channel)
    if path.suffix.lower() in UNREAD:
        raise refused_file(path)
    if path.suffix.lower() not in OPENERS:
        rule = f"a sequence is a folder of images or a file of type {', '.join(OPENERS)}"
        raise InputError(path, rule, path.suffix or "no suffix", "Convert it.")
    check_regular(path)
    opener = OPENERS[path.suffix.lower()]
    return opener(path) if opener in _WITHOUT_AXES else opener(path, reading)


def refused_file(path: Path) -> InputError:
    """Return the error of a file of frames of a kind that is not read."""
    rule = f"a sequence is a folder of images or a file of type {', '.join(OPENERS)}"
    return InputError(path, rule, *UNREAD[path.suffix.lower()])


def _check_index(t: int, length: int, subject: object) -> None:
    if not 0 <= t < length:
        raise IndexError(f"{subject}: frames are 0 to {length - 1}; found {t}.")
