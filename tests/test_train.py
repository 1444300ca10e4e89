"""The training stage: settings passed on, resumed trainings, streamed chips."""

import shutil
import signal

import jax
import numpy as np
import pandas as pd
import pytest

from dimjax.chips import examples
from dimjax.detection.detector import restore_detector
from dimjax.errors import InputError
from dimjax.runs.context import RoundContext
from dimjax.runs.workdir import Paths, read_config
from dimjax.stages import train
from dimjax.training import steps


@pytest.fixture
def half_trained(tiny_run, tmp_path):
    """The tiny run as if it had been killed after two of its four epochs."""
    paths = Paths(shutil.copytree(tiny_run, tmp_path / "run"))
    for epoch in (2, 3):
        shutil.rmtree(paths.checkpoints / str(epoch))
        for folder in (paths.training_log.losses, paths.training_log.label_outputs):
            (folder / f"{epoch:04d}.parquet").unlink()
    paths.training_log.completion.unlink()
    return RoundContext(read_config(paths.workdir), paths)


def metrics_of(log):
    """The metrics without the speed."""
    return [{**line, "chips_per_second": None} for line in log.read_metrics()]


def assert_same_training(paths, expected_paths):
    """To the bit: losses, label outputs, metrics and the last weights."""
    log, expected = paths.training_log, expected_paths.training_log
    for name in ("read_losses", "read_label_outputs"):
        tables = (getattr(one, name)() for one in (log, expected))
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert metrics_of(log) == metrics_of(expected)
    weights = (restore_detector(one.checkpoints).variables for one in (paths, expected_paths))
    jax.tree.map(np.testing.assert_array_equal, *weights)


def test_a_resumed_streamed_training_ends_as_a_resident_one(tiny_run, half_trained):
    """To the bit: two epochs were resident, two are streamed."""
    half_trained.config.training.device_gb = 0.0
    train.run(half_trained)
    assert_same_training(half_trained.paths, Paths(tiny_run))


@pytest.mark.parametrize("folder", ["losses", "label_outputs"])
def test_a_training_without_the_log_of_an_earlier_epoch_is_not_resumed(half_trained, folder):
    log = half_trained.paths.training_log
    (getattr(log, folder) / "0000.parquet").unlink()
    expected = rf"{folder}/0000\.parquet: every epoch of the training needs its file; found none\."
    with pytest.raises(InputError, match=expected):
        train.run(half_trained)
    assert len(list(log.losses.iterdir())) < 3 and not log.is_complete  # no epoch was trained


class Reached(Exception):
    pass


def test_steps_are_made_with_the_settings_of_the_run(half_trained, monkeypatch):
    def make_train_steps(*_, **settings):
        raise Reached(settings)

    config = half_trained.config
    config.detection.match_px, config.loss.location_weight = 6.0, 7.0
    config.training.noise, config.training.augment = 2.0, False
    monkeypatch.setattr(steps, "make_train_steps", make_train_steps)
    with pytest.raises(Reached) as reached:
        train.run(half_trained)
    (settings,) = reached.value.args
    assert settings["match_px"] == 6.0 and settings["location_weight"] == 7.0
    assert settings["noise"] == 2.0 and settings["augmented"] is False


def test_both_splits_share_the_budget(tiny_run, capsys):
    context = RoundContext(read_config(tiny_run), Paths(tiny_run))
    prepared = context.paths.prepared
    size = {name: examples.load(prepared, name).frames.nbytes for name in ("train", "val")}
    assert size["val"] < size["train"] - 1

    def stored(budget):
        context.config.training.device_gb = budget / 1e9
        splits = train.load_examples(context)
        return [isinstance(data.frames, examples.StoredPixels) for data in splits]

    assert stored(size["train"] + size["val"]) == [False, False]
    assert stored(size["train"] + size["val"] - 1) == [False, True]
    assert not capsys.readouterr().out
    assert stored(size["train"] - 1) == [True, False]
    assert "GB of chips are read anew in each epoch: more than training.device_gb=" in (
        capsys.readouterr().out
    )


def interrupt_once(monkeypatch, number, step):
    """Send this process a signal before a step of the first epoch that is trained."""
    sent = []

    def bar(items, description, unit="it"):
        for count, item in enumerate(items):
            if unit == "step" and count == step and not sent:
                sent.append(signal.raise_signal(number))
            yield item

    monkeypatch.setattr(train, "bar", bar)


@pytest.mark.parametrize(("number", "step"), [(signal.SIGINT, 0), (signal.SIGTERM, 1)])
def test_an_interrupted_epoch_goes_on_after_the_running_step(
    tiny_run, half_trained, monkeypatch, capsys, number, step
):
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        interrupt_once(monkeypatch, number, step)
        with pytest.raises(KeyboardInterrupt):
            train.run(half_trained)
    finally:
        signal.signal(signal.SIGTERM, previous)
    log, partial = half_trained.paths.training_log, half_trained.paths.partial_epoch
    assert partial.exists() and not (log.losses / "0002.parquet").exists()
    train.run(half_trained)
    assert f"epoch 3 goes on after step {step + 1} of" in capsys.readouterr().out
    assert not partial.exists()
    assert_same_training(half_trained.paths, Paths(tiny_run))


def test_an_interrupted_validation_does_not_cost_the_epoch(
    tiny_run, half_trained, monkeypatch, capsys
):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "_validate", interrupted)
        train.run(half_trained)
    train.run(half_trained)
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "goes on" in one]
    count = line.split()[-1]
    assert line == f"epoch 3 goes on after step {count} of {count}"
    assert_same_training(half_trained.paths, Paths(tiny_run))


def test_a_damaged_partial_epoch_is_reported_and_trained_again(
    tiny_run, half_trained, monkeypatch, capsys
):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_once(patch, signal.SIGINT, 0)
        train.run(half_trained)
    partial = half_trained.paths.partial_epoch
    content = bytearray(partial.read_bytes())
    content[len(content) // 2] ^= 4
    partial.write_bytes(content)
    train.run(half_trained)
    assert f"{partial}: a damaged file; epoch 3 is trained again from its start" in (
        capsys.readouterr().out
    )
    assert_same_training(half_trained.paths, Paths(tiny_run))
