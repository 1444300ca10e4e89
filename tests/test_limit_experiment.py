"""experiments/limit.py: the toy size from end to end, and deflections by hand."""

import json

import deflections
import limit_bounds
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from toy_experiments import run_toy

from dimjax.motion import EvidenceConfig


def test_the_toy_run_completes_and_resumes(tmp_path):
    printed = run_toy("limit", tmp_path, "--seeds=0")
    record = json.loads((tmp_path / "limit.json").read_text())
    assert (tmp_path / "limit.md").read_text() in printed
    assert set(record["summary"]) == {"demo", "default"}
    for lines in record["summary"].values():
        assert [line["frames"] for line in lines] == [4, 4, 8, 8, 16, 16]
        for strict, loose in zip(lines[::2], lines[1::2], strict=True):
            assert 0 < strict["recall"]["mean"] <= loose["recall"]["mean"] <= 1
            assert strict["recall"]["mean"] <= strict["told_apart"]["mean"] <= 1
    part = tmp_path / "limit.parts" / "demo-toy-0.csv"
    table = pd.read_csv(part)
    part.write_text(table.assign(d4=0.0).to_csv(index=False))  # not what would be measured
    run_toy("limit", tmp_path, "--seeds=0")
    record = json.loads((tmp_path / "limit.json").read_text())
    assert record["summary"]["demo"][0]["recall"]["mean"] < 0.01


def tracked(*rows, category="target"):
    return pd.DataFrame(rows, columns=["frame", "x", "y", "track"]).assign(category=category)


def test_deflections_of_targets_by_hand():
    targets = tracked((0, 5, 5, "a"), (0, 9, 9, "b"), (1, 5, 5, "a"), (3, 5, 5, "a"))
    energy = np.array([9.0, 4.0, 16.0, 144.0])
    config = EvidenceConfig(frames=4)
    # All windows of four of the six frames: 0-3 up to frame 2, 1-4 for frame 3.
    d = deflections.along_tracks(targets, energy, 6, config)
    assert d.tolist() == [13.0, 2.0, 13.0, pytest.approx(np.sqrt(160.0))]


def test_deflections_of_interference_by_hand():
    seen = np.zeros((8, 40, 40))
    seen[2, 20, 20] = 100.0  # a spot for one frame, clipped
    seen[:, 30, 5 + 2 * np.arange(8)] = np.eye(8) * -3.0  # dark, two pixels a frame
    objects = tracked((2, 20.5, 20.5, "spot"), (4, 13.5, 30.5, "bird"), category="interference")
    config = EvidenceConfig(frames=8)
    d = deflections.along_straight_paths(objects, seen, config)
    assert d[0] == pytest.approx(config.clip_sigmas / np.sqrt(8))
    assert d[1] == pytest.approx(8 * 3.0 / np.sqrt(8))


def test_the_filter_of_a_point_keeps_the_sigma_of_noise():
    noise = np.random.default_rng(0).normal(size=(2, 200, 200))
    assert deflections.point_filter(noise, 0.9).std() == pytest.approx(1, abs=0.02)


def test_the_threshold_allows_the_false_alarms():
    frames = limit_bounds.Frames(10, 1000, {8: 0.5})
    interference = np.array([2.0, 9.0])
    threshold = limit_bounds.threshold_at(0.3, frames, 8, interference)
    rate = 500 * norm.sf(threshold) + norm.sf(threshold - interference).sum() / 10
    assert rate == pytest.approx(0.3)
    assert limit_bounds.threshold_at(0.3, frames, 8, interference[:0]) < threshold


def test_bounds_by_hand():
    rows = [("target", 2.5, 1.0, 99.0), ("target", 8.0, 0.5, -99.0), ("target", 9.0, 0.4, -99.0)]
    # The last one is hidden.
    table = pd.DataFrame(rows, columns=["category", "snr", "visible", "d8"])
    strict, _ = limit_bounds.bounds(table, limit_bounds.Frames(10, 1000, {8: 0.5}))
    assert strict["recall"] == strict["told_apart"] == pytest.approx(0.5)
    assert strict["on_interference"] == 0
    assert strict["slices"][1] == pytest.approx(1) and strict["slices"][3] == pytest.approx(0)
    assert np.isnan(strict["slices"][0])
