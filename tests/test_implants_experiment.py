"""experiments/implants.py: which sequences have labels, and a toy run."""

import json

import pytest
from conftest import real_folder
from toy_experiments import run_toy


@pytest.mark.long
def test_both_halves_are_trained_on_and_measured(tmp_path):
    data = real_folder("cloud-seqs").path
    printed = run_toy("implants", tmp_path, f"--data={data}", "--seeds=0")
    results = json.loads((tmp_path / "implants.json").read_text())["results"]
    assert {name: len(runs) for name, runs in results.items()} == {
        **{"implants alone": 2, "untrained filter": 2, "few labels": 2, "both": 2},
    }
    assert (tmp_path / "implants.md").read_text().partition("\n\n")[2] in printed
    work = tmp_path / "implants.work"

    def labelled(name: str) -> set[str]:
        return {file.stem for file in (work / f"{name}.data/anno").iterdir() if file.read_text()}

    def listed(name: str, split: str) -> list[str]:
        return (work / f"{name}.data/{split}.txt").read_text().split()

    second = ["easy2", "sequence1", "sequence3"]  # the half that is measured first
    assert labelled("toy-0-0-implants-alone") == {*second}
    assert labelled("toy-0-0-few-labels") == {*second, "easy1", "easy3"}
    assert (listed("toy-0-0-few-labels", "train"), listed("toy-0-0-both", "train")) == (
        ["easy3"],
        ["easy3", "sequence2"],
    )
    for name in ("implants-alone", "few-labels", "both"):
        assert (listed(f"toy-0-0-{name}", "val"), listed(f"toy-0-0-{name}", "test")) == (
            ["easy1"],
            second,
        )
    assert listed("toy-0-1-both", "test") == ["easy1", "easy3", "sequence2"]
