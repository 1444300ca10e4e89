"""experiments/detection.py: the toy size from end to end, and its tables by hand."""

import contextlib
import itertools
import json
import math

import detection_changes
import detection_report
import detection_runs
import pytest
from toy_experiments import run_toy

from dimjax.runs.config_rules import check

TOY = ("--seeds=0", "--skies=default", "--variants=difference")


def test_the_toy_run_completes_and_resumes(tmp_path):
    printed = run_toy("detection", tmp_path, *TOY)
    record = json.loads((tmp_path / "detection.json").read_text())
    assert (tmp_path / "detection.md").read_text() in printed
    variants = record["summary"]["default"]
    assert list(variants) == ["untrained", "difference"]
    assert variants["difference"]["frames"]["CPU s"]["mean"] > 0
    file = tmp_path / "detection.work" / "default-toy-0" / "difference.json"
    evaluation = json.loads(file.read_text())
    for name in ("frames", "tracks", "online"):
        strict, loose = evaluation[name]["recall_at"]["target"]
        figures = variants["difference"][name]
        assert figures["R at 0.1"]["mean"] == strict["recall"]
        assert figures["R at 0.65"]["mean"] == loose["recall"]
    recall = evaluation["untrained"]["recall_at"]["target"][0]["recall"]
    assert variants["untrained"]["frames"]["R at 0.1"]["mean"] == recall
    file.write_text(json.dumps({**evaluation, "cpu_s": 12345}))  # not what would be measured again
    run_toy("detection", tmp_path, *TOY)
    again = json.loads((tmp_path / "detection.json").read_text())["summary"]["default"]
    assert again["difference"]["frames"]["CPU s"]["mean"] == 12345


def test_every_variant_is_a_valid_configuration():
    runs = itertools.product(
        detection_runs.CONFIGS, ("half", "cpu", "gpu"), detection_runs.VARIANTS.items()
    )
    for sky, size, (name, variant) in runs:
        config = detection_runs.config_of(sky, size, 3, "clips", name)
        with detection_changes.CHANGES.get(variant.change, contextlib.nullcontext)():
            check(config)
        assert config.seed == 3 and "{" not in config.model.input
        assert config.data.folder == "clips" and config.model.bf16 is (size == "gpu")


def evaluation(recall: float, f1: float, truths: int = 9) -> dict:
    slices = [{"range": {"low": 2.0, "high": 3.0}, "recall": recall / 2}]
    slices += [{"range": {"low": 8.0, "high": None}, "recall": None}]
    row = {"false_alarms_per_frame": 0.1, "recall": recall, "slices": slices}
    part = {"recall_at": {"target": [row], "anything": [row]}, "anything": {"f1": f1}}
    bright = {"f1": f1, "truths": truths}
    part["categories"] = {"target": {"f1": f1}, "interference": {"from_5": bright}}
    untrained = {**part, "best_f1": {"target": 0.7, "anything": 0.6}}
    names = ("untrained", "untrained_tracks")
    return {"frames": part, "tracks": part, "online": part, **dict.fromkeys(names, untrained)}


def test_tables_by_hand():
    seeds = {
        str(k): {
            "untrained": detection_report.figures_of_untrained(evaluation(0.5, 0.0)),
            "network": detection_report.figures_of(evaluation(recall, 0.9, truths=0), cpu_s),
        }
        for k, (recall, cpu_s) in enumerate([(0.6, 100.0), (0.8, None)])
    }
    record = detection_report.record_of({"demo": seeds}, "toy")
    network = record["summary"]["demo"]["network"]["frames"]
    assert network["R at 0.1"]["mean"] == pytest.approx(0.7)
    assert network["R at 0.1, 2 to 3"]["mean"] == pytest.approx(0.35)
    assert network["CPU s"]["mean"] == 100.0  # that of the resumed run is not known
    assert math.isnan(network["F1, interference from 5 on"]["mean"])  # without such truths
    text = detection_report.as_markdown(record)
    row = next(line for line in text.splitlines() if line.startswith("| network"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1].startswith("0.700 (-0.571 to 1.971)") and cells[-1] == "100"
    row = next(line for line in text.splitlines() if line.startswith("| untrained"))
    assert "0.700 (0.700 to 0.700)" in row  # its highest F1
    assert "| R at 0.1, 2 to 3 | R at 0.1, 8 on |" in text


def test_a_resumed_run_has_no_cpu_time(tmp_path, monkeypatch):
    monkeypatch.setattr(detection_runs.SkyRuns, "evaluated", lambda *_: {"frames": {}})
    runs = detection_runs.SkyRuns("demo", "toy", 0, "sky", tmp_path)
    (tmp_path / "single+evidence").mkdir()  # begun before
    assert runs.evaluation("single+evidence", None) == {"frames": {}, "cpu_s": None}
    assert runs.evaluation("difference", None)["cpu_s"] >= 0
