import gc
import json
import shutil
import weakref

import av
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

import dimjax
from dimjax.commands import detect, export
from dimjax.data import video_files
from dimjax.data.labels import CATEGORIES
from dimjax.data.sequences import open_sequence
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths

X, Y = 80.5, 20.5
COLUMNS = ["sequence", "frame", "x", "y", "w", "h", "category", "score"]


def table(*rows):
    return pd.DataFrame([("sky", *row) for row in rows], columns=COLUMNS)


@pytest.fixture
def eager_run(tiny_run, monkeypatch):
    """The tiny run with so low a threshold that its few steps of training find something."""
    run = dimjax.load(tiny_run)
    for name in ("threshold", "track_threshold"):
        run.detector.description[name] = dict.fromkeys(CATEGORIES, 0.011)
    monkeypatch.setattr("dimjax.runs.run.load", lambda *_: run)
    return run


def test_detect_one_sequence(tiny_run, eager_run, tmp_path):
    source = tiny_run / "sky" / "sequences" / "test-0000"
    output = detect.run(tiny_run, source, tmp_path / "out", pictures=3, video=True)
    detector, detected = eager_run.detector, eager_run.detect(open_sequence(source), accepted=False)
    expected = detector.accept(detector.link(detected))
    assert len(expected) > 10 and expected.score.min() >= 0.011
    written = pd.read_csv(output / "detections.csv")
    written = written.fillna({"track": ""})
    pd.testing.assert_frame_equal(written, expected, check_dtype=False)
    asked = eager_run.detect(open_sequence(source))  # the same without the command
    pd.testing.assert_frame_equal(asked, expected)
    points = pd.read_csv(output / "tracks.csv")
    assert set(points.track) <= set(written.track)
    assert {"frame", "x", "vx", "sigma_px", "detected"} <= set(points.columns)
    assert len(list(output.glob("test-0000-*.png"))) == 3
    assert len(open_sequence(output / "test-0000.mp4")) == 8


def test_frames_in_memory_are_linked_as_an_opened_sequence(tiny_run, eager_run):
    sequence = open_sequence(tiny_run / "sky" / "sequences" / "test-0000")
    detected = eager_run.detect(sequence, accepted=False).assign(sequence="frames")
    frames = np.load(tiny_run / "sky" / "sequences" / "test-0000" / "frames.npy")
    expected = eager_run.detector.link(detected)
    pd.testing.assert_frame_equal(eager_run.tracks(frames, detected).points, expected.points)


def test_detect_a_data_folder(tiny_run, tmp_path, capsys):
    detect.run(tiny_run, tiny_run / "sky", tmp_path, pictures=0)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"detections.csv", "tracks.csv", "source.json", "detect.lock"}
    detected = pd.read_csv(tmp_path / "detections.csv")
    assert set(detected.sequence) <= {"test-0000", "train-0000", "val-0000"}
    assert "3 sequences, 24 frames; detections: " in capsys.readouterr().out


@pytest.fixture
def videos(tiny_run, tmp_path_factory):
    """A data folder of four videos; the second is cut, the third is damaged at the end."""
    frames = open_sequence(tiny_run / "sky" / "sequences" / "test-0000")
    frames = np.stack([frames.frame(t) for t in range(len(frames))])
    folder = tmp_path_factory.mktemp("videos")
    (folder / "sequences").mkdir()
    for name in ("a", "b", "c", "d"):
        file = folder / "sequences" / f"{name}.avi"
        options = {"level": "3", "slicecrc": "1", "slices": "4"}
        with av.open(str(file), "w") as container:
            stream = container.add_stream("ffv1", rate=25, options=options)
            stream.height, stream.width, stream.pix_fmt = 64, 96, "gray16le"
            for frame in frames:
                picture = av.VideoFrame.from_ndarray(frame, format="gray16le")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    cut, damaged = (folder / "sequences" / f"{name}.avi" for name in "bc")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with av.open(str(damaged)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][-1]
        middle = packet.pos + packet.size // 2
    content = bytearray(damaged.read_bytes())
    content[middle] ^= 255
    damaged.write_bytes(content)
    return folder


def test_a_moving_camera_is_named_to_a_run_that_does_not_align(tiny_run, tmp_path, capsys):
    rng = np.random.default_rng(0)
    clouds = 2000 * ndimage.gaussian_filter(rng.normal(size=(80, 120)), 1.5) + 1000
    frames = np.array([clouds[t : t + 64, 3 * t : 3 * t + 96] for t in range(8)])
    np.save(tmp_path / "a.npy", (frames + rng.normal(0, 10, frames.shape)).astype(np.uint16))
    detect.run(tiny_run, tmp_path / "a.npy", tmp_path / "out", pictures=0)
    assert "a: the camera moves; runs with data.align=True take" in capsys.readouterr().out


def test_unreadable_sequences_are_skipped_and_one_video_is_open_at_a_time(
    tiny_run, eager_run, videos, tmp_path, monkeypatch, capsys
):
    alive, most, opened = weakref.WeakSet(), [], video_files.VideoReader.__init__

    def noted(reader, *args):
        gc.collect()
        alive.add(reader)
        most.append(len(alive))
        opened(reader, *args)

    monkeypatch.setattr(video_files.VideoReader, "__init__", noted)
    rule = "all 4 sequences must be readable and long enough; found 2 that are not. They are named"
    with pytest.raises(InputError, match=rule):
        detect.run(tiny_run, videos, tmp_path / "out", pictures=2, video=True)
    assert set(most) == {1, 2}  # the second one surveys the frames of the same video
    printed = capsys.readouterr().out
    assert "skipped: " in printed and "b.avi: the " in printed and "c.avi near frame 7: " in printed
    assert "2 sequences, 16 frames; detections: " in printed
    tables = [pd.read_csv(tmp_path / "out" / name) for name in ("detections.csv", "tracks.csv")]
    assert set(tables[0].sequence) == {"a", "d"} and set(tables[1].sequence) <= {"a", "d"}
    first, last = (tables[0][tables[0].sequence == name].score.tolist() for name in "ad")
    assert first == last and len(first) > 5
    assert {path.name for path in (tmp_path / "out").glob("*.mp4")} == {"a.mp4", "d.mp4"}


def test_a_folder_of_results_belongs_to_one_source(tiny_run, eager_run, tmp_path):
    whole = tiny_run / "sky" / "sequences" / "test-0000"
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    sources = [tmp_path / "x" / "cam1.2024", tmp_path / "x" / "cam1.2025", tmp_path / "y/cam1.2024"]
    for source in sources:
        shutil.copytree(whole, source)
    eager_run.context.paths = Paths(workdir)
    assert detect.run(workdir, sources[1], pictures=0).name == "cam1.2025"
    output = detect.run(workdir, sources[0], pictures=5, video=True)
    assert output == workdir / "detect" / "cam1.2024"
    (output / "notes.txt").write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    rule = rf"cam1.2024: the folder must hold no results but those of {sources[2]}; found .*/x/cam"
    with pytest.raises(InputError, match=rule):
        detect.run(workdir, sources[2], pictures=5)
    assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == before
    detect.run(workdir, sources[0], pictures=1)
    names = sorted(path.suffix for path in output.iterdir())
    assert names == [".csv", ".csv", ".json", ".lock", ".png", ".txt"]
    (output / "source.json").unlink()
    with pytest.raises(InputError, match="found those of an unknown source. Choose another folder"):
        detect.run(workdir, sources[0])
    with pytest.raises(InputError, match="--output: the results must not lie in the data; found"):
        detect.run(workdir, sources[0], tmp_path / "x", video=True)


def test_detect_through_onnx_finds_the_same(tiny_run, tmp_path):
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    source = open_sequence(workdir / "sky" / "sequences" / "test-0000")
    expected, detected = (
        dimjax.load(workdir, runtime=runtime).detect(source, accepted=False)
        for runtime in ("jax", "onnx")
    )
    assert (workdir / "rounds" / "0" / "detector.onnx").exists()
    assert len(detected) == len(expected) > 10
    order = ["frame", "x", "y"]
    expected, detected = (table.round(3).sort_values(order) for table in (expected, detected))
    numbers = ["frame", "x", "y", "w", "h", "score"]
    np.testing.assert_allclose(detected[numbers], expected[numbers], rtol=1e-4, atol=2e-3)
    assert detected.category.tolist() == expected.category.tolist()


def test_export_writes_both_formats_and_what_they_take(tiny_run, tmp_path, capsys):
    output = export.run(tiny_run, tmp_path / "out")
    names = ["detector.json", "detector.onnx", "detector.stablehlo", "export.lock"]
    assert sorted(p.name for p in output.iterdir() if p.suffix != ".sha256") == names
    record = json.loads((output / "detector.json").read_text())
    assert record["inputs"]["frames"]["shape"] == ["B", 4, "H", "W"]
    assert set(record["outputs"]) == {"boxes", "score", "category", "signals"}
    assert record["detector"]["threshold"].keys() == {"target", "interference", "anything"}
    assert all(value < 1e-4 for value in record["greatest_difference"].values())
    assert "detector.onnx: equals the detector within" in capsys.readouterr().out


def test_pictures_are_spread_over_frames_with_detections():
    frames = {"sky": 8, "other": 8}
    detected = table(*[(t, X, Y, 3.0, 3.0, "target", 0.9) for t in (1, 3, 6)])
    assert detect.pictured_frames(frames, detected, 2) == [("sky", 1), ("sky", 6)]
    assert detect.pictured_frames(frames, detected, 9) == [("sky", 1), ("sky", 3), ("sky", 6)]
    assert detect.pictured_frames(frames, table(), 2) == [("sky", 0), ("other", 7)]


@pytest.mark.parametrize("workdir", [None, "", 5])
def test_a_run_needs_a_path(workdir):
    with pytest.raises(
        InputError, match=f"workdir: it must be the path .*; found {workdir!r}. Giv"
    ):
        dimjax.load(workdir)


def test_wrong_arguments_from_python_are_named(tiny_run):
    run = dimjax.load(tiny_run)
    frames = np.load(tiny_run / "sky" / "sequences" / "test-0000" / "frames.npy")
    found = run.detect(frames, accepted=False)
    for call, rule in (
        (
            lambda: run.losses("val", batch_size=1.5),
            "batch_size: must be a whole number; found 1.5",
        ),
        (lambda: dimjax.load(tiny_run, round="0"), "round: must be a whole number; found '0'"),
        (lambda: dimjax.load(tiny_run, round=-1), "round: must be 0 or more; found -1"),
        (lambda: run.detect(frames, causal=2), "causal: must be True or False; found 2"),
        (lambda: run.detect(frames, accepted=np.array([1, 2])), "accepted: must be True or False"),
        (lambda: run.detect(frames, progress=None), "progress: it must be a function .* found Non"),
        (lambda: run.tracks(frames, found, causal="no"), "causal: must be True .* found 'no'"),
        (lambda: run.tracks(frames, None), "detections: they must be a table from `detect`"),
        (
            lambda: run.tracks(frames, pd.concat([found, found[["x"]]], axis=1)),
            "detections: they must be a table from `detect`; found columns of one name",
        ),
        (
            lambda: run.tracks(frames, found.assign(frame=len(frames))),
            f"detections: frame must be a whole number from 0 to {len(frames) - 1}; found ",
        ),
        (lambda: run.tracks(frames, found.assign(frame="a")), "frame must be a whole .* found a."),
        (lambda: dimjax.detect_untrained(frames, np.ones(1)), "must be above 0 and finite; found"),
        (lambda: run.stream().push(np.ma.array(frames[0])), "frames must not be masked; found a"),
        (lambda: run.detect(np.ma.array(frames)), "frames must not be masked; found a masked arr"),
    ):
        with pytest.raises(InputError, match=rule):
            call()


def test_an_export_overwrites_no_files_of_others(tiny_run, tmp_path):
    (tmp_path / "detector.onnx").write_text("foreign")
    with pytest.raises(InputError, match="--output: the output folder must be empty, or hold earl"):
        export.run(tiny_run, tmp_path)
    assert (tmp_path / "detector.onnx").read_text() == "foreign"


def test_bad_input_is_named(tiny_run, tmp_path):
    with pytest.raises(InputError, match="--input: it must be a sequence or a data folder"):
        detect.run(tiny_run, None)
    with pytest.raises(InputError, match=r"nowhere.mp4: a sequence must exist; found nothing"):
        detect.run(tiny_run, tmp_path / "nowhere.mp4", tmp_path / "out")
    with pytest.raises(InputError, match="a run's directory holds config.json"):
        detect.run(tmp_path, tiny_run / "sky")
    with pytest.raises(InputError, match="runtime: it must be one of jax, onnx; found 'torch'"):
        detect.run(tiny_run, tiny_run / "sky", runtime="torch")


def test_a_missing_source_is_named_before_the_run_is_loaded(tmp_path):
    with pytest.raises(InputError, match=r"x\.mp4: a sequence must exist; found nothing\. Correct"):
        detect.run(tmp_path, tmp_path / "x.mp4")
