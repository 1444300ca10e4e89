"""Sequences: frames of one camera, the clips cut from them, and their grey scale.

A sequence is read from a folder of numbered PNG, TIFF, BMP or JPEG images, a folder with one
frames.npy, a .npy or TIFF stack, or an MP4 or AVI video. Frames have their native bit depth, 8 bit
as uint8 and 9 to 16 bit as uint16, and are read on demand.

    flight = open_sequence("data/sequences/flight3")
    flight.name, flight.shape                           # "flight3", (T, H, W)
    flight.frame(0)                                     # [H, W] uint8 or uint16
    flight.clip(10, stride=1)                           # [4, H, W], the frames F1..F4
    level, noise_sigma = measure_scale(flight)
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dimjax.atomic_files import check_regular
from dimjax.data.frame_files import NATIVE, Frames, Reading, open_tiff_stack
from dimjax.data.image_folders import (
    list_still_images,
    open_folder_of_frames,
    open_images,
)
from dimjax.data.stack_files import (
    open_fits,
    open_hdf5,
    open_mat,
    open_npy,
    open_npz,
    open_raw,
)
from dimjax.data.video_files import open_video
from dimjax.errors import InputError

OPENERS = {
    ".npy": open_npy,
    ".tif": open_tiff_stack,
    ".tiff": open_tiff_stack,
    **dict.fromkeys((".mp4", ".avi", ".mkv", ".mov", ".ts", ".m4v"), open_video),
    ".npz": open_npz,
    ".mat": open_mat,
    **dict.fromkeys((".raw", ".bin", ".img"), open_raw),
    **dict.fromkeys((".h5", ".hdf5"), open_hdf5),
    **dict.fromkeys((".fits", ".fit", ".fts", ".fz"), open_fits),
}

MAX_FRAME_PIXELS = 2**27  # a header that promises more would exhaust the memory

_WITHOUT_AXES = (open_video, open_tiff_stack)  # their frames are always in the order of time
_PAIRS = 16
_SIGMAS_PER_MAD = 1.4826  # of a normal distribution
_QUANTISATION_SIGMA = 1 / np.sqrt(12)


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
    """

    name: str
    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype
    read: Callable[[int], np.ndarray] = field(repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return self.shape[0]

    def frame(self, t: int) -> np.ndarray:
        """Read frame t, counted from 0, as a new array [H, W].

        Raises:
          IndexError: There is no frame t.
          InputError: The file is damaged.
        """
        _check_index(t, len(self), self.name)
        return self.read(operator.index(t))

    def clip(self, t: int, stride: int) -> np.ndarray:
        """Read the frames F1..F4 of the clip whose reference frame is t, [4, H, W]."""
        chosen = clip_frames(t, len(self), stride, subject=f"sequence {self.name}")
        # In ascending order: videos are fast in that direction only.
        frames = {k: self.frame(k) for k in sorted(chosen)}
        return np.stack([frames[k] for k in chosen])


class Scale(NamedTuple):
    """Grey scale of a sequence, the same for all its frames and chips."""

    level: float  # median grey level
    noise_sigma: float  # temporal noise of one raw frame, grey levels


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
    pixels = frames.shape[1] * frames.shape[2]
    if pixels > MAX_FRAME_PIXELS:
        rule = f"a frame must have at most {MAX_FRAME_PIXELS:,} pixels"
        raise InputError(path, rule, f"{pixels:,}", "Cut it into smaller ones.")
    return Sequence(name, path, *frames)


def as_sequence(frames: np.ndarray, name: str = "frames") -> Sequence:
    """Wrap frames in memory as a sequence.

    Args:
      frames: [T, H, W] uint8 or uint16.
      name: Name of the sequence.

    Raises:
      InputError: The array has another shape or data type.
    """
    frames = np.asarray(frames)
    if frames.ndim != 3 or frames.dtype not in (np.uint8, np.uint16):
        raise InputError(
            name,
            "frames in memory must be an array [T, H, W] of uint8 or uint16",
            f"{frames.dtype} of shape {frames.shape}",
            "Convert it; floats would have to be scaled to grey levels first.",
        )
    return Sequence(name, Path(), frames.shape, frames.dtype, lambda t: frames[t].copy())


def clip_frames(
    t: int, length: int, stride: int, subject: object = "sequence"
) -> tuple[int, int, int, int]:
    """Choose the frame numbers of the clip F1..F4 of a reference frame.

    F1 is t; F2..F4 are the first three of t+s, t+2s, t+3s, t-s, t-2s, t-3s that lie in the
    sequence. Thus every frame can be a reference frame; for the last ones F2..F4 lie before it.

    Args:
      t: Reference frame.
      length: Frames of the sequence: 4 or more at stride 1, 4 * stride + 1 or more otherwise.
      stride: Frames between neighbours, s.
      subject: Subject of an error.

    Raises:
      InputError: The stride is below 1, or the sequence is too short for it.
      IndexError: There is no frame t.
    """
    if stride < 1:
        raise InputError(subject, "stride must be 1 or more", stride, "Correct the stride.")
    needed = 4 if stride == 1 else 4 * stride + 1
    if length < needed:
        rule = f"clips of stride {stride} need {needed} frames or more"
        raise InputError(subject, rule, length, "Choose a smaller stride or a longer sequence.")
    _check_index(t, length, subject)
    t = operator.index(t)
    others = [t + sign * k * stride for sign in (1, -1) for k in (1, 2, 3)]
    second, third, fourth = [k for k in others if 0 <= k < length][:3]
    return t, second, third, fourth


def measure_scale(sequence: Sequence) -> Scale:
    """Measure grey level and noise of a sequence on up to 16 evenly spaced pairs of frames.

    The noise is the median over the pairs of 1.4826 * MAD(F_t - F_{t+1}) / sqrt(2), so it is robust
    against targets and against a few jumps of the camera. The MAD is computed for grouped data
    (each grey level represents the interval of one step around it); the ordinary MAD would jump by
    whole steps. A step is 1, or 2 ** n if the lowest n bits are always 0, as in 12 bit frames
    stored in the upper bits of 16. The noise is at least that of quantisation, a step / sqrt(12).

    Raises:
      InputError: The sequence has a single frame.
    """
    if len(sequence) < 2:
        rule = "measuring noise needs 2 frames or more"
        raise InputError(f"sequence {sequence.name}", rule, 1, "Give a longer sequence.")
    starts = np.unique(np.linspace(0, len(sequence) - 2, _PAIRS).round().astype(int))
    levels, deviations, steps = [], [], []
    for t in starts:
        frame, other = (sequence.frame(k).astype(np.int32) for k in (t, t + 1))
        step = _step(frame | other)
        levels.append(np.median(frame))
        deviations.append(step * _grouped_mad((frame - other) // step))
        steps.append(step)
    noise_sigma = _SIGMAS_PER_MAD * np.median(deviations) / np.sqrt(2)
    quantisation = min(steps) * _QUANTISATION_SIGMA
    return Scale(float(np.median(levels)), float(max(noise_sigma, quantisation)))


def _step(frame: np.ndarray) -> int:
    """Return the lowest bit that is set in any grey level; 1 if all are 0."""
    bits = int(np.bitwise_or.reduce(frame, axis=None))
    return bits & -bits or 1


def _grouped_mad(values: np.ndarray) -> float:
    """Compute the MAD of integers, each spread evenly over the unit interval around it."""
    absolute = np.abs(values - int(np.median(values)))
    # The lower of the two middle values; their mean may be a value that does not occur.
    middle = int(np.quantile(absolute, 0.5, method="lower"))
    below, at = np.mean(absolute < middle), np.mean(absolute == middle)
    low, width = (middle - 0.5, 1.0) if middle else (0.0, 0.5)
    return low + width * (0.5 - below) / at


def _open_frames(path: Path, reading: Reading) -> Frames:
    if path.is_dir():
        return open_folder_of_frames(path, reading)
    if not path.exists():
        raise InputError(path, "a sequence must exist", "nothing", "Correct the path.")
    if list_still_images(path):
        return open_images([path], reading.channel)
    if path.suffix.lower() not in OPENERS:
        rule = f"a sequence is a folder of images or a file of type {', '.join(OPENERS)}"
        raise InputError(path, rule, path.suffix or "no suffix", "Convert it.")
    check_regular(path)
    opener = OPENERS[path.suffix.lower()]
    return opener(path) if opener in _WITHOUT_AXES else opener(path, reading.stack_axes)


def _check_index(t: int, length: int, subject: object) -> None:
    if not 0 <= t < length:
        raise IndexError(f"{subject}: frames are 0 to {length - 1}; found {t}.")
