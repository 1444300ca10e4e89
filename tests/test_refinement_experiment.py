"""experiments/refinement.py from end to end in its toy size, and its figures by hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "experiments"))
import suspect_scores  # noqa: E402


def _run(out: Path) -> str:
    command = [sys.executable, "experiments/refinement.py", "--size=toy", "--seeds=0"]
    done = subprocess.run([*command, f"--out={out}"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_toy_size_writes_its_table_and_does_nothing_twice(tmp_path):
    printed = _run(tmp_path)
    record = json.loads((tmp_path / "refinement.json").read_text())
    (summary,) = record["summary"].values()
    for kind in ("all", "unlabelled_target", "wrong_position", "wrong_category"):
        assert {"calibrated", "last loss"} <= summary["auroc"][kind].keys()
        assert "calibrated" in summary["precision_at_k"][kind]
    assert set(summary["f1"]) == {"noisy", "fixed", "clean"}
    assert summary["reviewed_share_at_90"]["calibrated"] > 0 and "mean_loss_drop" in summary
    assert "share looked at to find 90 %" in printed
    assert (tmp_path / "refinement.svg").read_text().startswith("<?xml")
    figures = next(tmp_path.glob("refinement.work/*/figures.json"))
    figures.write_text(figures.read_text().replace('"labels": ', '"labels": 1'))
    assert "| labels | 1" in _run(tmp_path)  # read, not measured again


def test_areas_and_shares_by_hand():
    kind = ["a", "", "a", "", ""]
    score = np.array([0.9, 0.8, 0.7, 0.7, 0.1])
    positive = np.array([k == "a" for k in kind])
    # Pairs: 0.9 beats three, 0.7 beats one, ties with one and loses to one: 4.5 of 6.
    assert suspect_scores.auroc(score, positive) == pytest.approx(4.5 / 6)
    assert np.isnan(suspect_scores.auroc(score, np.zeros(5, bool)))
    assert suspect_scores._precision(score, positive) == 0.5
    assert suspect_scores._looked_at(pd.Series(score), pd.Series(positive), 0.5) == 1
    assert suspect_scores._looked_at(pd.Series(score), pd.Series(positive), 1.0) == 3
