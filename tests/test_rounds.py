"""The main job from end to end: a real configuration made small, killed, resumed, asked."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dimjax
from dimjax import checkpoints
from dimjax.errors import InputError
from dimjax.runs import Paths, read_config, write_config

ROOT = Path(__file__).parent.parent
SMALL = [
    "--config=configs/demo.py",
    "--config.sky.sequences.train=3",
    "--config.sky.sequences.val=1",
    "--config.sky.sequences.test=1",
    "--config.sky.settings.frames=12",
    "--config.sky.settings.height=96",
    "--config.sky.settings.width=128",
    "--config.chips.chip_px=32",
    "--config.training.epochs=3",
    "--config.training.batch_size=16",
]


def command(workdir: Path, *args: str) -> list[str]:
    return [sys.executable, "main.py", *SMALL, f"--workdir={workdir}", *args]


def run(workdir: Path, *args: str) -> str:
    env = {**os.environ, "XLA_FLAGS": ""}
    done = subprocess.run(
        command(workdir, *args), capture_output=True, text=True, cwd=ROOT, env=env
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed")
    return workdir, run(workdir)


def test_the_main_job_leaves_what_it_promises(undisturbed):
    workdir, printed = undisturbed
    paths = Paths(workdir)
    assert "report.html" in printed and "precision" in printed
    figures = json.loads(paths.evaluation.read_text())
    assert figures["split"] == "test" and figures["frames"]["images"] == 12
    assert set(figures["frames"]["categories"]) == {"target", "interference"}
    assert paths.report.read_text().startswith("<!DOCTYPE html>")
    epochs = [json.loads(line)["epoch"] for line in paths.metrics.read_text().splitlines()]
    assert epochs == [0, 1, 2]


def test_every_example_has_its_loss_in_every_epoch(undisturbed):
    table = pd.read_parquet(Paths(undisturbed[0]).losses)
    assert (table.groupby("id").epoch.nunique() == 3).all()
    assert not table.duplicated(["id", "epoch"]).any()
    parts = table[["location", "confidence", "category"]].sum(axis=1)
    np.testing.assert_allclose(table.total, parts, rtol=1e-5)


def test_a_killed_run_goes_on_and_ends_the_same(undisturbed, tmp_path):
    env = {**os.environ, "XLA_FLAGS": ""}
    process = subprocess.Popen(
        command(tmp_path), cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    first = Paths(tmp_path).epoch_losses / "0000.parquet"
    deadline = time.monotonic() + 240
    while not first.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert first.exists() and not Paths(tmp_path).losses.exists()
    run(tmp_path)
    same, other = Paths(undisturbed[0]), Paths(tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(same.losses), pd.read_parquet(other.losses))
    ours, theirs = (json.loads(p.evaluation.read_text()) for p in (same, other))
    assert ours == theirs
    ours, theirs = (dimjax.load(p.workdir).detector.variables for p in (same, other))
    assert _leaves(ours) == _leaves(theirs)


def _leaves(tree) -> list[bytes]:
    import jax

    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def test_a_run_can_be_asked_from_python(undisturbed):
    opened = dimjax.load(undisturbed[0])
    losses = opened.losses("test")
    assert {"id", "sequence", "frame", "location", "confidence", "category", "total"} == set(losses)
    assert losses.id.is_unique and np.isfinite(losses.total).all()
    # The same examples in other batches have the same losses.
    pd.testing.assert_frame_equal(losses, opened.losses("test", batch_size=7), rtol=1e-4)
    frames = np.load(opened.paths.sky / "sequences" / "test-0000" / "frames.npy")
    found = opened.detect(frames, accepted=False)
    saved = pd.read_csv(opened.paths.detections)
    assert len(found) == len(saved)
    # Batches of other sizes and other code for other devices round differently.
    columns = ["frame", "x", "score"]
    np.testing.assert_allclose(found[columns], saved[columns], rtol=1e-3)


@pytest.mark.parametrize("mode", ["sequence", "single"])
def test_the_other_input_modes_train_from_the_same_data_set(undisturbed, tmp_path, mode):
    for name in ("sky", "rounds/0/examples"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(undisturbed[0] / name)
    run(tmp_path, "evaluate", f"--config.model.input={mode}", "--config.training.epochs=1")
    assert Paths(tmp_path).evaluation.exists()


def test_a_run_is_not_continued_with_other_keys(undisturbed):
    config = read_config(undisturbed[0])
    write_config(config, undisturbed[0])
    config = config.copy_and_resolve_references()
    config.unlock()
    config.loss.a = 7.0
    with pytest.raises(InputError, match=r"its own configuration, loss.a=1.0; found loss.a=7.0"):
        write_config(config, undisturbed[0])


def test_a_checkpoint_of_another_model_is_refused(undisturbed, tmp_path):
    other = {name: (undisturbed[0] / name) for name in ("sky", "rounds")}
    opened = dimjax.load(undisturbed[0])
    with checkpoints.open_checkpoints(other["rounds"] / "0" / "checkpoints") as saved:
        like = {
            "params": {"wrong": np.zeros(3)},
            "batch_stats": opened.detector.variables["batch_stats"],
        }
        with pytest.raises(InputError, match="a checkpoint of this model has"):
            checkpoints.restore_variables(saved, like)
        with pytest.raises(
            InputError, match=r"a checkpoint of epoch 9 is needed; found .*\[0, 1, 2\]"
        ):
            checkpoints.describe(saved, 9)


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="a run's directory holds config.json; found none"):
        dimjax.load(tmp_path)
