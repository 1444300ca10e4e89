import importlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from dimjax import report
from dimjax.chips.examples import Examples
from dimjax.drawing import text_tables
from dimjax.evaluation.chip_tables import chip_truth
from dimjax.evaluation.figures import best_f1, choose_thresholds, evaluate
from dimjax.report import round_table
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import build
from dimjax.stages import evaluate as evaluation_stage
from dimjax.stages.simulate import data_folder
from dimjax.stages.train import _some_frames

COLUMNS = ["sequence", "frame", "x", "y", "w", "h", "category", "snr", "visible"]


def examples(*places):
    """Examples without pixels at (sequence, frame, x0, y0)."""
    sequence, frame, x0, y0 = (np.array(values) for values in zip(*places, strict=True))
    fields = dict.fromkeys(Examples._fields)
    fields |= {"sequence": sequence, "frame": frame.astype(np.int32)}
    return Examples(**{**fields, "origin": np.stack([x0, y0], axis=1), "frames": frame})


def test_truth_of_chips_by_hand():
    rows = [("a", 3, 20.5, 40.5, 3.0, 3.0, "target", 8.0, 0.3),
            ("a", 3, 42.0, 40.0, 5.0, 1.0, "interference", 9.0, 1.0),
            ("b", 3, 20.5, 40.5, 3.0, 3.0, "target", 8.0, 1.0)]  # fmt: skip
    data = examples(
        ("a", 3, 10, 30), ("a", 4, 10, 30), ("a", 3, 20, 40), ("b", 0, 0, 0), ("a", 3, 43, 30)
    )  # fmt: skip
    found = chip_truth(data, pd.DataFrame(rows, columns=COLUMNS), chip_px=32)
    assert found.columns.tolist() == COLUMNS
    assert found.sort_values("frame").values.tolist() == [
        ["chips", 0, 10.5, 10.5, 3.0, 3.0, "target", 8.0, 0.3],  # 42 - 10 is outside
        ["chips", 2, 0.5, 0.5, 3.0, 3.0, "target", 8.0, 0.3],
        ["chips", 2, 22.0, 0.0, 5.0, 1.0, "interference", 9.0, 1.0],
    ]


def test_a_split_without_a_chip_is_evaluated_on_full_frames(tiny_run, tmp_path, capsys):
    # As with chips.backgrounds_per_label=0 and test sequences without a label.
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    paths, config = Paths(workdir), read_config(workdir)
    whole = json.loads(paths.evaluation.read_text())
    plan = pd.read_csv(paths.plan, keep_default_na=False)
    plan[plan.split != "test"].to_csv(paths.plan, index=False)
    shutil.rmtree(paths.examples)
    paths.evaluation.unlink()
    make_builder = importlib.import_module("main").make_builder
    build.make_chips(config, data_folder(config, paths), paths, make_builder)
    capsys.readouterr()
    figures = evaluation_stage.run(config, paths)
    assert capsys.readouterr().out == "test split: no chip is of it; measured on full frames only\n"
    assert "chips" not in figures and figures["frames"] == whole["frames"]
    text = report.table(figures)
    assert "full frames" in text and "chips" not in text
    assert (
        text_tables.as_text(round_table.table(round_table.read(paths))).count(text_tables.NONE) == 7
    )


def test_curves_are_closest_at_high_thresholds():
    rng = np.random.default_rng(0)
    truth = pd.DataFrame({"sequence": "a", "frame": range(50), "x": 9.0, "y": 9.0, "w": 3.0,
                          "h": 3.0, "category": "target"})  # fmt: skip
    found = pd.DataFrame({"sequence": "a", "frame": rng.integers(0, 50, 5000), "x": 9.0, "y": 9.0,
                          "category": "target", "score": rng.uniform(0, 1, 5000)})  # fmt: skip
    thresholds = {"target": 0.5, "interference": 0.5}
    figures = evaluate(truth, found, {"a": 50}, {"a": 100}, 3.0, thresholds)
    curve = figures["categories"]["target"]["curve"]
    kept, scores = np.array(curve["threshold"]), np.sort(found.score)[::-1]
    assert len(kept) <= 200 and (np.diff(kept) < 0).all()
    assert (kept[:20] == scores[:20]).all() and kept[-1] == scores[-1]
    assert figures["categories"]["interference"]["curve"]["threshold"] == []


def _table(*rows, **columns):
    names = ["sequence", "frame", "x", "y", "category", "score"]
    return pd.DataFrame(rows, columns=names).assign(w=3.0, h=3.0, **columns)


def test_slices_set_their_hits_against_all_false_alarms():
    truth = _table(
        ("a", 0, 20.0, 20.0, "target", 0), ("a", 1, 20.0, 20.0, "target", 0), scr=[4.0, 9.0]
    )
    found = _table(("a", 1, 21.0, 20.0, "target", 0.9), ("a", 1, 50.0, 20.0, "target", 0.8))
    thresholds = {"target": 0.5, "interference": 0.5}
    figures = evaluate(truth, found, {"a": 2}, {"a": 100}, 3.0, thresholds)
    rows = [(r["low"], r["high"], r["truths"], r["recall"], r["precision"]) for r in figures["scr"]]
    assert rows == [
        (0.0, 3.0, 0, 0.0, 0.0),
        (3.0, 5.0, 1, 0.0, 0.0),
        (5.0, 8.0, 0, 0.0, 0.0),
        (8.0, None, 1, 1.0, 0.5),
        (5.0, None, 1, 1.0, 0.5),
    ]
    assert figures["categories"]["target"]["recall"] == 0.5 and "snr" not in figures
    # F1 is 2/3 above 0.8 up to 0.9; 0.5 and 0.5 elsewhere.
    chosen = choose_thresholds(truth, found, 3.0)
    assert chosen == {"target": pytest.approx(0.8525), "interference": 0.5}
    assert best_f1(truth, found, "target", 3.0) == 2 / 3


def test_thresholds_are_chosen_on_rows_of_frames():
    assert _some_frames(30, share=1.2) == list(range(30))
    assert _some_frames(100, share=0.3) == list(range(24))
    assert _some_frames(100, share=0.5) == [*range(24), *range(76, 100)]
    assert _some_frames(20, share=0.1) == list(range(20))
