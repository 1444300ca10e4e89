"""experiments/other_cameras.py: the toy size on real sequences, and what it resumes from."""

import json

import pytest
from conftest import real_folder
from toy_experiments import run_toy


@pytest.mark.long
def test_alignment_finds_what_a_moving_camera_hides(tmp_path):
    data = real_folder("cloud-seqs").path.parent
    printed = run_toy("other_cameras", tmp_path, f"--data={data}")
    rows = json.loads((tmp_path / "other_cameras.json").read_text())["rows"]
    still, aligned = rows
    assert (still["aligned"], aligned["aligned"]) == (False, True)
    assert still["truths"] == aligned["truths"] == 24
    assert still["tracks"]["best_f1"] < 0.6 < 0.9 < aligned["tracks"]["best_f1"]
    work = tmp_path / "other_cameras.work" / "cloud-seqs-untrained filter-1.json"
    rows[1]["tracks"]["best_f1"] = 0.123
    work.write_text(json.dumps(rows[1]))
    again = run_toy("other_cameras", tmp_path, f"--data={data}")
    assert "0.123" in again and "0.123" not in printed
    assert again.count("| sequence8 |") == 1
