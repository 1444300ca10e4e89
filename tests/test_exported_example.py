"""The program of docs/export.md runs without dimjax and gives the detections of the detector."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest
from random_networks import random_detector

from dimjax.data.labels import CATEGORIES
from dimjax.export import detector_files
from dimjax.export.parity import frames_with_targets

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def example():
    """The class Detector of docs/export.md."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), re.S)
    assert "dimjax" not in re.sub(r'""".*?"""', "", code) and len(code.splitlines()) <= 35
    names: dict = {}
    exec(code, names)
    return names["Detector"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    detector = random_detector()
    path = tmp_path_factory.mktemp("exported") / "detector.onnx"
    detector_files.export_onnx(detector, path, ((1, 40, 56),))
    return detector, path


def test_the_program_gives_the_detections_above_the_thresholds(example, exported):
    detector, path = exported
    frames, scale = frames_with_targets(1, 60, 84, seed=5)
    found = list(example(str(path), *scale[0].tolist())(frames[0]))
    expected = jax.device_get(detector.detect(detector.variables, frames, scale))
    threshold = np.array([detector.description["threshold"][name] for name in CATEGORIES])
    x, y = expected.boxes[0, :, 0], expected.boxes[0, :, 1]
    kept = (expected.score[0] >= threshold[expected.category[0]]) & (x < 84) & (y < 60)
    assert 2 < kept.sum() < len(kept) == detector.description["max_detections"]
    assert [row[0] for row in found] == [CATEGORIES[k] for k in expected.category[0][kept]]
    values = np.array([row[1:] for row in found])
    np.testing.assert_allclose(values[:, 0], expected.score[0][kept], atol=1e-4)
    np.testing.assert_allclose(values[:, 1:], expected.boxes[0][kept], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("noise", [0.0, -1.0, float("nan")])
def test_a_noise_of_zero_is_a_clear_error(example, exported, noise):
    with pytest.raises(ValueError, match=r"noise must be above 0 grey levels and finite; found"):
        example(str(exported[1]), 1000.0, noise)
