"""experiments/table3.py and figure11.py: the toy size from end to end, and figures by hand."""

import json
import math
from types import SimpleNamespace

import drone_rounds
import numpy as np
import pandas as pd
import pytest
import result_files
import supplements
import table3_report
from kept_losses import chips_near, same_chips
from round_rows import operating_point
from toy_experiments import run_toy

from dimjax.chips import cutting
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    out = tmp_path_factory.mktemp("measured")
    return out, *(run_toy(script, out, "--seeds=0") for script in ("table3", "figure11"))


@pytest.mark.long
def test_the_table_has_a_row_for_each_round_of_each_run(measured):
    out, printed, _ = measured
    record = json.loads((out / "table3.json").read_text())
    runs = record["results"]["0"]
    assert list(runs) == ["oracle", "erring", "no-mining", "random", "all"]
    assert all([row["round"] for row in rows] == [1, 2] for rows in runs.values())
    first, last = runs["oracle"]
    for rows in runs.values():  # all continue from the same first round
        assert rows[0]["f1"] == first["f1"] and rows[0]["images"] == first["images"]
    assert 0 < first["worth"] <= first["decisions"] <= first["shown"]
    assert first["decisions"] < first["by_frame"] and first["mined_changed"] > 0
    assert last["shown"] is None and last["images"] > first["images"]
    assert runs["random"][1]["images"] == last["images"] < runs["all"][1]["images"]
    assert (out / "table3.md").read_text() in printed
    lines = (out / "table3.md").read_text().splitlines()
    assert sum(line.startswith("| 2 |") for line in lines) == 2
    assert all(
        (out / f"table3-{name}.svg").read_text().startswith("<svg") for name in ("f1", "recall")
    )


@pytest.mark.long
def test_claims_are_compared_with_their_goals(measured):
    summary = json.loads((measured[0] / "table3.json").read_text())["summary"]
    goals = [claim for claim in summary["claims"] if claim["holds"] is not None]
    assert [(c.get("least"), c.get("most")) for c in goals] == [
        (0.2, None),
        (0.03, None),
        (None, pytest.approx(1 / 3)),
    ]
    assert all(len(claim["seeds"]) == 1 and claim["low"] is None for claim in goals)
    assert summary["runs"]["oracle"][1]["epochs"]["mean"] == 1


@pytest.mark.long
def test_the_runs_share_labels_and_chips_of_the_first_sequences(measured):
    plans = {}
    for name in ("oracle", "no-mining", "random", "all"):
        paths = Paths(measured[0] / "table3.work" / "toy-0" / name, 1)
        plan = pd.read_csv(paths.plan)
        plans[name] = set(plan.id[~plan.sequence.str.startswith("new")])
    assert len({frozenset(ids) for ids in plans.values()}) == 1


@pytest.mark.long
def test_figure_11_shows_the_fall_of_the_losses(measured):
    out, _, printed = measured
    record = json.loads((out / "figure11.json").read_text())
    figures = record["results"]["0"]
    assert set(figures) == {"all chips", "same chips"}
    table3 = json.loads((out / "table3.json").read_text())["results"]["0"]["oracle"]
    for part, row in (("first", table3[0]), ("last", table3[1])):
        assert figures["all chips"][part]["mean"] == pytest.approx(row["loss"])
        assert figures["all chips"][part]["chips"] == row["images"]
    same = figures["same chips"]
    assert same["last"]["mean"] == pytest.approx(table3[1]["same_loss"])
    assert same["first"]["chips"] == same["last"]["chips"] < table3[0]["images"]
    assert same["fall"] == pytest.approx(1 - same["last"]["mean"] / same["first"]["mean"])
    quantiles = list(same["first"]["quantiles"].values())
    assert quantiles == sorted(quantiles)
    assert "fall" in printed and (out / "figure11-same.svg").read_text().startswith("<svg")


def test_the_operating_point_has_the_highest_recall_at_enough_precision():
    curve = {
        "threshold": [0.9, 0.8, 0.6, 0.5, 0.3],
        "precision": [1.0, 0.90, 0.96, 0.95, 0.70],
        "recall": [0.1, 0.2, 0.4, 0.5, 0.8],
        "f1": [0.18, 0.33, 0.56, 0.66, 0.75],
    }
    assert operating_point(curve) == {
        "threshold": 0.5,
        "precision": 0.95,
        "recall": 0.5,
        "f1": 0.66,
    }
    assert operating_point(curve, min_precision=0.99)["recall"] == 0.1
    none = operating_point({name: values[1:2] for name, values in curve.items()})
    assert none["recall"] == none["f1"] == 0 and math.isnan(none["threshold"])
    assert operating_point({name: [] for name in curve})["recall"] == 0


def test_decisions_are_counted_over_all_reviewed_rounds():
    review = {"decisions": [10, 20, math.nan], "changed": [30, 50, math.nan]}
    runs = {"oracle": pd.DataFrame(review).to_dict("records")}
    assert table3_report.decisions_per_label(runs) == 30 / 80
    nothing = {"oracle": [{"decisions": 4, "changed": 0}]}
    assert math.isnan(table3_report.decisions_per_label(nothing))


def test_a_claim_is_judged_by_its_mean_over_the_seeds():
    claim = table3_report.Claim("f1", lambda runs: table3_report.gain(runs, "f1"), least=0.2)
    seeds = [{"oracle": [{"f1": 0.4}, {"f1": last}]} for last in (0.5, 0.7, 0.9)]
    judged = table3_report.judged(claim, seeds)
    assert judged["mean"] == pytest.approx(0.3) and judged["holds"]
    # Student's t of 2 degrees of freedom is 4.303; the gains' deviation is 0.2.
    assert judged["low"] == pytest.approx(0.3 - 4.303 * 0.2 / 3**0.5, abs=1e-3)
    other = {"oracle": [{"f1": 0.8}], "random": [{"f1": 0.1}, {"f1": 0.7}]}
    assert table3_report.gain(other, "f1", other="random") == pytest.approx(0.1)
    assert not table3_report.judged(claim._replace(least=0.31), seeds)["holds"]


def test_missing_figures_are_null_in_json_and_a_dash_in_tables():
    assert json.loads(result_files.as_json({"a": [math.nan, 1.5]})) == {"a": [None, 1.5]}
    assert result_files.number(math.nan) == "–" and result_files.number(1234.5, 0) == "1,234"
    assert math.isnan(result_files.interval([math.nan])["mean"])
    assert result_files.interval([math.nan, 2.0])["mean"] == 2.0


def test_chips_near_a_point_contain_it_or_have_it_within_a_margin():
    plan = pd.DataFrame(
        [("in", "a", 3, 10, 20), ("rim", "a", 3, 16, 20), ("far", "a", 3, 19, 20),
         ("frame", "a", 4, 10, 20), ("down", "a", 3, 10, 10)],
        columns=["id", "sequence", "frame", "x0", "y0"],
    )  # fmt: skip
    points = pd.DataFrame({"sequence": ["a"], "frame": [3], "x": [13.0], "y": [24.5]})
    assert chips_near(plan, points, chip_px=8, margin_px=4) == {"in", "rim"}
    assert chips_near(plan, points.iloc[:0], chip_px=8, margin_px=4) == set()


def test_same_chips_are_in_both_rounds_and_not_near_planted_errors():
    first = pd.DataFrame({"id": list("abc"), "total": [1.0, 2, 3], "planted": [False, True, False]})
    last = pd.DataFrame({"id": list("dcba"), "total": [9.0, 7, 6, 5], "planted": False})
    assert same_chips(first, last).values.tolist() == [["a", 1.0, 5.0], ["c", 3.0, 7.0]]


def test_random_locations_lie_in_their_sequences():
    shapes = {"wide": (5, 8, 100), "long": (50, 8, 10)}
    locations = supplements.random_locations(shapes, 400, np.random.default_rng(0))
    assert len(locations) == 400 and set(locations.sequence) == set(shapes)
    for name, (length, height, width) in shapes.items():
        rows = locations[locations.sequence == name]
        assert rows.frame.between(0, length - 1).all() and rows.y.between(0, height).all()
        assert 0.9 * width < rows.x.max() < width
        assert rows.frame.nunique() > 0.9 * length
    assert supplements.random_locations(shapes, 0, np.random.default_rng(0)).empty


def test_random_chips_replace_the_mined_ones_round_by_round(tmp_path):
    shapes = {name: (20, 64, 96) for name in ("old", "new-0", "new-1", "new-2")}
    folder = SimpleNamespace(shapes=shapes, splits={"train": ["old"], "new": list(shapes)[1:]})
    config = SimpleNamespace(
        seed=0, chips=SimpleNamespace(chip_px=16), rounds=SimpleNamespace(count=4)
    )
    rows = [("old", 3, 8, 8), ("new-0", 2, 0, 0), ("new-0", 4, 0, 0), ("new-1", 5, 0, 0)]
    plan = pd.DataFrame(rows, columns=["sequence", "frame", "x0", "y0"])
    plan.insert(0, "id", [cutting.chip_id(*row, 16) for row in rows])
    plan = plan.assign(reason="miss", split="train")
    plans = []
    for number, count in ((1, 3), (2, 4)):
        mined = RoundContext(config, Paths(tmp_path / "mined", number))
        mined.folder = folder
        random = RoundContext(config, Paths(tmp_path / "random", number))
        for context in (mined, random):
            context.paths.round.mkdir(parents=True)
        before = mined.paths.of_round(number - 1)
        before.round.mkdir(exist_ok=True)
        before.new.write_text(f"sequence\nnew-{number - 1}\n")
        plan.head(count).to_csv(mined.paths.plan, index=False)
        plans.append(supplements.random_plan(random, mined))
        plans[-1].to_csv(random.paths.plan, index=False)
    first, second = (table[table.sequence != "old"] for table in plans)
    assert first.sequence.tolist() == ["new-0"] * 2 and set(first.reason) == {"background"}
    assert set(first.id) < set(second.id) and second.sequence.tolist() == ["new-0"] * 2 + ["new-1"]
    assert all("old" in table.sequence.tolist() for table in plans)
    assert not set(second.id) & set(plan.id[1:])


def test_clips_are_taken_from_each_kind_in_turn():
    names = [f"IR_{kind}_{k:03d}" for kind in ("BIRD", "DRONE") for k in range(4)] + ["IR_PLANE_1"]
    mixed = drone_rounds.by_turns(names, np.random.default_rng(0))
    assert sorted(mixed) == sorted(names)
    kinds = [name.split("_")[1] for name in mixed]
    assert kinds == ["BIRD", "DRONE", "PLANE"] + ["BIRD", "DRONE"] * 3
    assert mixed != drone_rounds.by_turns(names, np.random.default_rng(1))
