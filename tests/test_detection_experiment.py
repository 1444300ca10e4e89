"""experiments/detection.py: the toy size from end to end, and its tables by hand."""

import contextlib
import itertools
import json
import math
import shutil

import detection_changes
import detection_report
import detection_runs
import pytest
from result_files import as_json
from toy_experiments import run_toy

from dimjax.errors import InputError
from dimjax.runs.config_rules import check

TOY = ("--seeds=0", "--skies=default", "--variants=difference")


@pytest.mark.long
def test_the_toy_run_completes_and_is_not_repeated(tmp_path):
    printed = run_toy("detection", tmp_path, *TOY)
    results = json.loads((tmp_path / "detection.json").read_text())
    assert (tmp_path / "detection.md").read_text() in printed
    variants = results["results"]["default"]["0"]
    assert list(variants) == ["untrained", "difference"]
    assert variants["difference"]["frames"]["CPU s"] > 0
    file = tmp_path / "detection.work" / "default-toy-0" / "difference.json"
    evaluation = json.loads(file.read_text())
    for name in ("frames", "tracks", "online"):
        strict, loose = evaluation[name]["recall_at"]["target"]
        figures = variants["difference"][name]
        assert figures["R at 0.1"] == pytest.approx(strict["recall"], abs=1e-4)
        assert figures["R at 0.65"] == pytest.approx(loose["recall"], abs=1e-4)
    recall = evaluation["untrained"]["recall_at"]["target"][0]["recall"]
    assert variants["untrained"]["frames"]["R at 0.1"] == pytest.approx(recall, abs=1e-4)
    shutil.rmtree(tmp_path / "detection.work")  # the results are enough
    assert run_toy("detection", tmp_path, *TOY).strip() == printed[printed.index("# Det") :].strip()
    assert not (tmp_path / "detection.work").exists()


def test_every_variant_is_a_valid_configuration():
    runs = itertools.product(
        detection_runs.CONFIGS, ("sixth", "half", "cpu", "gpu"), detection_runs.VARIANTS.items()
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
    network = detection_report.average(list(seeds.values()))["network"]["frames"]
    assert network["R at 0.1"]["mean"] == pytest.approx(0.7)
    assert network["R at 0.1, 2 to 3"]["mean"] == pytest.approx(0.35)
    assert network["CPU s"]["mean"] == 100.0  # that of the resumed run is not known
    assert math.isnan(network["F1, interference from 5 on"]["mean"])  # without such truths
    text = detection_report.as_markdown({"demo": seeds}, "toy")
    row = next(line for line in text.splitlines() if line.startswith("| network"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == "2" and cells[2].startswith("0.700 (-0.571 to 1.971)")
    assert cells[-1] == "100"
    row = next(line for line in text.splitlines() if line.startswith("| untrained"))
    assert "0.700 (0.700 to 0.700)" in row  # its highest F1
    assert "| R at 0.1, 2 to 3 | R at 0.1, 8 on |" in text


def test_a_change_is_compared_on_the_same_sequences(tmp_path):
    def figures(recall, cpu_s=None):
        return detection_report.figures_of(evaluation(recall, 0.5), cpu_s)

    seeds = {
        str(k): {detection_runs.AS_CONFIGURED: figures(base), "change": figures(base + gain)}
        for k, (base, gain) in enumerate([(0.4, 0.1), (0.8, 0.1)])
    }
    seeds["2"] = {detection_runs.AS_CONFIGURED: figures(0.1)}  # the change is not measured yet
    file = tmp_path / "detection.json"
    file.write_text(as_json(detection_report.record_of({"demo": seeds}, "half")))
    read = detection_report.read_results(file, "half")
    text = detection_report.as_markdown(read, "half")
    rows = [line for line in text.splitlines() if line.startswith("| change")]
    assert rows[0].startswith("| change | 2 | 0.700 (")  # means, by slice, differences
    assert rows[2].startswith("| change | 2 | 0.100 (0.100 to 0.100)")
    with pytest.raises(InputError, match="must hold results of size cpu; found half"):
        detection_report.read_results(file, "cpu")


def test_a_resumed_run_has_no_cpu_time(tmp_path, monkeypatch):
    monkeypatch.setattr(detection_runs.SkyRuns, "evaluated", lambda *_: {"frames": {}})
    runs = detection_runs.SkyRuns("demo", "toy", 0, "sky", tmp_path)
    (tmp_path / "single+evidence").mkdir()  # begun before
    assert runs.evaluation("single+evidence", None) == {"frames": {}, "cpu_s": None}
    assert runs.evaluation("difference", None)["cpu_s"] >= 0
