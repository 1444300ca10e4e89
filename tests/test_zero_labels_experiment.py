"""experiments/zero_labels.py: the toy size from end to end, and its figures by hand."""

import json
import math

import pytest
import zero_labels_report
from toy_experiments import run_toy

from dimjax import ledger
from dimjax.data.folders import open_folder
from dimjax.runs.workdir import Paths

RUNS = "--seeds=40", "--runs=oracle,one"


@pytest.mark.long
def test_the_toy_run_completes_and_resumes(tmp_path):
    printed = run_toy("zero_labels", tmp_path, *RUNS)
    record = json.loads((tmp_path / "zero_labels.json").read_text())
    assert (tmp_path / "zero_labels.md").read_text() in printed
    runs = record["results"]["40"]
    assert list(runs) == ["untrained", "oracle", "one"]
    assert runs["oracle"]["right"] == 1 and 0 < runs["oracle"]["labelled"] <= 1
    assert runs["oracle"]["labels"] >= 4 * runs["oracle"]["decisions"] > 0
    assert runs["one"]["decisions"] is None and runs["one"]["labelled"] == 1
    work = tmp_path / "zero_labels.work" / "zero_labels-toy-40"
    oracle, one = Paths(work / "oracle", 1), Paths(work / "one")
    review = json.loads(oracle.of_round(0).reviewed.read_text())
    assert runs["oracle"]["decisions"] == review["decided"]
    assert runs["oracle"]["labels"] == review["labels_changed"]
    figures = json.loads(oracle.evaluation.read_text())
    assert runs["oracle"]["f1"] == figures["frames"]["categories"]["target"]["f1"]
    assert runs["untrained"]["f1_tracks"] == figures["untrained_tracks"]["best_f1"]["target"]
    sequences = (json.loads(paths.evaluation.read_text())["sequences"] for paths in (oracle, one))
    assert next(sequences) == next(sequences)
    (train,) = open_folder(work / "one-data").splits["train"]
    with ledger.open_ledger(one.ledger) as db:
        labels = ledger.labels_as_of(db, 0)
    assert runs["one"]["labels"] == labels.sequence.eq(train).sum()
    seconds = oracle.evaluation.stat().st_mtime
    run_toy("zero_labels", tmp_path, *RUNS)  # finished runs are not repeated
    assert oracle.evaluation.stat().st_mtime == seconds


def test_the_table_averages_over_seeds_and_marks_missing_figures():
    seeds = {
        str(seed): {
            "untrained": dict.fromkeys(zero_labels_report.COLUMNS, math.nan) | {"f1": 0.75},
            "oracle": dict.fromkeys(zero_labels_report.COLUMNS, float(seed)),
        }
        for seed in (40, 44)
    }
    text = zero_labels_report.as_markdown(
        zero_labels_report.record_of(seeds, "cpu"), "the demo's sky"
    )
    assert "Size cpu, seeds 40, 44." in text
    untrained, oracle = text.splitlines()[-2:]
    assert untrained.startswith("| untrained filter | – | – ") and "| 0.750 (0.750 to" in untrained
    assert oracle.startswith("| no labels, oracle | 42 (17 to 67) |")
