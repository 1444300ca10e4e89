"""Live detection: one frame at a time gives what the whole sequence gives."""

import contextlib
import io
import json
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

import dimjax
from dimjax.data.live_video import check_address, live_frames
from dimjax.data.scale import Scale, measure_scale
from dimjax.data.sequences import as_sequence, clip_frames
from dimjax.detection.detector import make_detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.detection.streaming import Stream
from dimjax.errors import InputError
from dimjax.motion import EvidenceConfig

ROOT = Path(__file__).parent.parent
FRAMES = 40


@pytest.fixture(scope="module")
def frames():
    """A bright target on a straight path through noise, [T, H, W]."""
    rng = np.random.default_rng(0)
    images = rng.normal(1000, 10, (FRAMES, 48, 64))
    for t in range(FRAMES):
        images[t, 20 + t // 4, 10 + t] += 300
    return images.round().astype(np.uint16)


def detector_of(run, stride):
    """The run's detector with another stride, which accepts even its weakest detections."""
    accepts_all = {"target": 0.0, "interference": 0.0}
    changed = {"stride": stride, "causal_threshold": accepts_all, "max_detections": 5}
    description = run.detector.description | changed
    return make_detector(run.detector.model, run.detector.variables, description)


def answers_of(stream, frames):
    """All answers, and the number of frames that had come when each was given."""
    answers = [(answer, t + 1) for t, frame in enumerate(frames) for answer in stream.push(frame)]
    return answers + [(answer, len(frames)) for answer in stream.finish()]


@pytest.mark.parametrize(("stride", "delay"), [(2, 6), (-2, 0)])
def test_a_stream_gives_what_the_whole_sequence_gives(tiny_run, frames, stride, delay):
    detector = detector_of(dimjax.load(tiny_run), stride)
    sequence = as_sequence(frames, "stream")
    scale = measure_scale(sequence)
    tracks = detector.link(detect_in_sequence(detector, sequence), causal=True)
    expected = detector.accept(tracks)
    stream = Stream(detector, scale)
    answers = answers_of(stream, frames)
    assert stream.delay == delay
    assert [answer.frame for answer, _ in answers] == list(range(FRAMES))
    assert all(seen == answer.frame + 1 + delay for answer, seen in answers[8 : FRAMES - delay])
    found = pd.concat([answer.detections for answer, _ in answers], ignore_index=True)
    assert len(found) > 3 * FRAMES
    pd.testing.assert_frame_equal(found, expected, rtol=1e-3, atol=1e-3, check_dtype=False)
    points = tracks.points[tracks.points.confirmed]
    assert len(points) == sum(len(answer.tracks) for answer, _ in answers)


def test_the_scale_is_measured_on_the_first_frames(tiny_run, frames):
    stream = dimjax.load(tiny_run).stream()
    answers = answers_of(stream, frames)
    assert answers[0][1] == 32 and [answer.frame for answer, _ in answers] == list(range(FRAMES))


def test_frames_of_a_closed_shutter_keep_the_scale(tiny_run, frames):
    shutter = np.full_like(frames[:1], 1000)
    stream = Stream(dimjax.load(tiny_run).detector)
    answers = answers_of(stream, [*frames[:32], *shutter.repeat(40, axis=0)])
    assert [answer.frame for answer, _ in answers] == list(range(72))
    with pytest.raises(InputError, match="its frames must differ"):
        answers_of(Stream(dimjax.load(tiny_run).detector), shutter.repeat(40, axis=0))


@pytest.mark.parametrize("closed", [40, pytest.param(150, marks=pytest.mark.long)])
def test_a_shutter_that_opens_late_is_waited_for(tiny_run, frames, closed):
    detector = detector_of(dimjax.load(tiny_run), 2)
    shutter = np.full_like(frames[:1], 1000).repeat(closed, axis=0)
    stream = Stream(detector)
    answers = answers_of(stream, [*shutter, *frames])
    assert [answer.frame for answer, _ in answers] == list(range(closed + FRAMES))
    waiting = [answer for answer, _ in answers if answer.frame < closed - 32]
    assert not any(len(answer.detections) for answer in waiting)
    assert all(seen == answer.frame + 33 for answer, seen in answers[: closed - 32])
    found = pd.concat([answer.detections for answer, _ in answers if answer.frame >= closed])
    plain = pd.concat([one.detections for one, _ in answers_of(Stream(detector), frames)])
    bright = [table[table.score > 0.9 * table.score.max()] for table in (found, plain)]
    assert len(found) > 3 * FRAMES and np.isclose(
        *(table.score.max() for table in bright), rtol=0.2
    )


@pytest.mark.parametrize("scale", [Scale(float("nan"), 1.0), Scale(100.0, 0.0), (100, 5), "x",
                                   Scale("a", "b"), Scale(None, 1.0), Scale(1e308, 1e-308),
                                   Scale(np.array([1, 2]), 3.0)])  # fmt: skip
def test_a_scale_that_is_none_is_refused(tiny_run, scale):
    with pytest.raises(InputError, match="scale of the stream: it must be a dimjax.data.scale.Sc"):
        dimjax.load(tiny_run).stream(scale)


def test_a_source_that_cannot_be_opened_is_named():
    with pytest.raises(InputError, match="foo://x: .* Check the address, and that it sends"):
        next(live_frames("foo://x"))


def test_a_track_keeps_its_name_when_its_beginning_is_forgotten(tiny_run, frames, monkeypatch):
    monkeypatch.setattr("dimjax.detection.streaming.HISTORY_FRAMES", 12)
    detector = detector_of(dimjax.load(tiny_run), -1)
    scale = measure_scale(as_sequence(frames))

    def rows(detector, part, numbers, scale):  # one detection a frame, on the path of the target
        t = 4 if len(part) < 5 else int(part.frame(len(part) - 1)[0, 0])
        columns = {"sequence": "stream", "frame": numbers, "x": 10.5 + t, "y": 20.5, "w": 3.0}
        return pd.DataFrame(columns | {"h": 3.0, "category": "target", "score": 0.9})

    monkeypatch.setattr("dimjax.detection.streaming.detect_in_sequence", rows)
    numbered = np.arange(FRAMES, dtype=np.uint16)[:, None, None] * np.ones((1, 48, 64), np.uint16)
    answers = [answer for answer, _ in answers_of(Stream(detector, scale), numbered)]
    names = {name for answer in answers[8:] for name in answer.tracks.track}
    assert len(names) == 1 and len(answers[-1].tracks) == 1


def test_a_frame_of_another_size_is_refused(tiny_run, frames):
    stream = dimjax.load(tiny_run).stream()
    stream.push(frames[0])
    with pytest.raises(InputError, match="stream frame 1: all frames must be uint16 of shape"):
        stream.push(frames[1][:40])
    with pytest.raises(InputError, match="must be an array"):
        stream.push(frames[1].astype(float))


@pytest.mark.parametrize(
    ("evidence", "stride", "delay"),
    [("middle", 1, 3), ("middle", -1, 3), ("last", -1, 0), ("first", 1, 7), ("last", 2, 6)],
)
def test_the_delay_follows_from_clip_and_window(tiny_run, evidence, stride, delay):
    detector = dimjax.load(tiny_run).detector
    settings = EvidenceConfig(reference=evidence)._asdict()
    description = detector.description | {"stride": stride, "evidence": settings}
    assert Stream(detector._replace(description=description)).delay == delay


@pytest.mark.parametrize(
    ("t", "expected"), [(9, (9, 7, 5, 3)), (4, (4, 2, 0, 6)), (0, (0, 2, 4, 6))]
)
def test_with_a_negative_stride_the_other_frames_come_before(t, expected):
    assert clip_frames(t, 10, -2) == expected


def video(frames) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "gray16le"
        for frame in frames:
            packets = stream.encode(av.VideoFrame.from_ndarray(frame, "gray16le"))
            container.mux(packets)
        container.mux(stream.encode())
    return file.getvalue()


def test_live_frames_are_those_of_the_video(frames, tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes(video(frames))
    assert (np.stack(list(live_frames(f"file://{path}"))) == frames).all()
    with pytest.raises(InputError, match="nothing.mkv"):
        next(live_frames(f"file://{tmp_path}/nothing.mkv"))


def test_damaged_frames_of_a_stream_are_noted(frames, tmp_path):
    path, content = tmp_path / "a.mkv", bytearray(video(frames))
    for place in (len(content) // 3, len(content) // 2):
        content[place] ^= 255
    path.write_bytes(content)
    notes = []
    assert len(list(live_frames(f"file://{path}", notes.append))) == FRAMES
    name = re.escape(f"file://{path}")
    damaged = rf"{name} frame \d+ is damaged; its detections may be wrong: slice CRC mism.*"
    assert re.fullmatch(damaged, notes[0]) and notes[1:] == [
        f"file://{path}: 2 frames were damaged"
    ]


def test_a_stream_that_is_finished_takes_no_frames(tiny_run, frames):
    stream = dimjax.load(tiny_run).stream(Scale(1000.0, 10.0))
    stream.finish()
    with pytest.raises(InputError, match="stream: .* `finish`, which ends it; found a further"):
        stream.push(frames[0])


def test_a_video_that_ends_before_its_header_says_so_is_noted(frames, tmp_path):
    path, content = tmp_path / "a.mkv", video(frames)
    path.write_bytes(content[: len(content) // 2])
    notes = []
    count = len(list(live_frames(f"file://{path}", notes.append)))
    assert 0 < count < FRAMES
    ended = f"ended after {count / 25:.2f} s of the {FRAMES / 25:.2f} s that its header has"
    assert notes == [f"file://{path} {ended}: it may have been cut off"]


def test_a_source_that_stays_silent_is_noted_once(monkeypatch):
    monkeypatch.setattr("dimjax.data.live_video.SILENCE_S", 0.5)
    notes = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        threading.Timer(2.0, server.close).start()
        with pytest.raises(InputError, match="the file must be readable"):
            next(live_frames(address, notes.append))
    assert notes == [f"waiting for frames from {address} (Ctrl-C ends)"]


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("udp://127.0.0.1:99999", "99999"),
        ("rtsp://ann:1@camera:0/1", "0"),
        ("udp://[ff02::1]:70000?ttl=1", "70000"),
        ("udp://@239.0.0.1:65535", ""),
        ("rtsp://ann:99999@camera/1", ""),
        ("http://camera/a:99999", ""),
        ("-", ""),
    ],
)
def test_a_port_must_exist(address, port):
    refused = pytest.raises(InputError, match=f"between 1 and 65535; found {port}. Correct")
    with refused if port else contextlib.nullcontext():
        check_address(address)


def test_detect_reads_a_video_on_standard_input_and_prints_lines_of_json(tiny_run, frames):
    command = [sys.executable, "main.py", "detect", f"--workdir={tiny_run}", "--input=-"]
    done = subprocess.run(command, input=video(frames), capture_output=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["frame"] for line in lines] == list(range(FRAMES))
    assert set(lines[0]) == {"frame", "milliseconds", "detections", "tracks"}
    notes = done.stderr.decode()
    assert "a frame is answered 3 frames later\n" in notes
    assert f"{FRAMES} frames, " in notes and "latency after the last frame" in notes


READER = """
from dimjax.commands import program
from dimjax.data.live_video import live_frames

def main():
    print("ready", flush=True)
    for frame in live_frames("-"):
        print(frame.shape, flush=True)

program.run(main, lambda: None)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("is_open", [False, True])
def test_a_signal_ends_a_stream_that_is_silent(frames, number, is_open):
    command = [sys.executable, "-c", READER]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    content = video(frames)
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        process.stdin.write(content[: len(content) // 2 if is_open else 100])
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(1 + is_open)]
        time.sleep(0.5)  # until it waits for more
        sent = time.monotonic()
        process.send_signal(number)
        status, message = process.wait(timeout=20), process.stderr.read()
    assert lines == [b"ready\n", b"(48, 64)\n"][: 1 + is_open]
    assert time.monotonic() - sent < 5 and status == 130
    assert message.decode().startswith("interrupted: finished work is kept; give the same")


def test_neither_a_run_nor_a_stream_can_be_pickled(tiny_run):
    run = dimjax.load(tiny_run)
    with pytest.raises(TypeError, match=r"a run cannot be pickled or copied: call dimjax\.load in"):
        pickle.dumps(run)
    with pytest.raises(TypeError, match="a stream cannot be pickled or copied: open one of a run"):
        pickle.dumps(run.stream())


def test_a_stream_that_is_left_is_closed(frames, tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes(video(frames))
    before = threading.active_count()
    stream = live_frames(f"file://{path}")
    assert (next(stream) == frames[0]).all()
    stream.close()
    ends = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < ends:
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("closed", "message"),
    [
        ("0<&-", "error: standard input: it must be open to read from it; found it is"),
        (">&-", "error: standard output: it must be open for the answers; found it is"),
    ],
)
def test_a_closed_stream_is_named(tiny_run, closed, message):
    words = f"{sys.executable} main.py detect --workdir={tiny_run} --input=- {closed} < /dev/null"
    if closed.startswith("0"):
        words = words.removesuffix(" < /dev/null")
    done = subprocess.run(words, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/dev/null", "error: --input: a live stream needs a trained run; found /dev/null"),
        ("/dev/shm/none", "error: /dev/shm/none: "),  # data may lie in a RAM disk
    ],
)
def test_a_device_is_a_live_stream_and_a_folder_is_none(source, message):
    command = [sys.executable, "main.py", "detect", "--untrained", f"--input={source}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.splitlines()[-1].startswith(message)


def test_a_stream_that_is_too_short_is_named(tiny_run, frames):
    stream = Stream(detector_of(dimjax.load(tiny_run), 2))
    answers_of_none = [stream.push(frame) for frame in frames[:8]]
    assert answers_of_none == [[]] * 8
    with pytest.raises(InputError, match="a stream must have 9 frames or more; found 8. Push more"):
        stream.finish()
