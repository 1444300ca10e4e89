"""Descriptions of detectors that somebody else may have changed: refused by name."""

import json
import shutil

import pytest

from dimjax.detection.detector import restore_detector
from dimjax.errors import InputError
from dimjax.runs.workdir import Paths


@pytest.fixture
def checkpoints(tiny_run, tmp_path):
    return shutil.copytree(Paths(tiny_run).checkpoints, tmp_path / "checkpoints")


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000, '{"colour": 1}'])
def test_chosen_thresholds_that_are_damaged_are_named(checkpoints, text):
    checkpoints.with_suffix(".json").write_text(text)
    with pytest.raises(InputError, match=r"checkpoints\.json: it must hold fields of a detector's"):
        restore_detector(checkpoints)


@pytest.mark.parametrize(
    "changed", [{"input": "__import__"}, {"backbone": "os"}, {"width": "wide"}, {"evidence": 5}]
)
def test_a_checkpoint_that_describes_no_detector_is_refused(checkpoints, changed):
    checkpoints.with_suffix(".json").write_text(json.dumps(changed))
    with pytest.raises(InputError, match="its description must be of a detector of dimjax; found"):
        restore_detector(checkpoints)
