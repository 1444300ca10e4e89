"""experiments/camera_rotation.py: the toy size, and what it resumes from."""

import json

import pytest
from toy_experiments import run_toy


@pytest.mark.long
def test_targets_are_found_under_a_camera_that_rolls(tmp_path):
    run_toy("camera_rotation", tmp_path, "--seeds=3")
    (row,) = json.loads((tmp_path / "camera_rotation.json").read_text())["rows"]
    still, shift, similarity = (row[name]["recall"] for name in ("still", "shift", "similarity"))
    assert max(still, shift) < 0.2 < 0.5 < similarity and row["error_px"] < 0.15
    assert row["still"]["truths"] == row["similarity"]["truths"] > 50
    (work,) = (tmp_path / "camera_rotation.work").iterdir()
    work.write_text(json.dumps(row | {"error_px": 9.876}))
    assert "| 1 | 0 | 9.876 |" in run_toy("camera_rotation", tmp_path)
