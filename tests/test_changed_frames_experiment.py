"""experiments/changed_frames.py: the toy size from end to end, and changes by hand."""

import json

import frame_changes
import numpy as np
import pandas as pd
import pytest
from toy_experiments import run_toy

from dimjax.data.sequences import as_sequence

FRAMES = np.random.default_rng(0).normal(3000, 10, (6, 40, 48)).round().astype(np.int64)
CHANGES = frame_changes.changes()
TRUTH = pd.DataFrame({"sequence": "changed", "frame": [0, 3, 5], "x": 9.5, "y": 20.0})


@pytest.mark.long
def test_the_toy_run_writes_a_row_for_each_change(tiny_run, tmp_path):
    printed = run_toy("changed_frames", tmp_path, f"--run={tiny_run}")
    record = json.loads((tmp_path / "changed_frames.json").read_text())
    text = (tmp_path / "changed_frames.md").read_text()
    assert text.startswith("# Changed frames\n\n| change | precision |")
    assert text.partition("\n\n")[2] in printed
    none, rows, twice, coded = record["rows"]
    assert record["frames"] == [8, 64, 96] and none["truths"] > 0
    assert rows["truths"] == none["truths"] and twice["truths"] == 2 * none["truths"]
    assert rows["noise"] == pytest.approx(none["noise"], rel=0.05)
    assert twice["noise"] == pytest.approx(none["noise"], rel=0.05)
    assert coded["change"] == "8 bit, H.264, crf 18"
    assert twice["recall"] == pytest.approx(none["recall"], abs=0.05)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_keeps_the_scene_or_says_which_frames_show_none(name):
    changed = CHANGES[name](FRAMES)
    assert changed.frames.dtype in (np.uint8, np.uint16)
    assert len(changed.frames) == len(changed.shown)
    assert changed.frames.dtype == (np.uint8 if "8 bit, H.264" in name else np.uint16)
    hidden = {"one uniform": 1, "one black": 1, "one white": 1, "three frames": 3}
    assert (changed.shown == -1).sum() == hidden.get(" ".join(name.split()[:2]), 0)
    assert np.isfinite(changed.frames).all() and changed.frames.max() > 0


def test_frames_are_repeated_as_a_camera_of_9_hz_shows_them():
    shown = CHANGES["each frame of 9 Hz in 30 per second"](FRAMES).shown.tolist()
    assert shown == [0] * 3 + [1] * 3 + [2] * 4 + [3] * 3 + [4] * 3 + [5] * 3
    shown = CHANGES["each frame once, one in five twice"](FRAMES).shown.tolist()
    assert shown == [0, 1, 2, 3, 3, 4, 5]


def test_truths_follow_their_frames():
    twice = frame_changes.truth_of(CHANGES["each frame twice"](FRAMES), TRUTH)
    assert sorted(twice.frame) == [0, 1, 6, 7, 10, 11]
    rows = frame_changes.truth_of(CHANGES["black rows, 50 %"](FRAMES), TRUTH)
    assert rows.frame.tolist() == [0, 3, 5] and rows.y.tolist() == [40.0] * 3
    black = frame_changes.truth_of(CHANGES["one black frame"](FRAMES), TRUTH)
    assert black.frame.tolist() == [0, 5]


def test_the_middle_is_cut_with_its_truths():
    sequence = as_sequence(np.zeros((2, 300, 400), np.uint16), "test-0000")
    truth = pd.DataFrame({"sequence": "test-0000", "frame": 0, "x": [41.5, 39.0], "y": [30.0, 30]})
    frames, inside = frame_changes.middle(sequence, truth)
    assert frames.shape == (2, 256, 320)  # from row 22 and column 40
    assert inside[["x", "y"]].to_numpy().tolist() == [[1.5, 8.0]]
