"""The benchmark of training at toy size; its rival computes the same loss."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from dimjax.training.losses import assign, detection_loss

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.long
def test_a_cell_of_toy_size_is_timed(tmp_path):
    out = tmp_path / "results" / "training.json"
    toy = ["--backbones=darknet19", "--sizes=16", "--widths=0.05", "--batch=2", "--rounds=2"]
    command = [sys.executable, BENCHMARKS / "training.py", "--steps=1", *toy, f"--out={out}"]
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS.parent)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert "| darknet19 | 16 | 0.05 |" in done.stdout
    (cell,) = json.loads(out.read_text())["cells"]
    for clock in ("CPU", "wall"):
        seconds = cell["seconds"][clock]
        assert len(seconds["dimjax"]) == len(seconds["loop"]) == 2
        ratio = np.median(np.divide(seconds["dimjax"], seconds["loop"]))
        assert cell["ratios"][f"loop / step, {clock}"] == pytest.approx(ratio)


def test_the_rival_computes_the_same_loss(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(BENCHMARKS)
    from torch_training import detection_loss as torch_loss

    rng = np.random.default_rng(0)
    outputs = rng.normal(0, 2, (6, 7, 3, 4)).astype(np.float32)
    boxes = rng.uniform(1, 24, (6, 1, 4)).astype(np.float32)
    category = np.array([[0], [1], [-1], [0], [1], [-1]])
    ours = jnp.moveaxis(jnp.asarray(outputs), 1, -1)
    targets = assign(jnp.asarray(boxes), jnp.asarray(category), (3, 4), 8)
    expected = detection_loss(ours, targets, 10.0, 2.0)["total"]
    given = (torch.from_numpy(values) for values in (outputs, boxes, category))
    np.testing.assert_allclose(torch_loss(*given, 8, 10.0, 2.0), expected, rtol=1e-5)
