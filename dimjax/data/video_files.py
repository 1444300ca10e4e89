"""Readers of MP4 and AVI videos: the stored luma plane, frame by frame, in bounded memory.

Grey levels are neither rescaled nor truncated: 8 bit become uint8, 9 to 16 bit uint16. Colour
videos are read only if their three channels are equal.

    frames = open_video(Path("flight3.mp4"))
    frames.read(0)                                      # [H, W] uint8 or uint16
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
import av.logging
import numpy as np

from dimjax.data.frame_files import COPY_REMEDY, Frames, readable, to_grey
from dimjax.errors import InputError

VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".ts", ".m4v")  # suffixes

CACHE_BYTES = 64 * 2**20  # cached frames of each open video
MIN_CACHED_FRAMES = 32  # cached in any case: clips of stride 8 go back this far

_UPRIGHT = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)  # display matrix that changes nothing
# Pixel formats that are not read -> one that holds the same levels.
_LOSSLESS = {"yuyv422": "yuv422p", "uyvy422": "yuv422p", "nv12": "yuv420p"}
_MOST_INTERVALS = 2.5  # the longest time from frame to frame, from the last frame to the end
_PALETTE = "pal8"
_MOST_PACKET_BYTES = 204  # of a transport stream; its packets begin with the letter G ...
_BEFORE_SYNC = 4  # ... or with a time of 4 bytes, in packets of 192
# Names of FFmpeg; its playlists, which are no containers, would open other files.
_CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,mjpeg,asf,flv,ogg,mxf,dv"
_PACKED_COLOUR = {"rgb24": 3, "bgr24": 3, "rgb0": 4, "bgr0": 4}  # bytes per pixel


class StoredFormat(NamedTuple):
    """Storage format of the pixels of a video."""

    name: str  # FFmpeg's name, such as yuv420p or gray16le
    height: int
    width: int
    dtype: np.dtype


def open_video(path: Path) -> Frames:
    """Open a video; its packets are counted but not decoded.

    Raises:
      InputError: The file is damaged, cut off, or not a grey video.
    """
    with readable(path), _opened(path) as container:
        stream = next(iter(container.streams.video), None)
        if stream is None or stream.codec_context is None:
            rule = "a video must have a video stream that FFmpeg can decode"
            raise InputError(path, rule, "none", "Convert it losslessly, for instance to FFV1.")
        _check_streams(container, path)
        form = stored_format(stream.codec_context.format, stream.height, stream.width, path)
        announced = stream.frames
        total, length, damaged, times = _count_packets(container.demux(stream))
        _check_end(container, times, path)
    _check_packets(path)
    if damaged or length == 0 or announced not in (0, total):
        rule = f"the video must contain all {announced} frames that its header announces"
        remedy = COPY_REMEDY
        if path.suffix.lower() == ".avi" and total < announced:  # a recorder leaves chunks empty
            remedy += " If frames were dropped in the recording, repeat those before them: "
            remedy += f"ffmpeg -i {path.name} -fps_mode cfr -c:v ffv1 {path.stem}.mkv."
        raise InputError(path, rule, f"{total} frames, {damaged} of them damaged", remedy)
    shape = (length, form.height, form.width)
    return Frames(shape, form.dtype, VideoReader(path, form, length))


def _opened(path: Path) -> av.container.InputContainer:
    """Open a file of one of the containers."""
    try:
        return av.open(str(path), options={"format_whitelist": _CONTAINERS})
    except av.error.ArgumentError as error:
        rule = f"a video must be a file of {_CONTAINERS.replace(',', ', ')}"
        raise InputError(path, rule, "something else", "Convert or remove it.") from error


def _check_streams(container: av.container.InputContainer, path: Path) -> None:
    """Raise if a video has two streams, or is to be shown turned or mirrored."""
    streams = [it for it in container.streams.video if it.codec_context is not None]
    if len(streams) > 1:
        sizes = ", ".join(f"{it.index}: {it.width}x{it.height} {it.codec.name}" for it in streams)
        remedy = f"Copy one: ffmpeg -i {path.name} -map 0:v:0 -c copy one{path.suffix}"
        raise InputError(path, "a video must have one video stream", sizes, f"{remedy}.")
    with readable(path):
        first = next(container.decode(streams[0]), None)
    matrix = display_matrix(first) if first is not None else _UPRIGHT
    if matrix != _UPRIGHT:
        remedy = "Turn the pixels, which players do and labels may need: "
        remedy += f"ffmpeg -i {path.name} -c:v ffv1 {path.stem}.mkv."
        value = f"a display matrix {matrix}"
        raise InputError(path, "a video must be stored as it is shown", value, remedy)
    container.seek(0)


def display_matrix(frame: av.VideoFrame) -> tuple[int, ...]:
    """Return the matrix by which a frame is to be turned or mirrored when it is shown."""
    data = frame.side_data.get("DISPLAYMATRIX")
    return _UPRIGHT if data is None else tuple(np.frombuffer(data, "<i4").tolist())


def _count_packets(packets: Iterable[av.Packet]) -> tuple[int, int, int, list[float]]:
    """Count all packets, those with a frame to show, and damaged ones, with all times, seconds."""
    total = shown = damaged = 0
    times = []
    for packet in packets:
        if packet.size:
            total += 1
            shown += not packet.is_discard
            damaged += packet.is_corrupt
            times += [] if packet.pts is None else [float(packet.pts * packet.time_base)]
    return total, shown, damaged, sorted(times)


def _check_end(container: av.container.InputContainer, times: list[float], path: Path) -> None:
    """Raise if the frames of a Matroska file end long before the duration that its header states.

    Its header does not count the frames. The duration is that of the longest stream.
    """
    states_end = "matroska" in container.format.name and container.duration
    if not states_end or len(container.streams) > 1 or not times:
        return
    end_s, last_s = container.duration / av.time_base, times[-1]
    # Frames of a variable rate may be shown for long, the last one too.
    usual_s = 1 / (container.streams.video[0].average_rate or 1)
    longest_s = max([float(usual_s), *np.diff(times).tolist()])
    if end_s - last_s > _MOST_INTERVALS * longest_s:
        rule = f"the video must have frames up to the {end_s:.2f} s that its header states"
        value = f"the last of {len(times)} at {last_s:.2f} s"
        raise InputError(path, rule, value, _whole_remedy(path))


def _check_packets(path: Path) -> None:
    """Raise if a transport stream ends within a packet: it states neither frames nor a duration."""
    with path.open("rb") as opened:
        start = opened.read(_MOST_PACKET_BYTES + _BEFORE_SYNC + 1)
    for size, sync in ((188, 0), (192, _BEFORE_SYNC), (_MOST_PACKET_BYTES, 0)):
        if path.suffix.lower() == ".ts" and start[sync::size][:2] == b"GG":
            rest = path.stat().st_size % size
            if rest:
                rule = f"a transport stream must end with a whole packet of {size} bytes"
                value = f"{rest} bytes behind the last one"
                raise InputError(path, rule, value, _whole_remedy(path))
            return


def _whole_remedy(path: Path) -> str:
    """Remedy for a video that seems to be cut."""
    remedy = f"{COPY_REMEDY} If it is whole, copy its frames into a new file: "
    return f"{remedy}ffmpeg -i {path.name} -c copy whole.mkv."


class VideoReader:
    """A reader that decodes forward and caches the latest frames; for older ones it starts again.

    Args:
      path: The video.
      form: Format that all of its frames must have.
      length: Number of its frames.
    """

    def __init__(self, path: Path, form: StoredFormat, length: int):
        self._path, self._form, self._length = path, form, length
        frame_bytes = form.height * form.width * form.dtype.itemsize
        self._capacity = max(MIN_CACHED_FRAMES, CACHE_BYTES // frame_bytes)
        self._recent: OrderedDict[int, np.ndarray] = OrderedDict()
        self._decoder: Iterator[np.ndarray] = iter(())
        self._next = length

    def __call__(self, frame: int) -> np.ndarray:
        """Return a frame [H, W]."""
        if frame not in self._recent and frame < self._next:
            self._recent.clear()
            self._decoder, self._next = self._decode(), 0
        while frame >= self._next:
            self._advance()
        return self._recent[frame].copy()

    def _advance(self) -> None:
        try:
            subject = f"{self._path} near frame {self._next}"
            with readable(subject), captured_errors() as errors:
                pixels = next(self._decoder)
            if errors:
                rule = "FFmpeg must decode the video without an error"
                raise InputError(subject, rule, errors[0][-1].strip(), COPY_REMEDY)
            self._recent[self._next] = pixels
        except InputError:
            self._next = self._length  # the next call decodes from the start and fails again
            raise
        self._next += 1
        if len(self._recent) > self._capacity:
            self._recent.popitem(last=False)

    def _decode(self) -> Iterator[np.ndarray]:
        count = 0
        with _opened(self._path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"  # errors of other threads might not be captured
            for frame in container.decode(stream):
                yield checked_pixels(frame, self._form, f"{self._path} frame {count}")
                count += 1
        rule = f"all {self._length} frames of the video must be readable"
        raise InputError(self._path, rule, f"{count} frames", COPY_REMEDY)


def checked_pixels(frame: av.VideoFrame, expected: StoredFormat, subject: str) -> np.ndarray:
    """Return the grey levels of a decoded frame of a file as a new array [H, W].

    Raises:
      InputError: It is damaged, has another format than the header, or has colours.
    """
    if frame.is_corrupt:
        rule = "a frame must be complete, not concealed by FFmpeg"
        raise InputError(subject, rule, "a damaged one", COPY_REMEDY)
    form = stored_format(frame.format, frame.height, frame.width, subject)
    if form != expected:
        rule = f"all frames must match the header, {_describe(expected)}"
        remedy = "Make a separate sequence of each part."
        raise InputError(subject, rule, _describe(form), remedy)
    return frame_pixels(frame, form, subject)


def frame_pixels(frame: av.VideoFrame, form: StoredFormat, subject: str) -> np.ndarray:
    """Return the grey levels of a decoded frame as a new array [H, W].

    Raises:
      InputError: It has colours.
    """
    if form.name in _PACKED_COLOUR:
        plane = _plane(frame.planes[0], form, _PACKED_COLOUR[form.name])
        return to_grey(plane.reshape(form.height, form.width, -1)[..., :3], subject)
    if form.name == _PALETTE:
        index, palette = frame.to_ndarray()  # palette [256, 4]: alpha, red, green, blue
        return to_grey(palette[index][..., 1:], subject)
    if form.name.startswith("gbrp"):
        return to_grey(np.stack([_plane(p, form, 1) for p in frame.planes], axis=-1), subject)
    return _plane(frame.planes[0], form, 1).copy()


@contextmanager
def captured_errors() -> Iterator[list[tuple[int, str, str]]]:
    """Collect the errors that FFmpeg logs: failed checksums of FFV1 are logged, never raised."""
    level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # else a repeated error is reported for a later video
    try:
        with av.logging.Capture() as errors:
            yield errors
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skip)


def stored_format(
    stored: av.VideoFormat | None, height: int, width: int, subject: object
) -> StoredFormat:
    """Return the storage format of a video's pixels.

    Raises:
      InputError: They are neither grey levels nor luma, nor colours that may be equal.
    """
    name = stored.name if stored is not None else "unknown"
    bits = stored.components[0].bits if stored is not None else 0
    luma = name.startswith(("gray", "yuv")) and not name.startswith("grayf")
    colour = name in (*_PACKED_COLOUR, _PALETTE) or name.startswith("gbrp") and "f" not in name
    if not (luma or colour) or not 8 <= bits <= 16:
        rule = "a video's pixels must be stored as gray*, yuv* or rgb of 8 to 16 bit"
        same = _LOSSLESS.get(name)
        remedy = f"Convert it without loss: ffmpeg -i IN -c:v ffv1 -pix_fmt {same} OUT.mkv."
        remedy = remedy if same else "Save grey levels of 8 to 16 bit."
        raise InputError(subject, rule, name, remedy)
    return StoredFormat(name, height, width, np.dtype(np.uint8 if bits == 8 else np.uint16))


def _describe(form: StoredFormat) -> str:
    return f"{form.width}x{form.height} pixels {form.name}"


def _plane(plane: av.video.plane.VideoPlane, form: StoredFormat, samples: int) -> np.ndarray:
    """Return the rows of a plane without padding, top row first: [H, W * samples]."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, abs(plane.line_size))
    stored = form.dtype.newbyteorder(">" if form.name.endswith("be") else "<")
    used = rows[:, : form.width * samples * form.dtype.itemsize].view(stored)
    used = used.astype(form.dtype, copy=False)
    return used[::-1] if plane.line_size < 0 else used
