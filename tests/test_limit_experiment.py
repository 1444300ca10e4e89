"""experiments/limit.py: the toy size from end to end."""

import json

import pandas as pd
import pytest
from toy_experiments import run_toy


@pytest.mark.long
def test_the_toy_run_completes_and_resumes(tmp_path):
    printed = run_toy("limit", tmp_path, "--seeds=0")
    record = json.loads((tmp_path / "limit.json").read_text())
    assert (tmp_path / "limit.md").read_text() in printed
    assert set(record["summary"]) == {"demo", "default"}
    for lines in record["summary"].values():
        assert [line["frames"] for line in lines] == [4, 4, 8, 8, 16, 16]
        for strict, loose in zip(lines[::2], lines[1::2], strict=True):
            assert 0 < strict["recall"]["mean"] <= loose["recall"]["mean"] <= 1
            assert strict["recall"]["mean"] <= strict["told_apart"]["mean"] <= 1
    part = tmp_path / "limit.parts" / "demo-toy-0.csv"
    table = pd.read_csv(part)
    part.write_text(table.assign(d4=0.0).to_csv(index=False))  # not what would be measured
    run_toy("limit", tmp_path, "--seeds=0")
    record = json.loads((tmp_path / "limit.json").read_text())
    assert record["summary"]["demo"][0]["recall"]["mean"] < 0.01
