"""experiments/refinement.py: the toy size from end to end, and its figures by hand."""

import json
from pathlib import Path

import numpy as np
import objectlab
import pandas as pd
import pytest
import ranking_figures
import refinement_clips
import refinement_ranking
import suspect_scores
from ranking_figures import Ranking
from refinement_summary import merged, summarise
from toy_experiments import run_toy

from dimjax.data.folders import open_folder
from dimjax.data.labels import COLUMNS, write_table
from dimjax.data.layouts import DIMJAX
from dimjax.training.training_log import TrainingLog

TOY = ("--seeds=0", "--folds=2")


@pytest.mark.long
def test_the_toy_size_writes_its_table_and_repeats_nothing(tmp_path):
    printed = run_toy("refinement", tmp_path, *TOY)
    assert "F1, labels" in printed
    record = json.loads((tmp_path / "refinement.json").read_text())
    (summary,) = record["summary"].values()
    for kind in ("all", "unlabelled_target", "wrong_position", "wrong_category"):
        assert {"calibrated", "last loss", "out of fold"} <= summary["auroc"][kind].keys()
        assert "calibrated" in summary["precision_at_k"][kind]
    assert set(summary["f1"]) == {"noisy", "fixed", "clean"}
    assert summary["reviewed_share_at_90"]["calibrated"] > 0 and "mean_loss_drop" in summary
    assert "reviewed to find 90 %" in printed
    assert len(summary["curve"]["calibrated"]) == len(suspect_scores.REVIEWED)
    assert (tmp_path / "refinement-sky-32.svg").read_text().startswith("<svg")
    low, high = summary["intervals"]["auroc"]["wrong_position"]["calibrated"]
    assert low <= summary["auroc"]["wrong_position"]["calibrated"] <= high
    _check_that_no_network_judged_its_training_data(
        next(tmp_path.glob("refinement.work/*/folds-2"))
    )
    figures = next(tmp_path.glob("refinement.work/*/ranking.json"))
    figures.write_text(figures.read_text().replace('"labels": ', '"labels": 1'))
    printed = run_toy("refinement", tmp_path, *TOY, "--noeffect")
    assert "| labels | 1" in printed  # read, not measured again
    assert "F1, labels" not in printed


def _check_that_no_network_judged_its_training_data(folds: Path) -> None:
    losses = TrainingLog(folds / "rounds" / "0").read_losses()
    judged, trained = set(losses.sequence), []
    for fold in ("0", "1"):
        log = TrainingLog(folds / fold / "run" / "rounds" / "0")
        trained.append(set(log.read_losses().sequence))
    assert trained[0] | trained[1] == judged and not trained[0] & trained[1]
    assert (losses.total > 0).all() and losses.epoch.eq(0).all()


def test_a_score_of_other_figures_is_added():
    figures = {
        "auroc": {"all": {"calibrated": 1, "x": 2}},
        "curve": {"calibrated": [3]},
        "labels": 4,
    }
    other = {"auroc": {"all": {"calibrated": 5}}, "curve": {"calibrated": [6]}}
    assert refinement_ranking.with_score(figures, other, "y") == {
        "auroc": {"all": {"calibrated": 1, "x": 2, "y": 5}},
        "curve": {"calibrated": [3], "y": [6]},
        "labels": 4,
    }


def test_auroc_precision_and_units_to_review_by_hand():
    score = [0.9, 0.8, 0.7, 0.7, np.nan]
    steps = Ranking(score, [True, False, True, False, False]).steps()
    # Pairs: 0.9 beats three, 0.7 beats one, ties with one and loses to one: 4.5 of 6.
    assert ranking_figures.auroc(steps) == pytest.approx(4.5 / 6)
    assert ranking_figures.precision(steps) == 0.5
    assert ranking_figures.units_reviewed(steps, 0.5) == 1
    # The second error is the third unit or the fourth.
    assert (
        ranking_figures.units_reviewed(steps, 0.51)
        == ranking_figures.units_reviewed(steps, 1.0)
        == 3.5
    )
    assert ranking_figures.recall_at(steps, [0, 1, 3, 4, 9]).tolist() == [0, 0.5, 0.75, 1, 1]
    none = Ranking(score, np.zeros(5, bool)).steps()
    assert np.isnan(ranking_figures.auroc(none)) and np.isnan(ranking_figures.precision(none))
    assert np.isnan(ranking_figures.units_reviewed(none, 0.5))


def test_a_random_order_finds_errors_at_an_even_rate():
    steps = Ranking(np.zeros(19), np.arange(19) < 4).steps()
    # 20 gaps of equal size between 4 errors and both ends: the j-th is unit 4 j.
    assert [ranking_figures.units_reviewed(steps, share) for share in (0.25, 0.5, 1)] == [4, 8, 16]
    assert ranking_figures.auroc(steps) == 0.5
    assert ranking_figures.precision(steps) == pytest.approx(4 / 19)


def test_draws_are_of_whole_sequences():
    sequence = np.array(["a", "a", "b", "c", "c"])
    drawn = np.array(list(ranking_figures.draws(sequence, 2000, np.random.default_rng(1))))
    assert (drawn[:, 0] == drawn[:, 1]).all() and (drawn[:, 3] == drawn[:, 4]).all()
    assert (drawn[:, [0, 2, 3]].sum(axis=1) == 3).all()
    # Each is left out with probability (2/3)^3; the variance of its copies is 3 * 1/3 * 2/3.
    assert (drawn[:, 2] == 0).mean() == pytest.approx(8 / 27, abs=0.03)
    assert drawn[:, 2].var() == pytest.approx(2 / 3, abs=0.06)


def test_copies_count_like_repeated_units():
    rng = np.random.default_rng(2)
    score, error = rng.integers(0, 9, 40).astype(float), rng.random(40) < 0.3
    copies = rng.integers(0, 4, 40)
    weighted = Ranking(score, error).steps(copies.astype(float))
    repeated = Ranking(score.repeat(copies), error.repeat(copies)).steps()
    for figure in (ranking_figures.auroc, ranking_figures.precision):
        assert figure(weighted) == pytest.approx(figure(repeated))
    for share in (0.2, 0.5, 0.9):
        expected = ranking_figures.units_reviewed(repeated, share)
        assert ranking_figures.units_reviewed(weighted, share) == pytest.approx(expected)


def test_intervals_are_wide_if_all_errors_lie_in_one_sequence():
    rows = 30
    table = pd.DataFrame({"sequence": np.repeat(["a", "b", "c"], rows), "is_label": True})
    table["kind"] = ""
    table.loc[:9, "kind"] = "wrong_position"
    table["calibrated/wrong_position"] = table["calibrated/all"] = np.linspace(1, 0, 3 * rows)
    intervals = suspect_scores.figures(table)["intervals"]
    assert intervals["precision_at_k"]["all"]["calibrated"] == [1.0, 1.0]
    # 9 of the 10 errors lie in the first tenth of a sequence: 9 of 90, 60 or 30 labels drawn.
    low, high = intervals["reviewed_share_at_90"]["calibrated"]
    assert (low, high) == (pytest.approx(0.1), pytest.approx(0.3))


def test_only_the_training_labels_of_clips_are_corrupted(tmp_path):
    rng = np.random.default_rng(4)
    rows = []
    for number, kind in enumerate(("AIRPLANE", "BIRD", "DRONE", "BIRD")):
        name = f"IR_{kind}_{number:03d}"
        (tmp_path / "raw" / "sequences" / name).mkdir(parents=True)
        frames = rng.normal(100, 5, (40, 64, 96))
        for t in range(40):
            frames[t, 20:24, 10 + t : 14 + t] += 60
            category = "interference" if kind == "BIRD" else "target"
            rows.append((name, t, 12.0 + t, 22.0, 5.0, 4.0, category, "", "file"))
        np.save(tmp_path / "raw" / "sequences" / name / "frames.npy", frames.astype(np.uint8))
    write_table(pd.DataFrame(rows, columns=list(COLUMNS)), tmp_path / "raw" / "labels.csv")
    (tmp_path / "raw" / "splits").mkdir()
    (tmp_path / "raw" / "splits" / "train.txt").write_text("IR_AIRPLANE_000\nIR_DRONE_002\n")
    (tmp_path / "raw" / "splits" / "val.txt").write_text("IR_BIRD_001\nIR_BIRD_003\n")
    layout = DIMJAX._replace(splits={"train": "splits/train.txt", "val": "splits/val.txt"})
    size = refinement_clips.Size((1, 1, 2), 36, 1, 0.25)
    clips = tmp_path / "clips"
    refinement_clips.write(open_folder(tmp_path / "raw", layout), size, 0, 0.5, clips)

    folder, errors = open_folder(clips, DIMJAX), pd.read_csv(clips / "errors.csv")
    (corrupted,) = folder.splits["train"]
    assert [len(folder.splits[name]) for name in ("val", "test", "new")] == [1, 2, 0]
    assert set(errors.sequence) == {corrupted} and len(folder.truth) == 4 * 36
    other = folder.labels.sequence != corrupted
    place = ["sequence", "frame", "x", "y", "w", "h", "category"]
    same = folder.truth[folder.truth.sequence != corrupted][place].reset_index(drop=True)
    pd.testing.assert_frame_equal(folder.labels[other][place].reset_index(drop=True), same)
    assert (
        len(folder.labels[~other])
        == 36 + errors.kind.map({"unlabelled": -1, "background": 1}).fillna(0).sum()
    )
    assert set(errors.kind) >= {"position", "background", "category"}
    # Neither sizes nor tracks distinguish the false labels.
    assert set(folder.labels.w) == {5.0} and set(folder.labels.track) == {""}
    right = open_folder(clips, DIMJAX._replace(labels="right_labels.csv")).labels
    assert right[place].equals(folder.truth[place])
    before = (clips / "labels.csv").read_bytes()
    refinement_clips.write(open_folder(tmp_path / "raw", layout), size, 1, 0.5, clips)
    assert (clips / "labels.csv").read_bytes() == before  # nothing is written twice


def _boxes(*rows) -> pd.DataFrame:
    columns = ["sequence", "frame", "x", "y", "category", "score"]
    return pd.DataFrame(rows, columns=columns).assign(w=3.0, h=3.0)


@pytest.mark.skipif(not objectlab.INSTALLED, reason="cleanlab is an extra")
def test_cleanlab_judges_labels_and_detections():
    shifts = [0.0, 1.0, 2.0, 3.0]
    labels = _boxes(
        *[("a", frame, 10.0, 10.0, "target", 1.0) for frame in range(4)],
        ("b", 0, 40.0, 10.0, "interference", 1.0),
        ("b", 1, 40.0, 10.0, "target", 1.0),
    )
    detections = _boxes(
        *[("a", frame, 10.0 + shift, 10.0, "target", 0.9) for frame, shift in enumerate(shifts)],
        ("b", 3, 20.0, 10.0, "target", 0.4),
        ("b", 0, 40.0, 10.0, "target", 0.97),
        ("b", 2, 70.0, 30.0, "interference", 0.96),
        ("b", 2, 60.0, 30.0, "target", 0.96),
    )
    scores = objectlab.box_scores(labels, detections)
    # 0.9 of the overlap (1, 1/2, 1/5) and 0.1 of the proximity; without overlap: no error.
    assert scores.position[:4] == pytest.approx([0, 0.46, 0.74, 0], abs=0.01)
    assert scores.category[[0, 5]].tolist() == [0, 0] and scores.category[4] > 0.7
    assert np.isnan(scores.overlooked[:6]).all() and (scores.overlooked[6:] > 0.9).all()
    proposals = _boxes(("b", 2, 61.0, 31.0, "target", 0.0), ("b", 2, 64.0, 31.0, "target", 0.0))
    rival = objectlab.rival(labels, proposals, detections)
    assert rival.proposals[0] == scores.overlooked[7] and np.isnan(rival.proposals[1])
    assert rival.labels.wrong_position.tolist() == scores.position.tolist()
    assert rival.labels.wrong_category.tolist() == scores.category.tolist()
    assert (rival.labels.labelled_background == 0).all()  # it has no score for this kind


def test_means_have_combined_intervals_and_results_are_merged():
    def seed(auroc, low, high, f1):
        return {"auroc": {"all": {"x": auroc}}, "intervals": {"auroc": {"all": {"x": [low, high]}}},
                "f1": {"noisy": f1}, "curve": {"x": [0.0, auroc]}}  # fmt: skip

    first, second = seed(0.9, 0.87, 1.0, 0.5), seed(0.7, 0.66, 0.73, None)
    one, both = summarise([first]), summarise([first, second])
    assert one["intervals"]["auroc"]["all"]["x"] == pytest.approx([0.87, 1.0])
    assert both["auroc"]["all"]["x"] == pytest.approx(0.8) and both["f1"]["noisy"] == 0.5
    # sqrt(0.03^2 + 0.04^2) / 2 below, sqrt(0.1^2 + 0.03^2) / 2 above.
    expected = [0.8 - 0.025, 0.8 + np.hypot(0.1, 0.03) / 2]
    assert both["intervals"]["auroc"]["all"]["x"] == pytest.approx(expected)
    assert both["curve"]["x"] == pytest.approx([0.0, 0.8])
    previous = {"sky": {"0": 1, "1": 2}, "drone": {"0": 3}}
    assert merged(previous, {"sky": {"1": 4}, "new": {"0": 5}}) == {
        "sky": {"0": 1, "1": 4}, "drone": {"0": 3}, "new": {"0": 5}}  # fmt: skip
