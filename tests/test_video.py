from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from dimjax.data import video_files
from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (12, 30, 41), dtype=np.uint16)
SHALLOW = RNG.integers(0, 256, (12, 30, 42), dtype=np.uint8)
COLOUR = np.repeat(SHALLOW[..., None], 3, axis=-1)


def write(path, codec, stored, frames, given, **options):
    """Encode frames of a pixel format as a video that stores another one."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        pictures = [av.VideoFrame.from_ndarray(frame, format=given) for frame in frames]
        stream.height, stream.width, stream.pix_fmt = pictures[0].height, pictures[0].width, stored
        for picture in pictures:
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def flip(file, offset):
    """Invert a byte of a file."""
    content = bytearray(file.read_bytes())
    content[offset] ^= 255
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "codec", "stored", "frames", "given"),
    [
        ("v.avi", "ffv1", "gray16le", DEEP, "gray16le"),
        ("v.mp4", "ffv1", "gray16le", DEEP, "gray16le"),
        ("v.avi", "ffv1", "gray10le", DEEP >> 6, "gray10le"),
        ("v.avi", "rawvideo", "gray", SHALLOW, "gray"),
        ("v.avi", "rawvideo", "bgr24", COLOUR, "bgr24"),
        ("v.avi", "ffv1", "bgr0", COLOUR, "bgr24"),
        ("v.avi", "ffv1", "gbrp16le", np.repeat(DEEP[..., None], 3, axis=-1), "rgb48le"),
    ],
)
def test_a_lossless_video_is_read_exactly(tmp_path, name, codec, stored, frames, given):
    sequence = open_sequence(write(tmp_path / name, codec, stored, frames, given))
    grey = frames if frames.ndim == 3 else frames[..., 0]
    assert sequence.name == "v" and sequence.shape == grey.shape and sequence.dtype == grey.dtype
    for t in (5, 6, 0, 11, 3):
        np.testing.assert_array_equal(sequence.frame(t), grey[t])


def test_luma_is_read_as_stored(tmp_path):
    """Limited-range luma 16..235 must not be stretched to 0..255."""
    frames = np.broadcast_to(np.arange(48, dtype=np.uint8)[None, None] * 4 + 20, (5, 32, 48))
    planes = np.concatenate([frames, np.full((5, 16, 48), 128, np.uint8)], axis=1)
    file = write(tmp_path / "v.mp4", "libx264", "yuv420p", planes, "yuv420p", qp="0")
    sequence = open_sequence(file)
    assert sequence.shape == (5, 32, 48) and sequence.dtype == np.uint8
    np.testing.assert_array_equal(sequence.clip(4, stride=1), frames[[4, 3, 2, 1]])


def test_rows_stored_bottom_up_are_reversed(tmp_path):
    file = write(tmp_path / "v.avi", "rawvideo", "bgr24", COLOUR, "bgr24")
    content = bytearray(file.read_bytes())
    height_at = content.index(b"strf") + 16
    assert int.from_bytes(content[height_at : height_at + 4], "little", signed=True) == -30
    content[height_at : height_at + 4] = (30).to_bytes(4, "little")
    file.write_bytes(content)
    np.testing.assert_array_equal(open_sequence(file).frame(2), SHALLOW[2, ::-1])


def test_the_cache_is_bounded_and_early_frames_are_decoded_again(tmp_path, monkeypatch):
    monkeypatch.setattr(video_files, "MIN_CACHED_FRAMES", 2)
    monkeypatch.setattr(video_files, "CACHE_BYTES", 3 * DEEP[0].nbytes)
    sequence = open_sequence(write(tmp_path / "v.avi", "ffv1", "gray16le", DEEP, "gray16le"))
    decoded = []

    def noted(*args, pixels=video_files.frame_pixels):
        decoded.append(args)
        return pixels(*args)

    monkeypatch.setattr(video_files, "frame_pixels", noted)
    # The three latest frames are cached; for an earlier one the video is decoded from its start.
    for t, count in ((11, 12), (9, 0), (10, 0), (8, 9), (2, 3), (0, 0), (11, 9), (11, 0)):
        before = len(decoded)
        np.testing.assert_array_equal(sequence.frame(t), DEEP[t])
        assert len(decoded) - before == count
    sequence.frame(11)[:] = 0
    np.testing.assert_array_equal(sequence.frame(11), DEEP[11])


@pytest.mark.parametrize("name", ["v.avi", "v.mp4"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_truncated_video_is_refused_when_opened(tmp_path, name, share):
    file = write(tmp_path / name, "ffv1", "gray16le", DEEP, "gray16le")
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(
        InputError, match=rf"{name}: the (file must be readable|video must contain)"
    ):
        open_sequence(file)


def test_a_matroska_video_ends_when_its_header_says(tmp_path):
    path = tmp_path / "a.mkv"
    times = [0, 33, 66, 400, 440, 500, 530, 900, 930, 960]  # ms, of a variable rate
    frames = np.random.default_rng(0).integers(0, 256, (10, 64, 80), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 80, 64, "gray"
        stream.codec_context.time_base = Fraction(1, 1000)
        for t, levels in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(levels, format="gray")
            frame.pts, frame.time_base = t, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert open_sequence(path).shape == (10, 64, 80)
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 4])
    rule = (
        r"must have frames up to the 1\.00 s that its header states; found the last of 2 at 0\.03"
    )
    with pytest.raises(InputError, match=rf"{rule} s\. Copy .*ffmpeg -i a\.mkv -c copy whole\.mkv"):
        open_sequence(path)


def test_a_playlist_is_no_video(tmp_path):
    write(tmp_path / "a.avi", "ffv1", "gray", SHALLOW, "gray")
    (tmp_path / "b.mp4").write_text("ffconcat version 1.0\nfile a.avi\n")
    with pytest.raises(InputError, match=r"b\.mp4: a video must be a file of mov, .*; found some"):
        open_sequence(tmp_path / "b.mp4")


def test_a_truncated_video_is_reported_with_its_frames(tmp_path):
    file = write(tmp_path / "v.avi", "ffv1", "gray16le", DEEP, "gray16le")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    message = r"all 12 frames that its header announces; found \d frames, 1 of them damaged\. Copy"
    with pytest.raises(InputError, match=message):
        open_sequence(file)


def test_a_damaged_frame_is_refused_each_time_it_is_read(tmp_path):
    checked = {"level": "3", "slicecrc": "1", "slices": "4"}
    file = write(tmp_path / "v.avi", "ffv1", "gray16le", DEEP, "gray16le", **checked)
    with av.open(str(file)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][4]
        middle = packet.pos + packet.size // 2
    flip(file, middle)
    sequence = open_sequence(file)
    for _ in range(2):
        np.testing.assert_array_equal(sequence.frame(3), DEEP[3])
        with pytest.raises(InputError, match=r"v\.avi near frame 4: .*; found slice CRC mismatch"):
            sequence.frame(4)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("step", [1, 3])
def test_damage_that_ffmpeg_would_conceal_is_refused(tmp_path, codec, step):
    scene = np.add.outer(np.arange(96), np.arange(96)) * 1.2 + RNG.normal(0, 6, (12, 96, 96))
    frames = scene.clip(0, 255).astype(np.uint8)
    file = write(tmp_path / "v.avi", codec, "yuv420p", frames, "gray", g="1")
    with av.open(str(file)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][4]
    for offset in range(packet.pos + packet.size // 2, packet.pos + packet.size, step):
        flip(file, offset)
    sequence = open_sequence(file)
    for _ in range(2):
        with pytest.raises(InputError, match=r"v\.avi (near )?frame [0-4]: .* must"):
            sequence.frame(4)
    assert av.logging.get_level() is None


def test_colour_is_refused_when_read(tmp_path):
    colour = COLOUR.copy()
    colour[1, 3, 4, 0] ^= 1
    sequence = open_sequence(write(tmp_path / "v.avi", "rawvideo", "bgr24", colour, "bgr24"))
    sequence.frame(0)
    with pytest.raises(InputError, match=r"v\.avi frame 1: .*equal; found 1 pixels"):
        sequence.frame(1)


def test_other_pixel_formats_are_refused_when_opened(tmp_path):
    # FFmpeg mistakes 16 bit grey in a raw AVI for colour of 5 bits per channel.
    file = write(tmp_path / "v.avi", "rawvideo", "gray16le", DEEP, "gray16le")
    with pytest.raises(InputError, match=r"gray\*, yuv\* or rgb.*; found rgb555le\. Save grey"):
        open_sequence(file)


def test_a_file_without_video_is_refused(tmp_path):
    with av.open(str(tmp_path / "v.avi"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(InputError, match="video stream that FFmpeg can decode; found none"):
        open_sequence(tmp_path / "v.avi")
    (tmp_path / "w.mp4").write_bytes(b"no video at all")
    with pytest.raises(InputError, match=r"w\.mp4: the file must be readable"):
        open_sequence(tmp_path / "w.mp4")


@pytest.mark.parametrize(
    ("corrupt", "form", "message"),
    [
        (True, "gray16le", "v.avi frame 4: a frame must be complete.*; found a damaged one"),
        (
            False,
            "gray10le",
            "must match the header, 41x30 pixels gray16le; found 41x30 pixels gray10",
        ),
    ],
)
def test_a_frame_that_differs_from_the_header_is_refused(corrupt, form, message):
    header = video_files.stored_format(av.VideoFormat("gray16le", 41, 30), 30, 41, "v.avi")
    frame = SimpleNamespace(
        is_corrupt=corrupt, format=av.VideoFormat(form, 41, 30), height=30, width=41
    )
    with pytest.raises(InputError, match=message):
        video_files.checked_pixels(frame, header, "v.avi frame 4")


def test_frames_that_were_dropped_in_a_recording_are_to_be_repeated(tmp_path):
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *SHALLOW.shape[1:], "gray"
        for t, frame in enumerate(SHALLOW):
            picture = av.VideoFrame.from_ndarray(frame, format="gray")
            picture.pts = t + 3 * (t > 5)  # the container gets three empty chunks
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    message = "all 15 frames .*; found 12 frames.* ffmpeg -i a.avi -fps_mode cfr -c:v ffv1 a.mkv"
    with pytest.raises(InputError, match=message):
        open_sequence(tmp_path / "a.avi")


def test_a_transport_stream_that_ends_within_a_packet_is_refused(tmp_path):
    """It states neither the number of its frames nor its duration."""
    whole = write(tmp_path / "v.ts", "mpeg2video", "yuv420p", SHALLOW[..., :32], "gray")
    assert open_sequence(whole).shape[0] > 0
    content = whole.read_bytes()
    assert len(content) % 188 == 0
    whole.write_bytes(content[: len(content) // 2 // 188 * 188 + 50])
    with pytest.raises(InputError, match="whole packet of 188 bytes; found 50 bytes behind"):
        open_sequence(whole)
    packets = [content[k : k + 188] for k in range(0, len(content), 188)]
    timed = b"".join(bytes(4) + packet for packet in packets)
    whole.write_bytes(timed)
    assert open_sequence(whole).shape[0] > 0
    whole.write_bytes(timed[:-30])
    with pytest.raises(InputError, match="192 bytes; found 162 bytes behind the last"):
        open_sequence(whole)
