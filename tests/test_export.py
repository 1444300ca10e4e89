"""Exported files detect the same as the detector; a file that differs is refused."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from random_networks import random_variables

from dimjax.data.sequences import as_sequence
from dimjax.detection.detector import create_model, make_detector
from dimjax.detection.inference import detect_in_sequence
from dimjax.errors import InputError
from dimjax.export import detector_files, onnx_graph
from dimjax.export.onnx_runtime import open_onnx
from dimjax.export.parity import frames_with_targets, max_difference
from dimjax.models import BACKBONES
from dimjax.training.inputs import CHANNELS

SMALL = ((1, 40, 56), (2, 21, 75))


def _detector(backbone="darknet19", seed=0, **changes):
    description = {
        "backbone": backbone, "width": 0.25, "output_stride": 8, "context_px": 32, "bf16": False,
        "input": "difference", "evidence": None, "stride": 1, "threshold": {"target": 0.3, "interference": 0.5},
        "match_px": 3.0, "suppress_px": 12.0, "max_detections": 20, "tile_px": 0, "margin_px": 32,
        **changes,
    }  # fmt: skip
    model = create_model(description)
    images = jnp.zeros((1, 32, 32, CHANNELS[description["input"]]))
    variables = random_variables(model, images, seed)
    # Sizes are exponents, which are small in a trained network.
    variables["params"]["outputs"]["kernel"] *= 0.1
    return make_detector(model, variables, description)


def _difference(detector, detect, shape):
    frames, scale = frames_with_targets(*shape, seed=5)
    expected = jax.device_get(detector.detect(detector.variables, frames, scale))
    assert (expected.score > 0.01).sum() > 5 and (expected.score == 0).sum() > 5
    return max_difference(expected, detect(frames, scale), detector.description["output_stride"])


@pytest.mark.parametrize("backbone", BACKBONES)
def test_all_backbones_are_exported_to_both_formats(backbone, tmp_path):
    detector = _detector(backbone)
    path, stablehlo = tmp_path / "a.onnx", tmp_path / "a.stablehlo"
    assert detector_files.export_onnx(detector, path, SMALL[1:]) < 1e-4
    assert detector_files.export_stablehlo(detector, stablehlo, SMALL[1:]) < 1e-4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "a.stablehlo"]
    _check_operators(onnx.load(path).graph, backbone)


def _check_operators(graph, backbone):
    """The graph has no operators that layers in another form would add."""
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Transpose") == 1  # of the boxes
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
    assert detector_files.export_onnx(_detector(**changes), tmp_path / "a.onnx", SMALL[1:]) < 1e-4


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "detector.onnx"
    detector = _detector()
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
    def spoilt(detector):
        kernel = detector.variables["params"]["outputs"]["kernel"]
        variables = jax.tree.map(lambda a: a + 0.001 if a is kernel else a, detector.variables)
        return onnx_graph.onnx_graph(detector._replace(variables=variables))

    monkeypatch.setattr(detector_files, "onnx_graph", spoilt)
    path = tmp_path / "a.onnx"
    path.write_text("an earlier file")
    rule = "must equal the detector's within 0.0001; found a difference of 0."
    with pytest.raises(InputError, match=rule):
        detector_files.export_onnx(exported[0], path, SMALL[:1])
    assert [file.name for file in tmp_path.iterdir()] == ["a.onnx"]
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
    path.write_bytes(source.read_bytes())
    written = []
    monkeypatch.setattr(detector_files, "export_onnx", lambda *given: written.append(given))
    detector_files.with_onnx_runtime(detector, path)
    assert not written
    other = _detector(seed=1)
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
        write(_detector(), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())
