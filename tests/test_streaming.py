"""Chips that stay on the disk: the same batches, the same losses, and a budget that says when."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from dimjax.chips import examples
from dimjax.runs.run import load
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import train
from dimjax.stages.train import _examples
from dimjax.training import meshes, steps


@pytest.fixture(scope="module")
def paths(tiny_run):
    return Paths(tiny_run)


@pytest.mark.parametrize("steps", [1, 3])
def test_streamed_blocks_hold_the_chips_of_the_order(paths, steps):
    data = examples.load(paths.prepared, "train")
    stored = examples.load(paths.prepared, "train", most_bytes=0)
    mesh = meshes.make_mesh()
    order = steps.epoch_order(len(data), 4, (0, 0))
    blocks = [order[i : i + steps] for i in range(0, len(order), steps)]
    fed = list(steps.feed(steps.chips_of(stored, mesh), blocks))
    assert len(fed) == len(blocks) and len(blocks) > 1
    for (chips, index), block in zip(fed, blocks, strict=True):
        assert index.shape == block.shape and len(chips.frames) == block.size
        for name, values in chips._asdict().items():
            expected = getattr(data, name)[block]
            np.testing.assert_array_equal(values[index], expected)


def test_a_stream_that_is_given_up_ends(paths):
    stored = examples.load(paths.prepared, "train", most_bytes=0)
    order = steps.epoch_order(len(stored), 4, (0, 0))
    given_up = steps.feed(steps.chips_of(stored, meshes.make_mesh()), list(order[:, None]))
    next(given_up)
    given_up.close()
    with pytest.raises(StopIteration):
        next(given_up)


def figures_of(paths):
    """What metrics.jsonl says, but for the speed."""
    lines = [json.loads(line) for line in paths.metrics.read_text().splitlines()]
    return [{**line, "chips_per_second": None} for line in lines]


def test_a_training_that_goes_on_streamed_ends_as_the_resident_one(tiny_run, paths, tmp_path):
    """To the bit, half of its epochs resident and half streamed."""
    workdir = shutil.copytree(tiny_run, tmp_path / "run")
    config, streamed = read_config(workdir), Paths(workdir)
    config.training.device_gb = 0.0
    for gone in (2, 3):
        shutil.rmtree(streamed.checkpoints / str(gone))
        (streamed.epoch_losses / f"{gone:04d}.parquet").unlink()
    streamed.losses.unlink()
    train.run(config, streamed)
    for name in ("losses", "answers"):
        expected, found = (pd.read_parquet(getattr(at, name)) for at in (paths, streamed))
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert figures_of(streamed) == figures_of(paths)


def test_the_budget_is_for_both_splits(paths, capsys):
    config = read_config(paths.workdir)
    held = {name: examples.load(paths.prepared, name).frames.nbytes for name in ("train", "val")}
    assert held["val"] < held["train"] - 1

    def stored(budget):
        config.training.device_gb = budget / 1e9
        return [isinstance(data.frames, examples.StoredFrames) for data in _examples(config, paths)]

    assert stored(held["train"] + held["val"]) == [False, False]
    assert stored(held["train"] + held["val"] - 1) == [False, True]
    assert not capsys.readouterr().out
    assert stored(held["train"] - 1) == [True, False]
    assert "GB of chips are read anew in each epoch: more than training.device_gb=" in (
        capsys.readouterr().out
    )


def test_the_losses_of_stored_chips_are_those_of_resident_ones(tiny_run, paths, tmp_path):
    opened = load(tiny_run)
    expected = opened.losses("train", batch_size=7)
    opened.config = read_config(tiny_run)
    opened.config.training.device_gb = 0.0
    pd.testing.assert_frame_equal(opened.losses("train", batch_size=7), expected, check_exact=True)
