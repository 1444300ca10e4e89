"""experiments/linking.py: the toy size from end to end, and its counts by hand."""

import json
import subprocess
import sys
from pathlib import Path

import linking_counts
import numpy as np
import pandas as pd
import planted_detections
import pytest

from dimjax.data.labels import COLUMNS
from dimjax.mining import Mined, mine
from dimjax.tracks import link

SCRIPT = Path(__file__).parents[1] / "experiments" / "linking.py"


def _run(out: Path) -> str:
    command = [sys.executable, SCRIPT, "--size=toy", "--seeds=100,101", f"--out={out}"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=out, check=True)
    assert result.stderr == ""
    return result.stdout


@pytest.mark.long
def test_the_toy_run_completes_and_resumes(tmp_path):
    text = _run(tmp_path)
    record = json.loads((tmp_path / "linking.json").read_text())
    assert (tmp_path / "linking.md").read_text() + "\n" == text
    assert {row["scene"] for row in record["rows"]} == {"base", "edges", "crowded"}
    base = record["summary"]["base"]["dimjax"]
    assert base["miss precision"]["low"] <= base["miss precision"]["mean"] <= 1
    assert base["miss precision"]["mean"] > 0.9 and base["false alarm recall"]["mean"] > 0.9
    assert {goal["figure"] for goal in record["goals"]} >= {"harm", "ms per frame"}
    pictures = [tmp_path / f"linking-{name}.svg" for name in ("gaps", "clutter", "scene")]
    assert all(path.read_text().startswith("<svg") for path in pictures)

    part = tmp_path / "linking.parts" / "dimjax-base-100.json"
    cached = json.loads(part.read_text())
    cached["counts"]["detections"] = 4000  # not a value that would be measured
    part.write_text(json.dumps(cached))
    (tmp_path / "linking.parts" / "dimjax-edges-101.json").unlink()
    _run(tmp_path)
    rows = json.loads((tmp_path / "linking.json").read_text())["rows"]
    assert next(row for row in rows if row["scene"] == "base")["detections per frame"] == 100


def test_planted_detections_follow_their_settings():
    scene = planted_detections.Scene(frames=60, pd=0.7, false_alarms=2.0)
    planted = planted_detections.plant(scene, 3)
    truth, detections = planted.truth, planted.detections
    pd.testing.assert_frame_equal(detections, planted_detections.plant(scene, 3).detections)
    strong = detections[detections.score >= 0.5]
    assert (strong.truth == "").sum() == pytest.approx(120, abs=40)
    assert (strong.truth != "").sum() == truth.detected.sum()
    one_frame = truth[truth.track.str.startswith("clipping")].groupby("track").size()
    assert (one_frame == 1).all()
    steps = truth.groupby("track")[["x", "y"]].diff().dropna()
    assert np.hypot(steps.x, steps.y).max() < 8 * 1.5
    for clutter in ("edges", "persistent"):
        other = planted_detections.plant(scene._replace(clutter=clutter), 3).detections
        assert (other[other.score >= 0.5].truth == "").sum() == pytest.approx(120, abs=40)


def test_gaps_and_counts_by_hand():
    frames = np.arange(10)
    truth = pd.DataFrame({"frame": frames, "x": 50 + 3.0 * frames, "y": 40.0, "track": "target-0"})
    truth["sequence"] = "planted"
    truth["detected"] = ~np.isin(frames, [3, 4, 7, 9])
    assert linking_counts.gap_lengths(truth).tolist() == [0, 0, 0, 2, 2, 0, 0, 1, 0, 0]
    table = truth[truth.detected].assign(
        w=3.0, h=3.0, category="target", score=0.9, truth="target-0"
    )
    lone = table.iloc[:1].assign(x=200.0, y=150.0, truth="")
    table = pd.concat([table, lone], ignore_index=True)
    tracks = link(table.drop(columns=["track", "detected", "truth"]))
    mined = mine(tracks, pd.DataFrame(columns=COLUMNS), {"planted": (10, 200, 300)})
    counts = linking_counts.counts(planted_detections.Planted(truth, table), tracks, mined)
    assert (counts["misses"], counts["right misses"]) == (3, 3)
    assert (counts["gap 2"], counts["gap 2 mined"], counts["gap 1 mined"]) == (2, 2, 1)
    assert (counts["labels"], counts["right labels"]) == (9, 9)
    assert (counts["offered"], counts["right offered"], counts["harmed"]) == (1, 1, 0)
    assert (counts["targets"], counts["fragments"], counts["switches"]) == (1, 1, 0)
    harm = mined.false_alarms[0]._replace(frames=mined.misses[0].frames[:2])
    counts = linking_counts.counts(
        planted_detections.Planted(truth, table), tracks, Mined([], [harm], [])
    )
    assert (counts["harmed"], counts["right offered"], counts["misses"]) == (2, 0, 0)
