"""Dry runs of the benchmarks at toy size, and their arithmetic."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import random_detector

import dimjax
from dimjax.export.detector_files import export_onnx
from dimjax.export.onnx_runtime import open_onnx
from dimjax.export.parity import frames_with_targets
from dimjax.models import create_detector

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
gpu, live, quantized, table2 = map(importlib.import_module, ("gpu", "live", "quantized", "table2"))


@pytest.fixture(scope="module")
def dry(tmp_path_factory):
    out = tmp_path_factory.mktemp("gpu") / "dry.json"
    plan = gpu.DRY._replace(backbones=("darknet19",), sizes=(32, 16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu.steps, "steps_per_call", lambda: 2)  # as on a GPU: one program
        gpu.measure(plan, out, dry=True)
    return json.loads(out.read_text())


@pytest.mark.long
def test_the_dry_run_measures_every_part(dry):
    assert dry["missing"] == [] and dry["errors"] == {} and dry["dry"]
    names = ["matrix", "train darknet19 32", "losses", "frames", "train darknet19 16"]
    assert list(dry["measured"]) == names
    large, small = (dry["measured"][f"train darknet19 {size}"] for size in (32, 16))
    # 40 and 24 chips of 4 frames of 16 bit; scale, box and category come to 2 * 4 + 4 * 4 + 1.
    assert large["resident_bytes"] == 40 * (4 * 32 * 32 * 2 + 25)
    assert small["resident_bytes"] == 24 * (4 * 16 * 16 * 2 + 25)
    assert large["steps_per_call"] == 2 and large["program_bytes"] > small["program_bytes"] > 0
    assert 3.5 < large["flops_per_chip"] / small["flops_per_chip"] < 5  # 4 times the pixels
    assert dry["measured"]["losses"]["chips"] == 40
    assert dry["measured"]["frames"]["frames_per_second_on_device"] > 0
    assert json.loads(json.dumps(table2.summary(dry["measured"]))) == dry["summary"]


@pytest.mark.long
def test_flops_are_three_times_those_of_the_forward_convolutions(dry):
    """Minus the products with zeros outside a chip, which XLA does not count."""
    forward = []

    def count(call, args, kwargs, context):
        outputs = call(*args, **kwargs)
        if isinstance(context.module, nn.Conv):
            kernel = context.module.variables["params"]["kernel"]
            forward.append(2 * kernel.size * outputs.shape[1] * outputs.shape[2])
        return outputs

    with nn.intercept_methods(count):
        model = create_detector("darknet19", width=gpu.DRY.width)
        images = jnp.zeros((1, 32, 32, 3))
        jax.eval_shape(lambda key: model.init(key, images, train=False), jax.random.key(0))
    flops = dry["measured"]["train darknet19 32"]["flops_per_chip"]
    assert len(forward) == 10 and 0.75 < flops / (3 * sum(forward)) < 1


def test_the_summary_by_hand():
    cell = {
        "backbone": "darknet19",
        "chip_px": 80,
        "chips_per_second": 850.1,
        "flops_per_chip": 2e9,
    }
    other = {**cell, "backbone": "efficientnet_b0", "chip_px": 64, "chips_per_second": 1700.2}
    summary = table2.summary(
        {"matrix": {"flops_per_second": 1e14}, "train a": cell, "losses": {}, "train b": other}
    )
    assert summary["share_of_attainable"] == pytest.approx(
        {"train a": 0.017002, "train b": 0.034004}
    )
    # 100 epochs of 85,010 chips are 8,501,000 chips: 10,000 s and 5,000 s.
    assert summary["projected_minutes"] == pytest.approx(
        {"train a": 10_000 / 60, "train b": 5_000 / 60}
    )
    assert summary["paper_minutes"] == {"train a": 546, "train b": 722}
    assert summary["cells"] == 2
    assert summary["projected_hours"] == pytest.approx(15_000 / 3600)
    assert summary["paper_hours"] == pytest.approx(1268 / 60)


def test_the_table_of_the_paper_is_complete():
    minutes = [value for sizes in table2.MINUTES.values() for value in sizes.values()]
    assert len(minutes) == 24 and sum(minutes) == 11_436  # 190.6 hours
    assert set(table2.MINUTES) == set(gpu.BACKBONES)


def test_if_the_time_runs_out_the_measured_parts_are_written(tmp_path):
    out = tmp_path / "gpu.json"
    gpu.measure(gpu.DRY._replace(budget_s=0.0), out, dry=True)
    record = json.loads(out.read_text())
    assert list(record["measured"]) == ["matrix"]
    assert record["missing"] == [
        "train darknet19 16", "losses", "frames", "train squeezenet 16",
    ]  # fmt: skip


def test_the_gpu_script_needs_neither_tables_nor_tfds():
    absent = ["pandas", "pyarrow", "tensorflow_datasets", "array_record", "grain", "ml_collections"]
    code = f"""
import sys
sys.modules.update(dict.fromkeys({absent!r}))
sys.path[:0] = [{str(BENCHMARKS)!r}, {str(BENCHMARKS.parent)!r}]
import gpu
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.long
def test_the_memory_of_few_chips_is_measured(tmp_path, monkeypatch):
    out = tmp_path / "memory.json"
    run = [sys.executable, BENCHMARKS / "memory.py", "--chips=300", "--chip_px=16", f"--out={out}"]
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS.parent))
    subprocess.run(run, check=True, capture_output=True)
    record = json.loads(out.read_text())
    assert record["chip_bytes"] == 300 * 4 * 16 * 16 * 2
    for way in ("kept", "streamed"):
        peaks = list(record[way]["peak_bytes"].values())
        # Linux counts some pages late.
        assert np.diff(peaks).min() > -1e6 and peaks[0] > 50e6
    ratio = record["summary"]["peak / chips' bytes, trained"]
    assert ratio == record["kept"]["peak_bytes"]["trained"] / record["chip_bytes"]


@pytest.mark.long
def test_the_time_of_a_step_is_divided_by_kind_of_layer(tmp_path):
    out = tmp_path / "layers.json"
    command = [sys.executable, BENCHMARKS / "layers.py", f"--out={out}", "--size=32"]
    command += ["--width=0.25", "--backbones", "mobilenet"]
    subprocess.run(command, check=True, capture_output=True)
    (shares,) = json.loads(out.read_text())["shares"].values()
    assert sum(shares.values()) == pytest.approx(1)
    for kind in ("convolutions", "depthwise", "batch norm"):
        assert shares[f"{kind}, forward"] > 0 and shares[f"{kind}, backward"] > 0


@pytest.mark.long
def test_dilated_and_plain_steps_are_compared_and_decide_the_exit_status(tmp_path):
    out = tmp_path / "dilated_rows.json"
    command = [sys.executable, BENCHMARKS / "dilated_rows.py", f"--out={out}"]
    command += ["--cells=darknet19:16:0.05:2", "--turns=2", "--steps=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    record = json.loads(out.read_text())
    (cell,) = record["cells"]
    clock = "CPU" if record["machine"]["cores"] == 1 else "wall"
    plain, dilated = (np.array(cell["seconds"][clock][form]) for form in ("plain", "dilated"))
    assert len(plain) == len(dilated) == 2
    ratio = record["summary"][f"dilated / plain, {clock}"]
    assert ratio == pytest.approx(np.median(plain / dilated))
    assert done.returncode == (ratio < 1)
    assert ("plain convolutions are faster" in done.stderr) == (ratio < 1)


def test_convolutions_in_16_and_8_bits_give_nearly_the_same_scores(tmp_path):
    plain = tmp_path / "float32.onnx"
    export_onnx(random_detector(), plain, check_shapes=((1, 64, 96),))
    frames, scale = frames_with_targets(1, 64, 96, seed=0)
    call = {"frames": np.asarray(frames, np.float32), "scale": scale}
    forms = [plain, quantized.to_float16(plain), quantized.to_int8(plain, [call])]
    sizes = [one.stat().st_size for one in forms]
    assert sizes[1] < 0.6 * sizes[0] and sizes[2] < 0.4 * sizes[0]
    exact, half, whole = (np.sort(open_onnx(one).detect(frames, scale).score) for one in forms)
    assert 0 < np.abs(half - exact).max() < 0.01
    assert 0 < np.abs(whole - exact).mean() < 0.05  # single sums saturate without VNNI


def test_live_and_whole_detection_search_the_same_frames(tiny_run):
    run = dimjax.load(tiny_run)
    frames = live.frames_of(run, 40)
    assert frames.shape == (40, 64, 96)
    np.testing.assert_array_equal(frames[7:15], frames[7::-1])  # 8 frames, then backwards
    turn = live.measure(run, frames)
    assert turn["live / whole"] == pytest.approx(turn["live, frames/s"] / turn["whole, frames/s"])
    assert 0 < turn["latency, ms"] <= turn["95 %, ms"]
    assert live.summary([{"a": 1.0}, {"a": 3.0}, {"a": 2.0}]) == {"a": 2.0}
