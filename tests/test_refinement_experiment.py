"""experiments/refinement.py from end to end in its toy size, and its figures by hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "experiments"))
import ranking_figures  # noqa: E402
import suspect_scores  # noqa: E402
from ranking_figures import Ranking  # noqa: E402


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
    assert "looked at to find 90 %" in printed
    assert len(summary["curve"]["calibrated"]) == len(suspect_scores.LOOKED_AT)
    assert (tmp_path / "refinement-sky-32.svg").read_text().startswith("<svg xmlns=")
    figures = next(tmp_path.glob("refinement.work/*/figures.json"))
    figures.write_text(figures.read_text().replace('"labels": ', '"labels": 1'))
    assert "| labels | 1" in _run(tmp_path)  # read, not measured again


def test_areas_and_shares_by_hand():
    score = [0.9, 0.8, 0.7, 0.7, np.nan]
    steps = Ranking(score, [True, False, True, False, False]).steps()
    # Pairs: 0.9 beats three, 0.7 beats one, ties with one and loses to one: 4.5 of 6.
    assert ranking_figures.auroc(steps) == pytest.approx(4.5 / 6)
    assert ranking_figures.precision(steps) == 0.5
    assert ranking_figures.looked_at(steps, 0.5) == 1
    # The second error is the third unit or the fourth.
    assert ranking_figures.looked_at(steps, 0.51) == ranking_figures.looked_at(steps, 1.0) == 3.5
    assert ranking_figures.found(steps, [0, 1, 3, 4, 9]).tolist() == [0, 0.5, 0.75, 1, 1]
    none = Ranking(score, np.zeros(5, bool)).steps()
    assert np.isnan(ranking_figures.auroc(none)) and np.isnan(ranking_figures.precision(none))
    assert np.isnan(ranking_figures.looked_at(none, 0.5))


def test_a_random_order_finds_errors_evenly():
    steps = Ranking(np.zeros(19), np.arange(19) < 4).steps()
    # 20 gaps of equal size between 4 errors and both ends: the j-th is unit 4 j.
    assert [ranking_figures.looked_at(steps, share) for share in (0.25, 0.5, 1)] == [4, 8, 16]
    assert ranking_figures.auroc(steps) == 0.5
    assert ranking_figures.precision(steps) == pytest.approx(4 / 19)
