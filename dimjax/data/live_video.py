"""Frames of a camera or of a network address, as they come, by PyAV.

    for frame in live_frames("rtsp://camera/1"):        # [H, W] uint8 or uint16
        ...

Sources: "-", a video file on standard input such as Matroska or MPEG-TS; an address with ://, e.g.
rtsp, udp or http; a device such as /dev/video0.
"""

import sys
from collections.abc import Iterator

import av
import numpy as np

from dimjax.data.frame_files import readable
from dimjax.data.video_files import frame_pixels, stored_format
from dimjax.errors import InputError

_DEVICES = "/dev/"
_REMEDY = "Check the address, and that it sends a video such as Matroska or MPEG-TS."


def live_frames(source: str) -> Iterator[np.ndarray]:
    """Yield the luma plane of each frame, [H, W].

    Raises:
      InputError: The source cannot be opened, or its pixels are neither grey nor luma.
    """
    if source == "-" and sys.stdin is None:
        rule, remedy = "it must be open to read from it", "Give a video on it, or name a source."
        raise InputError("standard input", rule, "it is closed", remedy)
    file, name = (sys.stdin.buffer, "standard input") if source == "-" else (source, source)
    form = "v4l2" if source.startswith(_DEVICES) else None
    with readable(name, _REMEDY), av.open(file, format=form) as container:
        if not container.streams.video:
            raise InputError(name, "it must contain a video", "none", _REMEDY)
        for number, frame in enumerate(container.decode(video=0)):
            subject = f"{name} frame {number}"
            stored = stored_format(frame.format, frame.height, frame.width, subject)
            yield frame_pixels(frame, stored, subject)
