"""experiments/curved_paths.py: deviations by hand, and the toy size from end to end."""

import json

import curved_paths
import numpy as np
import pandas as pd
import pytest
from toy_experiments import run_toy

from dimjax.motion import EvidenceConfig


def test_deviations_by_hand():
    t = np.arange(8)
    track = {"frame": t, "x": 3.0 * t, "category": "target"}
    straight = pd.DataFrame({**track, "y": 5.0 - t, "track": "a"})
    # The line nearest to t^2 at 0..7 leaves t^2 - 7 t + 7: 7 at both ends.
    curved = pd.DataFrame({**track, "y": 0.1 * t**2, "track": "b"})
    leaving = straight.iloc[:7].assign(track="c")
    truth = pd.concat([straight, curved, leaving], ignore_index=True)
    found = curved_paths.deviations(truth, 8, EvidenceConfig(frames=8))
    np.testing.assert_allclose(found[:8], 0.0, atol=1e-9)
    np.testing.assert_allclose(found[8:16], 0.7, rtol=1e-9)
    assert np.isnan(found[16:]).all()


@pytest.mark.long
def test_the_toy_run_counts_its_targets(tmp_path):
    printed = run_toy("curved_paths", tmp_path, "--seeds=0")
    assert (tmp_path / "curved_paths.md").read_text() in printed
    rows = json.loads((tmp_path / "curved_paths.json").read_text())["rows"]
    assert list(rows) == ["4", "8", "16"]
    for counts in rows.values():
        assert len(counts) == len(curved_paths.DEVIATIONS) - 1
        assert all(0 <= it["hits"] <= it["truths"] for it in counts)
    assert sum(it["hits"] for it in rows["8"]) > 0
