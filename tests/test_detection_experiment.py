"""experiments/detection.py: the toy size from end to end, and its tables by hand."""

import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAST = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


@pytest.fixture(scope="module")
def experiments():
    """Import a module of the experiments."""
    sys.path.insert(0, str(ROOT / "experiments"))
    yield importlib.import_module
    sys.path.remove(str(ROOT / "experiments"))


def run(out: Path) -> str:
    command = [sys.executable, "experiments/detection.py", "--size=toy", "--seeds=0"]
    command += ["--skies=default", "--variants=difference", f"--out={out}"]
    environment = {**os.environ, "XLA_FLAGS": FAST}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_toy_run_completes_and_resumes(tmp_path):
    printed = run(tmp_path)
    record = json.loads((tmp_path / "detection.json").read_text())
    assert (tmp_path / "detection.md").read_text() in printed
    variants = record["summary"]["default"]
    assert list(variants) == ["untrained", "difference"]
    assert variants["difference"]["frames"]["CPU s"]["mean"] > 0
    work = tmp_path / "detection.work" / "default-toy-0" / "difference"
    evaluation = json.loads((work / "rounds/0/evaluation.json").read_text())
    for name in ("frames", "tracks", "online"):
        strict, loose = evaluation[name]["recall_at"]["target"]
        figures = variants["difference"][name]
        assert figures["R at 0.1"]["mean"] == strict["recall"]
        assert figures["R at 0.65"]["mean"] == loose["recall"]
    recall = evaluation["untrained"]["recall_at"]["target"][0]["recall"]
    assert variants["untrained"]["frames"]["R at 0.1"]["mean"] == recall
    (work / "cpu.json").write_text('{"cpu_s": 12345}')  # not what would be measured again
    run(tmp_path)
    again = json.loads((tmp_path / "detection.json").read_text())["summary"]["default"]
    assert again["difference"]["frames"]["CPU s"]["mean"] == 12345


def test_every_variant_is_a_valid_configuration(experiments):
    module = experiments("detection")
    check = importlib.import_module("dimjax.runs.config_rules").check
    for sky in ("demo", "default", "drone-ir"):
        for variant, keys in module.VARIANTS.items():
            config = module.config_of(sky, "cpu", 3, "clips", variant)
            check(config)
            assert config.model.input == keys["model.input"] and config.seed == 3
            assert config.data.folder == "clips"


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


def test_tables_by_hand(experiments):
    report = experiments("detection_report")
    seeds = {
        str(k): {
            "untrained": report.figures_of_untrained(evaluation(0.5, 0.0)),
            "network": report.figures_of(evaluation(recall, 0.9, truths=0), cpu_s),
        }
        for k, (recall, cpu_s) in enumerate([(0.6, 100.0), (0.8, None)])
    }
    record = report.record_of({"demo": seeds}, "toy")
    network = record["summary"]["demo"]["network"]["frames"]
    assert network["R at 0.1"]["mean"] == pytest.approx(0.7)
    assert network["R at 0.1, 2 to 3"]["mean"] == pytest.approx(0.35)
    assert network["CPU s"]["mean"] == 100.0  # that of the resumed run is not known
    assert math.isnan(network["F1, interference from 5 on"]["mean"])  # without such truths
    text = report.as_markdown(record)
    row = next(line for line in text.splitlines() if line.startswith("| network"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1].startswith("0.700 (-0.571 to 1.971)") and cells[-1] == "100"
    row = next(line for line in text.splitlines() if line.startswith("| untrained"))
    assert "0.700 (0.700 to 0.700)" in row  # its highest F1
    assert "| R at 0.1, 2 to 3 | R at 0.1, 8 on |" in text


def test_a_resumed_run_has_no_cpu_time(experiments, tmp_path, monkeypatch):
    module = experiments("detection")

    def finish(config, workdir, make_builder, last):
        path = Path(workdir) / "rounds/0/evaluation.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")

    monkeypatch.setattr(module.rounds, "run", finish)
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "config.json").write_text("{}")
    for folder in (killed, tmp_path / "new"):
        assert module.trained(None, folder) == {}
    assert json.loads((killed / "cpu.json").read_text()) == {"cpu_s": None}
    assert json.loads((tmp_path / "new/cpu.json").read_text())["cpu_s"] >= 0
