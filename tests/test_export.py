"""Exported files detect the same as the detector; a file that differs is refused."""

import json
import sys
from types import SimpleNamespace

import evidence_chips
import jax
import numpy as np
import onnx
import pytest
from random_networks import random_detector

from dimjax.commands import export
from dimjax.data.scale import Scale, measure_scale
from dimjax.data.sequences import as_sequence
from dimjax.detection.inference import detect_in_sequence
from dimjax.errors import InputError
from dimjax.export import detector_files, onnx_graph
from dimjax.export.onnx_runtime import open_onnx
from dimjax.export.parity import frames_with_targets, max_difference
from dimjax.models import BACKBONES
from dimjax.motion import EvidenceConfig, evidence_of, window_of
from dimjax.runs.workdir import Paths

SMALL = ((1, 40, 56), (2, 21, 75))


def _difference(detector, detect, shape):
    frames, scale = frames_with_targets(*shape, seed=5)
    expected = jax.device_get(detector.detect(detector.variables, frames, scale))
    assert (expected.score > 0.01).sum() > 5 and (expected.score == 0).sum() > 5
    return max_difference(expected, detect(frames, scale), detector.description["output_stride"])


@pytest.mark.parametrize("backbone", BACKBONES)
def test_all_backbones_are_exported_to_both_formats(backbone, tmp_path):
    detector = random_detector(backbone)
    path, stablehlo = tmp_path / "a.onnx", tmp_path / "a.stablehlo"
    assert detector_files.export_onnx(detector, path, SMALL[1:]) < 1e-4
    assert detector_files.export_stablehlo(detector, stablehlo, SMALL[1:]) < 1e-4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("a.onnx", "a.onnx.sha256", "a.stablehlo", "a.stablehlo.sha256")
    ]
    _check_operators(onnx.load(path).graph, backbone)


def _check_operators(graph, backbone):
    """The graph has no operators that layers in another form would add."""
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Transpose") == 2  # of the boxes and the signals
    assert not {"BatchNormalization", "Where", "Slice", "Einsum", "MatMul"} & set(kinds)
    depthwise = {"mobilenet": 5, "efficientnet_b0": 5}.get(backbone, 0)
    groups = [a.i for node in graph.node for a in node.attribute if a.name == "group"]
    assert sum(group > 1 for group in groups) == depthwise


@pytest.mark.parametrize(
    "changes",
    [
        {"input": "sequence", "output_stride": 4},
        {"input": "single", "output_stride": 16, "tile_px": 64},
        {"bf16": True},
    ],
)
def test_inputs_strides_tiles_and_dtypes_are_exported(changes, tmp_path):
    assert (
        detector_files.export_onnx(random_detector(**changes), tmp_path / "a.onnx", SMALL[1:])
        < 1e-4
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "detector.onnx"
    detector = random_detector()
    detector_files.export_onnx(detector, path, SMALL)
    return detector, path


def test_batch_height_and_width_are_dynamic(exported):
    detector, path = exported
    detect = open_onnx(path).detect
    for shape in ((3, 64, 40), (1, 33, 127)):
        assert _difference(detector, detect, shape) < 1e-4
    frames, scale = frames_with_targets(1, 9, 15, seed=0)  # 2x2 cells, fewer than the 20 asked for
    detections = detect(frames, scale)
    assert detections.boxes.shape == (1, 20, 4) and (detections.score[0, 4:] == 0).all()
    expected = detector.detect(detector.variables, frames, scale)
    assert max_difference(jax.device_get(expected), detections, 8) < 1e-4


def test_the_file_has_the_metadata_of_its_detector(exported):
    detector, path = exported
    metadata = open_onnx(path).metadata
    assert metadata == detector_files.metadata(detector)
    assert metadata["categories"] == ["target", "interference"]
    assert metadata["threshold"] == {"target": 0.3, "interference": 0.5}
    values = [metadata[key] for key in ("output_stride", "input", "dimjax")]
    assert values == [8, "difference", "0.1.0"]


def test_an_export_that_differs_is_refused(exported, tmp_path, monkeypatch):
    def spoilt(detector, with_window):
        kernel = detector.variables["params"]["outputs"]["kernel"]
        variables = jax.tree.map(lambda a: a + 0.001 if a is kernel else a, detector.variables)
        return onnx_graph.onnx_graph(detector._replace(variables=variables), with_window)

    monkeypatch.setattr(detector_files, "onnx_graph", spoilt)
    path = tmp_path / "a.onnx"
    path.write_text("an earlier file")
    rule = "must equal the detector's within 0.0001; found a difference of 0."
    with pytest.raises(InputError, match=rule):
        detector_files.export_onnx(exported[0], path, SMALL[:1])
    assert {file.name for file in tmp_path.iterdir()} == {"a.onnx"}
    assert path.read_text() == "an earlier file"


def test_a_difference_of_nan_is_refused(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(detector_files, "max_difference_on_frames", lambda *_: float("nan"))
    with pytest.raises(InputError, match="found a difference of nan"):
        detector_files.export_stablehlo(exported[0], tmp_path / "a.stablehlo")
    assert not list(tmp_path.iterdir())


def test_onnx_runtime_detects_the_same_in_a_sequence(exported):
    detector, path = exported
    by_onnx = detector_files.with_onnx_runtime(detector, path)
    frames = frames_with_targets(1, 48, 64, seed=2)[0][0]
    sequence = as_sequence(np.concatenate([frames, frames]))
    expected, table = (detect_in_sequence(one, sequence).round(3) for one in (detector, by_onnx))
    assert len(expected) > 30 and table.frame.tolist() == expected.frame.tolist()
    numbers = ["x", "y", "w", "h", "score"]
    order = ["frame", "x", "y"]
    expected, table = (each.sort_values(order) for each in (expected, table))
    np.testing.assert_allclose(table[numbers], expected[numbers], atol=2e-3)


def test_an_exported_file_is_reused_until_the_weights_change(exported, tmp_path, monkeypatch):
    detector, source = exported
    path = tmp_path / "detector.onnx"
    for suffix in ("", ".sha256"):
        content = source.with_name(source.name + suffix).read_bytes()
        path.with_name(path.name + suffix).write_bytes(content)
    written = []
    monkeypatch.setattr(detector_files, "export_onnx", lambda *given: written.append(given))
    detector_files.with_onnx_runtime(detector, path)
    assert not written
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4  # in a kernel: the metadata states the right weights
    path.write_bytes(content)
    detector_files.with_onnx_runtime(detector, path)
    assert written.pop() == (detector, path)
    other = random_detector(seed=1)
    detector_files.with_onnx_runtime(other, path)
    assert written == [(other, path)]


def test_files_that_are_no_exported_detector_are_refused(exported, tmp_path):
    with pytest.raises(InputError, match="nothing.onnx: an exported detector is needed"):
        open_onnx(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(InputError, match="text.onnx: it must be a complete ONNX file"):
        open_onnx(tmp_path / "text.onnx")
    model = onnx.load(exported[1])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(InputError, match="it must be a detector that dimjax exported; found no me"):
        open_onnx(tmp_path / "other.onnx")


@pytest.mark.parametrize(
    ("missing", "write"),
    [("jax2onnx", detector_files.export_onnx), ("onnxruntime", detector_files.with_onnx_runtime)],
)
def test_a_missing_package_of_the_extra_is_reported(missing, write, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    remedy = r"Type: pip install 'dimjax\[export\]'"
    with pytest.raises(InputError, match=f"found no {missing}. {remedy}"):
        write(random_detector(), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


EVIDENCE = EvidenceConfig(frames=4, stride=2, speed_px=2.5, box_px=15)


def _with_evidence(mode="difference", **changes):
    settings = EVIDENCE._replace(**changes)
    rescoring = {
        "target": [-1.0, 0.8, 0.1, 0.4, -0.9, 1.1],
        "interference": [0.3, 0.2, 1.2, -0.1, 0.5, 0.7],
    }
    return random_detector(
        input=f"{mode}+evidence", evidence=settings._asdict(), rescoring=rescoring
    )


@pytest.fixture(scope="module")
def exported_evidence(tmp_path_factory):
    """A detector with motion evidence and its files, with evidence or its window as an input."""
    folder = tmp_path_factory.mktemp("evidence")
    detector, network, window = _with_evidence(), folder / "network.onnx", folder / "window.onnx"
    assert detector_files.export_onnx(detector, network, SMALL) < 1e-4
    assert detector_files.export_onnx(detector, window, SMALL, with_window=True) < 1e-4
    return detector, network, window


def _check_window_file(exported, detector):
    """The file and the detector give the same detections in a frame within a sequence."""
    frames = evidence_chips.moving_target()
    sequence, t = as_sequence(frames), 5
    table = detect_in_sequence(detector, sequence, [t])
    scale, clip = np.array([measure_scale(sequence)], np.float32), sequence.clip(t, 1)[None]
    window = frames[None, window_of(t, len(frames), EVIDENCE).frames]
    (expected,) = evidence_of(sequence, Scale(*scale[0]), EVIDENCE, [t])
    evidence = exported.evidence(clip, scale, window)
    assert evidence.shape == (1, 40, 57, 4) and np.max(evidence[..., 0]) > 6
    np.testing.assert_allclose(evidence[0], expected, atol=2e-4)
    detections = exported.detect(clip, scale, window)
    found = np.asarray(detections.score[0]) >= 0.01
    order = np.lexsort(np.asarray(detections.boxes[0][found]).T[:2])
    rows = table.sort_values(["y", "x"])[["x", "y", "w", "h"]]
    inside = np.asarray(detections.boxes[0])[found][order]
    inside = inside[(inside[:, 0] < 57) & (inside[:, 1] < 40) & (inside[:, :2] >= 0).all(axis=1)]
    assert len(rows) > 3
    np.testing.assert_allclose(inside, rows, atol=2e-3)


def test_an_onnx_file_computes_the_evidence_from_its_window(exported_evidence):
    detector, _, window = exported_evidence
    exported = open_onnx(window)
    assert exported.inputs == ("frames", "scale", "window")
    assert onnx.load(window).graph.output[4].name == "evidence"
    _check_window_file(exported, detector)


def test_a_stablehlo_file_computes_the_evidence_from_its_window(tmp_path):
    detector, path = _with_evidence(), tmp_path / "a.stablehlo"
    assert detector_files.export_stablehlo(detector, path, SMALL) < 1e-4
    _check_window_file(detector_files.open_stablehlo(path), detector)


@pytest.mark.parametrize(
    ("mode", "changes"),
    [
        ("sequence", {"frames": 9, "stride": 1, "reference": "first", "box_px": 20}),
        ("single", {"frames": 5, "reference": "last", "sigma_px": 0.7, "clip_sigmas": 3.0}),
        ("difference", {"frames": 5, "stride": 2, "slow_stride": 3, "slow_speed_px": 1.2}),
    ],
)
def test_settings_of_the_evidence_are_exported(mode, changes, tmp_path):
    detector = _with_evidence(mode, **changes)
    path = tmp_path / "a.onnx"
    assert detector_files.export_onnx(detector, path, SMALL[1:], with_window=True) < 1e-4


def test_onnx_runtime_uses_the_evidence_at_the_ends_of_a_sequence_too(exported_evidence):
    detector, network, _ = exported_evidence
    by_onnx = detector_files.with_onnx_runtime(detector, network)
    sequence = as_sequence(evidence_chips.moving_target())
    order = ["frame", "x", "y"]
    expected, table = (
        detect_in_sequence(one, sequence).sort_values(order) for one in (detector, by_onnx)
    )
    assert set(table.frame) == set(range(9)) and len(table) > 40
    numbers = [*order, "w", "h", "score"]
    np.testing.assert_allclose(table[numbers], expected[numbers], atol=2e-3)


def test_a_file_with_a_window_does_not_serve_onnx_runtime(exported_evidence, monkeypatch):
    detector, network, window = exported_evidence
    written = []
    monkeypatch.setattr(detector_files, "export_onnx", lambda *given: written.append(given))
    detector_files.with_onnx_runtime(detector, network)
    assert not written
    detector_files.with_onnx_runtime(detector, window)
    assert written == [(detector, window)]


def test_a_file_with_other_evidence_is_refused(tmp_path, monkeypatch):
    def other(detector, with_window):
        evidence = {**detector.description["evidence"], "box_px": 20}
        description = {**detector.description, "evidence": evidence}
        return onnx_graph.onnx_graph(detector._replace(description=description), with_window)

    monkeypatch.setattr(detector_files, "onnx_graph", other)
    with pytest.raises(InputError, match="within 0.0001; found a difference of "):
        detector_files.export_onnx(_with_evidence(), tmp_path / "a.onnx", SMALL[1:], True)
    assert not list(tmp_path.iterdir())


def test_the_command_names_the_inputs_and_the_use_of_each_file(tmp_path, monkeypatch):
    written = {}

    def write(detector, path, with_window=False):
        written[path.name] = with_window
        return 1e-6

    folder = SimpleNamespace(path=tmp_path / "data", files={})
    run = SimpleNamespace(
        detector=_with_evidence(), context=SimpleNamespace(folder=folder), description="run"
    )
    run.paths = Paths(tmp_path / "a_run")
    monkeypatch.setattr(export, "load", lambda *_: run)
    monkeypatch.setattr(detector_files, "export_onnx", write)
    monkeypatch.setattr(detector_files, "export_stablehlo", write)
    record = json.loads((export.run("a_run", tmp_path) / "detector.json").read_text())
    assert written == {"network.onnx": False, "detector.onnx": True, "detector.stablehlo": False}
    assert record["use"].keys() == written.keys() == record["greatest_difference"].keys()
    assert list(record["inputs"]) == ["frames", "scale", "window", "evidence"]
    assert "need network.onnx" in record["inputs"]["window"]["meaning"]
    assert record["detector"]["evidence"]["frames"] == 4
