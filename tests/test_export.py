"""Exported detectors find what the detector finds; a bad export is refused."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_models import _random_variables

from dimjax.data.sequences import as_sequence
from dimjax.detection.detector import create_model, make_detector
from dimjax.detection.inference import search
from dimjax.errors import InputError
from dimjax.export import files, onnx_graph
from dimjax.export.onnx_runtime import open_onnx
from dimjax.export.parity import greatest_difference, planted_frames
from dimjax.models import BACKBONES
from dimjax.training.inputs import CHANNELS

SMALL = ((1, 40, 56), (2, 21, 75))


def _detector(backbone="darknet19", seed=0, **changes):
    description = {
        "backbone": backbone, "width": 0.25, "output_stride": 8, "context_px": 32, "bf16": False,
        "input": "difference", "stride": 1, "threshold": {"target": 0.3, "interference": 0.5},
        "match_px": 3.0, "suppress_px": 12.0, "max_detections": 20, "tile_px": 0, "margin_px": 32, **changes,
    }  # fmt: skip
    model = create_model(description)
    images = jnp.zeros((1, 32, 32, CHANNELS[description["input"]]))
    variables = _random_variables(model, images, seed)
    # Sizes are exponents, and a network that was trained gives small ones.
    variables["params"]["outputs"]["kernel"] *= 0.1
    return make_detector(model, variables, description)


def _same(detector, detect, shape):
    frames, scale = planted_frames(*shape, seed=5)
    expected = jax.device_get(detector.detect(detector.variables, frames, scale))
    assert (expected.score > 0.01).sum() > 5 and (expected.score == 0).sum() > 5
    return greatest_difference(
        expected, detect(frames, scale), detector.description["output_stride"]
    )


@pytest.mark.parametrize("backbone", BACKBONES)
def test_all_backbones_in_both_formats(backbone, tmp_path):
    detector = _detector(backbone)
    onnx, stablehlo = tmp_path / "a.onnx", tmp_path / "a.stablehlo"
    assert files.export_onnx(detector, onnx, SMALL[1:]) < 1e-4
    assert files.export_stablehlo(detector, stablehlo, SMALL[1:]) < 1e-4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "a.stablehlo"]


@pytest.mark.parametrize(
    "changes",
    [
        {"input": "sequence", "output_stride": 4},
        {"input": "single", "output_stride": 16, "tile_px": 64},
        {"bf16": True},
    ],
)
def test_other_inputs_strides_tiles_and_types(changes, tmp_path):
    assert files.export_onnx(_detector(**changes), tmp_path / "a.onnx", SMALL[1:]) < 1e-4


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "detector.onnx"
    detector = _detector()
    files.export_onnx(detector, path, SMALL)
    return detector, path


def test_batch_height_and_width_are_free(exported):
    detector, path = exported
    detect = open_onnx(path).detect
    for shape in ((3, 64, 40), (1, 33, 127)):
        assert _same(detector, detect, shape) < 1e-4
    frames, scale = planted_frames(1, 9, 15, seed=0)  # 2x2 cells, fewer than the 20 asked for
    found = detect(frames, scale)
    assert found.boxes.shape == (1, 20, 4) and (found.score[0, 4:] == 0).all()
    expected = detector.detect(detector.variables, frames, scale)
    assert greatest_difference(jax.device_get(expected), found, 8) < 1e-4


def test_the_file_says_what_it_holds(exported):
    detector, path = exported
    facts = open_onnx(path).facts
    assert facts == files.facts(detector)
    assert facts["categories"] == ["target", "interference"]
    assert facts["threshold"] == {"target": 0.3, "interference": 0.5}
    assert (facts["output_stride"], facts["input"], facts["dimjax"]) == (8, "difference", "0.1.0")


@pytest.mark.parametrize("backbone", BACKBONES)
def test_no_needless_operators(backbone):
    graph = onnx_graph.onnx_graph(_detector(backbone)).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Transpose") == 1  # of the boxes
    assert not {"BatchNormalization", "Where", "Slice", "Einsum", "MatMul"} & set(kinds)
    depthwise = {"mobilenet": 5, "efficientnet_b0": 5}.get(backbone, 0)
    groups = [a.i for node in graph.node for a in node.attribute if a.name == "group"]
    assert sum(group > 1 for group in groups) == depthwise


def test_a_bad_export_is_refused(exported, tmp_path, monkeypatch):
    def spoilt(detector):
        kernel = detector.variables["params"]["outputs"]["kernel"]
        variables = jax.tree.map(lambda a: a + 0.001 if a is kernel else a, detector.variables)
        return onnx_graph.onnx_graph(detector._replace(variables=variables))

    monkeypatch.setattr(files, "onnx_graph", spoilt)
    path = tmp_path / "a.onnx"
    path.write_text("what was there before")
    with pytest.raises(
        InputError, match="must find what the detector finds, to 0.0001; found a di"
    ):
        files.export_onnx(exported[0], path, SMALL[:1])
    assert [file.name for file in tmp_path.iterdir()] == ["a.onnx"]
    assert path.read_text() == "what was there before"


def test_a_difference_that_is_no_number_is_refused(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "parity", lambda *_: float("nan"))
    with pytest.raises(InputError, match="found a difference of nan"):
        files.export_stablehlo(exported[0], tmp_path / "a.stablehlo")
    assert not list(tmp_path.iterdir())


def test_search_through_onnx_finds_the_same(tmp_path):
    detector = _detector()
    runs = files.through_onnx(detector, tmp_path / "detector.onnx")
    frames = planted_frames(1, 48, 64, seed=2)[0][0]
    sequence = as_sequence(np.concatenate([frames, frames]))
    expected, found = (search(one, sequence).round(3) for one in (detector, runs))
    assert len(expected) > 30 and found.frame.tolist() == expected.frame.tolist()
    numbers = ["x", "y", "w", "h", "score"]
    order = ["frame", "x", "y"]
    expected, found = (table.sort_values(order) for table in (expected, found))
    np.testing.assert_allclose(found[numbers], expected[numbers], atol=2e-3)


def test_an_exported_file_is_used_until_the_weights_change(exported, tmp_path, monkeypatch):
    detector, source = exported
    path = tmp_path / "detector.onnx"
    path.write_bytes(source.read_bytes())
    written = []
    monkeypatch.setattr(files, "export_onnx", lambda *given: written.append(given))
    files.through_onnx(detector, path)
    assert not written
    other = _detector(seed=1)
    files.through_onnx(other, path)
    assert written == [(other, path)]


def test_what_is_no_exported_detector_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing.onnx: an exported detector is needed"):
        open_onnx(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(InputError, match="text.onnx: it must be a whole ONNX file"):
        open_onnx(tmp_path / "text.onnx")
    model = onnx_graph.onnx_graph(_detector())
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="it must be a detector that dimjax exported; found no me"):
        open_onnx(tmp_path / "other.onnx")


@pytest.mark.parametrize("missing", ["jax2onnx", "onnxruntime"])
def test_a_missing_extra_is_named(missing, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        InputError, match=rf"found no {missing}. Type: pip install 'dimjax\[export\]"
    ):
        files.export_onnx(_detector(), tmp_path / "a.onnx", SMALL)
    assert not list(tmp_path.iterdir())
