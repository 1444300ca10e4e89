"""Frames of a camera or of a network address, as they come, by PyAV.

    for frame in live_frames("rtsp://camera/1"):        # [H, W] uint8 or uint16
        ...

Sources: "-", a video file on standard input such as Matroska or MPEG-TS; an address with ://, e.g.
rtsp, udp or http; a device such as /dev/video0.
"""

import itertools
import queue
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import av
import numpy as np

from dimjax.data.frame_files import readable
from dimjax.data.video_files import captured_errors, frame_pixels, stored_format
from dimjax.errors import InputError
from dimjax.progress import counted

_DEVICES = "/dev/"
_REMEDY = "Check the address, and that it sends a video such as Matroska or MPEG-TS."
_PORT = re.compile(r"\w+://(?:[^/?#]*@)?(?:\[[^]]*\]|[^][:/?#@]*):(\d+)(?:[/?#]|$)")
_HIGHEST_PORT = 2**16 - 1
SILENCE_S = 10.0  # without a frame, before it is noted
# Headers round the duration, and frames may be shown for unequal times.
_TOLERATED_FRAMES, _TOLERATED_SHARE = 3, 0.02
_WAIT_S = 0.5  # Windows delivers Ctrl-C only between two waits


def check_address(source: str) -> None:
    """Check the port of an address: FFmpeg takes any number, and would wait for ever.

    Raises:
      InputError: It is out of its range.
    """
    found = _PORT.match(source)
    if found and not 1 <= int(found[1]) <= _HIGHEST_PORT:
        rule = f"its port must be between 1 and {_HIGHEST_PORT}"
        raise InputError(source, rule, found[1], "Correct the address.")


def live_frames(source: str, note: Callable[[str], object] = warnings.warn) -> Iterator[np.ndarray]:
    """Yield the luma plane of each frame, [H, W].

    A thread reads the source: while that is silent, FFmpeg would let no signal reach the caller,
    and PyAV would lose an exception that is raised while it reads standard input.

    Args:
      source: The stream.
      note: Is called with a text, once if no frame comes for SILENCE_S, at the first damaged frame,
        and at the end of a video with more of them or that is shorter than its header has it.

    Raises:
      InputError: The source cannot be opened, or its pixels are neither grey nor luma.
    """
    if source == "-" and sys.stdin is None:
        rule, remedy = "it must be open to read from it", "Give a video on it, or name a source."
        raise InputError("standard input", rule, "it is closed", remedy)
    check_address(source)
    received: queue.Queue = queue.Queue(maxsize=1)
    left = threading.Event()
    # A daemon: it may wait for the source for ever.
    threading.Thread(target=_read, args=(source, received, left), daemon=True).start()
    try:
        for item in _items(received, f"waiting for frames from {_name(source)} (Ctrl-C ends)"):
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, str):
                note(item)
            else:
                yield item
    finally:
        left.set()
        while not received.empty():  # the thread may wait for a place
            received.get_nowait()


def _items(received: queue.Queue, silence: str) -> Iterator[np.ndarray | str | BaseException]:
    """Yield what a thread puts into a queue before None, and a note on the first long silence."""
    silent_s, is_noted = 0.0, False
    while True:
        try:
            item = received.get(timeout=_WAIT_S)
        except queue.Empty:
            silent_s += _WAIT_S
            if silent_s >= SILENCE_S and not is_noted:
                is_noted = True
                yield silence
            continue
        if item is None:
            return
        silent_s = 0.0
        yield item


def _read(source: str, received: queue.Queue, left: threading.Event) -> None:
    """Put frames and notes into a queue, and then None or the exception that ended the reading."""
    try:
        for item in _decoded(source):
            received.put(item)
            if left.is_set():
                return
        received.put(None)
    except BaseException as error:
        received.put(error)


def _decoded(source: str) -> Iterator[np.ndarray | str]:
    # Not the buffer of standard input: its lock would be held at the end of the interpreter.
    file, name = sys.stdin.buffer.raw if source == "-" else source, _name(source)
    form = "v4l2" if source.startswith(_DEVICES) else None
    with readable(name, _REMEDY), av.open(file, format=form) as container:
        if not container.streams.video:
            raise InputError(name, "it must contain a video", "none", _REMEDY)
        container.streams.video[0].thread_type = "NONE"  # errors of others might not be captured
        frame, damaged, decoded = None, 0, container.decode(video=0)
        for number in itertools.count():
            with captured_errors() as errors:
                following = next(decoded, None)
            if following is None:
                break
            frame, subject = following, f"{name} frame {number}"
            if errors or frame.is_corrupt:
                damaged += 1
                if damaged == 1:
                    reason = errors[0][-1].strip() if errors else "it is concealed by FFmpeg"
                    yield f"{subject} is damaged; its detections may be wrong: {reason}"
            stored = stored_format(frame.format, frame.height, frame.width, subject)
            yield frame_pixels(frame, stored, subject)
        if damaged > 1:
            yield f"{name}: {counted(damaged, 'frame')} were damaged"
        if frame is not None and (end := _early_end(container, frame)):
            yield f"{name} {end}: it may have been cut off"


def _name(source: str) -> str:
    return "standard input" if source == "-" else source


def _early_end(container: av.container.InputContainer, last: av.VideoFrame) -> str:
    """Describe the end of a video that is shorter than its header has it; "" for others."""
    stream = container.streams.video[0]
    announced = 0.0
    if stream.duration is not None:
        announced = float(stream.duration * stream.time_base)
    elif container.duration and len(container.streams) == 1:  # sound may be longer
        announced = container.duration / av.time_base
    if last.time is None or not stream.average_rate:
        return ""
    frame_s = float(1 / stream.average_rate)
    reached = last.time - float((stream.start_time or 0) * stream.time_base) + frame_s
    if announced - reached <= max(_TOLERATED_FRAMES * frame_s, _TOLERATED_SHARE * announced):
        return ""
    return f"ended after {reached:.2f} s of the {announced:.2f} s that its header has"
