"""Frames of a camera or of a network address, as they come, by PyAV.

    for frame in live_frames("rtsp://camera/1"):        # [H, W] uint8 or uint16
        ...

Sources: "-", a video file on standard input such as Matroska or MPEG-TS; an address with ://, e.g.
rtsp, udp or http; a device such as /dev/video0.
"""

import queue
import sys
import threading
from collections.abc import Iterator

import av
import numpy as np

from dimjax.data.frame_files import readable
from dimjax.data.video_files import frame_pixels, stored_format
from dimjax.errors import InputError

_DEVICES = "/dev/"
_REMEDY = "Check the address, and that it sends a video such as Matroska or MPEG-TS."
_WAIT_S = 0.5  # Windows delivers Ctrl-C only between two waits


def live_frames(source: str) -> Iterator[np.ndarray]:
    """Yield the luma plane of each frame, [H, W].

    A thread reads the source: while that is silent, FFmpeg would let no signal reach the caller,
    and PyAV would lose an exception that is raised while it reads standard input.

    Raises:
      InputError: The source cannot be opened, or its pixels are neither grey nor luma.
    """
    if source == "-" and sys.stdin is None:
        rule, remedy = "it must be open to read from it", "Give a video on it, or name a source."
        raise InputError("standard input", rule, "it is closed", remedy)
    frames: queue.Queue = queue.Queue(maxsize=1)
    left = threading.Event()
    # A daemon: it may wait for the source for ever.
    threading.Thread(target=_read, args=(source, frames, left), daemon=True).start()
    try:
        while (frame := _next(frames)) is not None:
            if isinstance(frame, BaseException):
                raise frame
            yield frame
    finally:
        left.set()
        while not frames.empty():  # the thread may wait for a place
            frames.get_nowait()


def _next(frames: queue.Queue) -> np.ndarray | BaseException | None:
    while True:
        try:
            return frames.get(timeout=_WAIT_S)
        except queue.Empty:
            continue


def _read(source: str, frames: queue.Queue, left: threading.Event) -> None:
    """Put each frame into a queue, and then None or the exception that ended the reading."""
    try:
        for frame in _decoded(source):
            frames.put(frame)
            if left.is_set():
                return
        frames.put(None)
    except BaseException as error:
        frames.put(error)


def _decoded(source: str) -> Iterator[np.ndarray]:
    # Not the buffer of standard input: its lock would be held at the end of the interpreter.
    file, name = (sys.stdin.buffer.raw, "standard input") if source == "-" else (source, source)
    form = "v4l2" if source.startswith(_DEVICES) else None
    with readable(name, _REMEDY), av.open(file, format=form) as container:
        if not container.streams.video:
            raise InputError(name, "it must contain a video", "none", _REMEDY)
        for number, frame in enumerate(container.decode(video=0)):
            subject = f"{name} frame {number}"
            stored = stored_format(frame.format, frame.height, frame.width, subject)
            yield frame_pixels(frame, stored, subject)
